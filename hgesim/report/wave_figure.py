"""Raw waveforms of an early and a late epoch, and what the mixers see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hgesim.report.cases import case_name, cases, kind_of
from hgesim.report.record import FloatArray, Record, dig, numbers, real, text
from hgesim.report.style import LIGHT, channel_style, log_ticks, new_figure, thin
from hgesim.report.waves import Timeline, carriers, difference, mixer_nets, read_timeline, read_waves, spectrum, window
from hgesim.report.words import axis_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CASES_SHOWN", "excerpt_figure", "spectrum_figure"]

CASES_SHOWN = 6  # of an epoch


def _epochs(time: FloatArray, timeline: Timeline) -> list[int]:
    """Return the first and the last complete epoch; the first alone when the record is short."""
    whole = int(np.floor(time[-1] / timeline.epoch + 1e-3))
    return sorted({0, max(whole - 1, 0)})


def excerpt_figure(record: Record) -> Figure | None:
    """Draw inputs, error, mixer input and one control in an early and a late epoch; None without waveforms."""
    rows = _rows(record)
    nets = [net for _, group in rows for net, _, _ in group]
    time, waves = read_waves(record, [part for net in nets for part in net.split(" − ")])
    timeline = read_timeline(record.result)
    rows = [
        (name, kept)
        for name, group in rows
        if (kept := [entry for entry in group if _wave(waves, entry[0]) is not None])
    ]
    if len(time) < 2 or not rows:
        return None
    epochs = _epochs(time, timeline) if timeline else [0]
    figure = new_figure(10.4, 1.2 + 1.32 * len(rows))
    grid = figure.subplots(
        len(rows), len(epochs), sharex="col", sharey="row", squeeze=False, gridspec_kw={"wspace": 0.05, "hspace": 0.16}
    )
    figure.subplots_adjust(0.085, 0.55 / figure.get_figheight(), 0.985, 1 - 0.5 / figure.get_figheight())
    for column, epoch in enumerate(epochs):
        span = time[0], time[-1]
        if timeline:
            start = epoch * timeline.epoch
            span = start, min(start + min(timeline.cases, CASES_SHOWN) * timeline.case, time[-1])
        part = window(time, *span)
        for row, (name, group) in enumerate(rows):
            axes = grid[row, column]
            for net, label, style in group:
                wave = _wave(waves, net)
                if wave is not None:
                    x, y = thin(time[part], wave[part], 3000)
                    axes.plot(1e3 * x, 1e3 * y, label=label, **style)
            _hold_shade(axes, timeline, epoch, span)
            axes.set_xlim(1e3 * span[0], 1e3 * span[1])
            if column == 0:
                axes.set_ylabel(name)
                axes.yaxis.set_label_coords(-0.135 if len(epochs) == 2 else -0.065, 0.5)
            if column == 0 and len(group) > 1:
                low, high = axes.get_ylim()
                axes.set_ylim(low, high + 0.4 * (high - low))  # room for the legend above the lines
                axes.legend(
                    loc="upper right", ncols=len(group), fontsize=7.5, handlelength=1.4, borderpad=0, labelspacing=0.2
                )
        _case_names(grid[0, column], record, timeline, epoch)
        planned = f" of {timeline.epochs}" if timeline and timeline.epochs else ""
        many = f", cases 1 to {CASES_SHOWN} of {timeline.cases}" if timeline and timeline.cases > CASES_SHOWN else ""
        grid[0, column].set_title(f"epoch {epoch + 1}{planned}{many}", pad=16)
        grid[-1, column].set_xlabel("time (ms)")
    return figure


def _wave(waves: Mapping[str, FloatArray], net: str) -> FloatArray | None:
    return difference(waves, net.split(" − "))


def _rows(record: Record) -> list[tuple[str, list[tuple[str, str, dict[str, Any]]]]]:
    """Return what to draw: rows of (axis label, [(net, legend, style)])."""
    result = record.result
    inputs = dig(result, "signals", "inputs")
    inputs = [(str(k), v) for k, v in inputs.items() if isinstance(v, str)] if isinstance(inputs, dict) else []
    rows = []
    lines = [(net, label, {**channel_style(k), "lw": 1.3}) for k, (label, net) in enumerate(inputs)]
    if target := text(result, "signals", "target"):
        lines.append((target, "target", {"color": LIGHT["ink"], "lw": 1.0, "linestyle": (0, (4, 2))}))
    rows.append(("inputs (mV)", lines))
    plain = {"color": LIGHT["ink"], "lw": 0.6}
    if error := text(result, "signals", "error"):
        rows.append(("error (mV)", [(error, "error", plain)]))
    if output := text(result, "signals", "output"):
        rows.append(("read-out (mV)", [(output, "output of the read-out", plain)]))
    if nets := mixer_nets(result):
        rows.append(("mixer input (mV)", [(" − ".join(nets), "mixer input", plain)]))
    if busiest := _busiest(record):
        number, label, net = busiest
        rows.append((f"{label[:10]} (mV)", [(net, label, {**channel_style(number), "lw": 0.8})]))
    return [(name, lines) for name, lines in rows if lines]


def _busiest(record: Record) -> tuple[int, str, str] | None:
    """Return number, label and net of the control that travelled furthest."""
    nets = dig(record.result, "signals", "controls")
    nets = {str(k): v for k, v in nets.items() if isinstance(v, str)} if isinstance(nets, dict) else {}
    if not nets:
        return None
    travel = []
    for label in nets:
        track = numbers(record.result, "history", "controls", label)
        track = track[np.isfinite(track)]
        travel.append(abs(float(track[-1] - track[0])) if len(track) else 0.0)
    k = int(np.argmax(travel))
    label = list(nets)[k]
    return k, label, nets[label]


def _hold_shade(axes: Axes, timeline: Timeline | None, epoch: int, span: tuple[float, float]) -> None:
    for start, _ in timeline.holds(epoch) if timeline else []:
        begin, end = max(start - timeline.dead, span[0]), min(start, span[1])  # type: ignore[union-attr]
        if end > begin:
            axes.axvspan(1e3 * begin, 1e3 * end, color=LIGHT["rule"], alpha=0.75, lw=0, zorder=0)


def _case_names(axes: Axes, record: Record, timeline: Timeline | None, epoch: int) -> None:
    """Name the cases over their hold times: a gate's by the inputs, others by their number, with the target."""
    rows = cases(record)
    if timeline is None or len(rows) != timeline.cases:
        return
    gate = kind_of(record) == "gate"
    spans = timeline.holds(epoch)[:CASES_SHOWN]
    for number, (case, (start, stop)) in enumerate(zip(rows, spans, strict=False), 1):
        target = real(case, "target")
        wanted = "" if target is None else f" → {round(target, 2) + 0.0:g}".replace("-", "−")
        name = (case_name(record, case) if gate else str(number)) + wanted
        middle, across = 5e2 * (start + stop), axes.get_xaxis_transform()
        axes.text(middle, 1.03, name, transform=across, ha="center", va="bottom", fontsize=8, color=LIGHT["soft"])


