* mixer: four-quadrant multiplier with a switching reference port
* ports: xp xn signal pair, lo reference (0.3 V sine), outp outn output pair, vp +5 V, vn -5 V
* parameters: none
* transfer: mean of v(outp,outn) = 1.6 times the amplitude of x in phase with lo, up to 0.1 V; saturates at about 0.6 V
* measured: mean 1.59 times the amplitude at 0.05 V, 1.58 at 0.1 V, 0.44 V at 0.3 V, 0.58 V at 0.5 V, at most 0.65 V; reference path late by 0.6 deg at 10 kHz; supply 0.15 mA
* ideal parts: resistors
* uses: multiplier
* models: none
* source: Gilbert cell as a synchronous detector
.subckt mixer_discrete xp xn lo outp outn vp vn
xm xp xn lo 0 outp outn vp vn multiplier_discrete rx=1e3
.ends mixer_discrete
