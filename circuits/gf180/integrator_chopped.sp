* integrator, variant chopped: its op-amp is chopped, so that its offset integrates with alternate signs
* ports: inp inn input pair, dither added with gain 1, out output, chop and chopn complementary clocks between the rails, vp +1.65 V, vn -1.65 V
* parameters: r=4e6 Ohm, c=4e-9 F: time constant r c = 16 ms
* transfer: v(out) = v(dither) - 1/(r c) times the integral of v(inp,inn)
* measured: TBD
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
