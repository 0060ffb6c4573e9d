"""The network with its bond currents, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hgesim.network import Network
from hgesim.report.points import Point
from hgesim.report.record import FloatArray
from hgesim.report.style import LIGHT, new_figure
from hgesim.report.words import amount, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

__all__ = ["colour_scale", "draw_network", "network_figure", "positions"]

DECADES = 3.0  # of current, from the widest bond to the hairline
WIDEST = 5.0  # pt
COLOURS = "cividis"
ROLE_COLOURS = {"output": LIGHT["ink"], "input": LIGHT["blue"], "control": LIGHT["orange"], "ground": LIGHT["soft"]}


def positions(network: Network) -> tuple[FloatArray, bool]:
    """Return places of all nodes, (N + E, 2), in metre, and whether they are the true ones.

    Where positions are missing, the electrodes stand on a circle and every site at the mean of its neighbours
    (Tutte's drawing), which is deterministic.
    """
    known = np.vstack([network.site_positions, network.electrode_positions])
    if np.isfinite(known).all():
        return known, True
    n, e = network.n_sites, network.n_electrodes
    angle = 2 * np.pi * np.arange(e) / e
    rim = np.column_stack([np.cos(angle), np.sin(angle)])
    laplacian = np.zeros((n + e, n + e))
    for i, j in network.bond_sites:
        laplacian[[i, j], [j, i]] -= 1.0
        laplacian[[i, j], [i, j]] += 1.0
    inside = laplacian[:n, :n] + 1e-9 * np.eye(n)
    return np.vstack([np.linalg.solve(inside, -laplacian[:n, n:] @ rim), rim]), False


def network_figure(network: Network, before: Point | None, after: Point | None, names: tuple[str, str]) -> Figure:
    """Draw the network side by side at two settings, or once without currents when there is none.

    Parameters
    ----------
    network : Network
        The device.
    before, after : Point or None
        The settings.
    names : tuple of str
        Titles of the two panels.
    """
    panels: list[tuple[str, Point | None]] = [
        (name, point) for name, point in zip(names, (before, after), strict=True) if point is not None
    ]
    panels = panels or [("The network (no operating point is stored)", None)]
    shown = [point for _, point in panels if point is not None]
    figure = new_figure(10.4, 5.75 if shown else 5.0)
    most = max((float(np.abs(point.bonds).max(initial=0.0)) for point in shown), default=0.0)
    scale = colour_scale(shown)
    for k, (name, point) in enumerate(panels):
        bottom = 0.13 if shown else 0.02
        width = 0.5 if len(panels) == 2 else 1.0
        axes = figure.add_axes((k * width, bottom, width, 0.93 - bottom))
        draw_network(axes, network, point, scale, most)
        axes.set_title(name, loc="center")
    if shown:
        _current_key(figure, most)
        if scale is not None:
            _colour_key(figure, scale, shown[0])
    return figure


def colour_scale(points: list[Point]) -> ScalarMappable | None:
    """Return the colours of the sites: by occupation where all bonds hop, else by potential in mV."""
    if not points:
        return None
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    if all(point.occupation is not None for point in points):
        low, high = 0.0, 1.0
    else:
        values = np.concatenate([point.potentials for point in points])
        low, high = float(values.min()) * 1e3, float(values.max()) * 1e3
    return ScalarMappable(Normalize(low, max(high, low + 1e-6)), colormaps[COLOURS].resampled(32))


def draw_network(axes: Axes, network: Network, point: Point | None, scale: ScalarMappable | None, most: float) -> None:
    """Draw one panel.

    Parameters
    ----------
    axes : Axes
        Empty.
    network : Network
        The device.
    point : Point or None
        Setting; without one, bonds are hairlines.
    scale : ScalarMappable or None
        Colour of the sites.
    most : float
        Current of the widest bond, in ampere.
    """
    place, true = positions(network)
    n = network.n_sites
    centre = place[n:].mean(axis=0)
    reach = float(np.linalg.norm(place - centre, axis=1).max()) or 1.0
    place = (place - centre) / reach
    _draw_bonds(axes, network, place, point, most)
    colours: Any = LIGHT["shade"]
    if point is not None and scale is not None:
        colours = scale.to_rgba(1e3 * point.potentials if point.occupation is None else point.occupation)
    axes.scatter(
        place[:n, 0],
        place[:n, 1],
        s=min(60.0, 2400.0 / max(n, 1)),
        c=colours,
        edgecolors=LIGHT["ink"],
        linewidths=0.7,
        zorder=4,
    )
    for k in range(network.n_electrodes):
        _draw_electrode(axes, network, place[n + k], k, point)
    axes.set(aspect="equal", xlim=(-1.42, 1.42), ylim=(-1.3, 1.3))
    axes.axis("off")
    if true:
        length = 10.0 ** np.floor(np.log10(0.8 * reach))
        length *= next(m for m in (5, 2, 1) if m * length <= 0.8 * reach)
        axes.plot([-1.38, -1.38 + length / reach], [-1.24, -1.24], color=LIGHT["ink"], lw=2, solid_capstyle="butt")
        axes.text(-1.38, -1.21, amount(length, "m"), fontsize=8, va="bottom")


def _draw_bonds(axes: Axes, network: Network, place: FloatArray, point: Point | None, most: float) -> None:
    from matplotlib.collections import LineCollection, PolyCollection

    ends = place[network.bond_sites]
    if point is None or most <= 0:
        hair = LineCollection(
            list(ends), colors=LIGHT["soft"], linewidths=0.5, alpha=max(0.08, min(0.5, 60 / len(ends))), zorder=1
        )
        axes.add_collection(hair)
        return
    size = np.abs(point.bonds) / most
    strength = np.clip(1.0 + np.log10(np.maximum(size, 1e-12)) / DECADES, 0.0, 1.0)
    axes.add_collection(LineCollection(list(ends), colors=LIGHT["rule"], linewidths=0.5, zorder=1))
    shown = np.flatnonzero(strength > 0)
    shown = shown[np.argsort(strength[shown], kind="stable")]
    lines = LineCollection(
        list(ends[shown]), colors=LIGHT["blue"], linewidths=0.3 + (WIDEST - 0.3) * strength[shown] ** 2,
        alpha=list(0.12 + 0.88 * strength[shown]), capstyle="round", zorder=2,
    )  # fmt: skip
    axes.add_collection(lines)
    arrows = []
    for b in np.flatnonzero(size > 0.02):
        tail, head = ends[b] if point.bonds[b] > 0 else ends[b][::-1]
        along = head - tail
        length = float(np.linalg.norm(along))
        if length > 0.1:
            along, middle = along / length, (tail + head) / 2
            across = np.array([-along[1], along[0]])
            arrow = 0.014 + 0.02 * strength[b] ** 2
            arrows.append(
                [
                    middle + 1.2 * arrow * along,
                    middle - arrow * along + arrow * across,
                    middle - arrow * along - arrow * across,
                ]
            )
    axes.add_collection(
        PolyCollection(arrows, facecolors=LIGHT["blue"], edgecolors=LIGHT["paper"], linewidths=0.4, zorder=3)
    )


def _draw_electrode(axes: Axes, network: Network, place: FloatArray, number: int, point: Point | None) -> None:
    role = network.roles[number]
    colour = ROLE_COLOURS.get(role, LIGHT["soft"])
    axes.scatter(place[0], place[1], s=70, marker="s", c=colour, edgecolors=LIGHT["paper"], linewidths=0.8, zorder=5)
    label = network.electrode_labels[number]
    if network.n_sites + number not in network.bond_sites:  # a gate, on the bond that it sets
        text = label if point is None else f"{label} {signed(point.volts[number], 'V')}"
        axes.text(place[0] + 0.045, place[1] + 0.02, text, va="bottom", color=colour, fontsize=7, zorder=6)
        return
    lines = [f"{label} {role}"] if len(label) <= 4 else [label if len(label) <= 10 else label[:9] + "…", role]
    if point is not None:
        lines.append(signed(point.currents[number], "A") if role == "output" else signed(point.volts[number], "V"))
    away = place / (float(np.linalg.norm(place)) or 1.0)
    x, y = place + 0.085 * away
    side = "left" if away[0] > 0.3 else "right" if away[0] < -0.3 else "center"
    height = "bottom" if away[1] > 0.5 else "top" if away[1] < -0.5 else "center"
    axes.text(x, y, "\n".join(lines), ha=side, va=height, color=colour, fontsize=8, linespacing=1.15, zorder=6)


def _current_key(figure: Figure, most: float) -> None:
    axes = figure.add_axes((0.06, 0.02, 0.36, 0.09))
    axes.axis("off")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.text(0.0, 0.95, "bond current, arrow in its direction", fontsize=8, va="top", color=LIGHT["soft"])
    for k in range(4):
        strength = 1.0 - k / DECADES
        width = 0.3 + (WIDEST - 0.3) * strength**2
        axes.plot(
            [0.25 * k, 0.25 * k + 0.09], [0.28, 0.28], color=LIGHT["blue"], lw=width, alpha=0.12 + 0.88 * strength
        )
        axes.text(0.25 * k + 0.11, 0.28, amount(most * 10.0 ** (-k), "A"), fontsize=8, va="center")


def _colour_key(figure: Figure, scale: ScalarMappable, point: Point) -> None:
    axes = figure.add_axes((0.56, 0.045, 0.25, 0.02))
    bar = figure.colorbar(scale, cax=axes, orientation="horizontal")
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, labelsize=8)
    name = "site potential (mV)" if point.occupation is None else "occupation of a dopant by holes"
    axes.set_title(name, fontsize=8, color=LIGHT["soft"], weight="normal", loc="left", pad=3)
