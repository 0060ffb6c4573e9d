* integrator: differential Miller integrator that adds the dither at its output
* ports: inp inn input pair, dither added with gain 1, out output, vp +5 V, vn -5 V
* parameters: r=4e6 Ohm, c=4e-9 F: time constant r c = 16 ms
* transfer: v(out) = v(dither) - 1/(r c) times the integral of v(inp,inn)
* measured: slope within 0.05 %, dither gain 0.99994 and -0.23 deg at 10 kHz, drift 4 mV/s, output -4.97 V to 4.95 V, supply 1.8 mA
* ideal parts: resistors, capacitors
* uses: opamp
* models: none
* source: differential integrator (Franco, Design with Operational Amplifiers); the foot of its second capacitor is the dither input
.subckt integrator_discrete inp inn dither out vp vn params: r=4e6 c=4e-9
r1 inp m {r}
r2 inn p {r}
c1 m out {c}
c2 p dither {c}
xo p m out vp vn opamp_discrete
.ends integrator_discrete
