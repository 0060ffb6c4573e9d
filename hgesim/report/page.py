"""The page: what a run left, told from the outcome to the details, in one self-contained HTML file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from hgesim.report.along_figure import along_figure, along_sentence
from hgesim.report.cases import case_title, cases, counts, kind_of
from hgesim.report.digital_figure import digital_figure, is_digital
from hgesim.report.frame import document, figure, section
from hgesim.report.gradient_page import gradient_page, is_gradient
from hgesim.report.leaps import leapt
from hgesim.report.loop_figure import loop_figure
from hgesim.report.network_figure import network_figure, positions
from hgesim.report.outcome_figure import learning_figure, outputs_figure
from hgesim.report.points import Point
from hgesim.report.record import Record, read_record, real, text
from hgesim.report.sphere_figure import plane_figure, sphere_figure
from hgesim.report.style import look
from hgesim.report.summary import points_of_interest
from hgesim.report.tables import costs, escape, facts, honesty, notes, settings
from hgesim.report.task_figures import MOST, ends_figure, is_radial
from hgesim.report.wave_figure import CASES_SHOWN, excerpt_figure, spectrum_figure
from hgesim.report.waves import carriers, read_timeline
from hgesim.report.words import amount, headline, python_words, reason, reference_sentences, signed, task_name

__all__ = ["write_report"]


def write_report(folder: str | Path) -> Path:
    """Write ``report.html`` from what a run stored.

    Parameters
    ----------
    folder : path
        Folder of a run, finished or not: what is missing is said, not guessed.

    Returns
    -------
    pathlib.Path
        The report. Same folder contents, same bytes.

    Raises
    ------
    RequestError
        ``report.no-folder``.
    """
    record = read_record(Path(folder))
    with look():
        page = gradient_page(record) if is_gradient(record) else _page(record)
    target = record.folder / "report.html"
    part = target.with_name(".report.html.part")
    part.write_text(page, encoding="utf-8", errors="replace")  # half a surrogate pair of a file name
    os.replace(part, target)
    return target


def _page(record: Record) -> str:
    kind, sentence = headline(record)
    title = task_name(record)
    version = text(record.result, "hgesim_version")
    what = "learning in one transient of circuit and Python" if python_words(record) else _TRANSIENT
    if leapt(record):
        what = "learning in leaps between circuit transients"
    eyebrow = " · ".join(["hgesim " + version if version else "hgesim", what])
    why = "".join(f'<p class="why">{escape(words)}</p>' for words in reason(record))
    header = (
        f'<header><p class="eyebrow">{escape(eyebrow)}</p><h1>{escape(title)}</h1>'
        f'<p class="verdict {kind}">{escape(sentence)}</p>{why}{facts(record)}</header>'
    )
    sections = [
        section("What could not be shown" if record.valid else "What went wrong", notes(record)),
        section("The network", _network(record)),
        section("Outputs before and after" if record.valid else "Outputs", _outputs(record)),
        section("The course of the run", _learning(record)),
        section("Against the exact gradient", _along(record)),
        section("The loop", _loop(record)),
        section("Raw waveforms", _waves(record)),
        section("What it cost", costs(record)),
        section("What is ideal, and what decides", honesty(record)),
        section("Settings, and how to run it again", settings(record)),
    ]
    if record.valid:
        sections.append(sections.pop(0))
    return document(title, sentence, header, sections)


def _network(record: Record) -> str:
    network = record.network
    if network is None:
        return ""
    before, after, case = points_of_interest(record)
    rows = cases(record)
    name = f", {case_title(record, rows[case])}" if rows else ""
    end = "end" if record.valid else "end of the record"
    drawn = network_figure(network, before, after, (f"start{name}", f"{end}{name}"))
    caption = f"{network.n_sites} sites and {network.n_electrodes} electrodes, joined by {network.n_bonds} bonds. "
    if before is not None or after is not None:
        caption += (
            "Width and shade of a bond show its current, solved exactly (DC, no dither) from network.json at the "
            "controls of the start and of the end, for the "
            + ("input case whose output changed most. " if rows else "first input case. ")
            + "Electrodes carry their voltage, the output its current, positive out of the network. "
        )
        if rows:
            caption += _agreement(network.output, (before, after), rows[case])
    if not positions(network)[1]:
        caption += "Positions are not stored: every site is drawn at the mean of its neighbours."
    return figure(record, drawn, "network", caption.strip())


def _agreement(output: int, points: tuple[Point | None, Point | None], case: object) -> str:
    """Say whether the drawing's output currents are those of result.json."""
    pairs = [
        (float(point.currents[output]), stored)
        for point, when in zip(points, ("initial", "final"), strict=True)
        if point is not None and (stored := real(case, when)) is not None
    ]
    if not pairs:
        return ""
    if all(np.isclose(drawn, stored, rtol=1e-3, atol=1e-12) for drawn, stored in pairs):
        return "Both output currents agree with those stored in result.json. "
    listed = ", ".join(f"{signed(drawn, 'A')} against {signed(stored, 'A')}" for drawn, stored in pairs)
    return f"Attention: drawn and stored output currents differ ({listed}). "


