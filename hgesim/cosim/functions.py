"""What Python does in a co-simulation: functions that drive sources, and functions that are told of steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hgesim.arguments import check_positive, check_reals, check_whole, is_real
from hgesim.errors import RequestError, nearest

__all__ = ["HOLDS", "Listener", "PythonSource", "vector_name"]

HOLDS = ("previous", "linear")


def vector_name(node: str) -> str:
    """Return how the simulator calls a node or current: ``out`` of "out" and "v(out)", ``v1#branch`` of "i(v1)".

    Raises
    ------
    RequestError
        ``cosim.bad-node`` for what is no name, and for ground.
    """
    text = node.strip().lower() if isinstance(node, str) else ""
    kind, inner = (text[0], text[2:-1].strip()) if text[1:2] == "(" and text.endswith(")") else ("v", text)
    if not inner or kind not in "vi" or any(c in "(), \t\n=" for c in inner) or inner in ("0", "gnd"):
        raise RequestError(
            "cosim.bad-node", repr(node)[:60], place="nodes", remedy='one name each: "out", "v(out)" or "i(v1)"'
        )
    return f"{inner}#branch" if kind == "i" else inner


@dataclass(frozen=True, eq=False)
class PythonSource:
    """A function that drives a voltage or current source of the deck, or several.

    The simulator needs a source's value before it knows the node voltages that go with it. So a function of voltages
    is late, always by the same rule: it is called when a step is accepted, and what it returns acts from the next step
    on. Next to a part whose time constant is many steps long this costs an error that falls with the step.

    Parameters
    ----------
    function : callable
        ``function(time, *values)`` with time in second and one float for each of `nodes`; it returns volt or ampere,
        for several sources a sequence with one value for each. Without `nodes` and `grid` it is a function of time
        alone, called for whatever time the simulator tries: there is no delay then, and it should have no memory.
    nodes : sequence of str
        ``"out"`` or ``"v(out)"`` for the voltage of a node to ground, ``"i(v1)"`` for the current through a voltage
        source, from its plus end through it, as SPICE counts.
    hold : str
        Between calls the source keeps its value (``"previous"``) or goes on in a straight line through the last two
        (``"linear"``), which makes the delay's error of second order and amplifies noise.
    grid : float, optional
        Call the function at multiples of so many seconds only, on which steps are put; at each step otherwise.
    initial : float or sequence of float
        What the source gives until the first call has acted, the operating point at time 0 included; in volt or
        ampere.

    Raises
    ------
    RequestError
        ``cosim.bad-function``, ``cosim.bad-node``, ``cosim.unknown-hold``, ``cosim.bad-grid``, ``cosim.bad-value``.
    """

    function: Callable[..., Any]
    nodes: Sequence[str] = ()
    hold: str = "previous"
    grid: float | None = None
    initial: float | Sequence[float] = 0.0

    def __post_init__(self) -> None:
        """Refuse what could only fail later, in another process."""
        _check(self.function, self.grid)
        object.__setattr__(self, "nodes", _names(self.nodes))
        if self.hold not in HOLDS:
            raise RequestError("cosim.unknown-hold", repr(self.hold), remedy=nearest(str(self.hold), HOLDS))


@dataclass(frozen=True, eq=False)
class Listener:
    """A function that is told of accepted steps.

    Parameters
    ----------
    function : callable
        ``function(time, *values)`` with one value for each of `nodes`; what it returns is dropped. What it keeps is had
        back by `Session.state`.
    nodes : sequence of str
        As for `PythonSource`.
    grid : float, optional
        Be told at multiples of so many seconds only, on which steps are put; of each step otherwise.
    batch : int
        1: a call for each step, with floats, before sources are computed. More: a call for so many steps at once, with
        arrays, and for the rest whenever the simulation pauses or ends; the steps then cost next to nothing.

    Raises
    ------
    RequestError
        ``cosim.bad-function``, ``cosim.bad-node``, ``cosim.bad-grid``, ``cosim.bad-batch``.
    """

    function: Callable[..., Any]
    nodes: Sequence[str] = ()
    grid: float | None = None
    batch: int = 1

    def __post_init__(self) -> None:
        """Refuse what could only fail later, in another process."""
        _check(self.function, self.grid)
        object.__setattr__(self, "nodes", _names(self.nodes))
        check_whole(self.batch, 1, "cosim.bad-batch", "batch")


def initial_values(source: PythonSource, count: int) -> tuple[float, ...]:
    """Return one start value for each of `count` sources that a function drives."""
    given = source.initial
    values = check_reals([given] * count if is_real(given) else given, "cosim.bad-value", "initial")
    if len(values) != count:
        raise RequestError("cosim.bad-value", f"{len(values)} values for {count} sources", place="initial")
    if not all(map(math.isfinite, values)):
        raise RequestError("cosim.bad-value", f"{given}"[:60], place="initial", remedy="finite numbers")
    return values


def _check(function: Any, grid: float | None) -> None:
    if not callable(function):
        raise RequestError("cosim.bad-function", f"{function!r} cannot be called"[:80], place="function")
    if grid is not None:
        check_positive(grid, "cosim.bad-grid", "grid", "s")


def _names(nodes: Any) -> tuple[str, ...]:
    if isinstance(nodes, str) or not isinstance(nodes, Iterable):
        raise RequestError("cosim.bad-node", repr(nodes), place="nodes", remedy='a sequence of names, such as ("out",)')
    names = tuple(nodes)
    for name in names:
        vector_name(name)
    return names
