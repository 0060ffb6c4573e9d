* coupler: interface of an RC coupling with hold and limiter that Python computes
* ports: inp inn input pair, outp outn output pair, hold and holdn complementary clocks, vp vn rails (not used)
* parameters: gain=26, vmax=1.9 V
* transfer: v(outp,outn) = v(sig), which Python sets to vmax tanh(gain u/vmax), u = v(inp,inn) above 1.6 kHz; 0 while held
* measured: nothing, formulas
* ideal parts: everything, computed by Python
* uses: none
* models: none
* source: formula of the coupler contract
.subckt coupler_python inp inn outp outn hold holdn vp vn params: gain=26 vmax=1.9
vsig sig 0 external
ep outp 0 sig 0 0.5
en outn 0 sig 0 -0.5
.ends coupler_python
