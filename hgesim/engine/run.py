"""Run one self-contained deck and come back with a verdict, whatever happens on the way."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hgesim.engine.engines import Engine
from hgesim.engine.process import kill_group, start
from hgesim.engine.raw import RawHeader, count_rows, last_sweep_value, read_header, read_raw
from hgesim.engine.simulators import NGSPICE, Simulator
from hgesim.engine.verdict import RunResult, Verdict, judge, reached_by, read_log
from hgesim.errors import EngineError, RequestError

__all__ = ["LOG_NAME", "RAW_NAME", "Ended", "Progress", "conclude", "run_deck"]

RAW_NAME = "waveforms.raw"
LOG_NAME = "engine.log"
_POLL_S = 0.25
_LOG_LIMIT = 1 << 22  # the deciding lines stand at the start and at the end


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    simulated_s, end_s : float
        Simulated time reached and asked for, s.
    wall_s : float
        Wall time since the start, s.
    points : int
        Rows on disk.
    """

    simulated_s: float
    end_s: float
    wall_s: float
    points: int


def run_deck(
    folder: str | Path,
    engine: Engine,
    *,
    end_time: float,
    deck: str | None = None,
    timeout: float | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RunResult:
    """Run a deck in its folder, apart from the user's start-up files, and judge what came out.

    The deck has to write ``waveforms.raw`` in binary. The process is killed with all it started on timeout, on Ctrl-C
    (which becomes the verdict ``interrupted``) and on any exception.

    Parameters
    ----------
    folder : str or Path
        Folder that holds the deck and all it includes; ``waveforms.raw`` and ``engine.log`` are written there.
    engine : Engine
        From `select_engine`.
    end_time : float
        Simulated time that has to be reached, s; 0 for ``.op`` and sweeps.
    deck : str, optional
        File name in the folder; that of the simulator's decks by default.
    timeout : float, optional
        Wall time allowed, s; None for no limit.
    progress : callable, optional
        Called about four times a second, and once at the end, with a `Progress`.

    Returns
    -------
    RunResult
        Only its verdict ``ok`` counts as a simulation. The rows of a run that was cut short are kept.

    Raises
    ------
    RequestError
        ``engine.no-deck`` if the deck is not there.
    EngineError
        ``engine.not-installed`` if the executable does not start.
    """
    folder, deck = Path(folder).absolute(), deck or engine.simulator.deck
    if not (folder / deck).is_file():
        raise RequestError(
            "engine.no-deck", f'there is no "{deck}"', place=str(folder), remedy="write the netlist there first"
        )
    if engine.name == "ngspice" and not os.access(engine.path, os.X_OK):
        raise _not_started(engine.path, "is not there or not executable")
    raw, log = folder / RAW_NAME, folder / LOG_NAME
    for stale in (raw, log):  # rows of an earlier run must not count for this one
        stale.unlink(missing_ok=True)
    watch = _Watch(raw, end_time, progress)
    verdict = _execute(engine.command(deck), folder, timeout, watch)
    return conclude(folder, Ended(end_time, watch.engine_s, watch.returncode, verdict), deck, engine.simulator)


class _Watch:
    """Follow a raw file while it grows: the header is parsed once, then one row is read at each look."""

    def __init__(self, raw: Path, end_time: float, report: Callable[[Progress], None] | None) -> None:
        self.raw, self.end_time, self.report = raw, end_time, report
        self.started = time.monotonic()
        self.engine_s = 0.0
        self.returncode = 0
        self._header: RawHeader | None = None

    def look(self) -> None:
        """Tell the caller how far the run is."""
        if self.report is None:
            return
        try:
            self._header = self._header or read_header(self.raw)
            rows = count_rows(self.raw, self._header)
            reached = last_sweep_value(self.raw, self._header, rows)
        except (EngineError, OSError):
            rows, reached = 0, 0.0  # not written yet
        self.report(Progress(reached, self.end_time, time.monotonic() - self.started, rows))


def _execute(command: list[str], folder: Path, timeout: float | None, watch: _Watch) -> Verdict | None:
    """Run the command to its end; return a verdict if we ended it, None if it ended by itself."""
    deadline = None if timeout is None else watch.started + timeout
    process: subprocess.Popen[bytes] | None = None
    verdict: Verdict | None = None
    try:
        with (folder / LOG_NAME).open("ab") as log:
            process = start(command, folder, log)
        verdict = _wait(process, deadline, watch)
    except KeyboardInterrupt:
        verdict = Verdict.INTERRUPTED
    except OSError as error:
        if process is not None:
            raise
        raise _not_started(command[0], error.strerror or "does not start") from None
    finally:
        if process is not None:
            kill_group(process)
            watch.returncode = process.returncode
        watch.engine_s = time.monotonic() - watch.started
    return verdict


def _not_started(path: str | Path, why: str) -> EngineError:
    return EngineError("engine.not-installed", why, place=str(path), remedy="run: hgesim doctor")


def _wait(process: subprocess.Popen[bytes], deadline: float | None, watch: _Watch) -> Verdict | None:
    """Wait for the process, looking at its rows now and then; return `TIMEOUT` past the deadline."""
    while True:
        left = _POLL_S if deadline is None else min(_POLL_S, deadline - time.monotonic())
        if left <= 0:
            return Verdict.TIMEOUT
        try:
            process.wait(left)
        except subprocess.TimeoutExpired:
            watch.look()
        else:
            watch.look()
            return None


@dataclass(frozen=True)
class Ended:
    """How a run came to its end.

    Parameters
    ----------
    end_time : float
        Simulated time that had to be reached, s.
    engine_s : float
        Wall time that the engine took, s.
    returncode : int
        Exit status of its process.
    verdict : Verdict, optional
        If it was not the engine that ended it.
    message : str
        Why, where log and rows do not tell.
    """

    end_time: float
    engine_s: float
    returncode: int = 0
    verdict: Verdict | None = None
    message: str = ""


def conclude(folder: Path, ended: Ended, deck: str = NGSPICE.deck, simulator: Simulator = NGSPICE) -> RunResult:
    """Read log and rows of a folder, and judge them unless the engine did not end the run.

    Parameters
    ----------
    folder : Path
        With ``engine.log`` and maybe ``waveforms.raw``.
    ended : Ended
        How the run ended.
    deck : str
        File name of the deck.
    simulator : Simulator
        Whose log it is.
    """
    raw, log = folder / RAW_NAME, folder / LOG_NAME
    findings = read_log(_log_text(log), simulator.words)
    try:
        data = read_raw(raw)
    except EngineError:
        data = None
    reached = reached_by(data)
    if ended.verdict is None:
        missing = () if data is None else _missing(folder / deck, data.names)
        verdict, message = judge(data, findings, ended.returncode, ended.end_time, missing)
    else:
        verdict, message = ended.verdict, ended.message or _cut_short(ended, reached)
    return RunResult(
        verdict=verdict,
        message=" ".join(message.split()),
        folder=folder,
        raw=raw,
        log=log,
        engine_s=ended.engine_s,
        points=0 if data is None else len(data.values),
        iterations=findings.iterations,
        returncode=ended.returncode,
        reached=reached,
        end_time=ended.end_time,
        node=findings.node if verdict is Verdict.ABORTED else None,
    )


def _cut_short(ended: Ended, reached: float) -> str:
    """Word a run that we ended: because time was up, or because the user asked for it."""
    where = f"{reached:.4g} s of {ended.end_time:.4g} s"
    if ended.verdict is Verdict.TIMEOUT:
        return f"time is up after {ended.engine_s:.3g} s at {where}; raise the timeout"
    return f"interrupted at {where}; the rows until then are kept"


def _log_text(path: Path) -> str:
    """Return the log, of a huge one its two ends."""
    try:
        content = path.read_bytes()
    except OSError:
        return ""
    if len(content) > 2 * _LOG_LIMIT:
        content = content[:_LOG_LIMIT] + b"\n" + content[-_LOG_LIMIT:]
    return content.decode("utf-8", "replace")


def _missing(deck: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the deck saves and the raw file lacks: ngspice drops an unknown one in silence."""
    text = deck.read_text("utf-8", "replace").lower()
    lines = re.findall(r"^\.save[ \t](.*(?:\n\+.*)*)", text, re.MULTILINE)
    saved = [word for line in lines for word in re.sub(r"(\$ |;).*", "", line).split()]
    checked = [word for word in saved if re.fullmatch(r"[vi]\([^,()]+\)", word) and word not in ("v(0)", "v(gnd)")]
    return tuple(word for word in checked if word not in names)
