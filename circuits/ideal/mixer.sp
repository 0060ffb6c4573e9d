* mixer: ideal multiplier with a switching reference port
* ports: xp xn signal pair, lo reference (0.3 V sine), outp outn output pair, vp vn rails (not used)
* parameters: gain=2.75, x0=0.3 V range of the signal, lo0=0.126 V switching voltage
* transfer: v(outp,outn) = gain x0 tanh(x/x0) tanh(lo/lo0); with a 0.3 V sine at lo the mean is 1.6 times the amplitude of x
* measured: mean 1.59 times the amplitude at 0.05 V, 1.56 at 0.1 V, 0.40 V at 0.3 V, 0.52 V at 0.5 V, at most 0.65 V
* ideal parts: everything, behavioural sources
* uses: none
* models: none
* source: formula of the mixer contract
.subckt mixer_ideal xp xn lo outp outn vp vn params: gain=2.75 x0=0.3 lo0=0.126
bp outp 0 v = 0.5 * {gain * x0} * tanh(v(xp,xn) / {x0}) * tanh(v(lo) / {lo0})
bn outn 0 v = -0.5 * {gain * x0} * tanh(v(xp,xn) / {x0}) * tanh(v(lo) / {lo0})
.ends mixer_ideal
