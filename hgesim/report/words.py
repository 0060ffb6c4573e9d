"""Numbers and verdicts in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hgesim.report.record import Record, items, real, text
from hgesim.units import show_quantity

__all__ = ["amount", "axis_scale", "headline", "percent", "reason", "signed", "task_name", "whole"]

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
    """Write a fraction in percent."""
    return "–" if value is None else f"{100 * value:.0f} %"


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
    """Name the task: ``AND gate``, or what it is called."""
    name, kind = text(record.result, "task", "name"), text(record.result, "task", "kind") or "gate"
    name = name or text(record.config, "task", "gate")
    return (f"{name} gate" if kind == "gate" else name) if name else "Learning run"


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
    if not record.learnt:
        return "open", "Valid simulation, but the task is not learnt."
    return "good", "Learnt: the network alone, at the final controls, solves the task."


def reason(record: Record) -> list[str]:
    """Say why, and what the numbers are, as sentences."""
    result, said = record.result, []
    if not record.valid:
        if message := text(result, "message"):
            said.append(message)
        reached, planned = real(result, "simulated_s"), _planned(result)
        if reached is not None:
            of = f" of {amount(planned, 's')} planned" if planned else ""
            said.append(f"Simulated: {amount(reached, 's')}{of}.")
        said.append(
            "What follows is the record of a run that does not count; it says nothing on whether the task can be "
            "solved."
        )
    elif not record.learnt and (why := text(result, "reason")):
        said.append(why)
    railed = [net for net in items(result, "railed") if isinstance(net, str)]
    if railed:
        said.append(f"Sat at a supply rail at the end: {', '.join(railed)}.")
    first, last = real(result, "separation", "network", "initial"), real(result, "separation", "network", "final")
    if record.valid and first is not None and last is not None:
        margin = real(result, "margin")
        share = f", {percent(margin)} of the output swing" if margin is not None else ""
        said.append(
            f"Separation of the two classes by the network alone: {signed(first, 'A')} → {signed(last, 'A')}{share}."
        )
        if first > 0 and record.learnt:
            said.append("The start already separated the classes, so this run is no demonstration of learning.")
    return said


def _planned(result: Mapping[str, Any]) -> float | None:
    epoch, epochs = real(result, "timeline", "epoch"), real(result, "timeline", "epochs")
    return epoch * epochs if epoch is not None and epochs is not None else None


def whole(value: float | None) -> str:
    """Write a count with narrow spaces between thousands."""
    return "–" if value is None else f"{round(value):,}".replace(",", "\u202f")
