"""The file ``bond.va`` for engines with OSDI: a module for each law without a native device, and for occupations."""

from __future__ import annotations

from hgesim.design.circuit import Circuit
from hgesim.network import Diode, Hopping, Memristor, SpaceCharge

__all__ = ["uses_osdi", "verilog_a"]

_INCLUDE = '`include "disciplines.vams"\n'

_HOPPING = """// Mean-field hopping between two localised sites: written by hgesim.
// Ports: potentials pa, pb (they carry the current) and levels la, lb (they carry none).
`include "disciplines.vams"
module hopbond(pa, pb, la, lb);
  inout pa, pb, la, lb;
  electrical pa, pb, la, lb;
  (* type="instance" *) parameter real rate = 1e-9 from [0:inf); // ampere, tunnelling factor included
  parameter real kt = 0.00663; // eV
  real d, gap, xa, xb, s, log_weight;
  analog begin
    d = (V(la) - V(lb)) / (2.0 * kt);
    gap = sqrt(d * d + 0.01) - 0.1;
    xa = abs(V(la) - V(pa)) / (2.0 * kt);
    xb = abs(V(lb) - V(pb)) / (2.0 * kt);
    s = (V(pa) - V(pb)) / (2.0 * kt);
    log_weight = -gap - xa - xb - ln(1.0 + exp(-2.0 * xa)) - ln(1.0 + exp(-2.0 * xb));
    I(pa, pb) <+ rate * (limexp(log_weight + s) - limexp(log_weight - s));
  end
endmodule
"""

_SPACE_CHARGE = """// Space-charge-limited bond: written by hgesim.
`include "disciplines.vams"
module spacebond(a, b);
  inout a, b;
  electrical a, b;
  (* type="instance" *) parameter real conductance = 1e-6 from (0:inf); // siemens
  (* type="instance" *) parameter real onset = 1 from (0:inf); // volt
  (* type="instance" *) parameter real power = 2 from [2:inf);
  real size;
  analog begin
    size = abs(V(a, b)) / onset;
    I(a, b) <+ conductance * V(a, b) * (1.0 + (size > 1e-30 ? exp((power - 1.0) * ln(size)) : 0.0));
  end
endmodule
"""

# The simulator's own diode leaves this law below -3 scales for a power law, 0.4 % of the saturation current off, and
# adds a conductance gmin; it only lends the rule by which Newton's steps are shortened.
_DIODE = """// Junction after Shockley, from anode a to cathode c: written by hgesim.
`include "disciplines.vams"
module diodebond(a, c);
  inout a, c;
  electrical a, c;
  (* type="instance" *) parameter real saturation = 1e-12 from (0:inf); // ampere
  (* type="instance" *) parameter real scale = 0.02585 from (0:inf); // emission times kT/e, volt
  real v;
  analog begin
    v = $limit(V(a, c), "pnjlim", scale, scale * ln(scale / (1.4142135623730951 * saturation)));
    I(a, c) <+ saturation * (limexp(v / scale) - 1.0);
  end
endmodule
"""

# Rates over the depression rate at zero volt, so that the state's node has about 1 siemens. The exponents stop where
# the state is 0 or 1 to all digits.
_MEMRISTOR = """// Memristive junction, the state g a node of its own: written by hgesim.
`include "disciplines.vams"
module membond(a, b, g);
  inout a, b, g;
  electrical a, b, g;
  (* type="instance" *) parameter real minimum = 1e-5, maximum = 1e-3; // siemens
  (* type="instance" *) parameter real potentiation = 1e-3, depression = 0.5; // per second
  (* type="instance" *) parameter real up = 6, down = 1; // per volt
  real size, rise, fall;
  analog begin
    size = abs(V(a, b));
    rise = potentiation / depression * exp(min(up * size, 60.0));
    fall = exp(-min(down * size, 60.0));
    I(a, b) <+ (minimum * (1.0 - V(g)) + maximum * V(g)) * V(a, b);
    I(g) <+ fall * V(g) - rise * (1.0 - V(g));
    I(g) <+ ddt(V(g) / depression);
  end
endmodule
"""

# A tanh bears whatever Newton tries; its rounding near 0 does not matter, as levels feel differences of n only.
_OCCUPATION = """\
// Mean occupation of a site, as the voltage of port n: 1 siemens to ground and the occupation as a current.
// Ports: n, level eps and potential mu (they carry no current).
`include "disciplines.vams"
module occupation(n, eps, mu);
  inout n, eps, mu;
  electrical n, eps, mu;
  parameter real kt = 0.00663; // eV
  analog I(n) <+ V(n) - 0.5 + 0.5 * tanh((V(eps) - V(mu)) / (2.0 * kt));
endmodule
"""

_LAWS: dict[type, str] = {Hopping: _HOPPING, SpaceCharge: _SPACE_CHARGE, Diode: _DIODE, Memristor: _MEMRISTOR}


def verilog_a(circuit: Circuit) -> str:
    """Return the text of ``bond.va``: what the circuit's bonds and occupations need, empty if they need nothing."""
    texts = [text for law, text in _LAWS.items() if law in circuit.laws] + [_OCCUPATION] * circuit.interacts
    return "\n".join(text if number == 0 else text.replace(_INCLUDE, "") for number, text in enumerate(texts))


def uses_osdi(circuit: Circuit, dialect: str) -> bool:
    """Tell whether a deck needs ``bond.va``, compiled."""
    return dialect == "osdi" and bool(verilog_a(circuit))
