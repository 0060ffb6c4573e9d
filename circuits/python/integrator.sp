* integrator: interface of an integrator that Python computes; it loads its input as the circuit does
* ports: inp inn input pair, dither added with gain 1, out output, vp vn rails (not used)
* parameters: r=4e6 Ohm, c=4e-9 F: time constant r c = 16 ms; start=0 V, where it begins
* transfer: v(out) = v(dither) + v(sig), which Python sets to start - 1/(r c) integral of v(inp,inn) up to the step before
* measured: nothing, formulas
* ideal parts: everything, computed by Python
* uses: none
* models: none
* source: formula of the integrator contract
.subckt integrator_python inp inn dither out vp vn params: r=4e6 c=4e-9 start=0
vsig sig 0 external
eout out dither sig 0 1
rp inp 0 {r}
rn inn 0 {r}
.ends integrator_python