_TRANSIENT = "learning in one circuit transient"
_COMPUTED = ", orange ones are computed by Python while the simulator runs"


def _digital_loop(record: Record) -> str:
    words = (
        "Every control carries a small sine of its own frequency, its carrier. In every input case the lock-in reads "
        "from the output how much of each carrier comes through: the derivatives. After the last case the loss, its "
        "derivative by each output and the chain rule give the gradient, and the controls move. The last epoch is "
        "measured without dither, at the best controls that were met."
    )
    caption = (
        "Block diagram of this run. Solid outlines are made of transistors and parts, dashed ones are ideal, orange "
        "ones are computed by Python; the network is a device model."
    )
    return f"<p>{escape(words)}</p>" + figure(record, digital_figure(record), "loop", caption) + _tones(record)


def _loop(record: Record) -> str:
    if is_digital(record):
        return _digital_loop(record)
    words = (
        "Every control carries a small sine of its own frequency, its carrier. The part of the loss that swings at "
        "a carrier is proportional to the slope of the loss along that control. The mixer multiplies the loss by "
        "the carrier, the low-pass keeps the mean, and the integrator moves the control downhill."
    )
    caption = (
        "Block diagram with the technology of each block in this run. Solid outlines are made of transistors and "
        f"parts, dashed ones are ideal{_COMPUTED if python_words(record) else ''}; the network is a device model."
    )
    return f"<p>{escape(words)}</p>" + figure(record, loop_figure(record), "loop", caption) + _tones(record)


def _tones(record: Record) -> str:
    """Say what is particular about the carriers."""
    tones, plan = carriers(record.result), record.result.get("plan")
    base, hits = real(plan, "base"), real(plan, "third_order_hits")
    if not tones:
        return ""
    said = []
    if base and all(abs(tone.frequency / base % 2 - 1) < 1e-6 for tone in tones):
        said.append(
            f"All carriers are odd multiples of {amount(base, 'Hz')}, so that no second-order product falls on one."
        )
    if hits is not None:
        said.append(f"{int(hits)} third-order products do.")
    if (spacing := real(plan, "spacing")) is not None:
        said.append(f"Neighbours are at least {amount(spacing, 'Hz')} apart.")
    if (step := real(plan, "step")) is not None:
        said.append(f"The longest time step is {amount(step, 's')}.")
    said += reference_sentences(record.result)
    return f'<p class="soft">{escape(" ".join(said))}</p>' if said else ""


def _learning(record: Record) -> str:
    kind = kind_of(record)
    if text(record.result, "loss", "unit") == "1":
        loss = "the loss that was descended, made of correlation and separation"
    elif text(record.config, "loop", "loss") == "hinge":
        loss = "the loss, mean over the input cases of the squared time-averaged error where it is on the wrong side"
    else:
        loss = "the loss, mean over the input cases of the squared time-averaged error"
    score = text(record.result, "score", "name") or "score"
    panels = [loss, f"{score} on the cases shown to the loop", "the separation of their two classes"]
    kept = {"gate": [loss, panels[2]], "classes": panels, "curve": panels[:2]}[kind]
    alone = "by the network alone (exact, at the controls of that moment; the first point is the start)"
    caption = (
        f"Left, from the top: {'; '.join(kept)}; {'both of the latter' if kind == 'classes' else 'the latter'} "
        f"{alone}. Right: control voltages at the ends of the epochs, over the raw transient with its dither; the "
        "threshold's voltage is dashed."
    )
    if leapt(record):
        caption = caption.replace("at the ends of the epochs, over the raw transient with its dither", "along the path")
        caption += " Dots: epochs that were simulated; between them the path is computed."
    if not record.result.get("history"):
        caption = "Control voltages and the threshold's voltage, with their dither, from waveforms.nc."
    return figure(record, learning_figure(record), "learning", caption)


