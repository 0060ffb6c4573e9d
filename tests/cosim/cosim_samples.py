"""Circuits with exact solutions, and ways to look at processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

R, C = 1e3, 100e-9
TAU = R * C

# a capacitor that a current source charges or discharges
TANK = """* one capacitor
i1 0 out 0
c1 out 0 100n ic=1
.ic v(out)=1
.save v(out)
.tran {step} {stop} 0 {step}
.end
"""

# a low pass behind a source, and another behind a source for Python
LOW_PASS = """* two low passes
v1 in 0 sin(0 1 1k)
r1 in out 1k
c1 out 0 100n
v2 in2 0 0
r2 in2 out2 1k
c2 out2 0 100n
.save v(in) v(out) v(in2) v(out2)
.tran {step} {stop} 0 {step}
.end
"""


def low_pass(**values: str) -> str:
    return LOW_PASS.format(**{"step": "2e-6", "stop": "1e-3", **values})


class Recorder:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.times: list[np.ndarray | float] = []
        self.values: list[tuple] = []

    def take(self, time: float, *values: float) -> None:
        self.times.append(time)
        self.values.append(values)


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended."""
    return not Path(f"/proc/{pid}").exists()


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()
