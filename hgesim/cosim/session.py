"""A transient that Python takes part in: its sources, its listeners, and pauses in which to look and to alter."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from hgesim.arguments import check_kind, check_positive, check_real, is_real
from hgesim.cosim.circuits import alteration, deck_of, node_of
from hgesim.cosim.client import Client, Failed, Refused
from hgesim.cosim.functions import Listener, PythonSource
from hgesim.cosim.prepare import checked_listeners, checked_sources, complete_deck, make_job, named_functions
from hgesim.cosim.snapshot import Snapshot, later, later_alteration
from hgesim.design import Circuit, Design, Transient
from hgesim.engine import LOG_NAME, RAW_NAME, Ended, RawData, RunResult, Verdict, conclude, read_raw, select_engine
from hgesim.errors import EngineError, RequestError
from hgesim.netlist import DECK

if TYPE_CHECKING:
    from PySpice.Spice.Netlist import Circuit as PySpiceCircuit

__all__ = ["Session"]

_FAREWELL_S = 10.0  # for the functions' last state, when a session is closed
_CLOSE = 1.0 - 1e-9
_TROUBLE = ("error", "no such", "can't", "not found", "unable")


class _Resumed(NamedTuple):
    """A circuit, and where its simulation begins."""

    circuit: Any
    start: Snapshot


class Session:
    """A circuit in a simulator that waits for Python, in a process of its own.

    Parameters
    ----------
    circuit : Design, Circuit, str, Path or PySpice circuit
        What is simulated. Text is a deck, a path that of a deck; of its control section only ``set`` and ``osdi`` lines
        count.
    sources : mapping, optional
        What drives which source: a `PythonSource`, or a number that only `alter` changes. A key is the name of a
        source in the deck, whatever value that has there, or a tuple of names for a function that drives several.
    listeners : sequence of Listener
        Are told of steps, before sources are computed.
    transient : Transient, optional
        The analysis, in the place of the circuit's own; a PySpice circuit has none.
    folder : str or Path, optional
        Where deck, ``engine.log`` and ``waveforms.raw`` go; by default a temporary one that lives as long as the
        session object.
    timeout : float, optional
        Wall time that all simulation together may take, s; Python's own between runs does not count.

    Attributes
    ----------
    time : float
        Last accepted step, s.
    result : RunResult or None
        The verdict, once the run is over.

    Raises
    ------
    RequestError
        ``cosim.*`` for a circuit, source or node that cannot be.
    EngineError
        ``engine.not-installed`` without libngspice or PySpice, saying what to install.

    Notes
    -----
    The functions run in the simulator's process. They get there by cloudpickle, all in one piece: an object that two
    of them share is shared there too, and `state` brings it back. What they print goes to ``engine.log``. All stored
    rows stay in the simulator's memory until the end, 8 bytes a value: store what you need (``.save``).

    Examples
    --------
    >>> with Session(deck, sources={"v1": PythonSource(control, ["out"])}) as session:      # doctest: +SKIP
    ...     session.run(1e-3)
    ...     session.alter("r1", 2e3)
    ...     session.run()
    """

    def __init__(
        self,
        circuit: Design | Circuit | str | Path | PySpiceCircuit,
        *,
        sources: Mapping[str | tuple[str, ...], PythonSource | float] | None = None,
        listeners: Sequence[Listener] = (),
        transient: Transient | None = None,
        folder: str | Path | None = None,
        timeout: float | None = None,
    ) -> None:
        if transient is not None:
            check_kind(transient, Transient, "cosim.bad-transient", "transient")
        self.timeout = None if timeout is None else check_positive(timeout, "cosim.bad-timeout", "timeout", "s")
        engine = select_engine("shared")
        self.folder = Path(tempfile.mkdtemp(prefix="hgesim-session-") if folder is None else folder).absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        if folder is None:
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        circuit, start = circuit if isinstance(circuit, _Resumed) else _Resumed(circuit, Snapshot(0.0, {}))
        self._epoch = circuit.loop.timeline.epoch if isinstance(circuit, Design) else None
        self._circuit = circuit.circuit if isinstance(circuit, Design) else circuit
        self._sources = checked_sources({} if sources is None else sources)
        self._listeners = checked_listeners(listeners)
        deck, place = deck_of(self._circuit, self.folder, engine, transient)
        functions = named_functions(self._circuit, self._sources, self._listeners)
        deck = complete_deck(deck, *functions)
        self._deck = later(deck, start) if start.time else deck
        self._job = make_job(self._deck, functions, start, self.folder / RAW_NAME)
        (self.folder / DECK).write_text("\n".join(self._deck.text) + "\n", "utf-8", "surrogateescape")
        (self.folder / LOG_NAME).write_bytes(b"")
        self._start = start
        self.time, self.result = start.time, None  # type: float, RunResult | None
        self._altered = list(start.altered)
        self._last_state: tuple[list[Any], list[Any]] | None = None
        self._client = Client(engine.path, place, self.folder / LOG_NAME)
        self._begin()

    def _begin(self) -> None:
        (self.folder / RAW_NAME).unlink(missing_ok=True)
        self._ask("load", self._job)

    def __enter__(self) -> Self:
        """Return the session; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the session."""
        self.close()

    def __del__(self) -> None:
        """Leave no process behind."""
        if hasattr(self, "_client"):
            self._client.kill()

    def __iter__(self) -> Iterator[int]:
        """Run epoch by epoch of a `Design`'s time line; see `every`."""
        if self._epoch is None:
            raise RequestError(
                "cosim.no-epochs", "only a Design has epochs", remedy="for number in session.every(seconds)"
            )
        return self.every(self._epoch)

    @property
    def stop(self) -> float:
        """Return the end of the transient, s."""
        return self._job.offset + self._job.stop

    def run(self, until: float | None = None) -> float:
        """Simulate up to a time, on which a step is put, or to the end.

        Parameters
        ----------
        until : float, optional
            In second, after `time`.

        Returns
        -------
        float
            The time reached.

        Raises
        ------
        RequestError
            ``cosim.bad-time``, ``cosim.ended``; ``cosim.refused`` if a node or source does not exist.
        EngineError
            ``cosim.aborted`` and so on: the run is over, and `result` has the verdict.
        """
        self._refuse_ended()
        if until is not None:
            if not check_real(until, "cosim.bad-time", "until") > self.time / _CLOSE:
                raise RequestError("cosim.bad-time", f"{until:g} s is not after {self.time:g} s", place="until")
            until = None if until >= self.stop * _CLOSE else float(until)
        self.time, ended = self._ask("run", until)
        if ended and not (result := self._conclude(None)).ok:
            self._client.kill()
            raise EngineError(f"cosim.{result.verdict}", result.message, place=str(result.log))
        return self.time

    def every(self, seconds: float) -> Iterator[int]:
        """Run in stretches of so many seconds, up to the end; yield the number of each when its end is reached.

        Between two of them the simulation waits: look at it with `read`, change it with `alter`.

        Raises
        ------
        RequestError
            ``cosim.bad-time``; as `run` otherwise.
        """
        check_positive(seconds, "cosim.bad-time", "seconds", "s")
        while self.result is None:
            number = int(self.time / seconds / _CLOSE)
            self.run(min((number + 1) * seconds, self.stop))
            yield number

    def read(self, names: str | Sequence[str]) -> Any:
        """Return stored values at `time`: a float for one name, an array for a sequence.

        Parameters
        ----------
        names : str or sequence of str
            Nodes and currents as for `PythonSource`; of an hgesim circuit also labels of electrodes and sites.

        Raises
        ------
        RequestError
            ``cosim.unknown-node`` for what is not stored, ``cosim.not-started`` before the first run.
        """
        wanted = [names] if isinstance(names, str) else list(names)
        self._refuse_fresh("read")
        found = self._ask("read", [node_of(self._circuit, name) for name in wanted])
        if isinstance(found, str):
            raise RequestError(
                "cosim.unknown-node",
                f'"{found}" is not stored',
                place="read",
                remedy="name it in .save or a listener",
            )
        return found[0] if isinstance(names, str) else np.array(found)

    def alter(self, name: str, value: float | Sequence[float], parameter: str | None = None) -> None:
        """Change a value from now on.

        Parameters
        ----------
        name : str
            A source that was given as a number; a device of the deck (``"r1"``, ``"r.x1.r1"`` inside a subcircuit) or a
            model. Of an hgesim circuit also an electrode that a source drives, a bond (``"bond_3"``: its conductance or
            rate), a block, or ``"temperature"``: that of hopping, in kelvin.
        value : float or sequence of float
            In SI units.
        parameter : str, optional
            Of the device, instead of its main value: ``alter("v1", [0, 1, 2e3], "sin")``, times by the session's clock.
            Of a block, the device inside it that is meant: ``alter("x_readout", 2e5, "rf")``.

        Raises
        ------
        RequestError
            ``cosim.unknown-device``, ``cosim.no-effect``, ``cosim.bad-value``, ``cosim.bad-name``, ``cosim.ended``; in
            a session that was resumed ``cosim.no-resume`` for waves other than sin, pulse and exp.
        """
        self._refuse_ended()
        if check_kind(name, str, "cosim.bad-name", "alter").lower() in self._job.held:
            if parameter is not None:
                raise RequestError("cosim.bad-name", f'"{parameter}"', place=name, remedy="it is a number: give none")
            if not (is_real(value) and np.isfinite(value)):
                raise RequestError("cosim.bad-value", repr(value)[:60], place=name, remedy="a finite number")
            self._ask("hold", name.lower(), float(value))  # type: ignore[arg-type]
            return
        for command in alteration(self._circuit, self._deck, name, value, parameter):
            now = later_alteration(command, self._job.offset)
            told = [line for line in self._ask("command", now) if any(word in line.lower() for word in _TROUBLE)]
            if told:
                raise RequestError("cosim.unknown-device", f"{name}: {told[0]}", place="alter")
            self._altered.append(command)

    def state(self, item: PythonSource | Listener | str) -> Any:
        """Return the function of a source or listener as it is in the simulator's process; of a method, its object.

        Parameters
        ----------
        item : PythonSource, Listener or str
            As given to the session, or the name of a source.

        Raises
        ------
        RequestError
            ``cosim.unknown-function``.
        EngineError
            ``cosim.state-lost`` after a crash, and for objects that cannot be pickled.
        """
        driven = [(names, source) for names, source in self._sources.items() if isinstance(source, PythonSource)]
        name = item.lower() if isinstance(item, str) else None
        places = [(0, k) for k, (names, source) in enumerate(driven) if item is source or name in names]
        places += [(1, k) for k, listener in enumerate(self._listeners) if item is listener]
        if not places:
            raise RequestError("cosim.unknown-function", f"{item!r}"[:60], remedy="a source or listener given here")
        found = self._last_state if self._client.gone else self._fetch(None)
        if found is None:
            raise EngineError("cosim.state-lost", "the simulator's process ended before its functions could be fetched")
        function = found[places[0][0]][places[0][1]]
        return getattr(function, "__self__", function)

    def waveforms(self) -> RawData:
        """Return all that was stored so far."""
        return read_raw(self.folder / RAW_NAME)

    def save(self, path: str | Path) -> Snapshot:
        """Keep what is needed to go on in another process with `resume`: node voltages, and what was altered.

        Not kept are charges, currents, the integration's history and on which side of its hysteresis a switch is: the
        first steps of the session that goes on are those of a start (backward Euler, small), and a charge is what the
        device's equations make of its voltages. Kept are six digits of nodes that are not stored, all digits of those
        that are. Measured against a session that was not cut: at most 1e-5 of a signal's range on an RC network, 6e-7
        on a rectifier with an amplifier; on the controls of a learning loop after two more epochs 0.2 uV with ideal
        blocks, and 60 uV with GF180 blocks, where the pause alone moves them by 34 uV. The functions' state is the
        user's to keep (`state`).

        Parameters
        ----------
        path : str or Path
            A JSON file.

        Raises
        ------
        RequestError
            ``cosim.not-started``, ``cosim.ended``; ``cosim.no-resume`` at once for a circuit that could not go on.
        """
        self._refuse_ended()
        self._refuse_fresh("save")
        nodes, held = self._ask("snapshot")
        made = Snapshot(self.time, nodes, tuple(self._altered), held)
        later(self._deck, replace(made, time=self.time - self._job.offset))
        made.write(Path(path))
        return made

    @classmethod
    def resume(cls, path: str | Path, circuit: Any, **options: Any) -> Self:
        """Go on where a session was when it was saved; its clock goes on too.

        Functions are told of the moment of the cut once more: it is the first step here.

        Parameters
        ----------
        path : str or Path
            What `save` wrote.
        circuit : Design, Circuit, str, Path or PySpice circuit
            The same as then.
        **options
            As for a new session, functions as they shall be now. Sources begin with the values that they had.

        Raises
        ------
        RequestError
            ``cosim.bad-snapshot``, ``cosim.no-resume``; as for a new session otherwise.
        """
        return cls(_Resumed(circuit, Snapshot.read(Path(path))), **options)

    def restart(self) -> None:
        """Begin again where the session began, as if nothing had been altered since, with the functions as given."""
        if self._client.gone:
            raise RequestError("cosim.ended", "the session is over", remedy="make another")
        os.truncate(self.folder / LOG_NAME, 0)
        self.time, self.result, self._client.busy_s = self._job.offset, None, 0.0
        self._altered = list(self._start.altered)
        self._begin()

    def close(self) -> None:
        """End the simulator's process; rows, log, verdict and the functions' last state are kept."""
        try:
            if not self._client.gone:
                with contextlib.suppress(EngineError):
                    self._last_state = self._fetch(_FAREWELL_S)
            self._conclude(Verdict.INTERRUPTED, f"closed at {self.time:.4g} s of {self.stop:.4g} s")
        finally:
            self._client.kill()

    def _fetch(self, seconds: float | None) -> tuple[list[Any], list[Any]]:
        import pickle

        try:
            found: tuple[list[Any], list[Any]] = pickle.loads(self._client.ask("state", seconds=seconds))
        except KeyboardInterrupt:  # what the worker still answers would be taken for the answer to something else
            self._client.kill()
            self._conclude(Verdict.INTERRUPTED)
            raise
        except Exception as error:  # unpickling runs code of the user's
            raise EngineError("cosim.state-lost", f"{error}" or type(error).__name__) from None
        return found

    def _refuse_fresh(self, place: str) -> None:
        if not self.time > self._job.offset:
            raise RequestError("cosim.not-started", "there is no step yet", place=place, remedy="run first")

    def _refuse_ended(self) -> None:
        if self.result is not None:
            raise RequestError(
                "cosim.ended", f"the run is over: {self.result.verdict}", remedy="restart it, or make another session"
            )

    def _ask(self, method: str, *arguments: Any) -> Any:
        """Ask the worker; whatever goes wrong ends the run with one verdict."""
        over = self.result is not None  # then its verdict stands, and no time runs
        left = None if over or self.timeout is None else self.timeout - self._client.busy_s
        verdict, message, status = None, "", 0
        try:
            return self._client.ask(method, *arguments, seconds=left)
        except TimeoutError:
            verdict = Verdict.TIMEOUT
        except EOFError:
            status = self._client.wait()
        except Failed as failed:
            word, message = failed.args
            verdict = Verdict.ENGINE_ERROR if word == "refused" else Verdict(word)
        except Refused as refused:
            raise EngineError("cosim.not-done", str(refused), place=method) from None
        except KeyboardInterrupt:
            self._client.kill()
            self._conclude(Verdict.INTERRUPTED)
            raise
        self._client.kill()
        if over:
            raise EngineError("cosim.not-done", "the simulator's process has ended", place=method)
        result = self._conclude(verdict, message, status)
        if verdict is Verdict.ENGINE_ERROR:
            raise RequestError("cosim.refused", result.message, place="session")
        raise EngineError(f"cosim.{result.verdict}", result.message, place=str(result.log))

    def _conclude(self, verdict: Verdict | None, message: str = "", status: int = 0) -> RunResult:
        """Return the verdict: the first that there was."""
        if self.result is None:
            ended = Ended(self.stop, self._client.busy_s, status, verdict, message)
            self.result = conclude(self.folder, ended)
        return self.result
