"""A circuit: elements, start voltages, probes and one analysis; still no simulator's dialect."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.blocks import Block
from hgesim.circuit import (
    BlockInstance,
    BondInstance,
    Capacitor,
    CurrentSource,
    Element,
    NoisePath,
    Occupation,
    Resistor,
    SlewFollower,
    Staircase,
    StartServo,
    StartSwitch,
    Transconductance,
    VoltageSource,
)
from hgesim.errors import RequestError, nearest
from hgesim.names import check_label, check_remark, check_unique
from hgesim.network import Gf180Nmos, Nmos

__all__ = ["CaseSweep", "Circuit", "Transient"]

# What SPICE takes an element for is the first letter of its name; a bond gets its own when it is written.
_LETTERS: dict[type, str] = {
    Resistor: "r",
    Capacitor: "c",
    VoltageSource: "v",
    CurrentSource: "i",
    Transconductance: "g",
    StartServo: "b",
    StartSwitch: "s",
    BlockInstance: "x",
    NoisePath: "a",
    Staircase: "x",
    SlewFollower: "b",
}

_CORNERS = ("typical", "ff", "ss", "fs", "sf")

_NET_FIELDS = (
    "a", "b", "level_a", "level_b", "plus", "minus", "into", "out_of", "held", "gate", "body", "state", "out", "level",
    "potential",
)  # fmt: skip


@dataclass(frozen=True)
class Transient:
    """From 0 to `stop` with steps of at most `step`, in second."""

    stop: float
    step: float


@dataclass(frozen=True)
class CaseSweep:
    """Operating points number 1 to `points`; table sources follow the number, from 0 V at number 0.

    Between two numbers the sources move on straight lines in `substeps` steps (one number for all moves, or one for
    each): a hopping network's operating point is hard to find from afar, and easy to follow. `tolerance` is the change
    of a source's current, in ampere, below which an iteration may be the last.
    """

    points: int
    substeps: int | tuple[int, ...] = 1
    tolerance: float = 1e-16

    @property
    def rows(self) -> tuple[int, ...]:
        """Return which row of the sweep each point is, from row 0 at 0 V."""
        steps = (self.substeps,) * self.points if isinstance(self.substeps, int) else self.substeps
        return tuple(itertools.accumulate(steps))

    def at_points(self, values: ArrayLike) -> NDArray[np.float64]:
        """Pick the rows of the points themselves, (points, ...), from all rows of the sweep, (rows, ...)."""
        found, rows = np.asarray(values), list(self.rows)
        if len(rows) != self.points or len(found) != rows[-1] + 1:
            raise RequestError("design.bad-sweep", f"{len(found)} rows for {self.points} points")
        return np.asarray(found[rows])


@dataclass(frozen=True)
class Circuit:
    """What a netlist is written from.

    Parameters
    ----------
    title : str
        One line (see `hgesim.names.check_remark`, which the elements' notes have to pass too).
    elements : tuple of Element
        In the order in which they are written.
    analysis : Transient or CaseSweep
        The one analysis.
    probes : tuple of str
        Nets to store, or ``i(name)`` for the current of a voltage source.
    guess : tuple of (str, float)
        Net voltages near the operating point at time 0, in volt: the simulator starts its search there and corrects.
    temperature : float
        Of the electronics, in kelvin.
    bond_temperature : float
        Of the network's hopping bonds and diodes, in kelvin: a parameter of theirs, not of the simulator.
    corner : str
        Section of the foundry's model file: ``"typical"``, ``"ff"``, ``"ss"``, ``"fs"`` or ``"sf"``.
    remarks : tuple of str
        Lines for the head of a deck.

    Raises
    ------
    RequestError
        ``names.*`` for a title, note, element, net or parameter that is unsafe or collides; ``design.wrong-letter``,
        ``design.reserved-net``, ``design.wrong-ports``, ``design.bad-temperature``, ``design.unknown-corner``,
        ``design.unknown-probe``.
    """

    title: str
    elements: tuple[Element, ...]
    analysis: Transient | CaseSweep
    probes: tuple[str, ...]
    guess: tuple[tuple[str, float], ...] = ()
    temperature: float = 300.0
    bond_temperature: float = 77.0
    corner: str = "typical"
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check names, nets, temperatures and probes: nothing unsafe or meaningless gets as far as a netlist."""
        for line in (self.title, *self.remarks):
            check_remark(line, place="title")
        if self.corner not in _CORNERS:
            raise RequestError("design.unknown-corner", f'"{self.corner}"', remedy=nearest(self.corner, _CORNERS))
        for element in self.elements:
            _check_element(element)
        check_unique([element.name for element in self.elements], place="elements")
        nets = sorted(set(self.nets()) - {"0"})
        for net in nets:
            check_label(net, place="net")
            if net.lower() == "gnd":
                raise RequestError("design.reserved-net", f'"{net}" is ground to SPICE', place="net", remedy='use "0"')
        check_unique(nets, place="nets")
        for place, kelvin in (("circuit", self.temperature), ("network", self.bond_temperature)):
            if not (math.isfinite(kelvin) and kelvin > 0):
                raise RequestError(
                    "design.bad-temperature", f"{kelvin:g} K", place=f"{place}.temperature", remedy="kelvin, above 0"
                )
        currents = {f"i({element.name})" for element in self.elements if isinstance(element, VoltageSource)}
        for place, wanted, known in (
            ("probes", self.probes, currents.union(nets)),
            ("guess", [net for net, _ in self.guess], set(nets)),
        ):
            for probe in wanted:
                if probe not in known:
                    raise RequestError(
                        "design.unknown-probe",
                        f'no net or voltage source "{probe}"',
                        place=place,
                        remedy=nearest(probe, known),
                    )

    def nets(self) -> Iterator[str]:
        """Yield every net an element touches, ground and repetitions included."""
        for element in self.elements:
            yield from element_nets(element)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Return the different blocks in order of first use."""
        return tuple(dict.fromkeys(e.block for e in self.elements if isinstance(e, BlockInstance)))

    @property
    def laws(self) -> frozenset[type]:
        """Return the conduction laws in use."""
        return frozenset(type(e.law) for e in self.elements if isinstance(e, BondInstance))

    @property
    def foundry(self) -> bool:
        """Tell whether a block or a bond needs the foundry's models."""
        return Gf180Nmos in self.laws or any(block.models == "gf180" for block in self.blocks)

    @property
    def interacts(self) -> bool:
        """Tell whether sites lift each other's levels, so that their occupations are nets."""
        return any(isinstance(e, Occupation) for e in self.elements)

    @property
    def paths(self) -> tuple[NoisePath, ...]:
        """Return the random paths that files beside a deck hold."""
        return tuple(e for e in self.elements if isinstance(e, NoisePath))

    @property
    def transistors(self) -> int:
        """Return the number of transistors, those inside blocks included."""
        bonds = sum(isinstance(e, BondInstance) and isinstance(e.law, Nmos | Gf180Nmos) for e in self.elements)
        return bonds + sum(e.block.transistors for e in self.elements if isinstance(e, BlockInstance))

    def owner(self, node: str) -> str:
        """Say what a simulator's node belongs to: the notes of the elements at it, or the block it is inside of.

        Parameters
        ----------
        node : str
            A name from the simulator's log, for example ``mu_d7``, ``x_mixer_e1.t1``, ``v_hold#branch`` or, of a
            device, ``b.xbond_3.b1``.

        Returns
        -------
        str
            For example ``site d7, bond d3-d7, bond d7-e1``; empty when unknown.
        """
        plain = node.lower().split("#")[0]
        inside = plain.split(".")
        notes = [e.note for e in self.elements if any(_is_part(part, e) for part in inside)]
        if not notes:
            notes = [e.note for e in self.elements if plain in (net.lower() for net in element_nets(e))]
        shown = list(dict.fromkeys(note for note in notes if note))
        more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
        return ", ".join(shown[:3]) + more


def _is_part(device: str, element: Element) -> bool:
    """Tell whether a device of the deck is an element: a bond's have a letter before, a diode's _f or _r after."""
    name = element.name.lower()
    if isinstance(element, BondInstance | Occupation):
        return re.fullmatch(rf"[nrxdmb]?{name}(_[fr])?", device) is not None
    return device == name


def _check_element(element: Element) -> None:
    check_label(element.name, place="element name")
    check_remark(element.note, place=f"note of {element.name}")
    letter = _LETTERS.get(type(element), "")
    if not element.name.lower().startswith(letter):
        raise RequestError(
            "design.wrong-letter",
            f'a {type(element).__name__} called "{element.name}" would be another kind of element',
            place="element name",
            remedy=f'begin its name with "{letter}"',
        )
    if isinstance(element, BlockInstance):
        check_label(element.block.subckt, place=f"subcircuit of {element.name}")
        for key in element.parameters:
            check_label(key, place=f"parameter of {element.name}")
        if set(element.nets) != set(element.block.ports):
            raise RequestError(
                "design.wrong-ports",
                f"nets for {', '.join(element.nets)}",
                place=element.name,
                remedy=f"give {', '.join(element.block.ports)}",
            )


def element_nets(element: Element) -> tuple[str, ...]:
    """Return the nets of an element."""
    if isinstance(element, BlockInstance):
        return tuple(element.nets.values())
    return tuple(net for net in (getattr(element, name, "") for name in _NET_FIELDS) if net)
