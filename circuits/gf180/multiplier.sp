* four-quadrant multiplier (Gilbert cell) with a linear x port and a switching y port
* ports: xp xn signal pair, yp yn switching pair, outp outn output pair, vp +1.65 V, vn -1.65 V; signals at 0 V
* parameters: rx=25e3 Ohm, source degeneration of the x pair: x range about 20 uA times rx; cl=0 F, load capacitors: one pole of the output at 1/(2 pi 26 kOhm cl)
* transfer: v(outp,outn) = A x tanh(y/0.12 V), x limited by the tail currents; A = 0.94 at rx=25e3, 2.7 at rx=5e3
* measured: see loss and mixer; supply 0.14 mA
* ideal parts: resistors, capacitors
* uses: none
* models: gf180
* source: Gilbert, IEEE JSSC 3 (1968) 365; level shift by P followers and resistive dividers
.subckt multiplier_gf180 xp xn yp yn outp outn vp vn params: rx=25e3 cl=0
* two 20 uA tails, joined by rx
rb vp nb 120e3
xmb nb nb vn vn nfet_03v3 w=10e-6 l=2e-6
xt1 s1 nb vn vn nfet_03v3 w=10e-6 l=2e-6
xt2 s2 nb vn vn nfet_03v3 w=10e-6 l=2e-6
xi1 t1 xp s1 vn nfet_03v3 w=20e-6 l=1e-6
xi2 t2 xn s2 vn nfet_03v3 w=20e-6 l=1e-6
rx s1 s2 {rx}
* P followers lift y by 0.86 V to the gates of the quad
rbp pb vn 120e3
xpb pb pb vp vp pfet_03v3 w=20e-6 l=1e-6
xpc gp pb vp vp pfet_03v3 w=20e-6 l=1e-6
xpd gn pb vp vp pfet_03v3 w=20e-6 l=1e-6
xf1 vn yp gp gp pfet_03v3 w=40e-6 l=0.5e-6
xf2 vn yn gn gn pfet_03v3 w=40e-6 l=0.5e-6
* quad: steers the two x currents with the sign of y
x1 cn gp t1 vn nfet_03v3 w=20e-6 l=0.5e-6
x2 cp gn t1 vn nfet_03v3 w=20e-6 l=0.5e-6
x3 cn gn t2 vn nfet_03v3 w=20e-6 l=0.5e-6
x4 cp gp t2 vn nfet_03v3 w=20e-6 l=0.5e-6
rl1 vp cp 30e3
rl2 vp cn 30e3
c1 vp cp {cl}
c2 vp cn {cl}
* dividers to the negative rail bring the outputs to 0 V
rs1 cp outp 60e3
rs2 outp vn 150e3
rs3 cn outn 60e3
rs4 outn vn 150e3
.ends multiplier_gf180
