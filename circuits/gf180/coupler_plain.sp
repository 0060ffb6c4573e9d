* coupler, variant plain: removes the constant part and holds during steps, without the amplifier
* ports: inp inn input pair, outp outn output pair, hold and holdn complementary clocks between the rails, vp +1.65 V, vn -1.65 V
* parameters: none
* transfer: v(outp,outn) = u, u = v(inp,inn) above 1.6 kHz; u = 0 while hold is at vp and holdn at vn
* measured: gain 0.996 at 20 kHz, up to 1 V; a step of 0.3 V while held (56 kOhm source) leaves 0.2 mV when let go, as 5 mV behind 26 times gain; no offset, no supply current
* ideal parts: resistors, capacitors
* uses: none
* models: gf180
* source: RC coupling, transmission gates; the loop without the remedy of gain before the mixers
.subckt coupler_gf180_plain inp inn outp outn hold holdn vp vn
cp inp outp 100e-12
cn inn outn 100e-12
rp outp 0 1e6
rn outn 0 1e6
* transmission gates to ground, as in the coupler with gain
x1 outp hold 0 vn nfet_03v3 w=4e-6 l=0.28e-6
x2 outp holdn 0 vp pfet_03v3 w=10e-6 l=0.28e-6
x3 outn hold 0 vn nfet_03v3 w=4e-6 l=0.28e-6
x4 outn holdn 0 vp pfet_03v3 w=10e-6 l=0.28e-6
.ends coupler_gf180_plain
