"""Classes in the space of their inputs: a plane, or the cube of the sphere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hgesim.errors import RequestError
from hgesim.report.cases import Outcome, kind_of, read_outcome
from hgesim.report.outcome_figure import loss_panel
from hgesim.report.points import threshold_currents
from hgesim.report.record import FloatArray, Record, read_record, text
from hgesim.report.style import LIGHT, look, new_figure
from hgesim.report.task_figures import MOST, class_panel, end_name, is_radial
from hgesim.report.words import axis_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = ["figure4", "is_sphere", "plane_figure", "sphere_figure"]


def figure4(run: str | Path | Record) -> Figure:
    """Draw the sphere of a stored run as panels b to d of figure 4 of Boon et al., Nature Communications 2025.

    Held-out points in the cube of the inputs, coloured by the trained output current; output current against distance
    to the centre with the threshold; loss against epoch.

    Parameters
    ----------
    run : path or Record
        Folder of a run of the sphere, or what `read_record` read of it.

    Returns
    -------
    matplotlib.figure.Figure
        On white, 10.4 by 3.7 inch; not known to pyplot.

    Raises
    ------
    RequestError
        ``report.no-folder``; ``report.no-sphere`` when the run is of another task or holds no outputs.
    """
    record = run if isinstance(run, Record) else read_record(Path(run))
    with look():
        figure = sphere_figure(record)
    if figure is None:
        raise RequestError(
            "report.no-sphere",
            "no stored outputs of the sphere with three inputs",
            place=str(record.folder),
            remedy="give the folder of a finished run with task.kind sphere",
        )
    figure.set_facecolor(LIGHT["paper"])
    return figure


def is_sphere(record: Record) -> bool:
    """Tell whether the run is of the sphere and holds its outputs."""
    named = kind_of(record) == "classes" and text(record.result, "task", "name") == "sphere"
    return named and read_outcome(record).inputs.shape[1] == 3


def sphere_figure(record: Record) -> Figure | None:
    """Draw the sphere on a clear ground; None for other runs. Where nothing is held out, the shown cases stand in."""
    if not is_sphere(record):
        return None
    figure = new_figure(10.4, 3.7)
    cube: Any = figure.add_axes((-0.01, 0.06, 0.33, 0.9), projection="3d")
    _cube(cube, record)
    figure.text(0.012, 0.945, "b", fontsize=11, weight="bold")
    middle = figure.add_axes((0.475, 0.135, 0.235, 0.78))
    class_panel(middle, record, "final", alone=True)
    middle.set_title("output current and distance", loc="left")
    figure.text(0.415, 0.945, "c", fontsize=11, weight="bold")
    right = figure.add_axes((0.79, 0.135, 0.2, 0.78))
    loss_panel(right, record, epochs=True)
    figure.text(0.735, 0.945, "d", fontsize=11, weight="bold")
    return figure


def plane_figure(record: Record) -> Figure | None:
    """Draw classes of two inputs in their plane, before and after; None for other runs."""
    outcome = read_outcome(record)
    if kind_of(record) != "classes" or outcome.inputs.shape[1] != 2 or not len(outcome.targets):
        return None
    figure = new_figure(10.4, 4.9)
    thresholds = threshold_currents(record)
    above = {
        when: outcome.currents(when) - (threshold or 0.0)
        for when, threshold in zip(("initial", "final"), thresholds, strict=True)
    }
    for k, when in enumerate(("initial", "final")):
        axes = figure.add_axes((0.055 + 0.48 * k, 0.12, 0.36, 0.8))
        axes.set_title(end_name(record, when))
        _plane(axes, outcome, above[when], radial=is_radial(record))
        axes.set(xlabel=_input_name(record, 0), ylabel=_input_name(record, 1) if k == 0 else "")
        bar = figure.add_axes((0.42 + 0.48 * k, 0.16, 0.011, 0.68))
        _bar(figure, bar, above[when], named=thresholds[k] is not None)
    return figure


def _plane(axes: Axes, outcome: Outcome, above: FloatArray, *, radial: bool) -> None:
    limit = _limit(above)
    wrong = (above > 0) != (outcome.targets > 0)
    kept = np.isin(np.arange(len(wrong)), outcome.drawn(MOST))
    for held, shape, size in ((True, "o", 26), (False, "s", 58)):
        part = kept & (outcome.held == held)
        x, y = outcome.inputs[part].T
        edge, width = (LIGHT["soft"], 0.5) if held else (LIGHT["ink"], 1.2)
        colours = _colours()(0.5 + above[part] / (2 * limit))
        axes.scatter(x, y, s=size, marker=shape, c=colours, edgecolors=edge, linewidths=width, zorder=3 if held else 5)
        x, y = outcome.inputs[part & wrong].T
        axes.scatter(x, y, s=0.6 * size, marker="x", c=LIGHT["ink"], linewidths=0.8, zorder=6)
    radius = _radius(outcome) if radial else None
    if radius is not None:
        angle = np.linspace(0, 2 * np.pi, 121)
        axes.plot(radius * np.cos(angle), radius * np.sin(angle), color=LIGHT["soft"], lw=0.9, ls=(0, (2, 2)), zorder=2)
    axes.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1))


def _cube(axes: Any, record: Record) -> None:
    """Draw the held-out points in the cube of the inputs."""
    outcome = read_outcome(record)
    drawn = outcome.drawn(MOST)
    drawn = drawn[outcome.held[drawn]] if outcome.held.any() else drawn
    threshold = threshold_currents(record)[1]
    above = outcome.final - (threshold or 0.0)
    limit = _limit(above[drawn])
    axes.scatter(
        *outcome.inputs[drawn].T, s=17, c=_colours()(0.5 + above[drawn] / (2 * limit)), depthshade=False,
        edgecolors=LIGHT["soft"], linewidths=0.4,
    )  # fmt: skip
    radius = _radius(outcome)
    if radius is not None:
        angle = np.linspace(0, 2 * np.pi, 91)
        circle, flat = np.array([radius * np.cos(angle), radius * np.sin(angle)]), np.zeros(91)
        for ring in ((circle[0], circle[1], flat), (circle[0], flat, circle[1]), (flat, circle[0], circle[1])):
            axes.plot(*ring, color=LIGHT["soft"], lw=0.7, alpha=0.8)
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y"), (axes.zaxis, "z")):
        axis.set_pane_color((1.0, 1.0, 1.0, 0.0))
        axis.line.set_color(LIGHT["soft"])
        axis._axinfo["grid"].update(color=LIGHT["rule"], linewidth=0.5)
        axis.set_ticks([-0.5, 0, 0.5])
        getattr(axes, f"set_{name}label")(_input_name(record, "xyz".index(name)), labelpad=-6, fontsize=8)
        axes.tick_params(axis=name, pad=-3, labelsize=7.5)
    axes.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(-1, 1))
    axes.set_box_aspect((1, 1, 1), zoom=0.92)
    axes.view_init(elev=20, azim=-58)
    figure = axes.get_figure(root=True)
    _bar(figure, figure.add_axes((0.335, 0.2, 0.011, 0.6)), above[drawn], named=threshold is not None)


def _input_name(record: Record, number: int) -> str:
    labels = record.result.get("task", {}).get("inputs", []) if isinstance(record.result.get("task"), dict) else []
    label = str(labels[number])[:10] if isinstance(labels, list) and number < len(labels) else ""
    return f"input {number + 1}" + (f" ({label})" if label else "")


def _limit(above: FloatArray) -> float:
    """Return the current at the end of the colour scale: nine tenths of the cases lie within."""
    return float(np.percentile(np.abs(above), 90)) or 1e-12


def _radius(outcome: Outcome) -> float | None:
    """Return a radius between the classes, when one lies inside of the other."""
    inside, outside = (outcome.distance[outcome.targets == value] for value in (1, 0))
    if not len(inside) or not len(outside) or inside.max() >= outside.min():
        return None
    return float(inside.max() + outside.min()) / 2


def _colours() -> Colormap:
    """Return the colours from below to above the threshold: those of the classes, grey between."""
    from matplotlib.colors import LinearSegmentedColormap

    stops = [LIGHT["orange"], "#eccdb4", "#e9e9e6", "#b5d2e6", LIGHT["blue"]]
    return LinearSegmentedColormap.from_list("classes", stops, 64)


def _bar(figure: Figure, axes: Axes, above: FloatArray, *, named: bool) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    limit = _limit(above)
    unit, label = axis_scale([limit], "A")
    scale = ScalarMappable(Normalize(-limit / unit, limit / unit), _colours())
    beyond = bool((np.abs(above) > limit).any())
    bar = figure.colorbar(scale, cax=axes, extend="both" if beyond else "neither")
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, labelsize=7.5)
    bar.ax.axhline(0.0, color=LIGHT["ink"], lw=1.0, ls=(0, (3, 2)))
    what = "output above threshold" if named else "output current"
    axes.set_ylabel(f"{what} ({label})", fontsize=8, color=LIGHT["ink"])
