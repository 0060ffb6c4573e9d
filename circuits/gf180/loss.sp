* loss: squarer that saturates into the absolute value
* ports: e error voltage, outp outn output pair, vp +1.65 V, vn -1.65 V
* parameters: none
* transfer: v(outp,outn) = 0.94 e tanh(e/0.126 V)
* measured: 0.05 V: 16.6 mV, 0.1 V: 62.2 mV, 0.15 V: 122 mV, 0.2 V: 181 mV, 0.3 V: 283 mV, 0.5 V: 469 mV; common mode 0.04 V, supply 0.14 mA
* ideal parts: resistors
* uses: multiplier
* models: gf180
* source: Gilbert cell with both inputs joined; its switching port turns the square into |e| (as in Huber's loss)
.subckt loss_gf180 e outp outn vp vn
xm e 0 e 0 outp outn vp vn multiplier_gf180 rx=25e3
.ends loss_gf180
