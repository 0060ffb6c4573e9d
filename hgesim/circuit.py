"""Plain-data circuit elements: what loop and design speak, before any simulator's dialect.

Nets are names; ``"0"`` is ground. Values are SI numbers. Every element says what it belongs to (`note`), and the
netlist carries that as a comment, so that a node in trouble can be traced to its block or bond.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hgesim.blocks import Block
from hgesim.blocks.transfer import REFERENCE_EDGE
from hgesim.network import Law

__all__ = [
    "BlockInstance",
    "BondInstance",
    "Capacitor",
    "CurrentSource",
    "Dc",
    "Element",
    "NoisePath",
    "Occupation",
    "Pulse",
    "Resistor",
    "Sine",
    "SlewFollower",
    "Square",
    "Staircase",
    "StartServo",
    "StartSwitch",
    "Steps",
    "Table",
    "Transconductance",
    "VoltageSource",
    "Wave",
    "electrode_net",
    "level_net",
    "occupation_net",
    "site_net",
]


def electrode_net(label: str) -> str:
    """Return the net of an electrode."""
    return f"el_{label}"


def site_net(label: str) -> str:
    """Return the net whose voltage is a site's electrochemical potential."""
    return f"mu_{label}"


def level_net(label: str) -> str:
    """Return the net whose voltage is a site's energy level divided by the elementary charge."""
    return f"eps_{label}"


def occupation_net(label: str) -> str:
    """Return the net whose voltage is a site's mean occupation."""
    return f"occ_{label}"


@dataclass(frozen=True)
class Dc:
    """A constant: `value` in volt or ampere."""

    value: float


@dataclass(frozen=True)
class Sine:
    """``amplitude sin(2 pi frequency t + phase)``: volt (of a current source ampere), hertz, radian."""

    amplitude: float
    frequency: float
    phase: float = 0.0


@dataclass(frozen=True)
class Square:
    """A trapezoid of plus and minus `amplitude`, in phase with the `Sine` of the same values; `edge` in periods."""

    amplitude: float
    frequency: float
    phase: float = 0.0
    edge: float = REFERENCE_EDGE

    @property
    def first(self) -> tuple[float, float]:
        """Return the level at time 0, and when the first edge away from it begins, in second.

        An edge that is under way at time 0 counts as over.
        """
        turns = self.phase / (2.0 * math.pi) + self.edge / 2.0  # whole where a rise begins, half where a fall does
        past = turns % 0.5
        high = math.floor(2.0 * turns) % 2 == 0
        return (self.amplitude if high else -self.amplitude), (0.5 - past) / self.frequency


# Corners of different sources that are meant for the same moment differ by rounding, and ngspice then takes a step of
# that length: late in long transients the smallest number above the time, which no circuit with capacitors survives.
# So no two kinds of source have their corners at the same moment.
_LATE, _MOST_LATE = 1.0 / 200.0, 5e-7


