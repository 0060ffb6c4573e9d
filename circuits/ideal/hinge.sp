* hinge: ideal gate of the loss, open while the error has the sign of the label
* ports: e error voltage, label +1 V or -1 V, inp inn loss pair, outp outn output pair, vp vn rails (not used)
* parameters: e1=2e-3 V, error at which the gate is 88 % open at a label of 1 V
* transfer: v(outp,outn) = v(inp,inn) while v(e) v(label) > 0, else 0
* measured: half open at 0 V, 90 % at 2.2 mV, 10 % at -2.2 mV; a 20 kHz ripple of 20 mV about zero costs no time point
* ideal parts: everything, behavioural sources
* uses: none
* models: none
* source: formula of the hinge contract; the tanh is smooth, so no time step is lost on it
.subckt hinge_ideal e label inp inn outp outn vp vn params: e1=2e-3
bp outp 0 v = 0.25 * v(inp,inn) * (1 + tanh(v(e) * v(label) / {e1}))
bn outn 0 v = -0.25 * v(inp,inn) * (1 + tanh(v(e) * v(label) / {e1}))
.ends hinge_ideal