def spectrum_figure(record: Record) -> tuple[Figure, int] | None:
    """Draw the spectrum at the mixer input with the carriers marked.

    Returns
    -------
    figure : Figure
        The picture.
    beats : int
        Whole beats used of each hold time.
    """
    timeline, tones, nets = read_timeline(record.result), carriers(record.result), mixer_nets(record.result)
    time, waves = read_waves(record, nets)
    wave = difference(waves, nets)
    if timeline is None or not tones or wave is None or len(time) < 2:
        return None
    found = [(epoch, spectrum(time, wave, timeline, tones, epoch)) for epoch in _epochs(time, timeline)]
    drawn = [(epoch, spectral) for epoch, spectral in found if spectral is not None]
    if not drawn:
        return None
    top = 2.3 * max(tone.frequency for tone in tones)
    figure = new_figure(10.4, 3.6)
    axes = figure.add_axes((0.075, 0.135, 0.91, 0.7))
    unit, label = axis_scale(np.concatenate([amplitude for _, (_, amplitude, _) in drawn]), "V")
    peak = max(float(amplitude.max()) for _, (_, amplitude, _) in drawn) / unit or 1.0
    floor = peak * 1e-4
    looks = [("blue", 1.6)] if len(drawn) == 1 else [("amber", 1.6), ("blue", 1.6)]
    for k, ((epoch, (frequency, amplitude, _)), (colour, width)) in enumerate(zip(drawn, looks, strict=True)):
        kept = frequency <= top
        x, y = frequency[kept] / 1e3, np.maximum(amplitude[kept] / unit, floor)
        if len(x) <= 160:
            step = (k - (len(drawn) - 1) / 2) * 0.22 * (x[1] - x[0] if len(x) > 1 else 1.0)
            axes.vlines(x + step, floor, y, color=LIGHT[colour], lw=width)
            axes.scatter(x + step, y, s=9, color=LIGHT[colour], label=f"epoch {epoch + 1}", zorder=3)
        else:
            axes.plot(*thin(x, y, 2400), color=LIGHT[colour], lw=0.8, label=f"epoch {epoch + 1}")
    axes.set(
        yscale="log",
        ylim=(floor, peak * 1.8),
        xlim=(0, top / 1e3),
        xlabel="frequency (kHz)",
        ylabel=f"amplitude ({label})",
    )
    log_ticks(axes)
    _mark_carriers(axes, record)
    axes.legend(loc="upper right", fontsize=8, ncols=2, bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    return figure, drawn[-1][1][2]


def _mark_carriers(axes: Axes, record: Record) -> None:
    tones = carriers(record.result)
    spread = max(tone.frequency for tone in tones) / 1e3
    close = any(abs(a.frequency - b.frequency) / 1e3 < 0.07 * spread for a in tones for b in tones if a is not b)
    for k, tone in enumerate(tones):
        colour = LIGHT["ink"] if tone.channel == "threshold" else channel_style(k)["color"]
        axes.axvline(tone.frequency / 1e3, color=colour, lw=5, alpha=0.16, zorder=0)
        axes.text(tone.frequency / 1e3, 1.02, tone.channel[:10], transform=axes.get_xaxis_transform(), color=colour,
                  rotation=45 if close else 0, ha="left" if close else "center", va="bottom", fontsize=8)  # fmt: skip
