* loss: ideal square that saturates into the absolute value
* ports: e error voltage, outp outn output pair, vp vn rails (not used)
* parameters: k=0.94, e0=0.126 V
* transfer: v(outp,outn) = k e tanh(e/e0)
* measured: 0.05 V: 17.7 mV, 0.1 V: 62.1 mV, 0.15 V: 117 mV, 0.2 V: 173 mV, 0.3 V: 277 mV, 0.5 V: 470 mV
* ideal parts: everything, behavioural sources
* uses: none
* models: none
* source: formula of the loss contract
.subckt loss_ideal e outp outn vp vn params: k=0.94 e0=0.126
bp outp 0 v = 0.5 * {k} * v(e) * tanh(v(e) / {e0})
bn outn 0 v = -0.5 * {k} * v(e) * tanh(v(e) / {e0})
.ends loss_ideal
