* op-amp with ALD1107 input pair and 2N390x gain stages
* ports: inp non-inverting input, inn inverting input, out output, vp +5 V, vn -5 V
* parameters: none
* transfer: v(out) = A0 v(inp, inn), one dominant pole
* measured: A0 86 dB, GBW 2.6 MHz, phase margin 82 deg, slew 5.5 V/us up, 12 V/us down (10 pF and 100 kOhm); offset 0.08 mV; supply 1.8 mA; follower within 1 mV from -4.8 V to 3.3 V
* ideal parts: resistors, capacitor
* uses: models
* models: none
* source: textbook two-stage op-amp; a MOS input pair because uA of base current cannot pass MOhm resistors
.subckt opamp_discrete inp inn out vp vn
* bias: 0.22 mA
rb nb vn 43e3
qb nb nb vp q2n3906
qt t nb vp q2n3906
m1 a inn t vp pald1107 w=20e-6 l=10e-6
m2 b inp t vp pald1107 w=20e-6 l=10e-6
* mirror load; 1 kOhm in the emitters takes the place of matched transistors
q3 a a ea q2n3904
q4 b a eb q2n3904
re3 ea vn 1e3
re4 eb vn 1e3
* follower; its base current is chosen to balance that of the mirror, which keeps the systematic offset small
q5 vp b c q2n3904
r5 c vn 13e3
* common-emitter output stage with its current source (area 5: five transistors side by side)
q6 out c vn q2n3904
q7 out nb vp q2n3906 5
cc b out 15e-12
.ends opamp_discrete
