"""Numbers and verdicts in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hgesim.report.cases import counts, kind_of
from hgesim.report.leaps import leap_sentences, leapt
from hgesim.report.record import Record, items, numbers, real, text
from hgesim.units import show_quantity

__all__ = [
    "amount",
    "axis_scale",
    "headline",
    "loss_words",
    "ordinal",
    "percent",
    "python_words",
    "reason",
    "reference_sentences",
    "score_cases",
    "score_value",
    "signed",
    "starts_given_up",
    "task_name",
    "whole",
]

_DEVIATION = "Root-mean-square error over the targets' standard deviation"

PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"))
VERDICTS = {
    "aborted": "The simulator gave up before the end.",
    "interrupted": "The run was interrupted before the end.",
    "nonfinite": "The simulator returned numbers that are not finite.",
    "timeout": "The run was stopped at its time limit.",
    "engine-error": "The simulator reported an error.",
    "end-not-reached": "The transient ended before its planned end.",
    "missing": "There is no result: the run was killed, is still going, or its result.json is unreadable.",
}


def amount(value: float | None, unit: str) -> str:
    """Write a value with an SI prefix and a true minus, or a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    return show_quantity(value, unit, 2).replace("-", "−").replace(" u", " µ")


def signed(value: float | None, unit: str) -> str:
    """Write a value with its sign."""
    shown = amount(value, unit)
    return f"+{shown}" if value is not None and value > 0 else shown


def percent(value: float | None) -> str:
    """Write a fraction in percent, to a tenth and with a true minus: 89.6 % must not pass for 90 %."""
    return "–" if value is None else f"{100 * value:.1f}".replace("-", "−").removesuffix(".0") + " %"


def score_value(name: str, value: float | None) -> str:
    """Write a score: an error as a plain number, the others in percent."""
    return percent(value) if name != "error" or value is None else f"{value:.3g}"


def score_cases(record: Record) -> str:
    """Say on which cases the task is judged: those held out, or where there are none, those shown."""
    shown, held = counts(record)
    return f"{whole(held)} held-out cases" if held else f"{whole(shown)} case{'s' if shown > 1 else ''} shown"


def ordinal(number: int) -> str:
    """Write 1st, 2nd, 3rd."""
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def axis_scale(values: ArrayLike, unit: str) -> tuple[float, str]:
    """Choose the unit of an axis: nA and mV for what hgesim is about.

    Parameters
    ----------
    values : array
        In SI units; what is not finite is passed over.
    unit : str
        SI unit.

    Returns
    -------
    factor : float
        To divide the values by.
    label : str
        The prefixed unit.
    """
    sizes = np.abs(np.asarray(values, dtype=float))
    most = float(np.max(sizes[np.isfinite(sizes)], initial=0.0))
    for factor, prefix in PREFIXES:
        if most >= 2.0 * factor:
            return factor, prefix + unit
    return (1.0, unit) if most == 0.0 else (PREFIXES[-1][0], PREFIXES[-1][1] + unit)


def task_name(record: Record) -> str:
    """Name the task: ``AND gate``, ``Classes: ring`` or ``Curve: square``."""
    name, kind = text(record.result, "task", "name"), kind_of(record)
    if kind == "gate":
        name = name or text(record.config, "task", "gate")
        return f"{name} gate" if name else "Learning run"
    return f"{kind.capitalize()}: {name}" if name else kind.capitalize()


def headline(record: Record) -> tuple[str, str]:
    """Say how the run ended.

    Returns
    -------
    kind : str
        ``good``, ``open`` (valid, not learnt) or ``bad`` (not valid).
    sentence : str
        One sentence.
    """
    if not record.valid:
        sentence = VERDICTS.get(record.verdict, f"The run ended with the unknown verdict {record.verdict!r}.")
        return "bad", sentence if record.verdict == "missing" else f"Not a valid simulation. {sentence}"
    leaps = " in leaps" if leapt(record) else ""
    if not record.learnt:
        return "open", f"Valid simulation{leaps}, but the task is not learnt."
    does = "solves the task" if kind_of(record) == "gate" else "reaches the goal"
    return "good", f"Learnt{leaps}: the network alone, at the final controls, {does}."


