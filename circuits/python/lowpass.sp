* lowpass: interface of an RC filter that Python computes; it has the output resistance of the circuit
* ports: inp inn input pair, outp outn output pair, vp vn rails (not used)
* parameters: r=200e3 Ohm in each leg, c=100e-12 F between the legs
* transfer: v(outp,outn) = v(sig), which Python sets to v(inp,inn)/(1 + s 2 r c) of the time step before, behind 2 r
* measured: nothing, formulas
* ideal parts: everything, computed by Python
* uses: none
* models: none
* source: formula of the lowpass contract
.subckt lowpass_python inp inn outp outn vp vn params: r=200e3 c=100e-12
vsig sig 0 external
ep fastp 0 sig 0 0.5
en fastn 0 sig 0 -0.5
rp fastp outp {r}
rn fastn outn {r}
.ends lowpass_python
