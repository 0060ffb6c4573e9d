* readout: ideal transimpedance with a smooth limit
* ports: inp current input (exact virtual ground), out voltage output, vp vn rails (not used)
* parameters: rf=2e6 Ohm, transimpedance
* transfer: v(out) = limit(-rf i(inp)), limit(u) = u / (1 + (u/1.4 V)^16)^(1/16): straight to 1.2 V, never beyond 1.4 V
* measured: within 0.6 % of -rf i at 1.2 V, never beyond 1.4 V
* ideal parts: everything, behavioural sources
* uses: none
* models: none
* source: formula of the readout contract
.subckt readout_ideal inp out vp vn params: rf=2e6
* ammeter at 0 V
vsense inp 0 0
* bounded: of a Newton step far astray the power below would overflow
blin lin 0 v = max(min({rf} * i(vsense) / 1.4, 1e3), -1e3)
bout out 0 v = -1.4 * v(lin) / (1 + (abs(v(lin))) ^ 16) ^ 0.0625
.ends readout_ideal
