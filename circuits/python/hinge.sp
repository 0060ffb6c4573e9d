* hinge: interface of a gate of the loss that Python computes
* ports: e error voltage, label +1 V or -1 V, inp inn loss pair, outp outn output pair, vp vn rails (not used)
* parameters: e1=2e-3 V, error at which the gate is 88 % open at a label of 1 V
* transfer: v(outp,outn) = v(sig), which Python sets to v(inp,inn) (1 + tanh(v(e) v(label)/e1))/2 of the time step before
* measured: nothing, formulas
* ideal parts: everything, computed by Python
* uses: none
* models: none
* source: formula of the hinge contract
.subckt hinge_python e label inp inn outp outn vp vn params: e1=2e-3
vsig sig 0 external
ep outp 0 sig 0 0.5
en outn 0 sig 0 -0.5
.ends hinge_python
