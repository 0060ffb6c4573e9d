* integrator, variant chopped: its op-amp is chopped, so that its offset integrates with alternate signs
* ports: inp inn input pair, dither added with gain 1, out output, chop and chopn complementary clocks between the rails, vp +1.65 V, vn -1.65 V
* parameters: r=4e6 Ohm, c=4e-9 F: time constant r c = 16 ms
* transfer: v(out) = v(dither) - 1/(r c) times the integral of v(inp,inn)
* measured: slope within 0.1 %, dither gain 1.0000 and -0.06 deg at 10 kHz, output -1.64 V to 1.65 V; drift without input, rms of 24 mismatched chips, clocks toggling every 1.15 ms: 0.15 mV/s, at most 0.35 mV/s (integrator.sp: 73, at most 184 mV/s); the offset is left as a square wave of 3.0 mV (rms of the chips) between the two states at the output; supply 0.24 mA
* ideal parts: resistors, capacitors
* uses: opamp_chopped
* models: gf180
* source: as integrator.sp; Enz and Temes, Proc. IEEE 84 (1996) 1584 (chopper stabilisation)
.subckt integrator_gf180_chopped inp inn dither out chop chopn vp vn params: r=4e6 c=4e-9
r1 inp m {r}
r2 inn p {r}
c1 m out {c}
c2 p dither {c}
xo p m out chop chopn vp vn opamp_gf180_chopped
.ends integrator_gf180_chopped
