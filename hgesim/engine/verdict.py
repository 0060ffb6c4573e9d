"""Decide whether a finished process was a valid simulation: log, raw file and end time, never the exit status alone."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from hgesim.engine.raw import FLOW, RawData, row_blocks
from hgesim.engine.simulators import NGSPICE, LogWords

__all__ = ["LogFindings", "RunResult", "Verdict", "judge", "reached_by", "read_log"]

HUGE = 1e30  # ngspice caps a division by zero at 1e32: no voltage, current or time is that large
_END_TOLERANCE = 1e-6


class Verdict(StrEnum):
    """Whether a simulation counts: only `OK` does."""

    OK = "ok"
    ABORTED = "aborted"
    INTERRUPTED = "interrupted"
    NONFINITE = "nonfinite"
    TIMEOUT = "timeout"
    ENGINE_ERROR = "engine-error"
    END_NOT_REACHED = "end-not-reached"


@dataclass(frozen=True)
class RunResult:
    """Outcome of one engine run.

    Parameters
    ----------
    verdict : Verdict
        Only ``ok`` counts as a simulation.
    message : str
        One line: what happened and what to do next; empty when ok.
    folder, raw, log : Path
        Run folder, waveforms file (may be missing) and engine log.
    engine_s : float
        Wall time of the engine process, s.
    points : int
        Whole rows in the waveforms file.
    iterations : int or None
        Newton iterations that the simulator reports at its end; None if it never got there.
    returncode : int
        Exit status; negative for a signal. Recorded, not trusted.
    reached : float
        Last time (or frequency) in the waveforms file, s (or Hz).
    end_time : float
        Time that was asked for, s; 0 for analyses without one.
    node : str or None
        Node or instance that the simulator blames for non-convergence.
    user_init : bool
        True if the user's own start-up files were read.
    """

    verdict: Verdict
    message: str
    folder: Path
    raw: Path
    log: Path
    engine_s: float
    points: int
    iterations: int | None
    returncode: int
    reached: float
    end_time: float
    node: str | None = None
    user_init: bool = False

    @property
    def ok(self) -> bool:
        """True if the verdict is ok."""
        return self.verdict is Verdict.OK


@dataclass(frozen=True)
class LogFindings:
    """What the log gives away: lines that tell of an abort or of a refusal, the node blamed, iterations."""

    aborted: str = ""
    fatal: str = ""
    error: str = ""
    node: str | None = None
    iterations: int | None = None


def read_log(text: str, words: LogWords = NGSPICE.words) -> LogFindings:
    """Search an engine log for the lines that decide.

    Parameters
    ----------
    text : str
        Standard output and error of the engine.
    words : LogWords
        What its simulator says.
    """
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if not line.startswith(words.ignored)]
    body = "\n".join(lines)
    iterations = words.iterations.findall(body)
    return LogFindings(
        aborted=_most_telling(lines, words),
        fatal=next((line for line in lines if words.fatal.search(line)), ""),
        error=_first_error(lines, words),
        node=_blamed(body, words),
        iterations=int(iterations[-1]) if iterations else None,
    )


def _blamed(body: str, words: LogWords) -> str | None:
    """Return the node or instance in trouble, hierarchy with points."""
    for pattern in words.blamed:
        if found := list(pattern.finditer(body)):
            name = next(group for group in found[-1].groups() if group)
            return name.removesuffix(FLOW).replace(":", ".")
    return None


def _first_error(lines: list[str], words: LogWords) -> str:
    """Return the first line that tells of an error, with the next where it goes on there."""
    filled = [line for line in lines if line and not line.startswith("Note:")]
    for number, line in enumerate(filled):
        if words.error.search(line):
            return " ".join(filled[number : number + 2]) if line.endswith((":", "from line")) else line
    return ""


def _most_telling(lines: list[str], words: LogWords) -> str:
    """Return the most telling line of an abort: the one with time and node if there is one."""
    found = [line for line in lines if words.aborted.search(line)]
    return next((line for line in found if "trouble" in line), found[0] if found else "")


def judge(
    data: RawData | None, findings: LogFindings, returncode: int, end_time: float, missing: tuple[str, ...] = ()
) -> tuple[Verdict, str]:
    """Give the verdict on a process that ended by itself.

    Parameters
    ----------
    data : RawData or None
        The waveforms; None if there is no readable file.
    findings : LogFindings
        What the log says.
    returncode : int
        Exit status of the process.
    end_time : float
        Time to be reached, s; 0 if the analysis has none.
    missing : tuple of str
        Vectors that the deck saves and the file lacks.

    Returns
    -------
    tuple of Verdict and str
        The verdict and one line of advice.
    """
    reached = reached_by(data)
    if returncode < 0:
        return Verdict.ENGINE_ERROR, _killed_advice(-returncode)
    if "rawfile write error" in findings.fatal:
        return (
            Verdict.ENGINE_ERROR,
            "the waveforms could not be written; free disk space, or save fewer vectors",
        )
    if findings.aborted and not (findings.fatal and data is None):
        return Verdict.ABORTED, _abort_advice(findings, reached, end_time)
    if findings.fatal:
        return Verdict.ENGINE_ERROR, f"the simulator refused the deck: {findings.error or findings.fatal}"
    if data is None or not len(data.values):
        why = findings.error or "see engine.log"
        return Verdict.ENGINE_ERROR, f"the simulator wrote no waveforms: {why}"
    culprit = _first_unusable(data)
    if culprit:
        return (
            Verdict.NONFINITE,
            f"{culprit} is not finite or beyond 1e30; look for a division by zero or an unbounded source there",
        )
    if end_time > 0 and reached < end_time * (1 - _END_TOLERANCE):
        return (
            Verdict.END_NOT_REACHED,
            f"the simulator stopped at {reached:.4g} s of {end_time:.4g} s; see engine.log and the free disk space",
        )
    if missing:
        return (
            Verdict.ENGINE_ERROR,
            f"the deck saves {', '.join(missing)}, which the circuit does not have; check the names",
        )
    if returncode > 0 and not data.complete:
        return (
            Verdict.ENGINE_ERROR,
            f"the simulator left with status {returncode} before it closed the waveforms; see engine.log",
        )
    return Verdict.OK, ""


def reached_by(data: RawData | None) -> float:
    """Return the last time or frequency of the rows, s or Hz; 0 without one."""
    if data is None or not len(data.values) or data.names[0] not in ("time", "frequency"):
        return 0.0
    return float(np.real(data.values[-1, 0]))


def _first_unusable(data: RawData) -> str:
    """Name the first vector that holds NaN, infinity or a number beyond any physics; empty if all are sound."""
    for block in row_blocks(data.values):
        with np.errstate(invalid="ignore", over="ignore"):
            sound = (np.abs(block) < HUGE).all(axis=0)
        sound[0] = (np.abs(block[:, 0].real) < HUGE).all()  # the sweep is real, see RawData
        if not sound.all():
            return data.names[int(np.argmin(sound))]
    return ""


def _abort_advice(findings: LogFindings, reached: float, end_time: float) -> str:
    """Word an abort: where, when, and what to look at."""
    when = f" at {reached:.4g} s of {end_time:.4g} s" if end_time > 0 else ""
    where = f' near "{findings.node}"' if findings.node else ""
    cause = findings.aborted if findings.node else findings.error or findings.aborted
    return f"the simulator gave up{when}{where} ({cause}); look there for a sharp edge or a floating node"


def _killed_advice(number: int) -> str:
    """Word a death by signal, by name where the system has one."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"):
        return (
            f"the simulator was killed by {name} from outside; look for a job limit or a machine out of memory, "
            "and run again"
        )
    return f"the simulator crashed with {name}; see engine.log, and try without its last change or with another version"
