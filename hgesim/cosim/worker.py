"""The process of a session: libngspice and the user's functions, at the other end of a pipe."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from hgesim.cosim.functions import Listener, PythonSource, vector_name

__all__ = ["Job", "serve"]

_BLOCK = 4096  # rows between two writes to disk
_HUGE = 1e30
_CLOSE = 1.0 - 1e-12  # two times nearer than this are one


@dataclass(frozen=True)
class Job:
    """A circuit and what drives it.

    Parameters
    ----------
    lines : tuple of str
        Deck.
    setup, libraries : tuple of str
        Commands and compiled models to load before.
    raw : str
        File that the rows go to.
    stop : float
        End of the transient, s.
    offset : float
        What the user's clock shows at the simulator's time 0, s.
    held : dict
        Value of each source that only the user changes.
    functions : bytes
        Pickled: a dict of source names to `PythonSource`, and a list of `Listener`.
    """

    lines: tuple[str, ...]
    setup: tuple[str, ...]
    libraries: tuple[str, ...]
    raw: str
    stop: float
    offset: float
    held: dict[str, float]
    functions: bytes


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

    def __init__(self, grid: float, simulation: Simulation) -> None:
        self.grid, self.simulation, self.next = grid, simulation, 0

    def due(self, time: float) -> bool:
        """Tell whether the step at `time` is the first at or behind the next multiple."""
        if time < self.next * self.grid * _CLOSE:
            return False
        self.next = int(time / self.grid / _CLOSE) + 1
        self.simulation.put_step(self.next * self.grid)
        return True


class Simulation:
    """One transient in memory and its functions: what `hgesim.engine.binding.Hooks` asks for, and what a session asks.

    Parameters
    ----------
    connection : Connection
        To the session.
    library : str
        Path of libngspice.
    """

    def __init__(self, connection: Connection, library: str) -> None:
        from hgesim.engine.binding import Library

        self.connection = connection
        self.loaded: set[str] = set()
        self.engine = Library(Path(library), self)

    # What the session asks for

    def load(self, job: Job) -> None:
        """Take a circuit, in the place of the one before."""
        import cloudpickle

        for command in ("destroy all", "remcirc") if hasattr(self, "job") else ():
            self.engine.command(command, silent=True)
        self.job = job
        try:
            self.sources, self.listeners = cloudpickle.loads(job.functions)
        except Exception:
            self.fail("aborted", "the functions cannot be loaded in the simulator's process")
        for command in (*job.setup, "set num_threads=1"):
            self.engine.command(command)
        for path in job.libraries:
            if path not in self.loaded:
                self.engine.command(f"osdi {path}")
                self.loaded.add(path)
        self.rows = self.written = 0
        self.time, self.started = job.offset, False
        self.until: float | None = None
        self.names: list[str] = []
        self.columns: dict[str, int] = {}
        self.slots = {name: Slot(value) for name, value in job.held.items()}
        self.drives: dict[bytes, Callable[[float], float]] = {n.encode(): s.at for n, s in self.slots.items()}
        self.steps: list[Callable[[float, Any], None]] = []
        self.batches: list[_Batch] = []
        for listener in self.listeners:
            self._add_listener(listener)
        for names, (source, initial) in self.sources.items():
            self._add_source(names, source, initial)
        self.engine.load(job.lines)

    def run(self, until: float | None) -> tuple[float, bool]:
        """Run to a time of the user's clock or to the end; return the time reached, and whether it is the end."""
        self.until = None if until is None else until - self.job.offset
        if self.until is not None:
            self._plan_pause(self.until)
        told = self.engine.command("resume" if self.started else "run")
        paused = any("condition met: stop" in line for line in told)
        self.engine.command("delete all", silent=True)
        if self.started:
            self._write_rows()
            for batch in self.batches:
                batch.flush()
        if not paused:
            self._close_raw()
            self.engine.command("rusage totiter tranpoints trantime")
        return self.time, not paused

    def read(self, names: Sequence[str]) -> list[float] | str:
        """Return the last values of vectors, or the first name that is none."""
        for name in names:
            if name not in self.columns:
                return name
        return [float(self.column(name, self.rows - 1)[0]) for name in names]

    def column(self, name: str, begin: int) -> NDArray[np.float64]:
        """Return a stored vector from row `begin` on."""
        return self.engine.values(self.stored[name], begin)

    def command(self, text: str) -> list[str]:
        """Carry out a command of ngspice and return what it told."""
        return self.engine.command(text, silent=True)

    def hold(self, name: str, value: float) -> None:
        """Set a source that only the user changes."""
        self.slots[name].value = value

    def state(self) -> bytes:
        """Return all functions as they are now."""
        import cloudpickle

        sources = [source.function for source, _ in self.sources.values()]
        return bytes(cloudpickle.dumps((sources, [listener.function for listener in self.listeners])))

    # What the simulator calls

    def begin(self, names: Sequence[str]) -> None:
        """Take the vectors' names; called anew after every pause."""
        self.stored = {_plain(name): name for name in reversed(names)}
        self.names = sorted(self.stored, key=lambda name: name != "time")  # the order of the files that ngspice writes
        self.columns = {_plain(name): k for k, name in enumerate(names)}
        self._time_column = self.columns["time"]
        if not self.started:
            asked = [n for s, _ in self.sources.values() for n in s.nodes] + [
                n for x in self.listeners for n in x.nodes
            ]
            for node in asked:
                if vector_name(node) not in self.columns:
                    self._refuse(node)
            self._open_raw()

    def accept(self, values: Any) -> None:
        """Let the functions see a step."""
        try:
            time = self.time = values[self._time_column].creal + self.job.offset
            self.rows += 1
            if not self.started:
                self._start()
            for step in self.steps:
                step(time, values)
            if self.rows - self.written >= _BLOCK:
                self._write_rows()
            for batch in self.batches:
                batch.look()
        except BaseException:
            self._fail_by_user()

    def drive(self, name: bytes, time: float) -> float:
        """Return a source's value for a time that the simulator tries."""
        try:
            return self.drives[name](time + self.job.offset)
        except KeyError:
            self.fail("refused", f'source "{name.decode()}" is external, and nothing drives it')
        except BaseException:
            self._fail_by_user()

    def put_step(self, time: float) -> None:
        """Have the simulator step onto a time of the user's clock."""
        if time - self.job.offset < self.job.stop * _CLOSE:
            self.engine.stop_at(time - self.job.offset)

    def fail(self, verdict: str, message: str) -> NoReturn:
        """Tell the session why it is over, and end the process: nothing can be unwound through the simulator."""
        if getattr(self, "started", False):
            self._write_rows()
        sys.stdout.flush()
        self.connection.send(("failed", verdict, message))
        os._exit(1)

    # What is behind that

    def _plan_pause(self, time: float) -> None:
        """Have the simulator pause at a time: version 44 does so by itself, 39 needs a step there that it passes."""
        if self.engine.version >= 44:
            self.engine.command(f"stop when time = {time!r}", silent=True)
            return
        self.engine.command(f"stop when time > {time * _CLOSE!r}", silent=True)
        if self.started:
            self.engine.stop_at(time)

    def _start(self) -> None:
        self.started = True
        for name, slot in self.slots.items():
            if not slot.asked:
                self.fail("refused", f'there is no external source "{name}"')
        if self.until is not None and self.engine.version < 44:
            self.engine.stop_at(self.until)

    def _fail_by_user(self) -> NoReturn:
        """Word the exception of a user's function: its traceback goes to the log, its last line to the verdict."""
        text = traceback.format_exc()
        print(f"The co-simulation was aborted by a Python function:\n{text}", flush=True)
        self.fail("aborted", f"at {self.time:.6g} s a Python function raised {text.strip().splitlines()[-1]}")

    def _refuse(self, node: str) -> NoReturn:
        from hgesim.errors import nearest

        known = [_shown(name) for name in self.names if name != "time"]
        self.fail("refused", f'the circuit has no "{node}" that is stored; {nearest(node, known)}')

    def _add_source(self, names: tuple[str, ...], source: PythonSource, initial: tuple[float, ...]) -> None:
        if not source.nodes and source.grid is None:
            self._add_wave(names, source.function)
            return
        slots = [Slot(value) for value in initial]
        self.slots |= dict(zip(names, slots, strict=True))
        self.drives |= {name.encode(): slot.at for name, slot in zip(names, slots, strict=True)}
        vectors = [vector_name(node) for node in source.nodes]
        clock = Clock(source.grid, self) if source.grid is not None else None
        function, linear = source.function, source.hold == "linear"
        last: list[tuple[float, list[float]]] = []

        def step(time: float, values: Any) -> None:
            if clock is not None and not clock.due(time):
                return
            given = function(time, *[values[self.columns[v]].creal for v in vectors])
            new = self._checked(names, given, time)
            for number, slot in enumerate(slots):
                if linear and last and time > last[0][0]:
                    slot.slope = (new[number] - last[0][1][number]) / (time - last[0][0])
                slot.value, slot.since = new[number], time
            last[:] = [(time, new)]

        self.steps.append(step)

    def _add_wave(self, names: tuple[str, ...], function: Callable[[float], Any]) -> None:
        """Add a function of time alone: called once for each time that the simulator tries."""
        known: list[Any] = [None, ()]

        def value(number: int, slot: Slot) -> Callable[[float], float]:
            def at(time: float) -> float:
                if time != known[0]:
                    known[:] = [time, self._checked(names, function(time), time)]
                slot.asked = True
                return float(known[1][number])

            return at

        for number, name in enumerate(names):
            self.slots[name] = Slot(0.0)
            self.drives[name.encode()] = value(number, self.slots[name])

    def _checked(self, names: tuple[str, ...], given: Any, time: float) -> list[float]:
        """Return what a function gave as floats, one for each of its sources."""
        new = [float(given)] if len(names) == 1 and not np.ndim(given) else [float(value) for value in given]
        if len(new) != len(names):
            raise ValueError(f"the function of {', '.join(names)} returned {len(new)} values for {len(names)} sources")
        for name, value in zip(names, new, strict=True):
            if not -_HUGE < value < _HUGE:
                self.fail("nonfinite", f'the function of source "{name}" returned {value} at {time:.6g} s')
        return new

    def _add_listener(self, listener: Listener) -> None:
        clock = Clock(listener.grid, self) if listener.grid is not None else None
        if listener.batch > 1:
            self.batches.append(_Batch(listener, clock, self))
            return
        vectors = [vector_name(node) for node in listener.nodes]
        function = listener.function

        def step(time: float, values: Any) -> None:
            if clock is None or clock.due(time):
                function(time, *[values[self.columns[v]].creal for v in vectors])

        self.steps.append(step)

    # Rows on disk: the same file that the simulator would write, while it keeps its own in memory

    def _open_raw(self) -> None:
        kinds = ["time" if n == "time" else "current" if n.endswith("#branch") else "voltage" for n in self.names]
        shown = [_shown(name) for name in self.names]
        rows = [f"\t{k}\t{name}\t{kind}" for k, (name, kind) in enumerate(zip(shown, kinds, strict=True))]
        head = [f"Title: {self.job.lines[0]}", "Plotname: Transient Analysis", "Flags: real"]
        head += [f"No. Variables: {len(rows)}", "No. Points: "]
        self.raw = open(self.job.raw, "wb")  # noqa: SIM115 - open until the end of the run
        self.raw.write("\n".join(head).encode("utf-8", "replace"))
        self._points_at = self.raw.tell()
        self.raw.write(("0".ljust(20) + "\n" + "\n".join(["Variables:", *rows, "Binary:"]) + "\n").encode())
        self.raw.flush()

    def _write_rows(self) -> None:
        block = np.column_stack([self.column(name, self.written) for name in self.names])
        block[:, 0] += self.job.offset
        self.raw.write(block.tobytes())
        self.raw.flush()
        self.written = self.rows

    def _close_raw(self) -> None:
        if self.started:
            self.raw.seek(self._points_at)
            self.raw.write(str(self.written).encode())
            self.raw.close()