def reason(record: Record) -> list[str]:
    """Say why, and what the numbers are, as sentences."""
    result, said = record.result, []
    if not record.valid:
        if message := text(result, "message"):
            said.append(message)
        reached, planned = real(result, "simulated_s"), _planned(result)
        represented = real(result, "multirate", "represented_s")
        if reached is not None:
            of = f" of {amount(planned, 's')} planned" if planned else ""
            leaps = "" if represented is None else f", in leaps up to {amount(represented, 's')}"
            said.append(f"Simulated: {amount(reached, 's')}{leaps}{of}.")
        said.append(
            "What follows is the record of a run that does not count; it says nothing on whether the task can be "
            "solved."
        )
    elif not record.learnt and (why := text(result, "reason")):
        said.append(why)
    railed = [net for net in items(result, "railed") if isinstance(net, str)]
    if railed:
        said.append(f"Sat at a supply rail at the end: {', '.join(railed)}.")
    if record.valid:
        said += leap_sentences(record)
        said += _gate_words(record) if kind_of(record) == "gate" else _score_words(record)
        if record.learnt and _solved_at_start(record):
            said.append("The start already did the task, so this run is no demonstration of learning.")
    said += python_words(record)
    if given_up := starts_given_up(record):
        before = "the first was" if len(given_up) == 1 else f"{len(given_up)} before it were"
        said.append(f"This is the {ordinal(len(given_up) + 1)} start; {before} given up.")
    return said


def python_words(record: Record) -> list[str]:
    """Say what Python did while the simulator ran: such a run is not learning by the circuit alone."""
    parts = [part for part in items(record.result, "python_parts") if isinstance(part, str)]
    if not parts:
        return []
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    how = "once an epoch" if text(record.result, "update") == "digital" else "at every step"
    if real(record.result, "converters", "rate") is not None and how == "at every step":
        how = "at every tick of its clock"
    return [f"Python did a part of the work, {how}: {listed}. What learnt is circuit and computer together."]


def loss_words(record: Record) -> tuple[str, str]:
    """Return what the loss is, and its unit for an axis."""
    if text(record.result, "loss", "unit") == "1":
        return "correlation loss", ""
    return ("squared hinge" if text(record.config, "loop", "loss") == "hinge" else "mean squared error"), "V²"


def starts_given_up(record: Record) -> list[Mapping[str, Any]]:
    """Return the starts given up before the one shown, each by its last transient: one may have had several."""
    attempts = [entry for entry in items(record.result, "attempts") if isinstance(entry, Mapping)]
    draws = [-number if (draw := real(entry, "draw")) is None else draw for number, entry in enumerate(attempts, 1)]
    return [entry for draw, entry in dict(zip(draws, attempts, strict=True)).items() if draw != draws[-1]]


def _gate_words(record: Record) -> list[str]:
    first, last = (real(record.result, "separation", "network", when) for when in ("initial", "final"))
    if first is None or last is None:
        return []
    margin = real(record.result, "margin")
    share = f", {percent(margin)} of the output swing" if margin is not None else ""
    return [f"Separation of the two classes by the network alone: {signed(first, 'A')} → {signed(last, 'A')}{share}."]


def _score_words(record: Record) -> list[str]:
    result, name = record.result, text(record.result, "score", "name")
    ends = [real(result, "score", when) for when in ("initial", "final")]
    if not name or None in ends:
        return []
    what = name.capitalize()
    if name == "error":  # a case alone is judged in units of the target current (`hgesim.learning.goal_figure`)
        what = "Error over the target current" if counts(record) == (1, 0) else _DEVIATION
    first, last = (score_value(name, value) for value in ends)
    words = f"{what} on the {score_cases(record)}, by the network alone: {first} → {last}"
    goal = real(result, "task", "goal")
    if goal is not None:
        words += f"; asked is at {'most' if name == 'error' else 'least'} {score_value(name, goal)}"
    return [words + "."]


def _solved_at_start(record: Record) -> bool:
    """Tell whether the start was as good as asked: any separation of a gate, the goal on the shown cases of others."""
    if kind_of(record) == "gate":
        return (real(record.result, "separation", "network", "initial") or 0.0) > 0
    first, goal = real(record.result, "score", "shown", "initial"), real(record.result, "task", "goal")
    if first is None or goal is None:
        return False
    return first <= goal if text(record.result, "score", "name") == "error" else first >= goal


def _planned(result: Mapping[str, Any]) -> float | None:
    epoch, epochs = real(result, "timeline", "epoch"), real(result, "timeline", "epochs")
    return epoch * epochs if epoch is not None and epochs is not None else None


def whole(value: float | None) -> str:
    """Write a count with narrow spaces between thousands."""
    return "–" if value is None else f"{round(value):,}".replace(",", "\u202f")


def reference_sentences(result: Mapping[str, Any]) -> list[str]:
    """Say what the mixers' references are where they are not sines in phase with the dithers."""
    said, path = [], ("plan", "reference")
    if text(result, *path, "shape") == "square" and (height := real(result, *path, "amplitude")):
        said.append(f"The mixers are switched by square waves of {amount(height, 'V')}.")
    lags = numbers(result, *path, "lag_deg")
    if np.any(lags):
        low, high = f"{lags.min():.3g}", f"{lags.max():.3g}"
        said.append(f"The references lag their dithers by {low if low == high else f'{low} to {high}'} degrees.")
    return said
