* loss: squarer that saturates into the absolute value
* ports: e error voltage, outp outn output pair, vp +5 V, vn -5 V
* parameters: none
* transfer: v(outp,outn) = 0.94 e tanh(e/0.126 V)
* measured: 0.05 V: 17.8 mV, 0.1 V: 62.6 mV, 0.15 V: 118 mV, 0.2 V: 174 mV, 0.3 V: 276 mV, 0.5 V: 462 mV; common mode 0.06 V, supply 0.15 mA
* ideal parts: resistors
* uses: multiplier
* models: none
* source: Gilbert cell with both inputs joined; its switching port turns the square into |e| (as in Huber's loss)
.subckt loss_discrete e outp outn vp vn
xm e 0 e 0 outp outn vp vn multiplier_discrete rx=26e3
.ends loss_discrete