def _along(record: Record) -> str:
    said = along_sentence(record)
    if not said:
        return ""
    if is_digital(record):
        caption = (
            "Derivatives that the lock-in read in each case, and the gradient of the loss that follows from them by "
            "the chain rule, against those of the network alone at the same controls, exact and without dither."
        )
        return f"<p>{escape(said)}</p>" + figure(record, along_figure(record), "along", caption)
    caption = (
        "Moves are read from waveforms.nc from window to window, without the dither; the gradient is that of the "
        "network alone, exact, at the controls halfway through a window or at the begin of an epoch. A window counts "
        "where the error is larger than the ripple that the dither makes on it, and the controls move by a twentieth "
        "of the dither or more; an epoch, where one of its windows does."
    )
    return f"<p>{escape(said)}</p>" + figure(record, along_figure(record), "along", caption)


def _outputs(record: Record) -> str:
    kind = kind_of(record)
    if kind != "gate":
        return _curve_outputs(record) if kind == "curve" else _class_outputs(record)
    caption = (
        "Output current for each input case: dots, the network alone (exact, no electronics, no dither); diamonds, "
        "the first and the last epoch of the transient. The band spans the gap between the classes, the dashed line "
        "is the threshold at that time."
    )
    return figure(record, outputs_figure(record), "outputs", caption)


_ALONE = "Output current of the network alone (exact, no electronics, no dither)"


def _class_outputs(record: Record) -> str:
    space = "against the distance of the inputs to the centre" if is_radial(record) else "of each case, class by class"
    body = figure(
        record,
        ends_figure(record),
        "outputs",
        f"{_ALONE} {space}. Small dots: held-out cases, which decide; squares: cases shown to the loop. Class 1 "
        f"belongs above the dashed line, the threshold at that time. {_thinned(record)}".strip(),
    )
    which = "held-out points" if counts(record)[1] else "points shown to the loop"
    signs = (
        "Colour: output current above the threshold, orange below and blue above it; the scale ends where a tenth of "
        "the cases lies beyond. "
    )
    body += figure(
        record,
        plane_figure(record),
        "plane",
        f"{_ALONE} over the two inputs. {signs}Dots: held-out cases; squares: cases shown to the loop; crosses: on the "
        "wrong side of the threshold." + (" Dotted: a circle between the classes." if is_radial(record) else ""),
    )
    return body + figure(
        record,
        sphere_figure(record),
        "sphere",
        f"The sphere as in figure 4 of Boon et al. (Nature Communications 2025), after the run. b: {which} in the cube "
        f"of the inputs, with three great circles of a sphere between the classes. {signs}c: output current against "
        "the distance to the centre, with the threshold (dashed) and the outputs of zero error. d: the loss.",
    )


def _curve_outputs(record: Record) -> str:
    return figure(
        record,
        ends_figure(record),
        "outputs",
        f"{_ALONE}, above the threshold at that time, over the input. Line: the curve wanted, in current. Small dots: "
        f"held-out cases, which decide; squares: cases shown to the loop. {_thinned(record)}".strip(),
    )


def _thinned(record: Record) -> str:
    held = counts(record)[1]
    return f"{MOST} of the {held} held-out cases are drawn." if held > MOST else ""


def _waves(record: Record) -> str:
    body = figure(
        record,
        excerpt_figure(record),
        "excerpt",
        f"First and last complete epoch, from waveforms.nc{_first_cases(record)}. "
        "Shaded: ramps and settling, in which the loop is held. "
        "Long records are thinned to the least and the greatest value of each stretch.",
    )
    spectral = spectrum_figure(record)
    if spectral is None:
        return body
    drawn, beats = spectral
    many = f"the last {beats} whole beats" if beats > 1 else "the last whole beat"
    return body + figure(
        record,
        drawn,
        "spectrum",
        f"Amplitudes at the input of the mixers. From the hold time of each case, {many} of the carriers are "
        "resampled uniformly by linear interpolation, so that every carrier falls on one bin and no window function "
        "is needed; powers are averaged over the cases. Carriers are marked; what stands there is what the channel "
        "learns from.",
    )


def _first_cases(record: Record) -> str:
    timeline = read_timeline(record.result)
    if timeline is None or timeline.cases <= CASES_SHOWN:
        return ""
    return f": the first {CASES_SHOWN} of its {timeline.cases} cases, each with its number and target"
