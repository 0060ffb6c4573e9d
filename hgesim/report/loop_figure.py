"""The block diagram of the loop, each block with its technology."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hgesim.report.record import Record, dig, items, text
from hgesim.report.style import LIGHT, new_figure
from hgesim.report.waves import carriers, reference_words
from hgesim.report.words import amount

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BLOCKS", "loop_figure", "technologies"]

Spot = tuple[float, float]
IDEAL, PYTHON = "ideal", "python"

# name in the result, symbol, words, centre
BLOCKS: tuple[tuple[str, str, str, Spot], ...] = (
    ("readout", "amp", "transimpedance amplifier", (4.6, 0.0)),
    ("loss", "x²", "loss: saturating square", (7.6, 0.0)),
    ("coupler", "AC, hold", "coupler and limiter", (10.6, 0.0)),
    ("mixer", "mix", "mixer", (10.6, -3.4)),
    ("lowpass", "lp", "low-pass", (7.9, -3.4)),
    ("integrator", "−∫ dt", "integrator, adds dither", (4.9, -3.4)),
)
# with a hinge the upper row moves together
HINGED: tuple[tuple[str, str, str, Spot], ...] = (
    BLOCKS[0],
    ("loss", "x²", "loss: square", (6.9, 0.0)),
    ("hinge", "e·s > 0", "hinge", (8.9, 0.0)),
    ("coupler", "AC, hold", "coupler and limiter", (11.0, 0.0)),
    *BLOCKS[3:],
)


def technologies(record: Record) -> dict[str, str]:
    """Return the technology of each block: what the run stored, else what its settings asked for."""
    found = dig(record.result, "technology")
    if isinstance(found, Mapping):
        return {str(name): value for name, value in found.items() if isinstance(value, str)}
    common = text(record.config, "circuit", "technology")
    blocks = HINGED if text(record.config, "loop", "loss") == "hinge" else BLOCKS
    asked = {name: text(record.config, "circuit", name) or common for name, *_ in blocks}
    return {name: value for name, value in asked.items() if value}


def loop_figure(record: Record) -> Figure:
    """Draw the loop: solid blocks are made of parts, dashed ones ideal; the network is green."""
    import schemdraw
    from schemdraw import dsp

    figure = new_figure(10.4, 5.2)
    axes = figure.add_axes((0, 0, 1, 1))
    drawing = schemdraw.Drawing(canvas=axes, show=False)
    drawing.config(unit=1, fontsize=9, color=LIGHT["ink"], lw=1.2, font="DejaVu Sans")
    known = technologies(record)
    drawing.add(_box(dsp, (1.0, 0.0), 2.4, 2.0, LIGHT["shade"]).color(LIGHT["green"]))
    blocks = HINGED if "hinge" in known else BLOCKS
    for name, symbol, _, centre in blocks:
        _symbol(drawing, dsp, symbol, known.get(name, ""), centre)
    _wires(drawing, dsp, {name: x for name, _, _, (x, _) in blocks})
    drawing.draw(show=False)
    axes.set(xlim=(-0.7, 13.7), ylim=(-5.25, 1.95), aspect="equal")
    axes.axis("off")
    _names(axes, record, known, blocks)
    _key(axes, PYTHON in known.values())
    return figure


def _box(dsp: Any, centre: Spot, width: float, height: float, fill: str) -> Any:
    return dsp.Box(w=width, h=height).at(centre).anchor("center").fill(fill)


def _symbol(drawing: Any, dsp: Any, symbol: str, technology: str, centre: Spot) -> None:
    x, y = centre
    fill = LIGHT["paper"] if technology in (IDEAL, PYTHON, "") else LIGHT["shade"]
    if symbol == "amp":
        element = dsp.Amp().scale(1.4).at((x - 0.525, y)).right().fill(fill)
    elif symbol == "mix":
        element = dsp.Mixer().scale(1.2).at((x + 0.6, y)).left().fill(fill)
    elif symbol == "lp":
        element = dsp.Filter(response="lp").scale(1.2).at((x + 0.6, y)).left().fill(fill)
    else:
        element = _box(dsp, centre, 1.7, 1.2, fill).label(symbol, loc="center", fontsize=11)
    if technology == PYTHON:
        element = element.color(LIGHT["orange"])
    drawing.add(element.linestyle("--") if technology == IDEAL else element)


def _wires(drawing: Any, dsp: Any, at: Mapping[str, float]) -> None:
    def wire(*spots: Spot, arrow: bool = True) -> None:
        for a, b in itertools.pairwise(spots[:-1]):
            drawing.add(dsp.Line().at(a).to(b))
        drawing.add((dsp.Arrow() if arrow else dsp.Line()).at(spots[-2]).to(spots[-1]))

    wire((2.2, 0), (4.08, 0))
    drawing.add(dsp.Dot().at((3.3, 0)))
    wire((3.3, 1.15), (3.3, 0.08))
    wire((5.13, 0), (at["loss"] - 0.85, 0))
    upper = [at[name] for name in ("loss", "hinge", "coupler") if name in at]
    for left, right in itertools.pairwise(upper):
        wire((left + 0.85, 0), (right - 0.85, 0))
    wire((at["coupler"] + 0.85, 0), (12.3, 0), (12.3, -3.4), (11.2, -3.4))
    if "hinge" in at:
        drawing.add(dsp.Dot().at((5.6, 0)))
        wire((5.6, 0), (5.6, 1.0), (at["hinge"] - 0.4, 1.0), (at["hinge"] - 0.4, 0.62))
        wire((at["hinge"] + 0.4, 1.15), (at["hinge"] + 0.4, 0.62))
    wire((10.0, -3.4), (8.5, -3.4))
    wire((7.3, -3.4), (5.75, -3.4))
    wire((4.05, -3.4), (1.0, -3.4), (1.0, -1.02))
    wire((2.8, -3.4), (2.8, -0.75), (3.3, -0.75), (3.3, -0.08))
    drawing.add(dsp.Dot().at((2.8, -3.4)))
    wire((0.4, 1.6), (0.4, 1.02))
    wire((1.6, 1.6), (1.6, 1.02))
    wire((10.6, -2.1), (10.6, -2.8))
    wire((4.9, -2.1), (4.9, -2.8))


def _names(axes: Any, record: Record, known: Mapping[str, str], blocks: Sequence[tuple[str, str, str, Spot]]) -> None:
    """Write the words in matplotlib, whose text stays text."""
    for name, symbol, words, (x, y) in blocks:
        drop = 0.78 if symbol == "amp" else 0.7
        axes.text(x, y - drop, words, ha="center", va="top", fontsize=8.5)
        technology = known.get(name, "not stated")
        colour = LIGHT["orange"] if technology in (IDEAL, PYTHON) else LIGHT["blue"] if name in known else LIGHT["soft"]
        axes.text(x, y - drop - 0.3, technology[:20], ha="center", va="top", fontsize=8.5, color=colour)
    network = record.network
    size = f"\n{network.n_sites} sites\n{network.n_electrodes} electrodes\n{network.n_bonds} bonds" if network else ""
    axes.text(1.0, 0.0, f"network{size}", ha="center", va="center", color=LIGHT["green"], linespacing=1.3)
    tones = carriers(record.result)
    names = ", ".join(str(label)[:10] for label in items(record.result, "task", "inputs")[:4])
    soft = LIGHT["soft"]
    hinge = next((centre[0] for name, *_, centre in blocks if name == "hinge"), None)
    loss = ((9.1, 0.12, "loss", "center"),) if hinge is None else ((hinge + 0.5, 1.22, "target s", "center"),)
    for x, y, words, across in (
        *loss,
        (1.0, 1.66, f"data inputs {names}".strip(), "center"),
        (3.3, 1.22, "target current", "center"),
        (2.75, 0.12, "output I", "center"),
        (5.95 if hinge is None else 5.58, 0.12 if hinge is None else 1.05, "error e", "center"),
        (12.42, -1.7, "AC part\nof the loss", "left"),
        (1.12, -2.0, "controls,\nwith dither", "left"),
        (2.92, -2.0, "threshold\ncurrent", "left"),
        (10.6, -2.05, reference_words(record.result), "center"),
        (4.9, -2.05, "dither sin 2πft", "center"),
    ):
        axes.text(x, y, words, ha=across, va="bottom" if "\n" not in words else "center", fontsize=8.5, color=soft)
    listed = ", ".join(f"{tone.channel[:10]} {amount(tone.frequency, 'Hz')}" for tone in tones[:8])
    more = f", … {len(tones)} in all" if len(tones) > 8 else ""
    chain = (
        f"one such channel each: {listed}{more}"
        if tones
        else "one such channel for each control and one for the threshold"
    )
    axes.text(7.75, -4.95, chain, ha="center", va="center", fontsize=8.5, color=soft)
    axes.plot([3.7, 3.7, 11.9, 11.9], [-4.6, -4.72, -4.72, -4.6], color=soft, lw=0.8)


def _key(axes: Any, computed: bool) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=LIGHT["ink"], lw=1.3, label="made of parts"),
        Line2D([], [], color=LIGHT["ink"], lw=1.3, ls="--", label="ideal (behavioural)"),
    ]
    if computed:
        entries.append(Line2D([], [], color=LIGHT["orange"], lw=1.3, label="computed by Python"))
    axes.legend(handles=entries, loc="upper right", fontsize=8.5, handlelength=2.2)
