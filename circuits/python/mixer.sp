* mixer: interface of a multiplier that Python computes
* ports: xp xn signal pair, lo reference (0.3 V sine), outp outn output pair, vp vn rails (not used)
* parameters: gain=2.75, x0=0.3 V range of the signal, lo0=0.126 V switching voltage
* transfer: v(outp,outn) = v(sig), which Python sets to gain x0 tanh(x/x0) tanh(lo/lo0) of the time step before
* measured: nothing, formulas
* ideal parts: everything, computed by Python
* uses: none
* models: none
* source: formula of the mixer contract
.subckt mixer_python xp xn lo outp outn vp vn params: gain=2.75 x0=0.3 lo0=0.126
vsig sig 0 external
ep outp 0 sig 0 0.5
en outn 0 sig 0 -0.5
.ends mixer_python
