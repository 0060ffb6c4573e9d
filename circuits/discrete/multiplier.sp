* four-quadrant multiplier (Gilbert cell) with a linear MOS x port and a switching MOS y port
* ports: xp xn signal pair, yp yn switching pair, outp outn output pair, vp +5 V, vn -5 V; signals at 0 V, inputs are gates
* parameters: rx=26e3 Ohm, degeneration of the x pair
* transfer: v(outp,outn) = A x tanh(y/0.126 V), x limited by the tail currents; A = 0.94 at rx=26e3, 2.75 at rx=1e3
* measured: see loss and mixer; supply 0.15 mA
* ideal parts: resistors
* uses: models
* models: none
* source: Gilbert, IEEE JSSC 3 (1968) 365; followers and dividers bring all ports to 0 V
.subckt multiplier_discrete xp xn yp yn outp outn vp vn params: rx=26e3
* bias: 20 uA mirrors, 10 kOhm in the emitters takes the place of matched transistors
rref bp bn 430e3
qbn bn bn en0 q2n3904
ren0 en0 vn 10e3
qbp bp bp ep0 q2n3906
rep0 vp ep0 10e3
* two tails, joined by rx
qt1 s1 bn e1 q2n3904
re1 e1 vn 10e3
qt2 s2 bn e2 q2n3904
re2 e2 vn 10e3
m1 t1 xp s1 vn nald1106 w=20e-6 l=10e-6
m2 t2 xn s2 vn nald1106 w=20e-6 l=10e-6
rx s1 s2 {rx}
* P followers lift y by 1.8 V; the divider fits the 50 mV switching voltage of bipolar transistors to 126 mV
qf1 gp bp e3 q2n3906
re3 vp e3 10e3
qf2 gn bp e4 q2n3906
re4 vp e4 10e3
m3 vn yp gp vp pald1107 w=20e-6 l=10e-6
m4 vn yn gn vp pald1107 w=20e-6 l=10e-6
ra gp bqp 10e3
rc bqp bqn 40e3
rb gn bqn 10e3
* quad: steers the two x currents with the sign of y
q1 cn bqp t1 q2n3904
q2 cp bqn t1 q2n3904
q3 cn bqn t2 q2n3904
q4 cp bqp t2 q2n3904
rl1 vp cp 40e3
rl2 vp cn 40e3
* dividers to the negative rail bring the outputs to 0 V
rs1 cp outp 126e3
rs2 outp vn 200e3
rs3 cn outn 126e3
rs4 outn vn 200e3
.ends multiplier_discrete
