* loss: interface of a saturating square that Python computes
* ports: e error voltage, outp outn output pair, vp vn rails (not used)
* parameters: k=0.94, e0=0.126 V
* transfer: v(outp,outn) = v(sig), which Python sets to k e tanh(e/e0) of the time step before
* measured: nothing, formulas
* ideal parts: everything, computed by Python
* uses: none
* models: none
* source: formula of the loss contract
.subckt loss_python e outp outn vp vn params: k=0.94 e0=0.126
vsig sig 0 external
ep outp 0 sig 0 0.5
en outn 0 sig 0 -0.5
.ends loss_python
