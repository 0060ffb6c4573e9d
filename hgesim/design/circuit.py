"""A circuit: elements, start voltages, probes and one analysis; still no simulator's dialect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.blocks import Block
from hgesim.circuit import BlockInstance, BondInstance, Element
from hgesim.errors import RequestError
from hgesim.names import check_label, check_unique

__all__ = ["CaseSweep", "Circuit", "Transient"]


@dataclass(frozen=True)
class Transient:
    """From 0 to `stop` with steps of at most `step`, in second."""

    stop: float
    step: float


@dataclass(frozen=True)
class CaseSweep:
    """Operating points number 1 to `points`; table sources follow the number, from 0 V at number 0.

    Between two numbers the sources move on straight lines in `substeps` steps: a hopping network's operating point is
    hard to find from afar, and easy to follow.
    """

    points: int
    substeps: int = 1


    def at_points(self, values: ArrayLike) -> NDArray[np.float64]:
        """Pick the rows of the points themselves, (points, ...), from all rows of the sweep, (rows, ...)."""
        rows = np.asarray(values)[self.substeps :: self.substeps]
        if len(rows) != self.points:
            raise RequestError("design.bad-sweep", f"{len(rows)} rows for {self.points} points")
        return rows


@dataclass(frozen=True)
class Circuit:
    """What a netlist is written from.

    Parameters
    ----------
    title : str
        One line, letters, digits and ``-_.,:() ``.
    elements : tuple of Element
        In the order in which they are written.
    analysis : Transient or CaseSweep
        The one analysis.
    probes : tuple of str
        Nets to store, or ``i(name)`` for the current of a voltage source.
    initial : tuple of (str, float)
        Start voltages of nets, in volt.
    temperature : float
        Of the electronics, in kelvin.
    bond_temperature : float
        Of the network's hopping bonds, in kelvin: a parameter of theirs, not of the simulator.

    Raises
    ------
    RequestError
        ``names.*`` for element or net names that are unsafe or collide; ``design.unknown-probe``.
    """

    title: str
    elements: tuple[Element, ...]
    analysis: Transient | CaseSweep
    probes: tuple[str, ...]
    initial: tuple[tuple[str, float], ...] = ()
    temperature: float = 300.0
    bond_temperature: float = 77.0

    def __post_init__(self) -> None:
        """Check names, nets and probes."""
        names = [element.name for element in self.elements]
        for name in names:
            check_label(name, place="element name")
        check_unique(names, place="elements")
        nets = sorted(set(self.nets()) - {"0"})
        for net in nets:
            check_label(net, place="net")
        check_unique(nets, place="nets")
        if self.temperature <= 0:
            raise RequestError(
                "design.bad-temperature",
                f"{self.temperature:g} K",
                place="circuit.temperature",
                remedy="kelvin, above 0",
            )
        known = {*nets, *(f"i({name})" for name in names)}
        for probe in (*self.probes, *(net for net, _ in self.initial)):
            if probe not in known:
                raise RequestError("design.unknown-probe", f'no net or source "{probe}"', place="probes")

    def nets(self) -> Iterator[str]:
        """Yield every net an element touches, ground and repetitions included."""
        for element in self.elements:
            yield from element_nets(element)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Return the different blocks in order of first use."""
        return tuple({e.block.subckt: e.block for e in self.elements if isinstance(e, BlockInstance)}.values())

    @property
    def laws(self) -> frozenset[type]:
        """Return the conduction laws in use."""
        return frozenset(type(e.law) for e in self.elements if isinstance(e, BondInstance))

    @property
    def transistors(self) -> int:
        """Return the number of transistors, those inside blocks included."""
        return sum(e.block.transistors for e in self.elements if isinstance(e, BlockInstance))

    def owner(self, node: str) -> str:
        """Say what a simulator's node belongs to: the notes of the elements at it, or the block it is inside of.

        Parameters
        ----------
        node : str
            A name from the simulator's log, for example ``mu_d7`` or ``x_mixer_e1.t1`` or ``x1#branch``.

        Returns
        -------
        str
            For example ``bond d3-d7, bond d7-e1``; empty when unknown.
        """
        plain = node.lower().split("#")[0]
        inside = plain.split(".")
        notes = [e.note for e in self.elements if not {e.name.lower(), f"n{e.name.lower()}"}.isdisjoint(inside)]
        if not notes:
            notes = [e.note for e in self.elements if plain in (net.lower() for net in element_nets(e))]
        shown = list(dict.fromkeys(note for note in notes if note))
        more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
        return ", ".join(shown[:3]) + more


def element_nets(element: Element) -> tuple[str, ...]:
    """Return the nets of an element."""
    if isinstance(element, BlockInstance):
        return tuple(element.nets.values())
    fields = ("a", "b", "level_a", "level_b", "plus", "minus", "into", "out_of")
    return tuple(net for net in (getattr(element, name, "") for name in fields) if net)
