"""All figures: chosen by name, measured one after the other, shown as a table and kept as JSON."""

from __future__ import annotations

import importlib
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from errno import EISDIR
from pathlib import Path
from typing import Any

from hgesim._version import __version__
from hgesim.bench.figure import Bench, Figure
from hgesim.engine import find_engines
from hgesim.errors import HgeError, RequestError, nearest
from hgesim.units import show_quantity

__all__ = ["FIGURES", "Report", "chosen", "figure_lines", "refuse_place", "run_bench"]

FORMAT_VERSION = 1

# Each is a module of this package with a function measure(Bench) -> sequence of Figure.
FIGURES: dict[str, str] = {
    "reference": "hgesim learn against a PySpice script of the same problem",
    "finer": "where the controls end, against a time step four times finer",
    "overhead": "hgesim learn against bare ngspice -b on the deck that it wrote",
    "memory": "peak memory of hgesim's own process for 1e6 time points",
    "engines": "VACASK and ngspice's library against the ngspice program",
    "workers": "studies and restarts by two processes against one",
    "twin": "the exact solution against ngspice and against Newton's method in SciPy",
    "cost": "what a time point costs: the network against the electronics, and 200 dopants against 50",
}


@dataclass(frozen=True)
class Report:
    """What was measured.

    Parameters
    ----------
    figures : tuple of Figure
        In the order of `FIGURES`.
    errors : dict of str to str
        What could not be measured, and why.
    quick : bool
        Whether it was the quick run.
    wall_s : float
        How long it took, in second.
    """

    figures: tuple[Figure, ...]
    errors: dict[str, str]
    quick: bool
    wall_s: float

    def record(self) -> dict[str, Any]:
        """Return what JSON holds: the machine and the versions too."""
        return {
            "format_version": FORMAT_VERSION,
            "hgesim_version": __version__,
            "machine": _machine(),
            "versions": _versions(),
            "engines": [
                {"name": one.name, "version": one.version, "capabilities": sorted(one.capabilities)}
                for one in find_engines()
            ],
            "quick": self.quick,
            "wall_s": self.wall_s,
            "figures": [figure.record() for figure in self.figures],
            "errors": self.errors,
        }


def chosen(names: Iterable[str]) -> list[str]:
    """Return the figures asked for in their own order, all where none is.

    Raises
    ------
    RequestError
        ``bench.unknown`` for a name that there is not.
    """
    asked = list(names)
    for name in asked:
        if name not in FIGURES:
            raise RequestError("bench.unknown", f'there is no figure "{name}"', remedy=nearest(name, FIGURES))
    return [name for name in FIGURES if name in asked or not asked]


def run_bench(
    names: Iterable[str] = (), *, quick: bool = False, tell: Callable[[str], None] = lambda _: None
) -> Report:
    """Measure figures, each beside its reference.

    Parameters
    ----------
    names : iterable of str
        Of `FIGURES`; all where empty.
    quick : bool
        One or two minutes instead of half an hour, with fewer figures and less exact ones.
    tell : callable
        Called with a line before each measurement.

    Returns
    -------
    Report
        A figure that cannot be measured, such as one whose reference is not installed, is an error in it.

    Raises
    ------
    RequestError
        ``bench.unknown``.
    """
    began, figures, errors = time.monotonic(), list[Figure](), dict[str, str]()
    for name in chosen(names):
        tell(f"{name}: {FIGURES[name]}")
        with tempfile.TemporaryDirectory(prefix=f"hgesim-{name}-") as folder:
            bench = Bench(Path(folder).resolve(), quick, lambda line, name=name: tell(f"{name}: {line}"))  # type: ignore[misc]
            try:
                figures += importlib.import_module(f"hgesim.bench.{name}").measure(bench)
            except HgeError as error:
                errors[name] = str(error)
    return Report(tuple(figures), errors, quick, time.monotonic() - began)


def refuse_place(path: Path) -> None:
    """Refuse a file that cannot be written, before anything is measured for it.

    Raises
    ------
    RequestError
        ``bench.not-writable``.
    """
    probe = path.with_name(f".{path.name}.probe")
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "is a folder")
        probe.touch()
        probe.unlink()
    except OSError as error:
        why = error.strerror or str(error)
        raise RequestError("bench.not-writable", why, place=str(path), remedy="choose another --out") from None


def figure_lines(report: Report) -> list[str]:
    """Lay the figures out for people: two lines for each, 80 columns wide."""
    lines = [f"{'figure':17}{'value':>9}{'reference':>11}{'ratio':>20}{'target':>15}"]
    for figure in report.figures:
        value, reference = (_shown(number, figure.unit) for number in (figure.value, figure.reference))
        target = "" if figure.target is None else str(figure.target)
        judged = {True: " met", False: " missed", None: ""}[figure.passed]
        lines.append(f"{figure.name:17}{value:>9}{reference:>11}{_ratio(figure):>20}{target:>15}{judged}")
        lines.append(f"    {figure.what}")
    for name, why in report.errors.items():
        lines += [f"{name:17} failed", f"    {why}"]
    return [*lines, f"{report.wall_s:.0f} s; ratios are medians of pairs, with their range"]


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return show_quantity(value, unit) if unit else f"{value:.3g}"


def _ratio(figure: Figure) -> str:
    if figure.ratio is None:
        return ""
    between = "" if figure.spread is None else f" ({figure.spread[0]:.3g}-{figure.spread[1]:.3g})"
    return f"{figure.ratio:.3g}{between}"


def _machine() -> dict[str, Any]:
    """Return what decides the absolute times."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": _memory(),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(names, platform.processor())


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in ("numpy", "scipy", "numba", "PySpice"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
