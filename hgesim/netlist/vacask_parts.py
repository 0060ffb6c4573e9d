"""Verilog-A of what VACASK has no element for: start, rounding, slew and sinh bonds; beside that of the bonds."""

from __future__ import annotations

import re

from hgesim.blocks import all_subckts
from hgesim.circuit import BondInstance, SlewFollower, Staircase, StartServo, StartSwitch
from hgesim.design.circuit import Circuit
from hgesim.netlist.verilog import verilog_a
from hgesim.network import Nmos, Sinh

__all__ = ["vacask_verilog"]

_INCLUDE = '`include "disciplines.vams"\n'

_SERVO = """\
// Holds port held at a voltage while port gate is at 1 V: pushes a current into port drive, bounded if most is not 0.
module startservo(drive, held, gate);
  inout drive, held, gate;
  electrical drive, held, gate;
  (* type="instance" *) parameter real value = 0; // volt
  (* type="instance" *) parameter real siemens = 1e-6;
  (* type="instance" *) parameter real most = 0; // ampere; 0: without a bound
  real push;
  analog begin
    push = siemens * (V(held) - value);
    if (most > 0)
      push = most * tanh(push / most);
    I(drive) <+ -V(gate) * push;
  end
endmodule
"""

_SWITCH = """\
// 1 ohm while port gate is above 0.5 V, else 1e15 ohm.
module startswitch(a, b, gate);
  inout a, b, gate;
  electrical a, b, gate;
  analog I(a, b) <+ V(a, b) * (V(gate) > 0.5 ? 1.0 : 1e-15);
endmodule
"""

_STAIRCASE = """\
// V(out, minus) is V(plus, minus) rounded to multiples of step; edges are a tenth of a step wide.
module staircase(out, plus, minus);
  inout out, plus, minus;
  electrical out, plus, minus;
  (* type="instance" *) parameter real step = 1e-3 from (0:inf); // volt
  real size, whole;
  analog begin
    size = V(plus, minus) / step;
    whole = floor(size + 0.5);
    V(out, minus) <+ step * (whole + 0.5 * tanh(20 * (size - whole - 0.5)) + 0.5 * tanh(20 * (size - whole + 0.5)));
  end
endmodule
"""

_SLEW = """\
// Follows port plus: no more current than limit, and gain per volt of difference where that is small.
module slewfollower(out, plus);
  inout out, plus;
  electrical out, plus;
  (* type="instance" *) parameter real limit = 1e-3; // ampere
  (* type="instance" *) parameter real gain = 1; // per volt
  analog I(out) <+ -limit * tanh(gain * V(plus, out));
endmodule
"""

# limexp bears whatever Newton tries
_SINH = """\
// Sinh bond.
module sinhbond(a, b);
  inout a, b;
  electrical a, b;
  (* type="instance" *) parameter real conductance = 1e-6; // siemens
  (* type="instance" *) parameter real scale = 0.1 from (0:inf); // volt
  real size;
  analog begin
    size = V(a, b) / scale;
    I(a, b) <+ 0.5 * conductance * scale * (limexp(size) - limexp(-size));
  end
endmodule
"""

# The wheel's own (sp_mos1) drops the overlap capacitances of cards without an oxide thickness, and does not converge
# where drain and source change places.
_MOS = """\
// MOS transistor, level 1 (Shichman and Hodges, IEEE JSSC 3 (1968) 285): channel, overlaps, junctions of the bulk.
module mos1(d, g, s, b);
  inout d, g, s, b;
  electrical d, g, s, b;
  parameter integer type = 1 from [-1:1]; // 1 or -1
  parameter real vto = 0, lambda = 0, gamma = 0, phi = 0.6 from (0:inf), kp = 2e-5 from (0:inf);
  parameter real cgso = 0, cgdo = 0; // farad per meter of width
  parameter real cbd = 0, cbs = 0, is = 1e-14 from [0:inf);
  (* type="instance" *) parameter real w = 1e-4 from (0:inf), l = 1e-4 from (0:inf); // meter
  real vt, vds, vgs, vbs, size, bulk, over, channel;

  // charge of a junction with grading 0.5 at 0.8 V, straight on beyond half of that
  analog function real stored;
    input v, zero;
    real v, zero;
    stored = zero * (v < 0.4 ? 1.6 * (1.0 - sqrt(max(1.0 - v / 0.8, 0.5)))
      : 1.6 * (1.0 - sqrt(0.5)) + (v - 0.4) * sqrt(2.0) * (1.0 + (v - 0.4) / 1.6));
  endfunction

  analog begin
    vt = $vt;
    vds = type * V(d, s);
    vgs = type * (vds >= 0 ? V(g, s) : V(g, d));
    vbs = type * (vds >= 0 ? V(b, s) : V(b, d));
    size = abs(vds);
    bulk = vbs <= 0 ? sqrt(phi - vbs) : max(sqrt(phi) - vbs / (2.0 * sqrt(phi)), 0.0);
    over = vgs - type * vto - gamma * (bulk - sqrt(phi));
    channel = kp * w / l * (1.0 + lambda * size);
    if (over <= 0)
      channel = 0;
    else if (over <= size)
      channel = channel * 0.5 * over * over;
    else
      channel = channel * size * (over - 0.5 * size);
    I(d, s) <+ type * (vds >= 0 ? channel : -channel);
    I(b, s) <+ type * is * (limexp(type * V(b, s) / vt) - 1.0) + $simparam("gmin", 0) * V(b, s);
    I(b, d) <+ type * is * (limexp(type * V(b, d) / vt) - 1.0) + $simparam("gmin", 0) * V(b, d);
    I(g, s) <+ ddt(cgso * w * V(g, s));
    I(g, d) <+ ddt(cgdo * w * V(g, d));
    I(b, s) <+ type * ddt(stored(type * V(b, s), cbs));
    I(b, d) <+ type * ddt(stored(type * V(b, d), cbd));
  end
endmodule
"""

_PARTS: dict[type, str] = {
    StartServo: _SERVO,
    StartSwitch: _SWITCH,
    Staircase: _STAIRCASE,
    SlewFollower: _SLEW,
    Sinh: _SINH,
    Nmos: _MOS,
}
_MOS_CARD = re.compile(r"^\s*\.model\s+\w+\s+[np]mos\b", re.IGNORECASE | re.MULTILINE)


def vacask_verilog(circuit: Circuit) -> str:
    """Return the text of ``bond.va`` for VACASK: that of the bonds, and a module for each other part in use."""
    used: set[type] = {type(e.law) if isinstance(e, BondInstance) else type(e) for e in circuit.elements}
    if any(_MOS_CARD.search(text) for text in all_subckts(circuit.blocks)):
        used.add(Nmos)
    parts = [text for part, text in _PARTS.items() if part in used]
    bonds = verilog_a(circuit)
    head = [bonds] if bonds else ["// Written by hgesim.\n" + _INCLUDE] if parts else []
    return "\n".join([*head, *parts])
