* two-stage Miller op-amp with P input pair
* ports: inp non-inverting input, inn inverting input, out output, vp +1.65 V, vn -1.65 V
* parameters: none
* transfer: v(out) = A0 v(inp, inn), one dominant pole
* measured: A0 94 dB, GBW 9.5 MHz, phase margin 68 deg, slew 8.6 V/us (10 pF and 100 kOhm); supply 0.24 mA; follower within 1 mV from -1.4 V to 0.8 V
* ideal parts: resistors, capacitor
* uses: none
* models: gf180
* source: Allen and Holberg, CMOS Analog Circuit Design (two-stage op-amp with nulling resistor)
.subckt opamp_gf180 inp inn out vp vn
* bias: 18.5 uA reference, twice that in the tail, ten times that in the output stage
rb nb vn 118e3
xb nb nb vp vp pfet_03v3 w=20e-6 l=2e-6
xt t nb vp vp pfet_03v3 w=40e-6 l=2e-6
* input pair: P transistors, so that 0 V common mode is well inside the range
x1 a inn t vp pfet_03v3 w=80e-6 l=1e-6
x2 b inp t vp pfet_03v3 w=80e-6 l=1e-6
* mirror load
x3 a a vn vn nfet_03v3 w=20e-6 l=2e-6
x4 b a vn vn nfet_03v3 w=20e-6 l=2e-6
* common-source output stage with its current source
x6 out b vn vn nfet_03v3 w=40e-6 l=2e-6 m=5
x7 out nb vp vp pfet_03v3 w=40e-6 l=2e-6 m=5
* Miller compensation; rz moves the zero out of the right half plane
rz b z 1e3
cc z out 4e-12
.ends opamp_gf180
