"""Bonds as netlist lines: native devices where there are, else Verilog-A or, for engines without OSDI, B-sources.

Hopping is the same expression in both dialects (see `hgesim.network.laws`): with x = (level - potential)/2kT at each
end, ``I = rate exp(-D) (exp(s) - exp(-s)) / (2 cosh x_a  2 cosh x_b)``, D the smoothed absolute difference of the
levels and s the difference of the potentials, both over 2kT. Written as exp of a sum of logarithms it never overflows:
the exponents are at most D's rounding above zero, whatever Newton tries.
"""

from __future__ import annotations

from hgesim.circuit import BondInstance, Occupation
from hgesim.design.circuit import Circuit
from hgesim.network import Diode, Gf180Nmos, Hopping, Measured, Memristor, Nmos, Ohmic, Sinh, SpaceCharge
from hgesim.network.measured import Pieces, table_pieces
from hgesim.network.model import BOLTZMANN_EV
from hgesim.units import spice_number

__all__ = ["HOPPING_SUBCKT", "bond_definitions", "bond_lines", "occupation_line"]

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


_SPACE_CHARGE_SUBCKT = """* space-charge bond for engines without OSDI: the same expression as the Verilog-A bond
.subckt spacebond a b conductance=1e-06 onset=1e+00 power=2e+00
b1 a b i={conductance}*v(a,b)*(1+pow(min(1e+06,abs(v(a,b))/{onset}),{power-1}))
.ends spacebond
"""

_DIODE_SUBCKT = """* junction for engines without OSDI: the same expression as the Verilog-A bond
.subckt diodebond a c saturation=1e-12 scale=2.585e-02
b1 a c i={saturation}*(exp(min(80,v(a,c)/{scale}))*(1+max(0,v(a,c)/{scale}-80))-1)
.ends diodebond
"""

_MEMRISTOR_SUBCKT = """* memristive bond for engines without OSDI: the same expressions as the Verilog-A bond
.subckt membond a b g minimum=1e-05 maximum=1e-03 potentiation=1e-03 depression=5e-01 up=6e+00 down=1e+00
b1 a b i=({minimum}*(1-v(g))+{maximum}*v(g))*v(a,b)
b2 g 0 i=exp(-min(60,{down}*abs(v(a,b))))*v(g)-{potentiation/depression}*exp(min(60,{up}*abs(v(a,b))))*(1-v(g))
c1 g 0 {1/depression}
.ends membond
"""

_SUBCKTS: dict[type, str] = {
    Hopping: HOPPING_SUBCKT, SpaceCharge: _SPACE_CHARGE_SUBCKT, Diode: _DIODE_SUBCKT, Memristor: _MEMRISTOR_SUBCKT,
}  # fmt: skip

# Capacitances of the ALD1106 card of circuits/discrete/models.sp, and its size: only kp w/l means something.
_ALD1106 = "cgso=4e-08 cgdo=1e-08 cbd=5e-13 cbs=5e-13"
_ALD1106_SIZE = "w=2e-05 l=1e-05"
_GF180_SIZE = "w=2e-06 l=2e-06"


