"""The time line and the gates."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest

from hgesim.errors import RequestError
from hgesim.loop import GATES, Scales, Timeline, gate_task

OPERATORS = {
    "AND": operator.and_,
    "OR": operator.or_,
    "XOR": operator.xor,
    "NAND": lambda a, b: 1 - (a & b),
    "NOR": lambda a, b: 1 - (a | b),
    "XNOR": operator.eq,
}


@pytest.mark.parametrize("gate", sorted(GATES))
def test_truth_tables(gate: str) -> None:
    task = gate_task(gate)
    assert set(task.shown_cases) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert list(task.targets) == [int(OPERATORS[gate](a, b)) for a, b in task.shown_cases]
    assert list(task.target_levels) == [1.0 if bit else -1.0 for bit in task.targets]
    assert task.name == gate


def test_levels_follow_the_cases_electrode_by_electrode() -> None:
    """The first input electrode carries the first bit: 0 is -level, 1 is +level."""
    task = gate_task("AND", Scales(level=0.2))
    first, second = task.input_levels
    assert task.n_inputs == len(task.input_levels) == 2
    assert [(round(a / 0.4 + 0.5), round(b / 0.4 + 0.5)) for a, b in zip(first, second, strict=True)] == list(
        task.shown_cases
    )
    assert set(first) == set(second) == {-0.2, 0.2}
    assert first != second


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({"gate": "ANDD"}, "task.unknown-gate", 'did you mean "AND"?'),
        ({"gate": "xor"}, "task.unknown-gate", 'did you mean "XOR"?'),
        ({"gate": "MAJ"}, "task.unknown-gate", "AND"),
        ({"level": 0.0}, "task.bad-value", "task.level"),
        ({"level": -0.3}, "task.bad-value", "task.level"),
        ({"level": math.inf}, "task.bad-value", "task.level"),
        ({"target": math.nan}, "task.bad-value", "task.target"),
        ({"margin": -0.1}, "task.bad-value", "task.margin"),
        ({"margin": 1.0}, "task.bad-value", "task.margin"),
        ({"margin": math.nan}, "task.bad-value", "task.margin"),
    ],
)
def test_senseless_tasks(values: dict[str, object], code: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        scales = Scales(**{k: values[k] for k in ("level", "target") if k in values})  # type: ignore[arg-type]
        gate_task(str(values.get("gate", "AND")), scales, margin=values.get("margin", 0.25))  # type: ignore[arg-type]
    assert caught.value.code == code
    assert words in str(caught.value)


def test_spans_tile_the_run() -> None:
    line = Timeline(ramp=1e-4, settle=5e-5, window=2e-3, cases=4, epochs=3)
    spans = np.array([line.span(epoch, case) for epoch in range(3) for case in range(4)])
    assert np.diff(spans, axis=1).ravel() == pytest.approx(2e-3)
    assert spans[1:, 0] - spans[:-1, 1] == pytest.approx(1.5e-4)  # only ramp and settling in between
    assert spans[0, 0] == pytest.approx(1.5e-4)
    assert spans[-1, 1] == pytest.approx(line.stop)
    assert line.stop == pytest.approx(3 * 4 * 2.15e-3)


@pytest.mark.parametrize(
    "values",
    [{"ramp": 0.0}, {"settle": -1e-3}, {"window": math.nan}, {"window": math.inf}, {"epochs": 0}, {"cases": 0}],
)
def test_no_time_lines(values: dict[str, float]) -> None:
    good = {"ramp": 1e-4, "settle": 5e-5, "window": 2e-3, "cases": 4, "epochs": 3}
    with pytest.raises(RequestError, match=r"loop\.bad-(time|count)"):
        Timeline(**{**good, **values})  # type: ignore[arg-type]
