* hinge: gate of the loss, open while the error has the sign of the label
* ports: e error voltage, label +1 V or -1 V, inp inn loss pair, outp outn output pair, vp +5 V, vn -5 V
* parameters: none
* transfer: v(outp,outn) = v(inp,inn) while v(e) v(label) > 0, else 0
* measured: half open at 0.68 mV at either label, fully at 1 mV; shut: below 15 uV; the 20 kHz part of a 20 mV ripple within 10 mV of the margin comes out to 1.6 %, for 14 time points a crossing; edges lift the common mode by up to 0.4 V; supply 0.92 mA
* ideal parts: resistors
* uses: multiplier limiter models
* models: none
* source: Gilbert cell as a polarity switch, limiting amplifiers as the comparator, MOS switches
.subckt hinge_discrete e label inp inn outp outn vp vn
* product of error and label: only its sign matters, and zero error is its balance at either label
xm e 0 label 0 mp mn vp vn multiplier_discrete rx=1e3
* limiter, then a pair that swings the gates from 0 V to the positive rail: more than the switches need
xa mp mn ap an vp vn limiter_discrete
rref vp bn 80e3
qbn bn bn e0 q2n3904
re0 e0 vn 5e3
qt t bn e1 q2n3904
re1 e1 vn 5e3
q1 gn ap ea q2n3904
q2 gp an eb q2n3904
rea ea t 1e3
reb eb t 1e3
rl1 vp gn 75e3
rl2 vp gp 75e3
* switches: through ...
m1 inp gp outp vn nald1106 w=20e-6 l=10e-6
m2 inn gp outn vn nald1106 w=20e-6 l=10e-6
* ... or both to the mean of the loss pair
m3 mid gn outp vn nald1106 w=20e-6 l=10e-6
m4 mid gn outn vn nald1106 w=20e-6 l=10e-6
rp inp mid 10e6
rn inn mid 10e6
.ends hinge_discrete
