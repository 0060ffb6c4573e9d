"""Whole processes, timed from outside: hgesim's own commands, and what they are compared with."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hgesim.errors import EngineError, HgeError

__all__ = ["Child", "example", "hgesim_peak", "peak_memory", "run_child", "run_hgesim"]

_LINES = 3
_UNLEARNT = 3
# runs a command line of hgesim in this very process and leaves its peak memory in a file
_PEAK = """import runpy, sys
from hgesim.bench.child import peak_memory
place, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_module("hgesim.cli", run_name="__main__")
finally:
    open(place, "w").write(str(peak_memory()))
"""


@dataclass(frozen=True)
class Child:
    """A process that has ended: wall time in second, and what it printed."""

    wall_s: float
    printed: str


def run_child(
    words: Sequence[str | Path],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    allowed: Sequence[int] = (0,),
) -> Child:
    """Run a command to its end.

    Parameters
    ----------
    words : sequence of str or Path
        Program and arguments.
    folder : Path, optional
        To run it in.
    environment : mapping of str to str, optional
        Instead of this process's own.
    allowed : sequence of int
        Exit statuses that count.

    Raises
    ------
    EngineError
        ``bench.failed`` on any other exit status, with the last lines that were printed; ``bench.not-started``.
    """
    command = [str(word) for word in words]
    began = time.perf_counter()
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise EngineError("bench.not-started", error.strerror or "does not start", place=command[0]) from None
    wall = time.perf_counter() - began
    if done.returncode not in allowed:
        last = " ".join([*done.stdout.splitlines()[-_LINES:], *done.stderr.splitlines()[-_LINES:]])
        raise EngineError("bench.failed", f"exit status {done.returncode}: {last}", place=" ".join(command[:4]))
    return Child(wall, done.stdout)


def run_hgesim(*words: str | Path, environment: Mapping[str, str] | None = None) -> Child:
    """Run hgesim's command line as a user does, in a process of its own; a task not learnt is no failure."""
    return run_child([sys.executable, "-m", "hgesim.cli", *words], environment=environment, allowed=(0, _UNLEARNT))


def hgesim_peak(place: Path, *words: str | Path, environment: Mapping[str, str] | None = None) -> int:
    """Run hgesim's command line and return the peak memory of its process, without the engine's, in byte."""
    run_child([sys.executable, "-c", _PEAK, place, *words], environment=environment, allowed=(0, _UNLEARNT))
    return int(place.read_text(encoding="ascii"))


def peak_memory() -> int:
    """Return the largest resident memory that this process has had, in byte.

    On Linux from ``/proc``, as ``getrusage`` also counts what the parent had when it forked.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def example(name: str) -> Path:
    """Return a file of ``examples/``: beside ``hgesim/`` in a checkout, inside it when installed.

    Raises
    ------
    HgeError
        ``bench.no-example`` if it is in neither place.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "examples", package.parent / "examples"):
        if (folder / name).is_file():
            return folder / name
    raise HgeError(
        "bench.no-example", "the file is missing", place=f"examples/{name}", remedy="reinstall hgesim, or run a clone"
    )


def plain_environment() -> dict[str, str]:
    """Return this process's environment without settings of OpenMP: what is set there is not a default."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
