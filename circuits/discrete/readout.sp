* readout: transimpedance amplifier at a virtual ground
* ports: inp current input, out voltage output, vp +5 V, vn -5 V
* parameters: rf=2e6 Ohm, transimpedance
* transfer: v(out) = -rf i(inp), i counted into inp
* measured: straight to 4 V, input within 0.3 mV, bandwidth 263 kHz at 1 pF (peak 2 %); over-drive of 20 uA clamps the input at -1.9 V and 2.2 V and is forgotten within 30 us; supply 1.8 mA
* ideal parts: resistors, capacitors
* uses: opamp models
* models: none
* source: op-amp with resistive feedback; cf = sqrt(cin / (2 pi rf GBW)) keeps the response flat
.subckt readout_discrete inp out vp vn params: rf=2e6
xo 0 inp out vp vn opamp_discrete
rf inp out {rf}
cf inp out 0.4e-12
* clamps: keep the input inside the range of the op-amp; diode-connected transistors leak far less than diodes
m1 inp inp 0 vn nald1106 w=20e-6 l=10e-6
m2 0 0 inp vn nald1106 w=20e-6 l=10e-6
.ends readout_discrete
