* two-stage Miller op-amp with P input pair, chopped: each clock swaps the inputs and the two sides of the mirror
* ports: inp non-inverting input, inn inverting input, out output, chop and chopn complementary clocks between the rails, vp +1.65 V, vn -1.65 V
* parameters: none
* transfer: v(out) = A0 v(inp, inn) in both states, one dominant pole; the offset has opposite signs in the two
* measured: in both states A0 94 dB, GBW 9.5 MHz, phase margin 67 deg, slew 8.6 V/us (10 pF and 100 kOhm); back within 0.02 mV 1 us after a clock edge of 1 us, 1.2 mV in between; supply 0.24 mA
* ideal parts: resistors, capacitor
* uses: none
* models: gf180
* source: Enz and Temes, Proc. IEEE 84 (1996) 1584 (chopper stabilisation); the op-amp as in opamp.sp
.subckt opamp_gf180_chopped inp inn out chop chopn vp vn
* bias, tail and output stage as in opamp.sp
rb nb vn 118e3
xb nb nb vp vp pfet_03v3 w=20e-6 l=2e-6
xt t nb vp vp pfet_03v3 w=40e-6 l=2e-6
* the inputs change places ...
xi1 inn chop g1 vn nfet_03v3 w=4e-6 l=0.28e-6
xi2 inn chopn g1 vp pfet_03v3 w=10e-6 l=0.28e-6
xi3 inp chop g2 vn nfet_03v3 w=4e-6 l=0.28e-6
xi4 inp chopn g2 vp pfet_03v3 w=10e-6 l=0.28e-6
xi5 inp chopn g1 vn nfet_03v3 w=4e-6 l=0.28e-6
xi6 inp chop g1 vp pfet_03v3 w=10e-6 l=0.28e-6
xi7 inn chopn g2 vn nfet_03v3 w=4e-6 l=0.28e-6
xi8 inn chop g2 vp pfet_03v3 w=10e-6 l=0.28e-6
x1 a g1 t vp pfet_03v3 w=80e-6 l=1e-6
x2 b g2 t vp pfet_03v3 w=80e-6 l=1e-6
x3 a m vn vn nfet_03v3 w=20e-6 l=2e-6
x4 b m vn vn nfet_03v3 w=20e-6 l=2e-6
* ... and so do the side that rules the mirror and the side that drives the output stage
xo1 a chop m vn nfet_03v3 w=4e-6 l=0.28e-6
xo2 a chopn m vp pfet_03v3 w=10e-6 l=0.28e-6
xo3 b chop d vn nfet_03v3 w=4e-6 l=0.28e-6
xo4 b chopn d vp pfet_03v3 w=10e-6 l=0.28e-6
xo5 b chopn m vn nfet_03v3 w=4e-6 l=0.28e-6
xo6 b chop m vp pfet_03v3 w=10e-6 l=0.28e-6
xo7 a chopn d vn nfet_03v3 w=4e-6 l=0.28e-6
xo8 a chop d vp pfet_03v3 w=10e-6 l=0.28e-6
x6 out d vn vn nfet_03v3 w=40e-6 l=2e-6 m=5
x7 out nb vp vp pfet_03v3 w=40e-6 l=2e-6 m=5
rz d z 1e3
cc z out 4e-12
.ends opamp_gf180_chopped
