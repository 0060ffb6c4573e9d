"""Verilog-A of what VACASK has no element for: start, rounding, slew and sinh bonds; beside that of the bonds."""

from __future__ import annotations

from hgesim.circuit import BondInstance, SlewFollower, Staircase, StartServo, StartSwitch
from hgesim.design.circuit import Circuit
from hgesim.netlist.verilog import verilog_a
from hgesim.network import Sinh

__all__ = ["vacask_verilog"]

_INCLUDE = '`include "disciplines.vams"\n'

_SERVO = """\
// Holds port held at a voltage while port gate is at 1 V: pushes a current into port drive.
module startservo(drive, held, gate);
  inout drive, held, gate;
  electrical drive, held, gate;
  (* type="instance" *) parameter real value = 0; // volt
  (* type="instance" *) parameter real siemens = 1e-6;
  analog I(drive) <+ -siemens * V(gate) * (V(held) - value);
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

_PARTS: dict[type, str] = {
    StartServo: _SERVO,
    StartSwitch: _SWITCH,
    Staircase: _STAIRCASE,
    SlewFollower: _SLEW,
    Sinh: _SINH,
}


def vacask_verilog(circuit: Circuit) -> str:
    """Return the text of ``bond.va`` for VACASK: that of the bonds, and a module for each other part in use."""
    used = {type(e.law) if isinstance(e, BondInstance) else type(e) for e in circuit.elements}
    parts = [text for part, text in _PARTS.items() if part in used]
    bonds = verilog_a(circuit)
    head = [bonds] if bonds else ["// Written by hgesim.\n" + _INCLUDE] if parts else []
    return "\n".join([*head, *parts])
