"""The process of a session: libngspice and the user's functions, at the other end of a pipe."""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from hgesim.cosim.job import Job
from hgesim.cosim.parts import CLOSE, Batch, Each, NonFinite, Slot, Source, Wave
from hgesim.cosim.rows import RawFile, plain_name, shown_name

__all__ = ["Simulation", "serve"]

_BLOCK, _INTERVAL_S = 4096, 0.25  # rows and wall time between two writes to disk
_JUST = 1.0 - 1e-15  # a step that is put on a time may be some roundings off
_NODES = "nodes.ic"
_NODE_LINE = re.compile(r"^\.ic v\((\S+)\) = (\S+)", re.MULTILINE)


class Simulation:
    """One transient in memory: what `hgesim.engine.binding.Hooks` asks for, and what a session asks.

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
        self.engine = Library(Path(library), self)
        self.file: RawFile | None = None
        self._loaded: set[str] = set()
        self._used = False

    # What the session asks for

    def load(self, job: Job) -> None:
        """Take a circuit, in the place of the one before."""
        for command in ("destroy all", "remcirc") if self._used else ():
            self.engine.command(command, silent=True)
        self.job, self.offset, self._used, self.file = job, job.offset, True, None
        self.rows, self.time, self._write_at = 0, job.offset, monotonic() + _INTERVAL_S
        self.until: float | None = None
        self.columns: dict[str, int] = {}
        self._add_functions(job)
        for command in (*job.setup, "set num_threads=1"):
            self.engine.command(command)
        for path in job.libraries:
            if path not in self._loaded:
                self.engine.command(f"osdi {path}")
                self._loaded.add(path)
        self.engine.load(job.lines)
        for command in job.altered:
            self.engine.command(command)

    def _add_functions(self, job: Job) -> None:
        import cloudpickle

        try:
            self.sources, self.listeners = cloudpickle.loads(job.functions)
        except Exception:
            self._fail_by_user()
        self.slots = {name: Slot(value) for name, value in job.held.items()}
        self.waves: list[Wave] = []
        self.drives: dict[bytes, Callable[[float], float]] = {}
        self.steps: list[Each | Batch | Source] = []
        for listener in self.listeners:
            self.steps.append(Each(listener, self) if listener.batch == 1 else Batch(listener, self))
        for names, (source, initial) in self.sources.items():
            if source.nodes or source.grid is not None:
                made = Source(names, source, initial, self)
                self.steps.append(made)
                self.slots |= dict(zip(names, made.slots, strict=True))
            else:
                self.waves.append(Wave(names, source.function))
                self.drives |= {name.encode(): self.waves[-1].drive(k) for k, name in enumerate(names)}
        self.drives |= {name.encode(): slot.at for name, slot in self.slots.items()}

    def run(self, until: float | None) -> tuple[float, bool]:
        """Run to a time of the user's clock or to the end; return the time reached, and whether it is the end."""
        self.until = None if until is None else until - self.offset
        if self.until is not None:
            self.engine.command(f"stop when time >= {self.until * _JUST!r}", silent=True)
            if self.file:
                self.engine.stop_at(self.until)
        told = self.engine.command("resume" if self.file else "run")
        paused = any("condition met: stop" in line for line in told)
        self.engine.command("delete all", silent=True)
        if self.file:
            self._write_rows()
            try:
                for part in self.steps:
                    if isinstance(part, Batch):
                        part.flush()
            except BaseException:
                self._fail_by_user()
        if not paused:
            if self.file:
                self.file.close()
            self.engine.command("rusage totiter tranpoints trantime")
        return self.time, not paused

    def read(self, names: Sequence[str]) -> list[float] | str:
        """Return the last values of vectors, or the first name that is none."""
        for name in names:
            if name not in self.columns:
                return name
        return [float(self.column(name, self.rows - 1)[0]) for name in names]

    def command(self, text: str) -> list[str]:
        """Carry out a command of ngspice and return what it told."""
        return self.engine.command(text, silent=True)

    def hold(self, name: str, value: float) -> None:
        """Set a source that only the user changes."""
        self.slots[name].value = value

    def snapshot(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the voltage of every node, to six digits or, if it is stored, to all; and what held sources give."""
        here = os.getcwd()
        os.chdir(Path(self.job.raw).parent)
        try:
            self.engine.command(f"wrnodev {_NODES}", silent=True)
            text = Path(_NODES).read_text("utf-8", "replace")
            Path(_NODES).unlink()
        finally:
            os.chdir(here)
        nodes = {name.lower(): float(value) for name, value in _NODE_LINE.findall(text)}
        stored = [name for name in self.columns if name in nodes]
        nodes |= {name: float(self.column(name, self.rows - 1)[0]) for name in stored}
        return nodes, {name: slot.at(self.time) for name, slot in self.slots.items()}

    def state(self) -> bytes:
        """Return all functions as they are now."""
        import cloudpickle

        sources = [source.function for source, _ in self.sources.values()]
        return bytes(cloudpickle.dumps((sources, [listener.function for listener in self.listeners])))

    # What the simulator calls; nothing of it may raise, as nothing can be unwound through the simulator

    def begin(self, names: Sequence[str]) -> None:
        """Take the vectors' names; called anew after every pause."""
        self.stored = {plain_name(name): name for name in reversed(names)}  # the order of ngspice's own files
        self.columns = {plain_name(name): k for k, name in enumerate(names)}
        self._time_column = self.columns["time"]

    def accept(self, values: Any) -> None:
        """Let the functions see a step."""
        try:
            time = self.time = values[self._time_column].creal + self.offset
            self.rows += 1
            if self.file is None:
                self._start()
            for part in self.steps:
                part.step(time, values)
            if self.rows - self.file.rows >= _BLOCK or monotonic() > self._write_at:  # type: ignore[union-attr]
                self._write_rows()
        except BaseException:
            self._fail_by_user()

    def drive(self, name: bytes, time: float) -> float:
        """Return a source's value for a time that the simulator tries."""
        try:
            return self.drives[name](time + self.offset)
        except BaseException:
            if name not in self.drives:
                self._fail("refused", f'source "{name.decode()}" is external, and nothing drives it')
            self._fail_by_user()

    # What parts ask for

    def put_step(self, time: float) -> None:
        """Have the simulator step onto a time of the user's clock."""
        if time - self.offset < self.job.stop * CLOSE:
            self.engine.stop_at(time - self.offset)

    def column(self, name: str, begin: int) -> NDArray[np.float64]:
        """Return a stored vector from row `begin` on; times are the simulator's."""
        return self.engine.values(self.stored[name], begin)

    # What is behind that

    def _start(self) -> None:
        """Look at the first step: now it is known what there is."""
        nodes = [node for part in self.steps for node in part.vectors if node not in self.columns]
        if nodes:
            from hgesim.errors import nearest

            known = [shown_name(name) for name in self.columns if name != "time"]
            self._fail("refused", f'the circuit has no "{nodes[0]}" that is stored; {nearest(nodes[0], known)}')
        lost = [name for name, slot in self.slots.items() if not slot.asked]
        lost += [name for wave in self.waves for name, asked in zip(wave.names, wave.asked, strict=True) if not asked]
        if lost:
            self._fail("refused", f'there is no external source "{lost[0]}"')
        ordered = sorted(self.stored, key=lambda name: name != "time")
        self.file = RawFile(Path(self.job.raw), self.job.lines[0], ordered)
        if self.until is not None:
            self.engine.stop_at(self.until)

    def _write_rows(self) -> None:
        assert self.file is not None
        names = sorted(self.stored, key=lambda name: name != "time")
        block = np.column_stack([self.column(name, self.file.rows) for name in names])
        block[:, 0] += self.offset
        self.file.append(block)
        self._write_at = monotonic() + _INTERVAL_S

    def _fail_by_user(self) -> NoReturn:
        """Tell of the exception at hand: its traceback goes to the log, its last line to the verdict."""
        error = sys.exc_info()[1]
        if isinstance(error, NonFinite):
            self._fail("nonfinite", str(error))
        text = traceback.format_exc()
        with contextlib.suppress(OSError):
            print(f"A Python function of the co-simulation failed:\n{text}", flush=True)
        self._fail("aborted", f"at {self.time:.6g} s a Python function raised {text.strip().splitlines()[-1]}")

    def _fail(self, verdict: str, message: str) -> NoReturn:
        """Tell the session why it is over, and end the process, whatever else fails: the simulator must not go on."""
        try:
            with contextlib.suppress(OSError):  # a full disk
                if self.file:
                    self._write_rows()
                sys.stdout.flush()
            self.connection.send(("failed", verdict, message))
        finally:
            os._exit(1)


def _end_with_session(descriptor: int) -> None:
    """End the process when the other end of the pipe is closed, even while the simulator runs."""
    closed = select.poll()
    closed.register(descriptor, 0)  # of its end is told without being asked for
    closed.poll()
    os._exit(0)


def serve(descriptor: str, library: str) -> None:
    """Answer a session's requests until it is gone.

    Parameters
    ----------
    descriptor : str
        Number of the open file that leads to the session.
    library : str
        Path of libngspice.
    """
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    threading.Thread(target=_end_with_session, args=(int(descriptor),), daemon=True).start()
    connection = Connection(int(descriptor))
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
