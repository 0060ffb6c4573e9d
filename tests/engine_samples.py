"""Decks and raw files to judge."""

from __future__ import annotations

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
