"""The bridge to PySpice: a circuit of ours as a PySpice ``Circuit``, to be changed, extended and simulated there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hgesim.design.circuit import Circuit
from hgesim.netlist.writer import definition_lines, element_lines

if TYPE_CHECKING:
    from PySpice.Spice.Netlist import Circuit as PySpiceCircuit

__all__ = ["to_pyspice"]

# Elements whose line is a name, two nets and a value.
_TWO_TERMINAL = {"r": "R", "c": "C", "v": "V", "i": "I"}


def to_pyspice(circuit: Circuit, dialect: str = "osdi") -> PySpiceCircuit:
    """Make a PySpice circuit.

    Parameters
    ----------
    circuit : Circuit
        For example ``design.circuit``.
    dialect : str
        As for `hgesim.netlist.write_deck`. With ``"osdi"`` the engine needs ``bond.osdi`` loaded.

    Returns
    -------
    PySpice.Spice.Netlist.Circuit
        Resistors, capacitors, sources and blocks are PySpice elements (``circuit["R_threshold"]``), subcircuit texts,
        models and compiled bonds are in its ``raw_spice``. Analyses, start voltages and probes are the simulator's
        in PySpice, so they are not carried over.
    """
    from PySpice.Spice.Netlist import Circuit as PySpiceCircuit

    made = PySpiceCircuit(circuit.title)
    raw = definition_lines(circuit, dialect)
    for element in circuit.elements:
        for line in element_lines(element, circuit, dialect):
            if not _add(made, line.split(" ; ")[0]):
                raw.append(line)
    made.raw_spice = "\n".join(raw) + "\n"
    return made


def _add(made: Any, line: str) -> bool:
    """Add one line as a PySpice element; False if PySpice has none for it."""
    name, *words = line.split()
    letter, rest = name[0], name[1:]
    if letter in _TWO_TERMINAL:
        getattr(made, _TWO_TERMINAL[letter])(rest, words[0], words[1], " ".join(words[2:]))
    elif letter == "x":
        values = dict(word.split("=") for word in words if "=" in word)
        *nets, subckt = [word for word in words if "=" not in word]
        made.X(rest, subckt, *nets, **values)
    else:
        return False
    return True