class _Batch:
    """Rows for a listener that takes many at once."""

    def __init__(self, listener: Listener, clock: Clock | None, simulation: Simulation) -> None:
        self.listener, self.clock, self.simulation = listener, clock, simulation
        self.vectors = ["time", *(vector_name(node) for node in listener.nodes)]
        self.begin, self.picked = 0, list[int]()

    def look(self) -> None:
        """Take the step that was accepted last, and call the function if there are enough."""
        rows = self.simulation.rows
        if self.clock is not None and self.clock.due(self.simulation.time):
            self.picked.append(rows - 1)
        waiting = rows - self.begin if self.clock is None else len(self.picked)
        if waiting >= self.listener.batch:
            self.flush()

    def flush(self) -> None:
        """Call the function with what is waiting."""
        rows = self.simulation.rows
        picked = np.array(self.picked, dtype=int) - self.begin if self.clock is not None else slice(None)
        if rows > self.begin and (self.clock is None or self.picked):
            columns = [self.simulation.column(name, self.begin)[picked] for name in self.vectors]
            try:
                self.listener.function(columns[0] + self.simulation.job.offset, *columns[1:])
            except BaseException:
                self.simulation._fail_by_user()
        self.begin, self.picked = rows, []


def _plain(name: str) -> str:
    """Return the plain name of a stored vector: ``1`` of "V(1)"."""
    text = name.lower()
    return text[2:-1] if text.startswith("v(") and text.endswith(")") else text


def _shown(name: str) -> str:
    """Return a vector as ngspice shows it in files: ``v(out)``, ``i(v1)``."""
    if name == "time" or name.startswith("@"):
        return name
    return f"i({name.removesuffix('#branch')})" if name.endswith("#branch") else f"v({name})"


def serve(descriptor: str, library: str) -> None:
    """Answer a session's requests until it is gone.

    Parameters
    ----------
    descriptor : str
        Number of the open file that leads to the session.
    library : str
        Path of libngspice.
    """
    connection = Connection(int(descriptor))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.path[:] = connection.recv()  # functions of the user's own modules are unpickled by importing these
    simulation = Simulation(connection, library)
    while True:
        try:
            method, *arguments = connection.recv()
        except EOFError:
            os._exit(0)
        try:
            answer = getattr(simulation, method)(*arguments)
        except Exception as error:  # such as a function that cannot be pickled any more
            connection.send(("error", f"{type(error).__name__}: {error}"))
        else:
            connection.send(("done", answer))
