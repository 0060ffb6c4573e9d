* integrator: differential Miller integrator around an ideal op-amp, adds the dither at its output
* ports: inp inn input pair, dither added with gain 1, out output, vp vn rails (not used)
* parameters: r=4e6 Ohm, c=4e-9 F: time constant r c = 16 ms
* transfer: v(out) = v(dither) - 1/(r c) times the integral of v(inp,inn), within 1.4 V
* measured: slope within 0.001 %, dither gain 0.99999, output within 1.4 V
* ideal parts: everything, behavioural sources
* uses: none
* models: none
* source: formula of the integrator contract, topology of the transistor versions
.subckt integrator_ideal inp inn dither out vp vn params: r=4e6 c=4e-9
r1 inp m {r}
r2 inn p {r}
c1 m out {c}
c2 p dither {c}
* op-amp: gain 5e4, output within 1.4 V
bo drive 0 v = 1.4 * tanh(5e4 * v(p,m) / 1.4)
* output resistance: lets .ic set v(out), which an ideal source would overrule; the loop divides it by the gain;
* co makes a pole of it, so that a sudden change takes a short time instead of none
ro drive out 1e3
co out 0 100e-12
.ends integrator_ideal
