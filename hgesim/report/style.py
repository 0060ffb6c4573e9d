"""The look of all figures: one palette for light, dark and print, and the way from a figure to inline SVG."""

from __future__ import annotations

import html
import io
import re
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hgesim.report.record import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DARK", "LIGHT", "channel_style", "log_ticks", "look", "name_lines", "new_figure", "stamp", "svg", "thin"]

# Okabe-Ito hues, darkened or lightened until lines and small text keep 3:1 against the ground.
LIGHT = {
    "ink": "#1d232b",
    "soft": "#616b77",
    "rule": "#d5dade",
    "shade": "#eef0f2",
    "paper": "#fefefd",
    "blue": "#0072b2",
    "orange": "#d55e01",
    "green": "#00856f",
    "purple": "#a5568c",
    "amber": "#b07d00",
}
DARK = {
    "ink": "#e5e8eb",
    "soft": "#9aa5b1",
    "rule": "#3a424c",
    "shade": "#252b33",
    "paper": "#171b20",
    "blue": "#5ab4f0",
    "orange": "#f58b45",
    "green": "#39c8a5",
    "purple": "#df9ccb",
    "amber": "#e5b93c",
}
CYCLE = ("blue", "orange", "green", "purple", "amber")
DASHES = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
RC: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": LIGHT["soft"],
    "axes.facecolor": "none",
    "axes.labelcolor": LIGHT["ink"],
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titlecolor": LIGHT["ink"],
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "path.simplify": True,
    "svg.fonttype": "none",
    "text.color": LIGHT["ink"],
    "text.parse_math": False,
    "xtick.color": LIGHT["soft"],
    "xtick.labelcolor": LIGHT["ink"],
    "ytick.color": LIGHT["soft"],
    "ytick.labelcolor": LIGHT["ink"],
}


def look() -> AbstractContextManager[None]:
    """Return the context in which figures are drawn and written."""
    from matplotlib import rc_context

    return rc_context(RC)


def new_figure(width: float, height: float) -> Figure:
    """Make a figure of a size in inch, outside of pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def channel_style(number: int) -> dict[str, Any]:
    """Return colour and dash of the channel with a number: distinct for 20 of them."""
    return {
        "color": LIGHT[CYCLE[number % len(CYCLE)]],
        "linestyle": DASHES[number // len(CYCLE) % len(DASHES)],
    }


def stamp(figure: Figure, words: str) -> None:
    """Mark a figure of a run that does not count, so that it cannot pass for a success when cut out."""
    if words:
        figure.text(0.995, 0.005, words, ha="right", va="bottom", fontsize=8, color=LIGHT["orange"], weight="bold")


def name_lines(axes: Axes, entries: list[tuple[float, str, Any]]) -> None:
    """Write the names of lines at their right ends, moved apart until none overlap.

    Parameters
    ----------
    axes : Axes
        With final y limits.
    entries : list of (y, name, colour)
        Ends in data coordinates.
    """
    entries = [entry for entry in entries if np.isfinite(entry[0])]
    if not entries:
        return
    height = axes.get_position().height * axes.get_figure(root=True).get_figheight() * 72  # type: ignore[union-attr]
    gap = min(10.5 / height, 1.0 / len(entries))
    order = sorted(range(len(entries)), key=lambda k: entries[k][0])
    low, high = axes.get_ylim()
    wanted = np.array([(entries[k][0] - low) / (high - low) for k in order])
    # least squares under the spacing: positions minus their rank times the gap must not fall (pool adjacent violators)
    pools: list[list[float]] = []
    for rank, y in enumerate(wanted):
        pools.append([float(y) - rank * gap, 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, weight = pools.pop()
            before, count = pools.pop()
            pools.append([(mean * weight + before * count) / (weight + count), weight + count])
    room = max(0.0, 1.0 - gap * (len(order) - 1))
    pools = [[min(max(mean, 0.0), room), count] for mean, count in pools]
    placed = np.concatenate([np.full(int(count), mean) for mean, count in pools]) + gap * np.arange(len(order))
    for k, y in zip(order, placed, strict=True):
        _, name, colour = entries[k]
        axes.annotate(
            name, (1.0, y), (6, 0), xycoords="axes fraction", textcoords="offset points", va="center",
            color=colour, fontsize=8, annotation_clip=False,
        )  # fmt: skip


def thin(x: FloatArray, y: FloatArray, most: int = 2400) -> tuple[FloatArray, FloatArray]:
    """Keep the least and greatest of each of `most` / 2 equal stretches, so that no peak is lost."""
    if len(x) <= most:
        return x, y
    size = -(-len(x) // (most // 2))
    count = -(-len(x) // size)
    block = np.pad(np.nan_to_num(y, posinf=0.0, neginf=0.0), (0, count * size - len(y)), mode="edge").reshape(
        count, size
    )
    start = size * np.arange(count)
    keep = np.unique([start, start + block.argmin(axis=1), start + block.argmax(axis=1), np.full(count, len(x) - 1)])
    keep = keep[keep < len(x)]
    return x[keep], y[keep]


def log_ticks(axes: Axes, which: Literal["x", "y"] = "y") -> None:
    """Label a logarithmic axis in plain text: figures parse no mathematical markup, because labels are hostile."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    decades = FuncFormatter(lambda value, _: "10" + str(round(float(np.log10(value)))).translate(raised))
    plain = FuncFormatter(lambda value, _: f"{value:.2g}")
    few = FuncFormatter(lambda value, _: f"{value:.2g}" if f"{value:e}"[0] in "235" else "")
    narrow = high < 12 * low
    axis.set_major_formatter(plain if narrow else decades)
    axis.set_minor_formatter((plain if high < 3 * low else few) if narrow else NullFormatter())
    axes.tick_params(axis=which, which="minor", labelsize=7.5)


def svg(figure: Figure, name: str, alt: str) -> str:
    """Write a figure as inline SVG whose colours follow the page.

    Parameters
    ----------
    figure : Figure
        Drawn with the colours of `LIGHT`.
    name : str
        Keeps the identifiers of figures on one page apart.
    alt : str
        What the figure shows, for those who cannot see it.

    Returns
    -------
    str
        The ``svg`` element.
    """
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({**RC, "svg.hashsalt": f"hgesim-{name}"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>|\s*<style.*?</style>", "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(url\(#|href="#)([^)"]+)', rf"\g<1>{name}-\2", text)
    text = re.sub(r' d="[^"]*"', lambda m: re.sub(r"(\d\.\d{2})\d+", r"\1", m[0]), text)
    text = re.sub(r"'?DejaVu Sans'?(?:,[^;\"]*)?(?=[;\"])", "var(--sans)", text)
    for colour, value in LIGHT.items():
        text = text.replace(value, f"var(--{colour},{value})")
    label = html.escape(alt, quote=True)
    view = re.search(r'viewBox="[^"]*"', text)
    return f'<svg role="img" aria-label="{label}" {view[0] if view else ""}>' + text[text.index(">") + 1 :]
