"""What a page says of a run in leaps: how much of it was simulated, and how sure its end is."""

from __future__ import annotations

import numpy as np

from hgesim.report.record import FloatArray, Record, dig, numbers, real, text
from hgesim.units import show_quantity

__all__ = ["leap_facts", "leap_path", "leap_sentences", "leapt"]

_KEY = "multirate"


def leapt(record: Record) -> float:
    """Return over how many epochs a run leapt; 0 for a run that was simulated whole."""
    return real(record.result, _KEY, "epochs", "leapt") or 0.0


def leap_sentences(record: Record) -> list[str]:
    """Say what was not simulated, and what that may have cost; nothing for a run that did not ask for leaps."""
    result, said = record.result, []
    if not isinstance(dig(result, _KEY), dict):
        return []
    of, simulated, bursts = (
        real(result, _KEY, *key) for key in (("epochs", "of"), ("epochs", "simulated"), ("bursts",))
    )
    factor, error, share = (real(result, _KEY, *key) for key in (("factor",), ("error", "voltage"), ("error", "share")))
    if leapt(record) and None not in (of, simulated, bursts, factor):
        said.append(
            f"Not all of this run was simulated: of {of:.0f} epochs as much as {simulated:.3g}, in {bursts:.0f} "
            "transients, those taken back among them. Over the rest the averaged equations of the loop leapt, computed "
            f"in Python and corrected by each transient. A whole transient would have been {factor:.3g} times as long."
        )
    if leapt(record) and error is not None and share is not None:
        said.append(
            f"Controls and threshold end within an estimated {_volts(error)}, {100 * share:.2g} % of the range of the "
            "controls, of where the whole transient would have ended; the last epoch is simulated."
        )
    if repeats := real(result, _KEY, "repeats"):
        said.append(f"Transients repeated with a shorter time step, as the simulator gave up: {repeats:.0f}.")
    if reason := text(result, _KEY, "fallback", "reason"):
        first = real(result, _KEY, "fallback", "epoch") or 0.0
        said.append(f"From epoch {first + 1:.0f} on all was simulated in one transient: {reason}.")
    return said


def leap_facts(record: Record) -> list[tuple[str, str]]:
    """Return the figures for the top of the page."""
    error, share = (real(record.result, _KEY, "error", key) for key in ("voltage", "share"))
    if not leapt(record) or error is None or share is None:
        return []
    of, simulated = (real(record.result, _KEY, "epochs", key) for key in ("of", "simulated"))
    return [
        ("epochs simulated, in leaps", f"{simulated:.3g} of {of:.0f}"),
        ("estimated error of the controls", f"{_volts(error)}, {100 * share:.2g} %"),
    ]


def leap_path(record: Record, label: str) -> tuple[FloatArray, FloatArray]:
    """Return times (ms) and voltages (V) of a control, or of the threshold, along the path; empty without leaps."""
    epochs, length = numbers(record.result, _KEY, "path", "epoch"), real(record.result, "timeline", "epoch")
    place = ("threshold",) if label == "threshold" else ("controls", label)
    volts = numbers(record.result, _KEY, "path", *place)
    if length is None or not leapt(record) or len(volts) != len(epochs):
        return np.zeros(0), np.zeros(0)
    return 1e3 * length * epochs, volts


def _volts(value: float) -> str:
    return show_quantity(value, "V", 2)
