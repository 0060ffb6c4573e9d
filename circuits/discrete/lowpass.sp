* lowpass: differential RC filter
* ports: inp inn input pair, outp outn output pair, vp vn rails (not used)
* parameters: r=200e3 Ohm in each leg, c=100e-12 F between the legs
* transfer: v(outp,outn) = v(inp,inn) / (1 + s 2 r c), corner 4 kHz
* measured: corner 3.98 kHz, no supply current
* ideal parts: resistors, capacitor
* uses: none
* models: none
* source: textbook; passive, so it is the same in every technology
.subckt lowpass_discrete inp inn outp outn vp vn params: r=200e3 c=100e-12
r1 inp outp {r}
r2 inn outn {r}
c1 outp outn {c}
.ends lowpass_discrete