@dataclass(frozen=True)
class Steps:
    """A periodic sequence of levels joined by straight ramps: level k is held from ``k slot + ramp`` to ``(k+1) slot``.

    A ramp leaves its level a two-hundredth of it late, half a microsecond at most.

    Parameters
    ----------
    levels : tuple of float
        In volt.
    slot : float
        Time from one level to the next, ramp included, in second.
    ramp : float
        In second.
    """

    levels: tuple[float, ...]
    slot: float
    ramp: float

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Return the corners (time, value) of one period, which starts and ends at the last level."""
        corners, before = [(0.0, self.levels[-1])], self.levels[-1]
        late = min(_LATE * self.ramp, _MOST_LATE)
        for number, level in enumerate(self.levels):
            begin = number * self.slot
            corners += [(begin + late, before), (begin + self.ramp, level)]
            before = level
        return (*corners, (len(self.levels) * self.slot, before))


@dataclass(frozen=True)
class Pulse:
    """A gate: `high` volt for the first `width` seconds of every `period`, else `low`; edges last `edge` seconds.

    The edge back to `high` begins `late` seconds after the period is over.
    """

    high: float
    low: float
    width: float
    period: float
    edge: float
    late: float = 0.0


@dataclass(frozen=True)
class Table:
    """A value for each number of a case sweep from 1 on, in volt; 0 V at number 0, straight lines between."""

    values: tuple[float, ...]


Wave = Dc | Sine | Square | Steps | Pulse | Table


@dataclass(frozen=True)
class Resistor:
    """Between nets `a` and `b`, in ohm."""

    name: str
    a: str
    b: str
    ohms: float
    note: str = ""


@dataclass(frozen=True)
class Capacitor:
    """Between nets `a` and `b`, in farad."""

    name: str
    a: str
    b: str
    farads: float
    note: str = ""


@dataclass(frozen=True)
class VoltageSource:
    """From `minus` to `plus`."""

    name: str
    plus: str
    minus: str
    wave: Wave
    note: str = ""


@dataclass(frozen=True)
class CurrentSource:
    """Pushes current into net `into`, out of net `out_of`; ampere."""

    name: str
    into: str
    out_of: str
    wave: Dc | Sine | Square
    note: str = ""


@dataclass(frozen=True)
class Transconductance:
    """Pushes ``siemens * (V(plus) - V(minus))`` into net `into`, out of net `out_of`."""

    name: str
    into: str
    out_of: str
    plus: str
    minus: str
    siemens: float
    note: str = ""


@dataclass(frozen=True)
class BondInstance:
    """One bond of the network: potentials at `a` and `b`, and what else its law has.

    Nets of the levels of both ends for hopping, of gate and body for a transistor, of its state for a memristor.
    """

    name: str
    a: str
    b: str
    law: Law
    level_a: str = ""
    level_b: str = ""
    note: str = ""
    gate: str = ""
    body: str = ""
    state: str = ""


@dataclass(frozen=True)
class Occupation:
    """Holds net `out` at the mean occupation of a site, ``1/(1 + exp((level - potential)/kT))``, as volts."""

    name: str
    out: str
    level: str
    potential: str
    note: str = ""


@dataclass(frozen=True)
class BlockInstance:
    """A block placed in the circuit: a net for each of its ports, and parameters that differ from its defaults."""

    name: str
    block: Block
    nets: Mapping[str, str]
    parameters: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        """Freeze the mappings."""
        object.__setattr__(self, "nets", MappingProxyType(dict(self.nets)))
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by what was given: a view of a mapping cannot be pickled."""
        return BlockInstance, (self.name, self.block, dict(self.nets), dict(self.parameters), self.note)


@dataclass(frozen=True)
class StartServo:
    """Holds net `held` at `value` volt while net `gate` is at 1 V: pushes `siemens` times the excess into `into`.

    Behind an integrator this gives the operating point at time 0 a feedback that capacitors alone do not give it. It
    pushes at most `most` ampere.
    """

    name: str
    into: str
    held: str
    value: float
    gate: str
    note: str = ""
    siemens: float = 1e-6
    most: float = math.inf


@dataclass(frozen=True)
class StartSwitch:
    """Connects nets `a` and `b` by 1 ohm while net `gate` is above 0.5 V, else by 1e15 ohm."""

    name: str
    a: str
    b: str
    gate: str
    note: str = ""


@dataclass(frozen=True)
class NoisePath:
    """Holds net `out` at a random path, drawn beforehand (`hgesim.nonideal.paths`).

    Parameters
    ----------
    name : str
        Begins with ``a``.
    out : str
        The net, against ground.
    white, flicker : float
        One-sided density ``white^2 + flicker^2/f``: V/Hz^0.5, and V (its density at 1 Hz is V/Hz^0.5).
    step, stop : float
        Time between samples, and how long, in second.
    seed : int
        Root of the draw.
    place : tuple of str
        What the draw is for.
    note : str
        What it belongs to.
    """

    name: str
    out: str
    white: float
    flicker: float
    step: float
    stop: float
    seed: int
    place: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class Staircase:
    """Holds net `out` at the voltage from `minus` to `plus`, rounded to multiples of `step` volt, on top of `minus`.

    Edges are a tenth of a step wide, so that Newton's iteration has a slope to follow.
    """

    name: str
    out: str
    plus: str
    minus: str
    step: float
    note: str = ""


@dataclass(frozen=True)
class SlewFollower:
    """Drives 1 nF at net `out` after net `plus`: a pole at `bandwidth` hertz, and never faster than `slew` V/s.

    The current is ``C slew tanh(2 pi bandwidth (V(plus) - V(out)) / slew)``; the capacitor is an element of its own.
    """

    name: str
    out: str
    plus: str
    bandwidth: float
    slew: float
    note: str = ""

    @property
    def farads(self) -> float:
        """Return the capacitance that belongs to it."""
        return 1e-9


Element = (
    Resistor
    | Capacitor
    | VoltageSource
    | CurrentSource
    | Transconductance
    | StartServo
    | StartSwitch
    | BondInstance
    | Occupation
    | BlockInstance
    | NoisePath
    | Staircase
    | SlewFollower
)
