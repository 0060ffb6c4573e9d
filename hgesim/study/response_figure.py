"""An outcome over each factor of a study, and over all its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hgesim.report.style import LIGHT, log_ticks, new_figure
from hgesim.study.analysis import Level, Rows, Spread, levels, numbers, yield_of
from hgesim.study.factors import Factor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["response_figure", "spread_figure"]

_ACROSS = 3
_WIDTH, _HEIGHT = 10.4, 2.7  # inch, of the figure and of a row of panels
_MOST_DOTS = 2000
_DECADES = 30.0  # a figure that spans more than this factor gets a logarithmic axis


def response_figure(rows: Rows, factors: tuple[Factor, ...], name: str, label: str) -> Figure | None:
    """Draw an outcome over the values of each factor.

    Parameters
    ----------
    rows : list of dict
        From `hgesim.study.rows`.
    factors : tuple of Factor
        A panel each.
    name : str
        Column of the outcome; of ``learnt`` the yield is drawn.
    label : str
        Of the axis.

    Returns
    -------
    Figure or None
        None without a factor or without a figure in any run.
    """
    values = numbers(rows, name) if name in rows[0] else np.full(len(rows), np.nan)
    if not factors or not np.isfinite(values).any():
        return None
    down = -(-len(factors) // _ACROSS)
    figure = new_figure(_WIDTH, _HEIGHT * down)
    finite = values[np.isfinite(values)]
    decades = name != "learnt" and finite.min() > 0 and finite.max() > _DECADES * finite.min()
    for number, factor in enumerate(factors):
        axes = figure.add_axes(_box(number, down))
        found = levels(rows, factor)
        if name == "learnt":
            _yields(axes, rows, factor, found)
        else:
            _dots(axes, rows, factor, found, values)
            if decades:
                axes.set_yscale("log")
                log_ticks(axes)
        _axis(axes, factor, found)
        if number % _ACROSS == 0:
            axes.set_ylabel("yield, %" if name == "learnt" else label)
    return figure


def spread_figure(spreads: dict[str, Spread]) -> Figure | None:
    """Draw how each outcome spreads: a histogram with its median; None without any that varies.

    Parameters
    ----------
    spreads : dict of str to Spread
        By label.
    """
    varied = {label: found for label, found in spreads.items() if found.values[0] < found.values[-1]}
    if not varied:
        return None
    down = -(-len(varied) // _ACROSS)
    figure = new_figure(_WIDTH, _HEIGHT * down)
    for number, (label, found) in enumerate(varied.items()):
        axes = figure.add_axes(_box(number, down))
        values = found.values
        decades = values[0] > 0 and values[-1] > _DECADES * values[0]
        bins: int = min(30, max(5, round(2 * np.sqrt(len(values)))))
        edges = np.geomspace(values[0], values[-1], bins + 1) if decades else np.histogram_bin_edges(values, bins)
        axes.hist(values, edges.tolist(), color=LIGHT["blue"], alpha=0.75)
        axes.axvline(found.middle, color=LIGHT["ink"], lw=1.2)
        if decades:
            axes.set_xscale("log")
            log_ticks(axes, "x")
        else:
            axes.locator_params(axis="x", nbins=5)
            axes.ticklabel_format(axis="x", scilimits=(-2, 4), useOffset=False)
        axes.locator_params(axis="y", nbins=4, integer=True)
        axes.set_xlabel(label)
        if number % _ACROSS == 0:
            axes.set_ylabel("runs")
    return figure


def _box(number: int, down: int) -> tuple[float, float, float, float]:
    """Return where a panel stands in a figure of so many rows."""
    row, column = divmod(number, _ACROSS)
    return 0.075 + column * 0.32, 1.0 - (row + 1) / down + 0.6 / (_HEIGHT * down), 0.26, 1.85 / (_HEIGHT * down)


def _places(factor: Factor, found: list[Level]) -> list[float]:
    """Return where levels stand: at their value, or one after the other."""
    return [float(level.middle if level.middle is not None else k) for k, level in enumerate(found)]


def _yields(axes: Axes, rows: Rows, factor: Factor, found: list[Level]) -> None:
    kept = [
        (x, yield_of([rows[n] for n in level.rows])) for x, level in zip(_places(factor, found), found, strict=True)
    ]
    kept = [(x, counts) for x, counts in kept if counts[1]]
    x = [place for place, _ in kept]
    share = np.array([100.0 * learnt / done for _, (learnt, done, _, _) in kept])
    ends = 100.0 * np.array([[low, high] for _, (_, _, low, high) in kept])
    axes.errorbar(
        x, share, yerr=np.abs(ends.T - share), fmt="o", ms=4, lw=1.1, capsize=2.5, color=LIGHT["blue"],
        ls="-" if factor.numeric else "none",
    )  # fmt: skip
    axes.set_ylim(-4, 104)


def _dots(axes: Axes, rows: Rows, factor: Factor, found: list[Level], values: np.ndarray) -> None:
    inputs = numbers(rows, factor.key) if factor.numeric else np.zeros(len(rows))
    if not factor.numeric:
        for k, level in enumerate(found):
            spread = np.linspace(-0.18, 0.18, len(level.rows)) if len(level.rows) > 1 else np.zeros(1)
            inputs[list(level.rows)] = k + spread
    seen = np.flatnonzero(np.isfinite(values))[:: max(1, int(np.isfinite(values).sum()) // _MOST_DOTS)]
    axes.scatter(inputs[seen], values[seen], s=9, c=LIGHT["blue"], alpha=0.45, linewidths=0, zorder=2)
    middle = [
        (x, float(np.median(kept)))
        for x, level in zip(_places(factor, found), found, strict=True)
        if len(kept := values[list(level.rows)][np.isfinite(values[list(level.rows)])])
    ]
    if middle:
        style = "-" if factor.numeric else "none"
        axes.plot(
            *zip(*middle, strict=True), color=LIGHT["ink"], marker="_", ms=11, mew=1.6, lw=1.0, ls=style, zorder=3
        )


def _axis(axes: Axes, factor: Factor, found: list[Level]) -> None:
    axes.set_xlabel(factor.key)
    if not factor.numeric:
        axes.set_xticks(range(len(found)), [level.name[:14] for level in found])
        axes.set_xlim(-0.5, len(found) - 0.5)
    elif factor.kind == "log-range":
        axes.set_xscale("log")
        log_ticks(axes, "x")
    elif factor.whole:
        from matplotlib.ticker import MaxNLocator

        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    else:
        axes.locator_params(axis="x", nbins=5)
