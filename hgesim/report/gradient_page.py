"""The page of a gradient measurement: how good it is, where its errors come from, how it was made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from hgesim.report.frame import document, figure, section
from hgesim.report.gradient_figure import (
    QUANTITIES,
    comparison,
    controls,
    parts_figure,
    readings_figure,
    scatter_figure,
)
from hgesim.report.record import Record, dig, items, numbers, real, text
from hgesim.report.tables import escape, fact_list, ideal_parts, notes, settings, table
from hgesim.report.words import VERDICTS, amount, reference_sentences, whole

__all__ = ["gradient_page", "is_gradient"]

_ROWS = (
    ("measured", "dithered", "measured, against the twin with the same dither: the electronics alone"),
    ("measured", "exact", "measured, against the exact gradient: dither and electronics"),
    ("uncalibrated", "exact", "the same without calibration, from the blocks' nominal gains"),
    ("dithered", "exact", "twin with the same dither, against the exact gradient: the dither alone"),
    ("finite_difference", "exact", "central differences of the same netlist, against the exact gradient"),
)
_GOOD = {"angle_deg": 1.0, "relative_error": 0.02}


def is_gradient(record: Record) -> bool:
    """Tell whether a folder is that of a gradient measurement, finished or not."""
    return text(record.result, "command") == "gradient" or "sampling" in record.config


def gradient_page(record: Record) -> str:
    """Write the page."""
    kind, sentence = _headline(record)
    title = "A gradient measured by the analog loop"
    version = text(record.result, "hgesim_version")
    eyebrow = " · ".join(["hgesim " + version if version else "hgesim", "all derivatives at once, nothing learnt"])
    why = "" if record.valid else f'<p class="why">{escape(text(record.result, "message"))}</p>'
    header = (
        f'<header><p class="eyebrow">{escape(eyebrow)}</p><h1>{escape(title)}</h1>'
        f'<p class="verdict {kind}">{escape(sentence)}</p>{why}{_facts(record)}</header>'
    )
    chosen = dig(record.config, "sampling")
    plain = {name: values for name, values in record.config.items() if name != "sampling"}
    drawn = isinstance(chosen, Mapping) and "points" in chosen
    options = " ".join(f"--{key} {value}" for key, value in chosen.items() if isinstance(value, int)) if drawn else ""
    again = settings(dataclasses.replace(record, config=plain), f"gradient run.toml {options}" if drawn else "")
    scatter = (
        "Top: each derivative as measured over the exact one (adjoint of the network), at the operating points that "
        "count; on the line they are equal. Bottom: what the electronics are off by, the difference to the twin with "
        "the same dither over the length of the gradient there; points in their order, bars are medians."
    )
    sections = [
        section("Measured and exact", figure(record, scatter_figure(record), "scatter", scatter) + _tables(record)),
        section("Where the errors come from", _parts(record)),
        section("How it was measured", _how(record)),
        section("What it cost", _costs(record)),
        section("What is ideal", ideal_parts(record)),
        section("Settings, and how to run it again", again),
        section("What could not be shown" if record.valid else "What went wrong", notes(record)),
    ]
    return document(title, sentence, header, sections)


def _headline(record: Record) -> tuple[str, str]:
    if not record.valid:
        words = VERDICTS.get(record.verdict, f"The run ended with the unknown verdict {record.verdict!r}.")
        return "bad", words if record.verdict == "missing" else f"Not a valid simulation. {words}"
    own = comparison(record, "output", "measured", "dithered")
    angle, error = real(own, "angle_deg"), real(own, "relative_error")
    if angle is None or error is None:
        return "bad", "The result holds no comparison."
    good = angle <= _GOOD["angle_deg"] and error <= _GOOD["relative_error"]
    return (
        "good" if good else "open",
        f"The electronics measure the output's gradient to {angle:.2g}° and {_percent(error)} "
        f"(medians of {whole(real(own, 'points'))} operating points, against the twin with the same dither).",
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2g} %"


def _degrees(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}°"


def _facts(record: Record) -> str:
    shown = []
    for of, name in QUANTITIES.items():
        for other, words in (("dithered", "electronics alone"), ("exact", "against the exact one")):
            row = comparison(record, of, "measured", other)
            if row:
                pair = f"{_degrees(real(row, 'angle_deg'))}, {_percent(real(row, 'relative_error'))}"
                shown.append((f"gradient of the {name}, {words}", pair))
    shown.append(("dither on every control", amount(real(record.result, "dither", "amplitude"), "V")))
    shown.append(("kT/e of the network", amount(real(record.result, "dither", "thermal_voltage"), "V")))
    shown.append(("transistors", whole(real(record.result, "costs", "loss", "transistors"))))
    shown.append(("wall time", amount(real(record.result, "wall_s"), "s")))
    return fact_list((name, value) for name, value in shown if value != "–")


def _tables(record: Record) -> str:
    body = ""
    for of, name in QUANTITIES.items():
        rows = [
            (
                words,
                _degrees(real(row, "angle_deg")),
                _percent(real(row, "relative_error")),
                _degrees(real(row, "worst_angle_deg")),
                _percent(real(row, "worst_relative_error")),
            )
            for one, other, words in _ROWS
            if (row := comparison(record, of, one, other))
        ]
        if rows:
            unit = text(record.result, "summary", of, "unit").replace("^2", "²")
            count = whole(real(comparison(record, of, "measured", "exact"), "points"))
            head = (f"gradient of the {name} ({unit}), {count} points", "angle", "error", "worst angle", "worst error")
            body += table(head, rows, right=True)
    if not body:
        return ""
    words = (
        "Angle between the two gradients and length of their difference over that of the second: medians over the "
        "points that count, then the worst. A point counts where its exact gradient is at least a tenth as long as "
        "the median one."
    )
    return f"<p>{escape(words)}</p>{body}{_by_control(record)}"


def _by_control(record: Record) -> str:
    body = ""
    pairs = (("dithered", "electronics alone"), ("exact", "against the exact one"))
    head = ("control", *(f"{what}, {words}" for _, words in pairs for what in ("angle", "error")))
    for of, name in QUANTITIES.items():
        columns = [
            (numbers(row, "control_angle_deg"), numbers(row, "control_relative_error"))
            for other, _ in pairs
            if (row := comparison(record, of, "measured", other))
        ]
        labels = controls(record)
        if len(columns) == len(pairs) and all(len(one) == len(labels) for pair in columns for one in pair):
            rows = [
                (label, *(show for a, e in columns for show in (_degrees(float(a[k])), _percent(float(e[k])))))
                for k, label in enumerate(labels)
            ]
            body += f"<p>By control, of the {escape(name)}:</p>{table(head, rows, right=True)}"
    if not body:
        return ""
    words = (
        "Of one control: the same figures for its derivatives at all points as one vector, each over the length of the "
        "gradient there."
    )
    return f'<details><summary>Control by control</summary><p class="soft">{escape(words)}</p>{body}</details>'


def _parts(record: Record) -> str:
    drawn = parts_figure(record)
    if drawn is None:
        return ""
    caption = (
        "What each part changes, as medians. Blocks: the measurement as it was against the same with that block "
        "ideal, calibrated anew. Logarithmic axes; 0 where nothing changes."
    )
    words = (
        "The parts act together and may cancel: they need not add up to the whole. A block's gain, and its phase at a "
        "carrier, are calibrated away and not in its part; what they would do is in the figures without calibration. "
        "Intermodulation and dither curvature belong to the network under this dither and would be there with perfect "
        "electronics."
    )
    rows = [
        (
            f"{text(row, 'name')} ({of})",
            f"{text(row, 'how')}, {whole(real(row, 'points'))} points",
            _degrees(real(row, "angle_deg")),
            _percent(real(row, "relative_error")),
        )
        for of in QUANTITIES
        for row in items(record.result, "summary", of, "parts")
    ]
    body = figure(record, drawn, "parts", caption)
    listed = table(("part", "how it was found", "angle", "error"), rows)
    return f"<p>{escape(words)}</p>{body}<details><summary>As a table</summary>{listed}</details>"


def _how(record: Record) -> str:
    result = record.result
    said = [
        "The integrators are taken out and sources hold the operating points, one after the other in one transient; "
        "every control carries its dither. The read-out's ripple goes through the coupler (for the loss through the "
        "squarer first) to one mixer and low-pass per control. At each point the coupler is held during the ramp, let "
        "go, and after its settling the mean behind each low-pass is read over whole beats.",
        "Resistors of known conductance in the place of the network give the gain of every branch at its carrier. "
        "Behind the squarer all gains go with its slope, which is another one at each point: there the threshold's "
        "channel is a pilot, a resistor's known derivative measured beside the others.",
    ]
    for of, name in QUANTITIES.items():
        ohms = real(result, "summary", of, "transimpedance")
        if ohms is not None:
            standard = amount(real(result, "summary", of, "standard"), "S")
            said.append(
                f"For the {name} the range was {amount(ohms, 'Ohm')} of transimpedance, the greatest at which nothing "
                f"leaves its straight range at any point; the resistors had {standard}."
            )
    step = real(result, "summary", "output", "difference_step")
    if step is not None:
        said.append(f"Central differences were taken over ±{amount(step, 'V')}.")
    said += reference_sentences(result)
    tones = [(text(row, "channel"), amount(real(row, "frequency"), "Hz")) for row in items(result, "plan", "carriers")]
    body = "".join(f"<p>{escape(words)}</p>" for words in said)
    caption = (
        "The first operating points of the output's transient, from waveforms.nc: the read-out, and the pair behind "
        "each low-pass, whose mean over the white windows is the measurement; the threshold's is the pilot."
    )
    return (
        body
        + table(("channel", "carrier"), tones, right=True)
        + figure(record, readings_figure(record), "readings", caption)
    )


def _costs(record: Record) -> str:
    rows = [
        (
            name,
            whole(real(record.result, "costs", of, "timepoints")),
            amount(real(record.result, "costs", of, "simulated_s"), "s"),
            amount(real(record.result, "costs", of, "engine_s"), "s"),
        )
        for of, name in QUANTITIES.items()
        if real(record.result, "costs", of, "timepoints") is not None
    ]
    return table(("transient of the", "time points", "simulated", "engine time"), rows, right=True) if rows else ""
