"""Tasks: which inputs are shown in turn, what the output should be, and when that counts as learnt."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hgesim.arguments import check_kind, check_positive, check_real, check_reals
from hgesim.errors import RequestError, nearest

__all__ = ["GATES", "Points", "Scales", "Task", "gate_task"]

GATES: dict[str, tuple[int, int, int, int]] = {
    "AND": (0, 0, 0, 1),
    "OR": (0, 1, 1, 1),
    "NAND": (1, 1, 1, 0),
    "NOR": (1, 0, 0, 0),
    "XOR": (0, 1, 1, 0),
    "XNOR": (1, 0, 0, 1),
}

Points = tuple[tuple[float, ...], ...]
Kind = Literal["gate", "classes", "curve"]
_GOALS = {
    "gate": (0.0, 1.0 - 1e-12, "margin: a fraction from 0 to below 1"),
    "classes": (1e-12, 1.0, "accuracy: a share above 0 and at most 1"),
    "curve": (1e-12, math.inf, "error: a positive number"),
}


@dataclass(frozen=True)
class Scales:
    """How inputs become voltages and targets currents.

    Parameters
    ----------
    level : float
        An input of x is the voltage ``offset + level x``, in volt.
    target : float
        Output current above the threshold that a target of 1 stands for, in ampere; below it for a class of 0.
    offsets : tuple of float
        One for each input, in volt; none means 0 V.

    Raises
    ------
    RequestError
        ``task.bad-value``.
    """

    level: float = 0.3
    target: float = 50e-9
    offsets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse scales without sense."""
        object.__setattr__(self, "offsets", check_reals(self.offsets, "task.bad-value", "task.offsets"))
        for key in ("level", "target"):
            check_positive(getattr(self, key), "task.bad-value", f"task.{key}")
        if not all(math.isfinite(value) for value in self.offsets):
            raise RequestError("task.bad-value", f"{self.offsets}", place="task.offsets", remedy="finite voltages")


@dataclass(frozen=True)
class Task:
    """Input cases with a target each, the scales that make volt and ampere of them, and the goal.

    Parameters
    ----------
    name : str
        What people call it.
    kind : str
        ``"gate"`` and ``"classes"``: targets are 0 and 1, told apart by a threshold that the loop learns.
        ``"curve"``: the output above the threshold should be `target` times the case's target, within -1 and 1.
    cases : tuple of tuple of float, (cases, inputs)
        Inputs in the order in which they are shown, within -1 and 1.
    targets : tuple of float, (cases,)
        Wanted outputs.
    goal : float
        From when on it is learnt. Gate: least separation over swing. Classes: least share of the held-out cases on
        the right side of the threshold. Curve: largest root-mean-square deviation over the held-out cases, in units
        of their targets' standard deviation; of a case alone, an operating point, in units of `scales.target`. Where
        no cases are held out, the shown ones count.
    test_cases, test_targets : tuple
        Held out: never shown to the loop.
    scales : Scales
        What makes volt of inputs and ampere of targets.

    Raises
    ------
    RequestError
        ``task.unknown-kind``; ``task.bad-value`` for a goal without sense; ``task.bad-data`` for cases that do not fit
        together.
    """

    name: str
    kind: Kind
    cases: Points
    targets: tuple[float, ...]
    goal: float
    test_cases: Points = ()
    test_targets: tuple[float, ...] = ()
    scales: Scales = field(default_factory=Scales)

    def __post_init__(self) -> None:
        """Refuse what cannot be learnt or judged."""
        if not isinstance(self.kind, str) or self.kind not in _GOALS:
            raise RequestError(
                "task.unknown-kind", f'"{self.kind}"', place="task.kind", remedy=nearest(str(self.kind), _GOALS)
            )
        check_kind(self.scales, Scales, "task.bad-value", "task.scales")
        for name in ("cases", "test_cases"):
            rows = check_kind(getattr(self, name), tuple, "task.bad-data", f"task.{name}")
            object.__setattr__(self, name, tuple(check_reals(row, "task.bad-data", f"task.{name}") for row in rows))
        for name in ("targets", "test_targets"):
            object.__setattr__(self, name, check_reals(getattr(self, name), "task.bad-data", f"task.{name}"))
        _check_data(self)
        low, high, wanted = _GOALS[self.kind]
        key, _, remedy = wanted.partition(": ")
        check_real(self.goal, "task.bad-value", f"task.{key}")
        if not (low <= self.goal <= high and math.isfinite(self.goal)):
            raise RequestError("task.bad-value", f"{self.goal:g}", place=f"task.{key}", remedy=remedy)

    @property
    def n_inputs(self) -> int:
        """Return how many input electrodes the task needs."""
        return len(self.cases[0])

    @property
    def input_levels(self) -> tuple[tuple[float, ...], ...]:
        """Return, for each input electrode, its voltage in each case."""
        return tuple(map(tuple, self.input_voltages(self.cases).T.tolist()))

    @property
    def target(self) -> float:
        """Return the output current above the threshold that a target of 1 stands for, in ampere."""
        return self.scales.target

    def input_voltages(self, cases: Points) -> NDArray[np.float64]:
        """Return the voltages of the input electrodes, (cases, inputs), for inputs within -1 and 1."""
        offsets = np.array(self.scales.offsets or (0.0,) * self.n_inputs)
        return np.asarray(offsets + self.scales.level * np.array(cases).reshape(-1, self.n_inputs))

    @property
    def target_levels(self) -> tuple[float, ...]:
        """Return the output aimed at in each case, relative to the threshold and in units of `target`."""
        return self.targets if self.kind == "curve" else tuple(2.0 * value - 1.0 for value in self.targets)

    @property
    def shown_cases(self) -> tuple[tuple[float | int, ...], ...]:
        """Return the inputs of each case as people write them: bits for a gate."""
        if self.kind == "gate":
            return tuple(tuple(int(value > 0) for value in case) for case in self.cases)
        return self.cases


