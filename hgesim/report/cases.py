"""The cases of a task as a run stored them: inputs, targets and outputs, shown to the loop or held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hgesim.report.record import FloatArray, Record, items, numbers, real, text

__all__ = ["Outcome", "case_name", "case_title", "cases", "counts", "kind_of", "read_outcome"]

KINDS = ("gate", "classes", "curve")
NAMED_INPUTS = 3  # more are not written out


@dataclass(frozen=True)
class Outcome:
    """All cases of a task with the network's outputs, those shown to the loop first.

    Parameters
    ----------
    inputs : ndarray, (cases, inputs)
        Within -1 and 1.
    targets, initial, final : ndarray, (cases,)
        Wanted output; output current before and after, in ampere.
    held : ndarray of bool, (cases,)
        Held out: never shown to the loop.
    """

    inputs: FloatArray
    targets: FloatArray
    initial: FloatArray
    final: FloatArray
    held: NDArray[np.bool_]

    def currents(self, when: str) -> FloatArray:
        """Return the outputs at one end, ``initial`` or ``final``, in ampere."""
        return self.initial if when == "initial" else self.final

    @property
    def distance(self) -> FloatArray:
        """Return the distance of the inputs to the centre, (cases,)."""
        return np.asarray(np.sqrt((self.inputs**2).sum(axis=1)))

    def drawn(self, most: int) -> NDArray[np.intp]:
        """Return the numbers of all cases shown and of at most `most` held out, evenly through their order."""
        held = np.flatnonzero(self.held)
        if len(held) > most:
            held = held[np.linspace(0, len(held) - 1, most).astype(int)]
        return np.concatenate([np.flatnonzero(~self.held), held])

    def thinned(self, most: int) -> Outcome:
        """Keep the cases that are `drawn`."""
        kept = self.drawn(most)
        return Outcome(self.inputs[kept], self.targets[kept], self.initial[kept], self.final[kept], self.held[kept])


def kind_of(record: Record) -> str:
    """Return the kind of task: ``gate``, ``classes`` or ``curve``."""
    kind = text(record.result, "task", "kind")
    return kind if kind in KINDS else "gate"


def cases(record: Record) -> list[dict[str, object]]:
    """Return the stored outputs of the cases shown to the loop, case by case."""
    return [case for case in items(record.result, "outputs") if isinstance(case, dict)]


def counts(record: Record) -> tuple[int, int]:
    """Return how many cases were shown and how many held out, as far as the run says."""
    shown, held = (real(record.result, "task", "cases", key) for key in ("shown", "held_out"))
    return (
        len(cases(record)) if shown is None else int(shown),
        len(items(record.result, "outputs_held_out")) if held is None else int(held),
    )


def read_outcome(record: Record) -> Outcome:
    """Read the outputs of all cases, passing over rows that are not whole; no cases where none are stored."""
    rows = [
        (numbers(case, "inputs"), real(case, "target"), real(case, "initial"), real(case, "final"), held)
        for key, held in (("outputs", False), ("outputs_held_out", True))
        for case in items(record.result, key)
    ]
    width = len(rows[0][0]) if rows else 0
    whole = [row for row in rows if len(row[0]) == width > 0 and np.isfinite(row[0]).all() and None not in row[1:4]]
    targets, initial, final = (np.array([row[k] for row in whole], dtype=float) for k in (1, 2, 3))
    inputs = np.array([row[0] for row in whole]).reshape(len(whole), width)
    return Outcome(inputs, targets, initial, final, np.array([row[4] for row in whole], dtype=bool))


def case_name(record: Record, case: object) -> str:
    """Name a case by its inputs: ``01`` for a gate, else ``0.2, −0.7``."""
    values = numbers(case, "inputs")
    if kind_of(record) == "gate" and len(values) and np.isin(values, (0.0, 1.0)).all():
        return "".join(str(int(v)) for v in values)
    more = ", …" if len(values) > NAMED_INPUTS else ""
    return ", ".join(f"{v:.3g}".replace("-", "−") for v in values[:NAMED_INPUTS]) + more


def case_title(record: Record, case: object) -> str:
    """Name a case in a title: ``inputs 01``, ``input 0.2``."""
    return f"input{'' if len(numbers(case, 'inputs')) == 1 else 's'} {case_name(record, case)}"
