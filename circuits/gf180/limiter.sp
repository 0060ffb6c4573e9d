* limiting differential amplifier
* ports: inp inn input pair, outp outn output pair, vp +1.65 V, vn -1.65 V; signals at 0 V
* parameters: none
* transfer: v(outp,outn) = 1.7 V tanh(26 v(inp,inn) / 1.7 V)
* measured: gain 25.8; output 1.80 V at 0.1 V, at most 2.2 V; common mode 0.05 V; supply 0.05 mA
* ideal parts: resistors
* uses: none
* models: gf180
* source: differential pair with resistive load (Gray and Meyer)
.subckt limiter_gf180 inp inn outp outn vp vn
rb vp nb 120e3
xmb nb nb vn vn nfet_03v3 w=10e-6 l=2e-6
xt t nb vn vn nfet_03v3 w=16e-6 l=2e-6
x1 outn inp t vn nfet_03v3 w=40e-6 l=0.5e-6
x2 outp inn t vn nfet_03v3 w=40e-6 l=0.5e-6
* half the tail current in 100 kOhm is 1.65 V: the outputs rest at 0 V
r1 vp outn 100e3
r2 vp outp 100e3
.ends limiter_gf180
