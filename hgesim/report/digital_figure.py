"""The block diagram of a loop with a digital update: what is analog above, what Python does below."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from hgesim.report.loop_figure import technologies
from hgesim.report.record import Record, dig, items, real, text
from hgesim.report.style import LIGHT, new_figure
from hgesim.report.waves import carriers
from hgesim.report.words import amount

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["digital_figure", "is_digital"]

Spot = tuple[float, float]

_STAGES = (("lock-in", (10.4, -3.0)), ("loss, chain rule", (7.4, -3.0)), ("optimizer", (4.4, -3.0)))


def is_digital(record: Record) -> bool:
    """Tell whether Python updated the controls."""
    return text(record.result, "update") == "digital"


def digital_figure(record: Record) -> Figure:
    """Draw the loop: solid outlines are made of parts, dashed ones ideal, orange ones are Python's."""
    import schemdraw
    from schemdraw import dsp

    figure = new_figure(10.4, 4.4)
    axes = figure.add_axes((0, 0, 1, 1))
    drawing = schemdraw.Drawing(canvas=axes, show=False)
    drawing.config(unit=1, fontsize=9, color=LIGHT["ink"], lw=1.2, font="DejaVu Sans")
    technology = technologies(record).get("readout", "")
    box = dsp.Box(w=2.4, h=1.6).at((1.2, 0.0)).anchor("center").fill(LIGHT["shade"])
    drawing.add(box.color(LIGHT["green"]))
    amplifier = dsp.Amp().scale(1.4).at((6.4, 0.0)).right().fill(LIGHT["shade"])
    drawing.add(amplifier.linestyle("--") if technology == "ideal" else amplifier)
    for _, centre in _STAGES:
        drawing.add(dsp.Box(w=2.1, h=1.1).at(centre).anchor("center").fill(LIGHT["paper"]).color(LIGHT["orange"]))
    for spots in (
        ((2.4, 0.0), (6.4, 0.0)),
        ((7.45, 0.0), (12.4, 0.0), (12.4, -3.0), (11.45, -3.0)),
        ((9.35, -3.0), (8.45, -3.0)),
        ((6.35, -3.0), (5.45, -3.0)),
        ((3.35, -3.0), (1.2, -3.0), (1.2, -0.82)),
        ((0.5, 1.5), (0.5, 0.82)),
    ):
        _wire(drawing, dsp, spots)
    drawing.draw(show=False)
    axes.set(xlim=(-0.7, 13.7), ylim=(-4.4, 1.95), aspect="equal")
    axes.axis("off")
    _names(axes, record, technology)
    return figure


def _wire(drawing: Any, dsp: Any, spots: tuple[Spot, ...]) -> None:
    for a, b in itertools.pairwise(spots[:-1]):
        drawing.add(dsp.Line().at(a).to(b))
    drawing.add(dsp.Arrow().at(spots[-2]).to(spots[-1]))


def _names(axes: Any, record: Record, technology: str) -> None:
    """Write the words in matplotlib, whose text stays text."""
    result, network, soft = record.result, record.network, LIGHT["soft"]
    size = f"\n{network.n_sites} sites\n{network.n_bonds} bonds" if network else ""
    axes.text(1.2, 0.0, f"network{size}", ha="center", va="center", color=LIGHT["green"], linespacing=1.3)
    axes.text(6.9, -0.78, f"transimpedance amplifier\n{technology}", ha="center", va="top", fontsize=8.5)
    settings = {
        "lock-in": text(result, "digital", "lock_in"),
        "loss, chain rule": text(record.config, "loop", "loss"),
        "optimizer": text(result, "digital", "optimizer", "name"),
    }
    for name, (x, y) in _STAGES:
        axes.text(x, y, name, ha="center", va="center", fontsize=9.5)
        axes.text(x, y - 0.62, settings[name][:24], ha="center", va="top", fontsize=8.5, color=soft)
    inputs = ", ".join(str(label)[:10] for label in items(result, "task", "inputs")[:4])
    tones = carriers(result)
    listed = ", ".join(f"{tone.channel[:10]} {amount(tone.frequency, 'Hz')}" for tone in tones[:8])
    for x, y, words, across in (
        (0.5, 1.56, f"data inputs {inputs}".strip(), "center"),
        (3.6, 0.12, "output I", "center"),
        (9.9, 0.12, "output voltage", "center"),
        (12.52, -1.5, _converter(record, "adc", "ADC"), "left"),
        (1.32, -1.9, f"controls, with dither\n{_converter(record, 'dac', 'DAC')}", "left"),
        (7.4, -4.15, f"dithers: {listed}" + (", …" if len(tones) > 8 else ""), "center"),
        (7.4, -2.2, "Python, once an epoch", "center"),
    ):
        axes.text(x, y, words, ha=across, va="bottom" if "\n" not in words else "center", fontsize=8.5, color=soft)


def _converter(record: Record, key: str, name: str) -> str:
    bits = real(record.result, "converters", key, "bits")
    if bits is not None:
        return f"{name}, {bits:g} bits"
    return f"{name}, ideal" if dig(record.result, "converters") is None else name
