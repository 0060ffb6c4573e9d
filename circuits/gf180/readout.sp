* readout: transimpedance amplifier at a virtual ground
* ports: inp current input, out voltage output, vp +1.65 V, vn -1.65 V
* parameters: rf=2e6 Ohm, transimpedance
* transfer: v(out) = -rf i(inp), i counted into inp
* measured: straight to 1.4 V, input within 0.04 mV, bandwidth 214 kHz at 1 pF; over-drive of 20 uA clamps the input at -0.98 V and 1.19 V and is forgotten within 30 us; supply 0.24 mA
* ideal parts: resistors, capacitors
* uses: opamp
* models: gf180
* source: op-amp with resistive feedback; cf = sqrt(cin / (2 pi rf GBW)) keeps the response flat
.subckt readout_gf180 inp out vp vn params: rf=2e6
xo 0 inp out vp vn opamp_gf180
rf inp out {rf}
cf inp out 0.4e-12
* diode-connected clamps: beyond its input range the op-amp would latch at the positive rail
xc1 inp inp 0 vn nfet_03v3 w=10e-6 l=0.5e-6
xc2 0 0 inp vn nfet_03v3 w=10e-6 l=0.5e-6
.ends readout_gf180
