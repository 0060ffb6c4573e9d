"""Drawn tasks against rules worked out here, and tables read from files, good and bad."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hgesim.errors import RequestError
from hgesim.loop import CURVES, Draw, Scales, Task, curve_task, read_task, ring_task, sphere_task


def inside_sphere(point: tuple[float, ...]) -> float:
    x, y, z = point
    return 1.0 if x * x + y * y + z * z < (3 / math.pi) ** (2 / 3) else 0.0


def in_disc_or_ring(point: tuple[float, ...]) -> float:
    squared = point[0] ** 2 + point[1] ** 2
    if squared < 0.45**2:
        return 1.0
    assert 0.7**2 < squared < 1.0  # nothing lies in the gap or in the corners
    return 0.0


RULES = {"sphere": (sphere_task, inside_sphere, 3), "ring": (ring_task, in_disc_or_ring, 2)}
each = pytest.mark.parametrize("name", RULES)


@each
def test_labels_follow_the_radius(name: str) -> None:
    make, rule, inputs = RULES[name]
    task = make(Draw(training=41, test=300, seed=5))  # type: ignore[operator]
    assert (task.name, task.kind, task.n_inputs) == (name, "classes", inputs)
    assert (len(task.cases), len(task.test_cases)) == (41, 300)
    assert task.targets == tuple(rule(case) for case in task.cases)  # type: ignore[operator]
    assert task.test_targets == tuple(rule(case) for case in task.test_cases)  # type: ignore[operator]
    assert max(abs(value) for case in (*task.cases, *task.test_cases) for value in case) <= 1


@each
@pytest.mark.parametrize("count", [2, 7, 16])
def test_classes_alternate_and_are_as_many(name: str, count: int) -> None:
    task = RULES[name][0](Draw(training=count, test=count))  # type: ignore[operator]
    for targets in (task.targets, task.test_targets):
        assert list(targets) == [(k + 1) % 2 for k in range(count)]


@each
def test_draws_are_reproducible_and_independent(name: str) -> None:
    make = RULES[name][0]
    first, again, other = (make(Draw(40, 40, seed)) for seed in (3, 3, 4))  # type: ignore[operator]
    assert (first.cases, first.test_cases) == (again.cases, again.test_cases)
    seen = [set(part) for task in (first, other) for part in (task.cases, task.test_cases)]
    assert len(set.union(*seen)) == 160  # no case twice: shown, held out, of one seed or the other
    more = make(Draw(40, 7, 3))  # type: ignore[operator]
    assert more.cases == first.cases and more.test_cases == first.test_cases[:7]
    many = make(Draw(500, 500))  # type: ignore[operator]
    shown, held = np.array(many.cases), np.array(many.test_cases)
    across = np.corrcoef(shown.T, held.T)[: shown.shape[1], shown.shape[1] :]
    assert np.abs(across).max() < 4 / math.sqrt(500)


def test_half_the_cube_is_inside_by_default() -> None:
    """Monte Carlo of our own, to 4 standard deviations; and drawn points fill the sphere and what is around it."""
    points = np.random.default_rng(1).uniform(-1, 1, (200_000, 3))
    share = np.mean([inside_sphere(tuple(point)) for point in points[:50_000]])
    assert share == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(50_000))
    task = sphere_task(Draw(training=4000, test=0))
    drawn = np.linalg.norm(task.cases, axis=1)
    free = np.linalg.norm(points, axis=1)
    limit = (3 / math.pi) ** (1 / 3)
    for inside in (True, False):
        of_class = free[(free < limit) == inside]
        found = drawn[np.array(task.targets) == inside]
        assert found.mean() == pytest.approx(of_class.mean(), abs=5 * of_class.std() / math.sqrt(2000))


def test_another_radius() -> None:
    task = sphere_task(Draw(training=60, test=60), radius=0.6)
    for case, target in zip((*task.cases, *task.test_cases), (*task.targets, *task.test_targets), strict=True):
        assert target == (math.dist(case, (0, 0, 0)) < 0.6)


FORMULAS = {
    "square": lambda x: 2 * x * x - 1,
    "cubic": lambda x: x * x * x,
    "sine": lambda x: math.sin(math.pi * x),
    "abs": lambda x: abs(x) + abs(x) - 1,
    "step": lambda x: (math.exp(8 * x) - 1) / (math.exp(8 * x) + 1),
}


@pytest.mark.parametrize("name", CURVES)
def test_curves(name: str) -> None:
    task = curve_task(name, Draw(training=9, test=50, seed=2), error=0.3)
    assert (task.kind, task.n_inputs, task.goal) == ("curve", 1, 0.3)
    shown = [case[0] for case in task.cases]
    assert shown == pytest.approx([-1, -0.5, 0, 0.5, 1, -0.75, -0.25, 0.25, 0.75])
    for case, target in zip((*task.cases, *task.test_cases), (*task.targets, *task.test_targets), strict=True):
        assert target == pytest.approx(FORMULAS[name](case[0]), abs=1e-12)
    assert task.target_levels == task.targets  # not turned into classes
    assert task.test_cases == curve_task(name, Draw(5, 50, 2)).test_cases
    assert task.test_cases != curve_task(name, Draw(9, 50, 3)).test_cases
    held = np.array(task.test_cases)
    assert held.min() < -0.8 and held.max() > 0.8 and not set(task.test_cases) & set(task.cases)


def test_no_case_held_out() -> None:
    for task in (sphere_task(Draw(test=0)), ring_task(Draw(test=0)), curve_task("abs", Draw(test=0))):
        assert task.test_cases == () and task.test_targets == ()


def test_inputs_become_volts() -> None:
    scales = Scales(level=0.2, offsets=(0.1, -0.3))
    task = ring_task(Draw(training=5, test=3, scales=scales))
    expected = [[0.1 + 0.2 * a, -0.3 + 0.2 * b] for a, b in task.cases]
    np.testing.assert_allclose(np.transpose(task.input_levels), expected)
    np.testing.assert_allclose(task.input_voltages(task.test_cases)[:, 1], [-0.3 + 0.2 * b for _, b in task.test_cases])


def plain(**changes: Any) -> Task:
    values: dict[str, Any] = {
        "name": "t",
        "kind": "classes",
        "cases": ((0.0,), (1.0,)),
        "targets": (0.0, 1.0),
        "goal": 0.9,
    }
    return Task(**{**values, **changes})


@pytest.mark.parametrize(
    ("call", "code", "place"),
    [
        (lambda: Draw(training=1), "task.bad-value", "task.training"),
        (lambda: Draw(training=-3), "task.bad-value", "task.training"),
        (lambda: Draw(test=-1), "task.bad-value", "task.test"),
        (lambda: sphere_task(radius=0.0), "task.bad-value", "task.radius"),
        (lambda: sphere_task(radius=-0.5), "task.bad-value", "task.radius"),
        (lambda: sphere_task(radius=0.19), "task.bad-value", "task.radius"),  # would draw for ever
        (lambda: sphere_task(radius=1.61), "task.bad-value", "task.radius"),
        (lambda: sphere_task(radius=math.nan), "task.bad-value", "task.radius"),
        (lambda: sphere_task(accuracy=0.0), "task.bad-value", "task.accuracy"),
        (lambda: sphere_task(accuracy=1.01), "task.bad-value", "task.accuracy"),
        (lambda: ring_task(accuracy=math.nan), "task.bad-value", "task.accuracy"),
        (lambda: ring_task(Draw(scales=Scales(offsets=(0.1,)))), "task.bad-data", "task.offsets"),
        (lambda: sphere_task(Draw(scales=Scales(offsets=(0.1, 0.2)))), "task.bad-data", "task.offsets"),
        (lambda: Scales(offsets=(math.inf,)), "task.bad-value", "task.offsets"),
        (lambda: curve_task("squar"), "task.unknown-curve", "task.curve"),
        (lambda: curve_task(error=0.0), "task.bad-value", "task.error"),
        (lambda: curve_task(error=math.inf), "task.bad-value", "task.error"),
        (lambda: curve_task("square", Draw(training=2)), "task.bad-data", "task"),  # both ends are 1
        (lambda: plain(kind="clases"), "task.unknown-kind", "task.kind"),
        (lambda: plain(cases=()), "task.bad-data", "task"),
        (lambda: plain(cases=((), ())), "task.bad-data", "task"),
        (lambda: plain(cases=((0.0,), (1.0, 0.5))), "task.bad-data", "task"),
        (lambda: plain(targets=(0.0, 1.0, 1.0)), "task.bad-data", "task"),
        (lambda: plain(test_cases=((0.0,),)), "task.bad-data", "task"),
        (lambda: plain(test_cases=((0.0, 1.0),), test_targets=(0.0,)), "task.bad-data", "task"),
        (lambda: plain(cases=((0.0,), (math.nan,))), "task.bad-data", "task"),
        (lambda: plain(cases=((0.0,), (1.1,))), "task.bad-data", "task"),
        (lambda: plain(targets=(0.0, 0.5)), "task.bad-data", "task"),
        (lambda: plain(targets=(0.0, -1.0)), "task.bad-data", "task"),
        (lambda: plain(targets=(1.0, 1.0)), "task.bad-data", "task"),
        (lambda: plain(kind="curve", targets=(0.3, 0.3)), "task.bad-data", "task"),
        (lambda: plain(kind="curve", targets=(0.3, 1.2)), "task.bad-data", "task"),
    ],
)
def test_refusals(call: Any, code: str, place: str) -> None:
    with pytest.raises(RequestError) as caught:
        call()
    assert (caught.value.code, caught.value.place) == (code, place)
    assert caught.value.remedy and "\n" not in str(caught.value)


def test_the_nearest_curve_is_offered() -> None:
    with pytest.raises(RequestError, match='did you mean "cubic"'):
        curve_task("cubi")


# ---- tables ------------------------------------------------------------------------------------------------------


def test_a_table_of_classes(tmp_path: Path) -> None:
    table = tmp_path / "xor.csv"
    table.write_text("a, b,target ,test\n-1,-1,0,0\n\n-1,1,1,0\n1,-1,1,0\n1,1,0,0\n0.5,0.5,0,1\n-0.5,5e-1,1,1\n")
    task = read_task(table, "classes", 0.8, Scales(level=0.1))
    assert (task.name, task.kind, task.goal, task.n_inputs) == ("xor", "classes", 0.8, 2)
    assert task.cases == ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)) and task.targets == (0.0, 1.0, 1.0, 0.0)
    assert task.test_cases == ((0.5, 0.5), (-0.5, 0.5)) and task.test_targets == (0.0, 1.0)
    assert task.input_levels[0] == pytest.approx((-0.1, -0.1, 0.1, 0.1))


def test_a_table_of_a_curve(tmp_path: Path) -> None:
    table = tmp_path / "line.csv"
    table.write_text('x,target\n"-1",-0.5\n0,0\n1,0.5\n')
    task = read_task(str(table), "curve", 0.1)
    assert task.targets == task.target_levels == (-0.5, 0.0, 0.5) and not task.test_cases


def test_written_cases_are_read_back(tmp_path: Path) -> None:
    drawn = sphere_task(Draw(12, 9, 1))
    rows = [(*case, target, 0) for case, target in zip(drawn.cases, drawn.targets, strict=True)]
    rows += [(*case, target, 1) for case, target in zip(drawn.test_cases, drawn.test_targets, strict=True)]
    table = tmp_path / "sphere.csv"
    table.write_text("\n".join(["x,y,z,target,test", *(",".join(map(repr, row)) for row in rows)]))
    assert read_task(table, "classes", 0.9) == drawn


BAD_TABLES = {
    "empty": (b"", "header missing"),
    "blank lines": (b"\n\n", "header missing"),
    "no target": (b"a,b\n0,1\n", "header a, b"),
    "two targets": (b"a,target,target\n0,1,1\n", "header"),
    "no input": (b"target\n1\n0\n", "header target"),
    "column after": (b"a,target,tset\n0,1,0\n", "tset"),
    "no rows": (b"a,target\n", "0 cases"),
    "all held out": (b"a,target,test\n0,1,1\n1,0,1\n", "0 cases"),
    "ragged, short": (b"a,b,target\n0,0,1\n0,1\n", "row 3: 2 values under 3 names"),
    "ragged, long": (b"a,target\n0,1,0\n", "row 2: 3 values under 2 names"),
    "words": (b"a,target\n0,1\nhigh,0\n", "row 3: high,0"),
    "gap": (b"a,target\n0,1\n,0\n", "row 3"),
    "nan": (b"a,target\n0,1\nnan,0\n", "row 3: a is nan"),
    "input outside": (b"a,target\n0,1\n1.5,0\n", "row 3: a is 1.5"),
    "target outside": (b"a,target\n0,1\n1,2\n", "row 3: target is 2"),
    "class between": (b"a,target\n0,1\n1,0.5\n", "neither 0 nor 1"),
    "one class": (b"a,target\n0,1\n1,1\n", "all targets are equal"),
    "one class held out": (b"a,target,test\n0,1,0\n1,0,0\n0.5,1,1\n0.2,1,1\n", "all targets are equal"),
    "not utf-8": (b"a,target\n\xff\xfe,1\n", "utf-8"),
    "nul": (b"a,target\n\x00,1\n", ""),
    "test not a bit": (b"a,target,test\n0,1,0\n1,0,0\n0.5,1,2\n0.5,0,1\n", "row 4: test is 2"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables(tmp_path: Path, name: str) -> None:
    content, words = BAD_TABLES[name]
    table = tmp_path / "table.csv"
    table.write_bytes(content)
    with pytest.raises(RequestError) as caught:
        read_task(table, "classes", 0.9)
    assert caught.value.code == "task.bad-data"
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert str(table) in caught.value.place


@pytest.mark.parametrize("kind", ["gate", "curves", ""])
def test_tables_are_classes_or_curves(tmp_path: Path, kind: Any) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,target\n0,1\n1,0\n")
    with pytest.raises(RequestError, match=r"task\.unknown-kind"):
        read_task(table, kind, 0.9)


def test_unreadable_tables(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(RequestError) as caught:
            read_task(path, "curve", 0.1)
        assert caught.value.code == "task.no-file" and caught.value.place == str(path)
