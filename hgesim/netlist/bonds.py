"""The dopant bond in both dialects: Verilog-A for engines with OSDI, a B-source for those without.

Both are the same expression (see `hgesim.network.laws`): with x = (level - potential)/2kT at each end,
``I = rate exp(-D) (exp(s) - exp(-s)) / (2 cosh x_a  2 cosh x_b)``, D the smoothed absolute difference of the levels and
s the difference of the potentials, both over 2kT. Written as exp of a sum of logarithms it never overflows: the
exponents are at most D's rounding above zero, whatever Newton tries.
"""

from __future__ import annotations

from hgesim.circuit import BondInstance, Occupation
from hgesim.design.circuit import Circuit
from hgesim.network import Hopping, Ohmic, Sinh
from hgesim.units import spice_number

__all__ = ["BOND_VA", "HOPPING_SUBCKT", "OCCUPATION_VA", "bond_lines", "occupation_line", "verilog_a"]

BOND_VA = """// Mean-field hopping between two localised sites: written by hgesim.
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

# A tanh bears whatever Newton tries; its rounding near 0 does not matter, as levels feel differences of n only.
OCCUPATION_VA = """
// Mean occupation of a site, as the voltage of port n: 1 siemens to ground and the occupation as a current.
// Ports: n, level eps and potential mu (they carry no current).
module occupation(n, eps, mu);
  inout n, eps, mu;
  electrical n, eps, mu;
  parameter real kt = 0.00663; // eV
  analog I(n) <+ V(n) - 0.5 + 0.5 * tanh((V(eps) - V(mu)) / (2.0 * kt));
endmodule
"""

# Newton may try absurd voltages, and a B-source that overflows ends the run: so differences stop at 1e4 (of 2kT) and
# exponents, which never exceed 0.1 at voltages that make sense, at 1.
_D, _XA, _XB, _S = (
    f"max(-10000,min(10000,(v({a})-v({b}))/{{two_kt}}))"
    for a, b in (("la", "lb"), ("la", "pa"), ("lb", "pb"), ("pa", "pb"))
)
_LOG = f"0.1-sqrt({_D}*{_D}+0.01)-abs({_XA})-abs({_XB})-ln(1+exp(-2*abs({_XA})))-ln(1+exp(-2*abs({_XB})))"

HOPPING_SUBCKT = f"""* hopping bond for engines without OSDI: the same expression as the Verilog-A bond
.subckt hopbond pa pb la lb rate=1e-09 two_kt=1.327e-02
b1 pa pb i={{rate}}*(exp(min(1,{_LOG}+{_S}))-exp(min(1,{_LOG}-{_S})))
.ends hopbond
"""


def verilog_a(circuit: Circuit) -> str:
    """Return the text of ``bond.va``: what the circuit's bonds and occupations need."""
    return BOND_VA + (OCCUPATION_VA if circuit.interacts else "")


def occupation_line(site: Occupation, dialect: str, two_kt: float) -> str:
    """Write the net of one mean occupation; parameters as for `bond_lines`."""
    if dialect == "osdi":
        return f"n{site.name} {site.out} {site.level} {site.potential} occupation"
    unit = spice_number(two_kt)
    return f"b{site.name} {site.out} 0 i=v({site.out})-0.5+0.5*tanh((v({site.level})-v({site.potential}))/{unit})"


def bond_lines(bond: BondInstance, dialect: str, two_kt: float, thermal_voltage: float) -> list[str]:
    """Write one bond.

    Parameters
    ----------
    bond : BondInstance
        The bond and its nets.
    dialect : str
        ``"osdi"`` or ``"b-source"``.
    two_kt : float
        Twice the thermal energy of the network, in eV.
    thermal_voltage : float
        Of the simulator, in volt: the emission coefficient of a sinh bond's diodes is its scale over this.

    Returns
    -------
    list of str
        Netlist lines without comments.
    """
    law = bond.law
    if isinstance(law, Ohmic):
        return [f"r{bond.name} {bond.a} {bond.b} {spice_number(1.0 / law.conductance)}"]
    if isinstance(law, Sinh):
        # Two antiparallel diodes: Is (exp(v/nVt) - 1) - Is (exp(-v/nVt) - 1) = 2 Is sinh(v/nVt). Below -3 nVt ngspice
        # uses a power law in the place of the reverse diode's exponential: at most 5e-5 of the bond's current.
        saturation = spice_number(law.conductance * law.scale / 2)
        emission = spice_number(law.scale / thermal_voltage)
        model = f"d_{bond.name}"
        return [
            f".model {model} d(is={saturation} n={emission})",
            f"d{bond.name}_f {bond.a} {bond.b} {model}",
            f"d{bond.name}_r {bond.b} {bond.a} {model}",
        ]
    assert isinstance(law, Hopping)
    nets = f"{bond.a} {bond.b} {bond.level_a} {bond.level_b}"
    if dialect == "osdi":
        return [f"n{bond.name} {nets} hopbond rate={spice_number(law.rate)}"]
    return [f"x{bond.name} {nets} hopbond rate={spice_number(law.rate)} two_kt={spice_number(two_kt)}"]
