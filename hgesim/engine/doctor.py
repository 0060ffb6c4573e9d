"""Say what this machine can simulate with, and what to install for more."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Sequence
from typing import Any

from hgesim.engine import remedies
from hgesim.engine.bond import openvaf, openvaf_version
from hgesim.engine.engines import OLDEST_MAJOR, Engine, find_engines, find_shared
from hgesim.engine.library import find_library
from hgesim.engine.linker import find_linker
from hgesim.engine.models import gf180_models
from hgesim.engine.simulators import NGSPICE, SIMULATORS, VACASK
from hgesim.errors import EngineError

__all__ = ["dialect_of", "doctor_report", "format_doctor"]


def doctor_report(engines: Sequence[Engine] | None = None) -> dict[str, Any]:
    """Look at the machine.

    Parameters
    ----------
    engines : sequence of Engine, optional
        Engines to report on; those of this machine by default.

    Returns
    -------
    dict
        Plain values for JSON: ``python``, ``platform``, ``engines`` (each with the ``dialect`` it gets), ``openvaf``,
        ``ld``, ``gf180``, ``pyspice``, ``libngspice`` and ``problems``: what is missing, what it costs, and
        ``remedies`` by platform, the one for this machine as ``remedy``.
    """
    if engines is None:
        shared = find_shared()
        engines = [engine for name in SIMULATORS for engine in find_engines(name)] + ([shared] if shared else [])
    compiler, library, linker = openvaf(), find_library(), find_linker()
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": f"{remedies.system_name()} {platform.machine()}",
        "engines": [_engine_entry(engine, bool(compiler and linker)) for engine in engines],
        "openvaf": {"path": str(compiler), "version": openvaf_version(compiler)} if compiler else None,
        "ld": str(linker) if linker else None,
        "gf180": _gf180(),
        "pyspice": importlib.util.find_spec("PySpice") is not None,
        "libngspice": str(library) if library else None,
    }
    report["problems"] = _problems(report)
    return report


def dialect_of(engine: Engine, can_compile: bool) -> str:
    """Return how bonds are written: for ngspice ``"osdi"`` where engine and compiler allow it, else ``"b-source"``."""
    if engine.name == VACASK.name:
        return VACASK.name
    return "osdi" if can_compile and "osdi" in engine.capabilities else "b-source"


def _engine_entry(engine: Engine, can_compile: bool) -> dict[str, Any]:
    return {
        "name": engine.name,
        "path": str(engine.path),
        "version": engine.version,
        "capabilities": sorted(engine.capabilities),
        "dialect": dialect_of(engine, can_compile),
    }


def _gf180() -> str | None:
    try:
        return str(gf180_models())
    except EngineError:
        return None


def _problems(report: dict[str, Any]) -> list[dict[str, Any]]:
    """List what is missing, the gravest first."""
    problems = _ngspice_problems(report)
    if not any(engine["name"] == VACASK.name for engine in report["engines"]):
        problems.append(_problem("VACASK is missing: no second engine to hold results against", remedies.VACASK))
    if report["openvaf"] is None:
        problems.append(
            _problem("openvaf-r is missing: no Verilog-A bonds, runs are 3 to 5 times slower", remedies.COMPILER)
        )
    if report["ld"] is None:
        problems.append(_problem("a linker is missing: openvaf-r cannot finish its work", remedies.LINKER))
    if report["gf180"] is None:
        problems.append(_problem("GF180MCU models are missing: no gf180 blocks", remedies.MODELS))
    if not report["pyspice"]:
        problems.append(_problem("PySpice is missing: no bridge to its circuits", remedies.BRIDGE))
    if report["libngspice"] is None:
        problems.append(_problem("libngspice is missing: no co-simulation", remedies.LIBRARY))
    return problems


def _ngspice_problems(report: dict[str, Any]) -> list[dict[str, Any]]:
    engines = [engine for engine in report["engines"] if engine["name"] == NGSPICE.name]
    if not engines:
        cost = "only --engine vacask runs" if report["engines"] else "nothing can be simulated"
        return [_problem(f"no working ngspice found: {cost}", remedies.NGSPICE)]
    problems = []
    best = engines[0]
    shown = f"ngspice {best['version'] or 'of unknown version'} ({best['path']})"
    if not best["version"] or float(best["version"]) < OLDEST_MAJOR:
        problems.append(_problem(f"{shown} is older than {OLDEST_MAJOR}: refused", remedies.NGSPICE))
    for capability, cost in (
        ("osdi", "bonds become B-sources and diode pairs, 3 to 5 times slower"),
        ("klu", "strongly meshed networks run 4 to 6 times slower"),
    ):
        if capability not in best["capabilities"]:
            problems.append(_problem(f"{shown} has no {capability.upper()}: {cost}", remedies.NGSPICE))
    if "xspice" not in best["capabilities"]:
        problems.append(
            _problem(f"{shown} loads no XSPICE code models: blocks that use them fail", remedies.CODE_MODELS)
        )
    return problems


def _problem(what: str, ways: dict[str, str]) -> dict[str, Any]:
    return {"problem": what, "remedy": remedies.remedy_here(ways), "remedies": dict(ways)}


def format_doctor(report: dict[str, Any]) -> str:
    """Write a report as plain lines.

    Parameters
    ----------
    report : dict
        From `doctor_report`.
    """
    compiler = report["openvaf"]
    lines = [f"Python      {report['python']} on {report['platform']}"]
    for engine in report["engines"]:
        able = ", ".join(engine["capabilities"]) or "nothing special"
        shown = f"{engine['name']} {engine['version']}"
        lines.append(f"engine      {shown} at {engine['path']}: {able}; bonds as {engine['dialect']}")
    if not report["engines"]:
        lines.append("engine      none")
    lines += [
        f"openvaf-r   {compiler['version'] + ' at ' + compiler['path'] if compiler else 'none'}",
        f"linker      {report['ld'] or 'none'}",
        f"gf180       {report['gf180'] or 'none'}",
        f"PySpice     {'yes' if report['pyspice'] else 'no'}",
        f"libngspice  {report['libngspice'] or 'none'}",
    ]
    for problem in report["problems"]:
        lines += [f"problem     {problem['problem']}", f"  remedy    {problem['remedy']}"]
    return "\n".join(lines)
