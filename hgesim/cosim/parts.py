"""What a simulation calls at its steps: the user's functions behind sources and listeners."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hgesim.cosim.functions import Listener, PythonSource, vector_name

__all__ = ["CLOSE", "Batch", "Clock", "Each", "Host", "NonFinite", "Slot", "Source", "Wave"]

CLOSE = 1.0 - 1e-12  # two times nearer than this are one
_HUGE = 1e30


class NonFinite(Exception):
    """A function gave a source a number that is none."""


class Host(Protocol):
    """The simulation that parts belong to."""

    columns: dict[str, int]  # where the values of a step are, by vector
    rows: int  # steps stored so far
    offset: float  # the user's clock at the simulator's time 0, s

    def put_step(self, time: float) -> None:
        """Have the simulator step onto a time of the user's clock."""

    def column(self, name: str, begin: int) -> NDArray[np.float64]:
        """Return a stored vector from row `begin` on; times are the simulator's."""


class Slot:
    """What one external source gives: a value, and a slope from a time on."""

    def __init__(self, value: float) -> None:
        self.value, self.slope, self.since, self.asked = value, 0.0, 0.0, False

    def at(self, time: float) -> float:
        """Return the value for a time that the simulator tries."""
        self.asked = True
        return self.value + self.slope * (time - self.since)


class Clock:
    """Tells when a multiple of a grid is reached, and has the simulator put a step on the next."""

    def __init__(self, grid: float, host: Host) -> None:
        self.grid, self.host = grid, host
        self.next = math.ceil(host.offset / grid * CLOSE)

    def due(self, time: float) -> bool:
        """Tell whether the step at `time` is the first at or behind the next multiple."""
        reached = time >= self.next * self.grid * CLOSE
        if reached:
            self.next = int(time / self.grid / CLOSE) + 1
        if reached or time == self.host.offset:
            self.host.put_step(self.next * self.grid)
        return reached


class Source:
    """A function of node voltages, or one that is called on a grid, and the sources that it drives."""

    def __init__(self, names: tuple[str, ...], source: PythonSource, initial: Sequence[float], host: Host) -> None:
        self.names, self.host, self.function = names, host, source.function
        self.slots = [Slot(value) for value in initial]
        self.vectors = [vector_name(node) for node in source.nodes]
        self.clock = None if source.grid is None else Clock(source.grid, host)
        self.linear = source.hold == "linear"
        self._before: tuple[float, list[float]] | None = None

    def step(self, time: float, values: Any) -> None:
        """Compute what the sources give from now on."""
        if self.clock is not None and not self.clock.due(time):
            return
        columns = self.host.columns
        given = self.function(time, *[values[columns[name]].creal for name in self.vectors])
        new = checked(self.names, given, time)
        for number, slot in enumerate(self.slots):
            if self.linear and self._before is not None and time > self._before[0]:
                slot.slope = (new[number] - self._before[1][number]) / (time - self._before[0])
            slot.value, slot.since = new[number], time
        self._before = time, new


class Wave:
    """A function of time alone, and the sources that it drives; called once for each time that the simulator tries."""

    def __init__(self, names: tuple[str, ...], function: Callable[[float], Any]) -> None:
        self.names, self.function = names, function
        self.asked = [False] * len(names)
        self._time, self._values = math.nan, list[float]()

    def drive(self, number: int) -> Callable[[float], float]:
        """Return what gives the value of source `number` for a time that the simulator tries."""

        def at(time: float) -> float:
            if time != self._time:
                self._values, self._time = checked(self.names, self.function(time), time), time
            self.asked[number] = True
            return self._values[number]

        return at


class Each:
    """A listener that is told of steps one by one."""

    def __init__(self, listener: Listener, host: Host) -> None:
        self.function, self.host = listener.function, host
        self.vectors = [vector_name(node) for node in listener.nodes]
        self.clock = None if listener.grid is None else Clock(listener.grid, host)

    def step(self, time: float, values: Any) -> None:
        """Tell it of a step."""
        if self.clock is None or self.clock.due(time):
            columns = self.host.columns
            self.function(time, *[values[columns[name]].creal for name in self.vectors])


class Batch:
    """A listener that is told of many steps at once: the rows are taken from where the simulator keeps them."""

    def __init__(self, listener: Listener, host: Host) -> None:
        self.function, self.batch, self.host = listener.function, listener.batch, host
        self.vectors = ["time", *(vector_name(node) for node in listener.nodes)]
        self.clock = None if listener.grid is None else Clock(listener.grid, host)
        self._begin, self._picked = 0, list[int]()

    def step(self, time: float, _values: Any) -> None:
        """Take a step, and call the function if there are enough."""
        if self.clock is not None and self.clock.due(time):
            self._picked.append(self.host.rows - 1 - self._begin)
        if (self.host.rows - self._begin if self.clock is None else len(self._picked)) >= self.batch:
            self.flush()

    def flush(self) -> None:
        """Call the function with what is waiting."""
        picked: Any = slice(None) if self.clock is None else self._picked
        if self._picked or (self.clock is None and self.host.rows > self._begin):
            time, *columns = (self.host.column(name, self._begin)[picked] for name in self.vectors)
            self.function(time + self.host.offset, *columns)
        self._begin, self._picked = self.host.rows, []


def checked(names: tuple[str, ...], given: Any, time: float) -> list[float]:
    """Return what a function gave as floats, one for each of its sources.

    Raises
    ------
    NonFinite
        For NaN, infinity, and what is beyond 1e30.
    TypeError, ValueError
        For what is no number, or not one for each source.
    """
    new = [float(given)] if len(names) == 1 and not np.ndim(given) else [float(value) for value in given]
    if len(new) != len(names):
        raise ValueError(f"the function of {', '.join(names)} returned {len(new)} values for {len(names)} sources")
    for name, value in zip(names, new, strict=True):
        if not -_HUGE < value < _HUGE:
            raise NonFinite(f'the function of source "{name}" returned {value} at {time:.6g} s')
    return new
