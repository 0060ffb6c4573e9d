* mixer, variant chopper: amplifier, then transmission gates that swap the pair with the sign of the reference
* ports: xp xn signal pair, lo reference (0.3 V sine), outp outn output pair, vp +1.65 V, vn -1.65 V
* parameters: none
* transfer: mean of v(outp,outn) = 1.6 times the amplitude of x in phase with lo, up to 0.1 V, behind a low-pass of 400 kOhm; a signal at three times the frequency of lo counts 0.33 of one at lo (mixer.sp: 0.20); saturates at about 0.6 V
* measured: mean 1.62 times the amplitude at 0.05 V behind the low-pass, 1.60 at 0.1 V, 0.44 V at 0.3 V, 0.57 V at 0.5 V, at most 0.64 V (no load: 4 % less); common mode 0 V, up to 0.2 V while all gates are shut; about 1 time point more a crossing at reltol=1e-3, 19 at 1e-4; offset at the output, rms of 24 mismatched chips, lo 0.3 V and 0.9 V: 0.02 and 0.02 mV (mixer.sp: 3.0 and 1.0 mV), with 50 mV direct voltage at x 0.66 and 0.29 mV (3.3 and 1.1 mV), by the duty of the gates; supply 0.16 mA
* ideal parts: resistors
* uses: limiter
* models: gf180
* source: chopper as a synchronous detector (Enz and Temes, Proc. IEEE 84 (1996) 1584); degenerated differential pair
.subckt mixer_gf180_chopper xp xn lo outp outn vp vn
* amplifier: two 20 uA tails joined by rx; what it adds is direct current, which the gates lift to the carrier
rb vp nb 120e3
xmb nb nb vn vn nfet_03v3 w=10e-6 l=2e-6
xt1 s1 nb vn vn nfet_03v3 w=10e-6 l=2e-6
xt2 s2 nb vn vn nfet_03v3 w=10e-6 l=2e-6
xi1 an xp s1 vn nfet_03v3 w=20e-6 l=1e-6
xi2 ap xn s2 vn nfet_03v3 w=20e-6 l=1e-6
rx s1 s2 5e3
* rc brings the outputs to 0 V
rc vp c 33e3
rl1 c an 17e3
rl2 c ap 17e3
* two limiters make the clocks; rk takes gain from the first, for edges that the simulator can follow
xa lo 0 bp bn vp vn limiter_gf180
rk bp bn 20e3
xb bp bn gp gn vp vn limiter_gf180
* through while lo > 0 ...
xs1 ap gp outp vn nfet_03v3 w=4e-6 l=0.28e-6
xs2 ap gn outp vp pfet_03v3 w=10e-6 l=0.28e-6
xs3 an gp outn vn nfet_03v3 w=4e-6 l=0.28e-6
xs4 an gn outn vp pfet_03v3 w=10e-6 l=0.28e-6
* ... crossed while lo < 0
xs5 an gn outp vn nfet_03v3 w=4e-6 l=0.28e-6
xs6 an gp outp vp pfet_03v3 w=10e-6 l=0.28e-6
xs7 ap gn outn vn nfet_03v3 w=4e-6 l=0.28e-6
xs8 ap gp outn vp pfet_03v3 w=10e-6 l=0.28e-6
.ends mixer_gf180_chopper