def _check_data(task: Task) -> None:
    widths = {len(case) for case in (*task.cases, *task.test_cases)}
    counts = (len(task.cases), len(task.test_cases)) == (len(task.targets), len(task.test_targets))
    if not task.cases or len(widths) != 1 or 0 in widths or not counts:
        raise RequestError(
            "task.bad-data",
            f"{len(task.cases)} cases with {len(task.targets)} targets, {sorted(widths)} inputs",
            place="task",
            remedy="at least one case, as many inputs in each, one target for each",
        )
    if len(task.scales.offsets) not in (0, task.n_inputs):
        raise RequestError(
            "task.bad-data",
            f"{len(task.scales.offsets)} offsets for {task.n_inputs} inputs",
            place="task.offsets",
            remedy="one for each input",
        )
    for value in itertools.chain(*task.cases, *task.test_cases, task.targets, task.test_targets):
        if not (math.isfinite(value) and abs(value) <= 1):
            raise RequestError(
                "task.bad-data", f"{value:g}", place="task", remedy="inputs and targets lie within -1 and 1"
            )
    if task.kind != "curve" and {*task.targets, *task.test_targets} - {0.0, 1.0}:
        raise RequestError("task.bad-data", "a class is neither 0 nor 1", place="task", remedy="use 0 and 1")
    alone = task.kind == "curve" and len(task.cases) == 1 and not task.test_cases
    for targets in (task.targets, task.test_targets):
        if targets and len(set(targets)) < 2 and not alone:
            remedy = "give targets that differ" if task.kind == "curve" else "give both classes"
            raise RequestError("task.bad-data", "all targets are equal", place="task", remedy=remedy)


def gate_task(gate: str, scales: Scales | None = None, *, margin: float = 0.25) -> Task:
    """Make the task of a Boolean gate of two inputs: logic 0 is an input of -1, logic 1 an input of +1.

    Parameters
    ----------
    gate : str
        A key of `GATES`.
    scales : Scales, optional
        Voltages and currents.
    margin : float
        Least separation over swing of a gate that counts as learnt.

    Raises
    ------
    RequestError
        ``task.unknown-gate`` with the nearest name, ``task.bad-value``.
    """
    if not isinstance(gate, str) or gate not in GATES:
        raise RequestError("task.unknown-gate", f'"{gate}"', place="task.gate", remedy=nearest(str(gate), GATES))
    cases = tuple(itertools.product((-1.0, 1.0), repeat=2))
    return Task(gate, "gate", cases, tuple(map(float, GATES[gate])), margin, scales=scales or Scales())
