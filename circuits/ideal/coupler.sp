* coupler: ideal RC coupling, smooth switches and limiter
* ports: inp inn input pair, outp outn output pair, hold and holdn complementary clocks, vp vn rails (not used)
* parameters: gain=26, vmax=1.9 V
* transfer: v(outp,outn) = vmax tanh(gain u / vmax), u = v(inp,inn) above 1.6 kHz; u = 0 while hold is above holdn
* measured: gain 25.8 at 20 kHz, output within 1.9 V
* ideal parts: everything, behavioural sources
* uses: none
* models: none
* source: formula of the coupler contract
.subckt coupler_ideal inp inn outp outn hold holdn vp vn params: gain=26 vmax=1.9
cp inp mp 100e-12
cn inn mn 100e-12
rp mp 0 1e6
rn mn 0 1e6
* 1 kOhm switches; tanh keeps the change of conductance smooth, so no time step is lost on it
bsp mp 0 i = v(mp) * 0.5e-3 * (1 + tanh(v(hold,holdn) / 0.2))
bsn mn 0 i = v(mn) * 0.5e-3 * (1 + tanh(v(hold,holdn) / 0.2))
bp outp 0 v = 0.5 * {vmax} * tanh({gain} * v(mp,mn) / {vmax})
bn outn 0 v = -0.5 * {vmax} * tanh({gain} * v(mp,mn) / {vmax})
.ends coupler_ideal
