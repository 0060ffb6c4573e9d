"""Decks and raw files to judge."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

CONTROL = """.control
set num_threads=1
set filetype=binary
{extra}run waveforms.raw
rusage totiter tranpoints trantime
quit
.endc
.end
"""

RC = """* low pass, driven by a sine
v1 in 0 sin(0 1 1k)
r1 in out 1k
c1 out 0 100n
.save v(in) v(out)
.tran 1e-6 {stop} 0 1e-6
"""

# a circuit, the verdict on its transient, and what the message has to name
TRAPS = {
    "division by zero": ("b1 out 0 v=1/v(in)\nr1 out 0 1\nv1 in 0 0\n", "nonfinite", "v(out)"),
    "missing model": ("v1 in 0 1\nd1 in 0 nope\n", "engine-error", "nope"),
    "missing subcircuit": ("v1 in 0 1\nx1 in 0 nope\n", "engine-error", "nope"),
    "missing include": (".include nothere.sp\nv1 in 0 1\n", "engine-error", "nothere.sp"),
    "unknown parameter": ("v1 in 0 1\nr1 in 0 {foo}\n", "engine-error", "foo"),
    "unknown saved node": (".save v(nothere) v(in)\nv1 in 0 1\nr1 in 0 1\n", "engine-error", "v(nothere)"),
    "only an unknown saved node": (".save v(nothere)\nv1 in 0 1\nr1 in 0 1\n", "engine-error", ""),
    "two sources in parallel": ("v1 in 0 1\nv2 in 0 2\nr1 in 0 1\n", "aborted", "v"),
    "logarithm of a negative": ("v1 in 0 1\nb1 out 0 v=ln(v(in)-2)\nr1 out 0 1\n", "aborted", "ln"),
}


def raw_bytes(values: np.ndarray, *, points: int | None = None, names: tuple[str, ...] = ("time", "v(a)")) -> bytes:
    """Lay out a raw file as ngspice does."""
    rows, columns = values.shape
    flags = "complex" if np.iscomplexobj(values) else "real"
    lines = [
        "Title: * t",
        "Date: today",
        "Plotname: Transient Analysis",
        f"Flags: {flags}",
        f"No. Variables: {columns}",
    ]
    lines += [f"No. Points: {rows if points is None else points}       ", "Variables:"]
    lines += [f"\t{i}\t{name}\t{'time' if i == 0 else 'voltage'}" for i, name in enumerate(names)]
    return ("\n".join([*lines, "Binary:"]) + "\n").encode() + values.tobytes()


def ramp(rows: int = 11, end: float = 1e-3) -> np.ndarray:
    """Return a clean two-column run."""
    time = np.linspace(0, end, rows)
    return np.column_stack([time, 2 * time])


def processes_in(folder: Path) -> list[int]:
    """Return the processes whose working folder is `folder` (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == str(folder):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_for(condition, seconds: float = 10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    return condition()
