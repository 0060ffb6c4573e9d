* coupler: removes the constant part, holds during steps, amplifies and limits
* ports: inp inn input pair, outp outn output pair, hold and holdn complementary clocks between the rails, vp +5 V, vn -5 V
* parameters: none
* transfer: v(outp,outn) = 1.9 V tanh(26 u / 1.9 V), u = v(inp,inn) above 1.6 kHz; u = 0 while hold is at vp and holdn at vn
* measured: gain 25.5 at 20 kHz; peak 1.12 V, 1.66 V, 1.86 V for 50 mV, 100 mV, 500 mV; a step of 0.3 V while held (56 kOhm source) leaves 0.4 mV after 30 us; common mode -0.05 V; supply 0.55 mA
* ideal parts: resistors, capacitors
* uses: limiter models
* models: none
* source: RC coupling, transmission gates, differential pair
.subckt coupler_discrete inp inn outp outn hold holdn vp vn
cp inp mp 100e-12
cn inn mn 100e-12
rp mp 0 1e6
rn mn 0 1e6
* transmission gates to ground: a step of the mean is swallowed in microseconds instead of 0.1 ms
m1 mp hold 0 vn nald1106 w=20e-6 l=10e-6
m2 mp holdn 0 vp pald1107 w=20e-6 l=10e-6
m3 mn hold 0 vn nald1106 w=20e-6 l=10e-6
m4 mn holdn 0 vp pald1107 w=20e-6 l=10e-6
xa mp mn outp outn vp vn limiter_discrete
.ends coupler_discrete
