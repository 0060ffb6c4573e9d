"""Tasks: which inputs are shown in turn and what the output should be."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from hgesim.errors import RequestError, nearest

__all__ = ["GATES", "GateTask"]

GATES: dict[str, tuple[int, int, int, int]] = {
    "AND": (0, 0, 0, 1),
    "OR": (0, 1, 1, 1),
    "NAND": (1, 1, 1, 0),
    "NOR": (1, 0, 0, 0),
    "XOR": (0, 1, 1, 0),
    "XNOR": (1, 0, 0, 1),
}


@dataclass(frozen=True)
class GateTask:
    """A Boolean gate of two inputs.

    Parameters
    ----------
    gate : str
        A key of `GATES`.
    level : float
        Logic 0 is ``-level``, logic 1 is ``+level``, in volt, at both input electrodes.
    target : float
        Output current aimed at: ``+target`` above the threshold for 1, ``target`` below it for 0, in ampere.
    margin : float
        Least separation over swing of a gate that counts as learnt.
    """

    gate: str
    level: float = 0.3
    target: float = 50e-9
    margin: float = 0.25

    def __post_init__(self) -> None:
        """Refuse an unknown gate and senseless levels."""
        if self.gate not in GATES:
            raise RequestError(
                "task.unknown-gate", f'"{self.gate}"', place="task.gate", remedy=nearest(self.gate, GATES)
            )
        for name in ("level", "target"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise RequestError(
                    "task.bad-value", f"{getattr(self, name):g}", place=f"task.{name}", remedy="a positive value"
                )
        if not 0 <= self.margin < 1:
            raise RequestError(
                "task.bad-value", f"{self.margin:g}", place="task.margin", remedy="a fraction from 0 to below 1"
            )

    @property
    def name(self) -> str:
        """Return what the task is called."""
        return self.gate

    @property
    def n_inputs(self) -> int:
        """Return how many input electrodes the task needs."""
        return 2

    @property
    def cases(self) -> tuple[tuple[int, ...], ...]:
        """Return the input cases in the order in which they are shown."""
        return tuple(itertools.product((0, 1), repeat=2))

    @property
    def targets(self) -> tuple[int, ...]:
        """Return the wanted output of each case: 0 or 1."""
        return GATES[self.gate]

    @property
    def input_levels(self) -> tuple[tuple[float, ...], ...]:
        """Return, for each input electrode, its voltage in each case."""
        return tuple(tuple(self.level * (2 * bit - 1) for bit in column) for column in zip(*self.cases, strict=True))

    @property
    def target_signs(self) -> tuple[float, ...]:
        """Return +1 for a case that should end above the threshold and -1 for one below."""
        return tuple(2.0 * bit - 1.0 for bit in self.targets)