def bond_definitions(circuit: Circuit, dialect: str) -> list[str]:
    """Return models or subcircuits of the laws that no native device stands for, and of the occupations."""
    if dialect != "osdi":
        return [text for law, text in _SUBCKTS.items() if law in circuit.laws]
    kt = f" kt={spice_number(circuit.bond_temperature * BOLTZMANN_EV)}"
    used = (
        ("hopbond", kt, Hopping in circuit.laws),
        ("occupation", kt, circuit.interacts),
        ("spacebond", "", SpaceCharge in circuit.laws),
        ("diodebond", "", Diode in circuit.laws),
        ("membond", "", Memristor in circuit.laws),
    )
    lines = [f".model {name} {name}{values}" for name, values, needed in used if needed]
    return [*lines, ""] if lines else []


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
    law, ends, number = bond.law, f"{bond.a} {bond.b}", spice_number
    if isinstance(law, Ohmic):
        return [f"r{bond.name} {ends} {number(1.0 / law.conductance)}"]
    if isinstance(law, Sinh):
        # Two antiparallel diodes: Is (exp(v/nVt) - 1) - Is (exp(-v/nVt) - 1) = 2 Is sinh(v/nVt). Below -3 nVt ngspice
        # uses a power law in the place of the reverse diode's exponential: at most 5e-5 of the bond's current.
        values = {"is": law.conductance * law.scale / 2, "n": law.scale / thermal_voltage}
        card = f".model d_{bond.name} d({_pairs(**values)})"
        return [card, f"d{bond.name}_f {ends} d_{bond.name}", f"d{bond.name}_r {bond.b} {bond.a} d_{bond.name}"]
    if isinstance(law, Nmos):
        card = _pairs(
            vto=law.threshold, kp=law.gain / 2, lambda_=law.modulation, gamma=law.body_effect, phi=law.surface
        )
        return [
            f".model m_{bond.name} nmos(level=1 {card} {_ALD1106})",
            f"m{bond.name} {bond.a} {bond.gate} {bond.b} {bond.body} m_{bond.name} {_ALD1106_SIZE}",
        ]
    if isinstance(law, Gf180Nmos):
        return [f"x{bond.name} {bond.a} {bond.gate} {bond.b} {bond.body} nfet_03v3 {_GF180_SIZE} {_pairs(m=law.units)}"]
    if isinstance(law, Measured):
        plus, minus = (bond.b, bond.a) if law.plus else (bond.a, bond.b)
        return [f"b{bond.name} {plus} {minus} i={_curve(f'v({plus},{minus})', table_pieces(law.table))}"]
    if isinstance(law, SpaceCharge):
        call = f"{ends} spacebond {_pairs(conductance=law.conductance, onset=law.onset, power=law.power)}"
    elif isinstance(law, Diode):
        junction = f"{bond.b} {bond.a}" if law.anode else ends
        call = f"{junction} diodebond {_pairs(saturation=law.saturation, scale=law.emission * two_kt / 2)}"
    elif isinstance(law, Memristor):
        rates = _pairs(potentiation=law.potentiation, depression=law.depression)
        slopes = _pairs(up=law.potentiation_slope, down=law.depression_slope)
        call = f"{ends} {bond.state} membond {_pairs(minimum=law.minimum, maximum=law.maximum)} {rates} {slopes}"
    else:
        assert isinstance(law, Hopping)
        call = f"{ends} {bond.level_a} {bond.level_b} hopbond {_pairs(rate=law.rate)}"
        call += "" if dialect == "osdi" else f" {_pairs(two_kt=two_kt)}"
    return [f"{'n' if dialect == 'osdi' else 'x'}{bond.name} {call}"]


def _curve(drop: str, pieces: Pieces, first: int = 0, last: int | None = None) -> str:
    """Write a piecewise cubic of a voltage as a tree of choices: few comparisons find the piece."""
    last = len(pieces.starts) - 1 if last is None else last
    if first == last:
        c0, c1, c2, c3 = (spice_number(value) for value in pieces.weights[:, first])
        u = f"({drop}-({spice_number(pieces.starts[first])}))"
        if not pieces.weights[2:, first].any():
            return f"({c0}+{u}*({c1}))"
        return f"({c0}+{u}*({c1}+{u}*({c2}+{u}*({c3}))))"
    middle = (first + last + 1) // 2
    below, above = _curve(drop, pieces, first, middle - 1), _curve(drop, pieces, middle, last)
    return f"({drop}<({spice_number(pieces.starts[middle])}) ? {below} : {above})"


def _pairs(**values: float) -> str:
    return " ".join(f"{name.rstrip('_')}={spice_number(value)}" for name, value in values.items())
