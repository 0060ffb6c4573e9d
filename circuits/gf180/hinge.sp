* hinge: gate of the loss, open while the error has the sign of the label
* ports: e error voltage, label +1 V or -1 V, inp inn loss pair, outp outn output pair, vp +1.65 V, vn -1.65 V
* parameters: none
* transfer: v(outp,outn) = v(inp,inn) while v(e) v(label) > 0, else 0
* measured: half open at 0.26 mV at either label (0 to 0.3 mV in all corners from -40 C to 125 C; 1 sigma of mismatch 2 mV), fully at 0.5 mV; shut: below 1 uV; the 20 kHz part of a 20 mV ripple within 10 mV of the margin comes out to 0.8 %, for 9 time points a crossing; supply 0.24 mA
* ideal parts: resistors, capacitor
* uses: multiplier limiter
* models: gf180
* source: Gilbert cell as a polarity switch, limiting amplifiers as the comparator, transmission gates
.subckt hinge_gf180 e label inp inn outp outn vp vn
* product of error and label: only its sign matters, and zero error is its balance at either label
xm e 0 label 0 mp mn vp vn multiplier_gf180 rx=5e3
* two limiters swing the gates; their finite gain makes edges that neither signal nor simulator notices
xa mp mn ap an vp vn limiter_gf180
xb ap an gp gn vp vn limiter_gf180
* transmission gates: through ...
xs1 inp gp outp vn nfet_03v3 w=4e-6 l=0.28e-6
xs2 inp gn outp vp pfet_03v3 w=10e-6 l=0.28e-6
xs3 inn gp outn vn nfet_03v3 w=4e-6 l=0.28e-6
xs4 inn gn outn vp pfet_03v3 w=10e-6 l=0.28e-6
* ... or both to the mean of the loss pair
xs5 mid gn outp vn nfet_03v3 w=4e-6 l=0.28e-6
xs6 mid gp outp vp pfet_03v3 w=10e-6 l=0.28e-6
xs7 mid gn outn vn nfet_03v3 w=4e-6 l=0.28e-6
xs8 mid gp outn vp pfet_03v3 w=10e-6 l=0.28e-6
rp inp mid 10e6
rn inn mid 10e6
* holds the pair for the 0.1 us in which all gates are shut
ch outp outn 1e-12
.ends hinge_gf180
