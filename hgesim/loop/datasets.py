"""Tasks with many cases: drawn from a seed, or read from a table."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hgesim.arguments import check_kind, check_real, check_whole
from hgesim.errors import RequestError, nearest
from hgesim.loop.task import Kind, Points, Scales, Task
from hgesim.seeds import generator

__all__ = ["CURVES", "Draw", "curve_task", "read_task", "ring_task", "sphere_task"]

FloatArray = NDArray[np.float64]

CURVES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "square": lambda x: 2.0 * x**2 - 1.0,
    "cubic": lambda x: np.asarray(x**3),
    "sine": lambda x: np.sin(math.pi * x),
    "abs": lambda x: 2.0 * np.abs(x) - 1.0,
    "step": lambda x: np.tanh(4.0 * x),
}
_LEAST_RADIUS, _MOST_RADIUS = 0.2, 1.6  # of a sphere in the cube: beyond, drawing points takes forever
_RING = (0.45, 0.7)  # inner disc up to the first, ring from the second radius on: a gap between the classes


@dataclass(frozen=True)
class Draw:
    """How many cases are drawn, from which seed, and at which scales.

    Parameters
    ----------
    training, test : int
        Cases shown to the loop and cases held out.
    seed : int
        Of both, which are independent streams.
    scales : Scales
        Voltages and currents.
    """

    training: int = 16
    test: int = 200
    seed: int = 0
    scales: Scales = field(default_factory=Scales)

    def __post_init__(self) -> None:
        """Refuse counts that make no task."""
        for name, least in (("training", 2), ("test", 0), ("seed", 0)):
            check_whole(getattr(self, name), least, "task.bad-value", f"task.{name}")
        check_kind(self.scales, Scales, "task.bad-value", "task.scales")


def sphere_task(
    draw: Draw | None = None, *, radius: float | None = None, gap: float = 0.0, accuracy: float = 0.9
) -> Task:
    """Make the sphere of Boon et al. (Nature Communications 2025, figure 4): inside or outside, three inputs.

    Points are uniform in the cube from -1 to 1, but for those in the gap. Class 1 is inside. Shown cases alternate
    between the classes. Radius, gap and counts are hgesim's own: the paper's are not known to it.

    Parameters
    ----------
    draw : Draw, optional
        Counts, seed and scales.
    radius : float, optional
        Of the sphere around 0; by default half of the cube's volume is inside, as `(3 / pi)**(1/3)`.
    gap : float
        Thickness of the shell around the sphere's surface in which no points are drawn.
    accuracy : float
        The goal.

    Raises
    ------
    RequestError
        ``task.bad-value`` for a sphere that leaves no room inside or outside.
    """
    limit = (3.0 / math.pi) ** (1.0 / 3.0) if radius is None else check_real(radius, "task.bad-value", "task.radius")
    check_real(gap, "task.bad-value", "task.gap")
    inner, outer = limit - gap / 2.0, limit + gap / 2.0
    if not (gap >= 0 and inner >= _LEAST_RADIUS and outer <= _MOST_RADIUS):
        raise RequestError(
            "task.bad-value",
            f"radius {limit:g} with a gap of {gap:g}",
            place="task.radius",
            remedy=f"classes need room from {_LEAST_RADIUS:g} to {_MOST_RADIUS:g}",
        )

    def label(r: FloatArray) -> FloatArray:
        return np.where(r < inner, 1.0, np.where(r >= outer, 0.0, np.nan))

    return _classes("sphere", 3, draw, accuracy, label)


def ring_task(draw: Draw | None = None, *, accuracy: float = 0.9) -> Task:
    """Make the ring: class 1 is a disc of radius 0.45, class 0 the ring around it from 0.7 to 1; two inputs.

    The usual benchmark of dopant networks (Ruiz Euler et al., Nature Nanotechnology 15, 992 (2020)) is of this kind;
    radii and counts are hgesim's own.
    """
    inner, outer = _RING

    def label(r: FloatArray) -> FloatArray:
        return np.where(r < inner, 1.0, np.where((r > outer) & (r < 1.0), 0.0, np.nan))

    return _classes("ring", 2, draw, accuracy, label)


def curve_task(function: str = "square", draw: Draw | None = None, *, error: float = 0.25) -> Task:
    """Make a regression of one variable: the output should follow a curve over one input.

    Parameters
    ----------
    function : str
        A key of `CURVES`, each from [-1, 1] into [-1, 1].
    draw : Draw, optional
        Shown cases are equally spaced, every second one first so that neighbours do not follow each other; held-out
        cases are uniform.
    error : float
        The goal.
    """
    if not isinstance(function, str) or function not in CURVES:
        raise RequestError(
            "task.unknown-curve", f'"{function}"', place="task.curve", remedy=nearest(str(function), CURVES)
        )
    draw = _draw(draw)
    shown = np.linspace(-1.0, 1.0, draw.training)
    shown = np.concatenate([shown[::2], shown[1::2]])
    held = generator(draw.seed, "task", "test").uniform(-1.0, 1.0, draw.test)
    values = [tuple(np.clip(CURVES[function](x), -1.0, 1.0).tolist()) for x in (shown, held)]
    cases = [tuple((value,) for value in x.tolist()) for x in (shown, held)]
    return Task(function, "curve", cases[0], values[0], error, cases[1], values[1], scales=draw.scales)


def _draw(draw: Draw | None) -> Draw:
    return Draw() if draw is None else check_kind(draw, Draw, "task.bad-value", "draw")


def _classes(name: str, inputs: int, draw: Draw | None, goal: float, label: Callable[[FloatArray], FloatArray]) -> Task:
    draw = _draw(draw)
    shown = _labelled(generator(draw.seed, "task", "training"), inputs, draw.training, label)
    held = _labelled(generator(draw.seed, "task", "test"), inputs, draw.test, label)
    return Task(name, "classes", *shown, goal, *held, scales=draw.scales)


def _labelled(
    random: np.random.Generator, inputs: int, count: int, label: Callable[[FloatArray], FloatArray]
) -> tuple[Points, tuple[float, ...]]:
    """Draw as many points of each class, in turn."""
    found: dict[float, list[tuple[float, ...]]] = {0.0: [], 1.0: []}
    wanted = [float((k + 1) % 2) for k in range(count)]
    while any(len(found[value]) < wanted.count(value) for value in found):
        point = np.round(random.uniform(-1.0, 1.0, inputs), 6)
        value = float(label(np.sqrt((point**2).sum(keepdims=True)))[0])
        if value in found:
            found[value].append(tuple(point.tolist()))
    return tuple(found[value].pop(0) for value in wanted), tuple(wanted)


def read_task(path: str | Path, kind: Kind, goal: float, scales: Scales | None = None) -> Task:
    """Read a task from a CSV table with a header: inputs, then ``target``, then optionally ``test`` (0 or 1).

    Parameters
    ----------
    path : str or Path
        The table. Inputs and targets lie within -1 and 1 (targets of classes are 0 and 1); rows with ``test`` 1 are
        held out.
    kind : str
        ``"classes"`` or ``"curve"``.
    goal : float
        As in `Task`.
    scales : Scales, optional
        Voltages and currents.

    Raises
    ------
    RequestError
        ``task.no-file`` when it cannot be read; ``task.bad-data`` naming the row that is wrong, as the file counts;
        ``task.unknown-kind`` and ``task.bad-value``.
    """
    if kind == "gate":
        raise RequestError("task.unknown-kind", '"gate"', place="task.kind", remedy="a table is of classes or a curve")
    path = Path(check_kind(path, str | PathLike, "task.no-file", "task.file"))
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, row) for row in reader if row]
    except OSError as error:
        raise RequestError(
            "task.no-file", error.strerror or str(error), place=str(path), remedy="give a CSV file that can be read"
        ) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise RequestError("task.bad-data", str(error), place=str(path), remedy="give a CSV file in UTF-8") from None
    header = [name.strip() for name in lines[0][1]] if lines else []
    if (
        header.count("target") != 1
        or not set(header[header.index("target") + 1 :]) <= {"test"}
        or header[0] == "target"
    ):
        raise RequestError(
            "task.bad-data",
            f"header {', '.join(header) or 'missing'}",
            place=str(path),
            remedy="name the input columns, then target, then test if cases are held out",
        )
    width = header.index("target")
    parts: tuple[list[list[float]], list[list[float]]] = ([], [])
    for number, row in lines[1:]:
        values = _numbers(row, header, f"{path}, row {number}")
        parts[int("test" in header and values[-1] != 0)].append(values)
    shown, held = ((tuple(tuple(v[:width]) for v in part), tuple(v[width] for v in part)) for part in parts)
    try:
        return Task(path.stem, kind, *shown, goal, *held, scales=scales or Scales())
    except RequestError as error:
        place = str(path) if error.place == "task" else error.place
        raise RequestError(error.code, error.message, place=place, remedy=error.remedy) from None


def _numbers(row: list[str], header: list[str], place: str) -> list[float]:
    try:
        values = [float(cell) for cell in row]
    except ValueError:
        raise RequestError("task.bad-data", f"{','.join(row)[:60]}", place=place, remedy="numbers only") from None
    if len(values) != len(header):
        raise RequestError(
            "task.bad-data", f"{len(values)} values under {len(header)} names", place=place, remedy="one value a column"
        )
    for name, value in zip(header, values, strict=True):
        if name == "test" and value not in (0, 1):
            raise RequestError("task.bad-data", f"test is {value:g}", place=place, remedy="0 shown, 1 held out")
        if not abs(value) <= 1:
            raise RequestError("task.bad-data", f"{name} is {value:g}", place=place, remedy="within -1 and 1")
    return values
