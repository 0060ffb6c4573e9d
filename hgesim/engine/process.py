"""Run an engine as one process group that never outlives us."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from hgesim.engine.linker import linker_folder

__all__ = ["clean_environment", "kill_group", "python_command", "start"]

# each of these makes a simulator read files of the user or write another raw format
_HOSTILE = (
    *("SPICE_USERINIT_DIR", "SPICE_ASCIIRAWFILE", "NGSPICE_INPUT_DIR", "NGSPICE_MEAS_PRECISION"),
    *("SIM_INCLUDE_PATH", "SIM_MODULE_PATH", "SIM_OPENVAF"),
)


def clean_environment() -> dict[str, str]:
    """Return the environment of an engine: locale C, one thread, a linker, nothing of the user's that changes a run."""
    environment = {key: value for key, value in os.environ.items() if key not in _HOSTILE and not key.startswith("LC_")}
    if (linker := linker_folder()) is not None:
        environment["PATH"] = os.pathsep.join([str(linker), environment.get("PATH", os.defpath)])
    # two OpenMP threads make small BSIM4 circuits tens of times slower; this caps whatever a start-up file sets
    return environment | {"LC_ALL": "C", "LANG": "C", "OMP_THREAD_LIMIT": "1"}


@functools.lru_cache(maxsize=1)
def _die_with_parent() -> tuple[str, ...]:
    """Return the prefix that has Linux kill the engine when Python dies.

    setpriv (util-linux) sets it and then becomes the engine: unlike a `preexec_fn` it is safe beside threads.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None:
        return ()
    prefix = (setpriv, "--pdeathsig", "KILL", "--")
    true = shutil.which("true") or "/bin/true"
    try:
        works = (
            subprocess.run(
                [*prefix, true], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        works = False
    return prefix if works else ()


def python_command(function: str, *arguments: str) -> list[str]:
    """Return the command that calls a function of hgesim with texts, in a Python like this one, from any folder.

    Parameters
    ----------
    function : str
        Module and function, for example ``"hgesim.engine.worker.run_file"``.
    *arguments : str
        What it gets.
    """
    module, _, name = function.rpartition(".")
    root = str(Path(__file__).resolve().parents[2])
    script = f"import sys; sys.path.insert(0, sys.argv[1]); from {module} import {name}; {name}(*sys.argv[2:])"
    return [sys.executable, "-P", "-c", script, root, *arguments]


def start(
    command: Sequence[str | Path], folder: Path, output: IO[bytes] | int, pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a command in `folder` in a session of its own, without input, output and errors to one file.

    Of our open files the command gets those of `pass_fds` only. One that gets any has to end when they are closed: it
    may outlive the thread that starts it, at whose end Linux takes the parent for dead.
    """
    prefix = () if pass_fds else _die_with_parent()
    return subprocess.Popen(
        [*prefix, *map(str, command)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=clean_environment(),
        start_new_session=True,
        pass_fds=pass_fds,
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all it started, and wait until it is gone; harmless if it has ended."""
    if process.returncode is not None:
        return  # its number may already belong to another process
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
