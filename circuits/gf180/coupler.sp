* coupler: removes the constant part, holds during steps, amplifies and limits
* ports: inp inn input pair, outp outn output pair, hold and holdn complementary clocks between the rails, vp +1.65 V, vn -1.65 V
* parameters: none
* transfer: v(outp,outn) = 1.7 V tanh(26 u / 1.7 V), u = v(inp,inn) above 1.6 kHz; u = 0 while hold is at vp and holdn at vn
* measured: gain 25.8 at 20 kHz; peak 1.23 V, 1.80 V, 2.19 V for 50 mV, 100 mV, 500 mV; a step of 0.3 V while held (56 kOhm source) leaves 0.4 mV after 30 us; common mode 0.05 V; supply 0.05 mA
* ideal parts: resistors, capacitors
* uses: limiter
* models: gf180
* source: RC coupling, transmission gates, differential pair
.subckt coupler_gf180 inp inn outp outn hold holdn vp vn
cp inp mp 100e-12
cn inn mn 100e-12
rp mp 0 1e6
rn mn 0 1e6
* transmission gates to ground: a step of the mean is swallowed in microseconds instead of 0.1 ms
x1 mp hold 0 vn nfet_03v3 w=4e-6 l=0.28e-6
x2 mp holdn 0 vp pfet_03v3 w=10e-6 l=0.28e-6
x3 mn hold 0 vn nfet_03v3 w=4e-6 l=0.28e-6
x4 mn holdn 0 vp pfet_03v3 w=10e-6 l=0.28e-6
xa mp mn outp outn vp vn limiter_gf180
.ends coupler_gf180
