* limiting differential amplifier
* ports: inp inn input pair, outp outn output pair, vp +5 V, vn -5 V; signals at 0 V, inputs are gates
* parameters: none
* transfer: v(outp,outn) = 1.9 V tanh(26 v(inp,inn) / 1.9 V)
* measured: gain 25.5; output 1.66 V at 0.1 V, at most 1.9 V; common mode -0.05 V; supply 0.55 mA
* ideal parts: resistors
* uses: models
* models: none
* source: differential pair with resistive load (Gray and Meyer) behind MOS followers
.subckt limiter_discrete inp inn outp outn vp vn
* bias: 100 uA mirror
rref vp bn 80e3
qb bn bn e0 q2n3904
re0 e0 vn 5e3
* followers: the 1 MOhm in front of them can feed no base
m1 vp inp fp vn nald1106 w=20e-6 l=10e-6
m2 vp inn fn vn nald1106 w=20e-6 l=10e-6
qf1 fp bn e1 q2n3904
re1 e1 vn 5e3
qf2 fn bn e2 q2n3904
re2 e2 vn 5e3
* pair: the resistors in the emitters set the gain
q1 outpc fn ea q2n3904
q2 outnc fp eb q2n3904
rea ea t 30
reb eb t 30
qt t bn e3 q2n3904
re3 e3 vn 5e3
rl1 vp outpc 30e3
rl2 vp outnc 30e3
* dividers to the negative rail bring the outputs to 0 V
rs1 outpc outp 26e3
rs2 outp vn 80e3
rs3 outnc outn 26e3
rs4 outn vn 80e3
.ends limiter_discrete
