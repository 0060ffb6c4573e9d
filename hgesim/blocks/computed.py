"""Blocks that Python computes, step by step: the ideal transfer of each kind with its time constants.

A block of the technology ``python`` is an interface in the deck (``circuits/python``), whose source ``vsig`` Python
sets; what it is set to is a function here. Between steps inputs are taken as straight lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hgesim.blocks.transfer import CONTRACT

__all__ = ["PYTHON", "PYTHON_KINDS", "SENSES", "SIGNAL", "Computation", "computation", "ohms_of"]

PYTHON = "python"
SIGNAL = "vsig"  # the source of an interface
Pair = tuple[str, str | None]
# What each kind reads: the voltage between two ports, or of one against ground.
SENSES: dict[str, tuple[Pair, ...]] = {
    "loss": (("e", None),),
    "hinge": (("inp", "inn"), ("e", None), ("label", None)),
    "coupler": (("inp", "inn"), ("hold", "holdn")),
    "mixer": (("xp", "xn"), ("lo", None)),
    "lowpass": (("inp", "inn"),),
    "integrator": (("inp", "inn"),),
}
PYTHON_KINDS = tuple(SENSES)
Computation = Callable[[float, Sequence[float]], float]


def computation(kind: str, parameters: Mapping[str, float]) -> Computation:
    """Return the function of a block: time (s, rising from call to call) and what it senses (V) to its signal (V).

    Parameters
    ----------
    kind : str
        One of `PYTHON_KINDS`.
    parameters : mapping of str to float
        All of its interface; for a lowpass also ``load``, the resistance at each leg of its output, in ohm.
    """
    return _MAKERS[kind](dict(parameters))


def ohms_of(kind: str, parameters: Mapping[str, float]) -> tuple[float, float]:
    """Return what loads the input and what stands behind the output of each leg, in ohm: infinite and 0 for most."""
    loads = parameters["r"] if kind == "integrator" else math.inf
    return loads, parameters["r"] if kind == "lowpass" else 0.0


def _loss(p: Mapping[str, float]) -> Computation:
    k, knee = p["k"], p["e0"]
    return lambda time, sensed: k * sensed[0] * math.tanh(sensed[0] / knee)


def _hinge(p: Mapping[str, float]) -> Computation:
    width = p["e1"]
    return lambda time, sensed: 0.5 * sensed[0] * (1.0 + math.tanh(sensed[1] * sensed[2] / width))


def _mixer(p: Mapping[str, float]) -> Computation:
    top, reach, knee = p["gain"] * p["x0"], p["x0"], p["lo0"]
    return lambda time, sensed: top * math.tanh(sensed[0] / reach) * math.tanh(sensed[1] / knee)


@dataclass
class _Follower:
    """One pole: follows its input with a time constant (s); exact for straight lines between calls."""

    constant: float
    time: float | None = None
    entry: float = 0.0
    value: float = 0.0

    def __call__(self, time: float, entry: float) -> float:
        if self.time is None:
            self.value = entry  # the operating point
        elif time > self.time:
            slope = (entry - self.entry) / (time - self.time)
            lag = self.constant * slope
            rest = self.value - self.entry + lag
            self.value = entry - lag + rest * math.exp((self.time - time) / self.constant)
        self.time, self.entry = time, entry
        return self.value

    def jump(self, time: float, entry: float) -> None:
        """Take an input at once."""
        self.time, self.entry, self.value = time, entry, entry


@dataclass
class _Coupler:
    gain: float
    limit: float
    charge: _Follower = field(default_factory=lambda: _Follower(CONTRACT.coupler_r * CONTRACT.coupler_c))

    def __call__(self, time: float, sensed: Sequence[float]) -> float:
        entry, held = sensed
        if held > 0:
            self.charge.jump(time, entry)
            return 0.0
        return self.limit * math.tanh(self.gain * (entry - self.charge(time, entry)) / self.limit)


@dataclass
class _Lowpass:
    follower: _Follower

    def __call__(self, time: float, sensed: Sequence[float]) -> float:
        return self.follower(time, sensed[0])


@dataclass
class _Integrator:
    constant: float
    value: float
    time: float | None = None
    entry: float = 0.0

    def __call__(self, time: float, sensed: Sequence[float]) -> float:
        entry = sensed[0]
        if self.time is not None and time > self.time:
            moved = self.value - 0.5 * (entry + self.entry) * (time - self.time) / self.constant
            self.value = min(max(moved, -CONTRACT.integrator_limit), CONTRACT.integrator_limit)
        self.time, self.entry = time, entry
        return self.value


_MAKERS: dict[str, Callable[[Mapping[str, float]], Computation]] = {
    "loss": _loss,
    "hinge": _hinge,
    "coupler": lambda p: _Coupler(p["gain"], p["vmax"]),
    "mixer": _mixer,
    # the capacitor discharges through the load, too
    "lowpass": lambda p: _Lowpass(_Follower(2.0 * p["c"] / (1.0 / p["r"] + 1.0 / p.get("load", math.inf)))),
    "integrator": lambda p: _Integrator(p["r"] * p["c"], p["start"]),
}
