* mixer: four-quadrant multiplier with a switching reference port
* ports: xp xn signal pair, lo reference (0.3 V sine), outp outn output pair, vp +1.65 V, vn -1.65 V
* parameters: none
* transfer: mean of v(outp,outn) = 1.6 times the amplitude of x in phase with lo, up to 0.1 V; saturates at about 0.55 V; the output has a pole at 10 kHz
* measured: mean 1.59 times the amplitude at 0.05 V, 1.58 at 0.1 V, 0.42 V at 0.3 V, 0.54 V at 0.5 V, at most 0.61 V; pole 10.1 kHz; supply 0.14 mA
* ideal parts: resistors, capacitors
* uses: multiplier
* models: gf180
* source: Gilbert cell as a synchronous detector
.subckt mixer_gf180 xp xn lo outp outn vp vn
* only the mean of the product counts: cl keeps the drains of the quad where they are while x, driven hard, changes sign
* within a time step; without it Newton's iterations go in circles there, for two thirds of their number
xm xp xn lo 0 outp outn vp vn multiplier_gf180 rx=5e3 cl=600e-12
.ends mixer_gf180
