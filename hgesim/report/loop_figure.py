"""The block diagram of the loop, each block with its technology."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hgesim.report.record import Record, dig, text
from hgesim.report.style import LIGHT, new_figure
from hgesim.report.waves import carriers
from hgesim.report.words import amount

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BLOCKS", "loop_figure", "technologies"]

Spot = tuple[float, float]
IDEAL = "ideal"

# name in the result, symbol, words, place of the centre
BLOCKS: tuple[tuple[str, str, str, Spot], ...] = (
    ("readout", "amp", "transimpedance\namplifier", (4.6, 0.0)),
    ("loss", "x²", "loss\n(saturating square)", (7.5, 0.0)),
    ("coupler", "AC ⁄ hold", "coupler, limiter", (10.4, 0.0)),
    ("mixer", "mix", "mixer", (10.4, -3.3)),
    ("lowpass", "lp", "low-pass", (7.9, -3.3)),
    ("integrator", "−∫ dt", "integrator + dither", (4.9, -3.3)),
)


def technologies(record: Record) -> dict[str, str]:
    """Return the technology of each block, as the run stored it."""
    found = dig(record.result, "technology")
    if isinstance(found, str):
        return {name: found for name, *_ in BLOCKS}
    return {str(k): str(v) for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def loop_figure(record: Record) -> Figure:
    """Draw the loop: solid blocks are transistors, dashed ones ideal, the network tinted."""
    import schemdraw
    from schemdraw import dsp

    figure = new_figure(10.4, 4.7)
    axes = figure.add_axes((0, 0, 1, 1))
    drawing = schemdraw.Drawing(canvas=axes, show=False)
    drawing.config(unit=1, fontsize=9, color=LIGHT["ink"], lw=1.2, font="DejaVu Sans")
    known = technologies(record)
    network = record.network
    size = f"{network.n_sites} sites\n{network.n_electrodes} electrodes" if network else "network"
    drawing.add(_box(dsp, (1.0, -0.0), 2.4, 2.0, fill=LIGHT["shade"], color=LIGHT["green"]).label(size, loc="center"))
    for name, symbol, words, place in BLOCKS:
        _block(drawing, dsp, (symbol, words, known.get(name, "")), place)
    _wires(drawing, dsp)
    _channel_frame(drawing, dsp, record)
    drawing.draw(show=False)
    axes.set(xlim=(-1.1, 13.3), ylim=(-5.55, 2.35), aspect="equal")
    axes.axis("off")
    _key(axes)
    return figure


def _box(dsp: Any, centre: Spot, width: float, height: float, **style: Any) -> Any:
    box = dsp.Box(w=width, h=height).at(centre).anchor("center").color(style.pop("color", LIGHT["ink"]))
    box = box.fill(style.pop("fill", LIGHT["paper"]))
    return box.style(**style) if style else box


def _block(drawing: Any, dsp: Any, words: tuple[str, str, str], centre: Spot) -> None:
    symbol, name, technology = words
    x, y = centre
    dashed = {"ls": "--"} if technology == IDEAL else {}
    fill = LIGHT["paper"] if technology in (IDEAL, "") else LIGHT["shade"]
    below = 0.75
    if symbol == "amp":
        drawing.add(dsp.Amp().scale(1.8).at((x - 0.68, y)).right().fill(fill).style(**dashed))
    elif symbol == "mix":
        drawing.add(dsp.Mixer().scale(1.15).at((x + 0.575, y)).left().fill(fill).style(**dashed))
    elif symbol == "lp":
        drawing.add(dsp.Filter(response="lp").scale(1.25).at((x + 0.625, y)).left().fill(fill).style(**dashed))
    else:
        drawing.add(_box(dsp, centre, 1.7, 1.25, fill=fill, **dashed).label(symbol, loc="center", fontsize=12 if len(symbol) < 6 else 10))
    drawing.add(_note(dsp, (x, y - below), name, LIGHT["ink"], 8.5))
    lines = name.count("\n") + 1
    drawing.add(_note(dsp, (x, y - below - 0.33 * lines), technology[:16], LIGHT["blue"] if technology != IDEAL else LIGHT["orange"], 8.5))


def _note(dsp: Any, place: Spot, words: str, colour: str, size: float, align: tuple[str, str] = ("center", "top")) -> Any:
    from schemdraw.elements import Label

    return Label().at(place).label(words, color=colour, fontsize=size, halign=align[0], valign=align[1])


def _wires(drawing: Any, dsp: Any) -> None:
    def wire(*spots: Spot, arrow: bool = True) -> None:
        for a, b in zip(spots[:-2], spots[1:-1], strict=True):
            drawing.add(dsp.Line().at(a).to(b))
        drawing.add((dsp.Arrow() if arrow else dsp.Line()).at(spots[-2]).to(spots[-1]))

    soft, ink = LIGHT["soft"], LIGHT["ink"]
    wire((2.2, 0), (3.92, 0))
    drawing.add(dsp.Dot().at((3.2, 0)))
    wire((3.2, 1.35), (3.2, 0.08))
    wire((5.27, 0), (6.65, 0))
    wire((8.35, 0), (9.55, 0))
    wire((11.25, 0), (12.2, 0), (12.2, -3.3), (10.98, -3.3))
    wire((9.82, -3.3), (8.53, -3.3))
    wire((7.27, -3.3), (5.75, -3.3))
    wire((4.05, -3.3), (1.0, -3.3), (1.0, -1.02))
    wire((2.6, -3.3), (2.6, 1.35), (3.2, 1.35), arrow=False)
    drawing.add(dsp.Dot().at((2.6, -3.3)))
    wire((0.4, 1.75), (0.4, 1.02))
    wire((1.6, 1.75), (1.6, 1.02))
    drawing.add(_note(dsp, (1.0, 2.18), "data inputs", ink, 8.5))
    drawing.add(_note(dsp, (3.2, 2.18), "target current and\nthreshold current", ink, 8.5, ("left", "top")))
    drawing.add(_note(dsp, (2.4, 0.4), "I", ink, 9))
    drawing.add(_note(dsp, (5.95, 0.4), "error e", ink, 8.5))
    drawing.add(_note(dsp, (8.95, 0.4), "loss", ink, 8.5))
    drawing.add(_note(dsp, (1.12, -1.9), "controls", ink, 8.5, ("left", "top")))
    drawing.add(_note(dsp, (2.72, -1.9), "threshold", ink, 8.5, ("left", "top")))
    drawing.add(_note(dsp, (12.32, -1.4), "loss ripple", ink, 8.5, ("left", "top")))
    drawing.add(dsp.Oscillator().scale(0.9).at((11.9, -4.6)).left().fill(LIGHT["paper"]).color(soft))
    wire((10.98, -4.6), (10.4, -4.6), (10.4, -3.9))
    drawing.add(_note(dsp, (12.05, -4.45), "reference f", soft, 8.5, ("left", "top")))
    drawing.add(dsp.Oscillator().scale(0.9).at((6.4, -4.75)).left().fill(LIGHT["paper"]).color(soft))
    wire((5.5, -4.75), (3.55, -4.75), (3.55, -3.95), (4.02, -3.62))
    drawing.add(_note(dsp, (6.52, -4.6), "dither f", soft, 8.5, ("left", "top")))


def _channel_frame(drawing: Any, dsp: Any, record: Record) -> None:
    tones = carriers(record.result)
    words = "one such channel for every control and one for the threshold"
    if tones:
        names = [f"{tone.channel[:10]} {amount(tone.frequency, 'Hz')}" for tone in tones]
        listed = ", ".join(names[:6]) + (f" … ({len(names)} in all)" if len(names) > 6 else "")
        words = f"{len(tones)} such channels: {listed}"
    drawing.add(_note(dsp, (6.9, -5.42), words, LIGHT["soft"], 8.5, ("center", "center")))


def _key(axes: Any) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=LIGHT["ink"], lw=1.3, label="transistors or parts"),
        Line2D([], [], color=LIGHT["ink"], lw=1.3, ls="--", label="ideal (behavioural)"),
    ]
    axes.legend(handles=entries, loc="upper right", fontsize=8.5, handlelength=2.2, ncols=1)
