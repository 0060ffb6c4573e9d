"""Bonds of one law, evaluated together: every law but hopping, whose bonds see the levels of sites too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hgesim.network.junctions import Diode, Memristor, SpaceCharge, diode_state, memristor_state, space_charge_state
from hgesim.network.laws import LABELS, FloatArray, Hopping, Ohmic, Sinh, gate_label, law_values, sinh_state
from hgesim.network.measured import Measured, measured_state, smallest_step
from hgesim.network.transistors import Channel, Gf180Nmos, Nmos, gf180_channel, level_1_channel

if TYPE_CHECKING:
    from hgesim.network.model import Network

__all__ = ["Group", "by_gates", "make_groups"]

Ends = tuple[FloatArray, FloatArray]
Junction = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
Transistor = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], Channel]
Scale = Callable[[FloatArray], float]


@dataclass(frozen=True)
class Group:
    """All bonds of one law.

    Parameters
    ----------
    law : type
        The law.
    bonds : ndarray, (G,)
        Their numbers.
    ends : tuple of ndarray
        Node numbers of their first and second ends.
    gates : ndarray, (G,) or (0,)
        Numbers of the electrodes that are their gates.
    values : ndarray, (parameters, G)
        As the function of the law takes them.
    measured : tuple of Measured
        The laws themselves where they are tables.
    """

    law: type
    bonds: NDArray[np.intp]
    ends: tuple[NDArray[np.intp], NDArray[np.intp]]
    gates: NDArray[np.intp]
    values: FloatArray
    measured: tuple[Measured, ...] = ()

    @property
    def scale(self) -> float:
        """Smallest voltage over which the current of a bond grows by e, or infinity."""
        if self.measured:
            return smallest_step([law.table for law in self.measured])
        return SCALES[self.law](self.values) if self.law in SCALES else np.inf

    def evaluate(self, potential: FloatArray, volts: FloatArray) -> Channel:
        """Return currents and slopes at potentials of all nodes, (points, nodes), and of electrodes, (points, E)."""
        a, b = (potential[:, end] for end in self.ends)
        if self.law in TRANSISTORS:
            return TRANSISTORS[self.law](a, b, volts[:, self.gates], self.values)
        if self.measured:
            current, slope = measured_state(a - b, self.measured)
        else:
            current, slope = JUNCTIONS[self.law](a - b, self.values)
        return Channel(current, slope, -slope, np.zeros_like(current))


def _ohmic(drop: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    return values[0] * drop, np.broadcast_to(values[0], drop.shape)


JUNCTIONS: dict[type, Junction] = {
    Ohmic: _ohmic,
    Sinh: lambda drop, values: sinh_state(drop, *values),
    SpaceCharge: lambda drop, values: space_charge_state(drop, *values),
    Diode: lambda drop, values: diode_state(drop, *values),
    Memristor: memristor_state,
}
TRANSISTORS: dict[type, Transistor] = {
    Nmos: level_1_channel,
    Gf180Nmos: lambda a, b, gate, values: gf180_channel(a, b, gate, *values),
}
SCALES: dict[type, Scale] = {
    Sinh: lambda values: float(values[1].min()),
    Diode: lambda values: float(values[1].min()),
    Memristor: lambda values: 1.0 / max(float(values[4:].sum(axis=0).max()), 1e-300),
    Nmos: lambda values: 0.1,
    Gf180Nmos: lambda values: 0.1,
}


def make_groups(network: Network) -> tuple[Group, ...]:
    """Sort the bonds of a network by law, hopping left out."""
    groups = []
    for kind in dict.fromkeys(type(law) for law in network.bond_laws if not isinstance(law, Hopping)):
        bonds = np.array([b for b, law in enumerate(network.bond_laws) if type(law) is kind], dtype=np.intp)
        laws = [network.bond_laws[b] for b in bonds]
        rows = [[value for name, value in law_values(law).items() if name not in LABELS] for law in laws]
        values = np.array(rows, dtype=np.float64).T
        if kind is Diode:
            sign = [1.0 - 2.0 * law.anode for law in laws if isinstance(law, Diode)]
            values = np.array([values[0], values[1] * network.kT, sign])
        gates = [network.electrode_labels.index(gate_label(law)) for law in laws if gate_label(law)]
        ends = network.bond_sites[bonds]
        tables = tuple(law for law in laws if isinstance(law, Measured))
        groups.append(Group(kind, bonds, (ends[:, 0], ends[:, 1]), np.array(gates, dtype=np.intp), values, tables))
    return tuple(groups)


def by_gates(groups: tuple[Group, ...], potential: FloatArray, volts: FloatArray, share: FloatArray) -> FloatArray:
    """Return what gates add to the gradient of the output, (points, E) in siemens.

    Parameters
    ----------
    groups : tuple of Group
        All groups of the network.
    potential, volts : ndarray, (points, nodes) and (points, E)
        As for `Group.evaluate`.
    share : ndarray, (points, B)
        Weight of each bond's current in the output.
    """
    gradient = np.zeros_like(volts)
    for group in groups:
        if len(group.gates):
            slopes = share[:, group.bonds] * group.evaluate(potential, volts).by_gate
            gradient += slopes @ np.eye(volts.shape[1])[group.gates]
    return gradient
