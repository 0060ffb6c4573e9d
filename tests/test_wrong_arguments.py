"""Arguments of the wrong type are refused in one line, and what makes no sense together too."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_designs import small_loop, small_star

from hgesim.blocks.transfer import mixer_harmonic
from hgesim.errors import RequestError
from hgesim.experiment import Search
from hgesim.learning import epoch_history
from hgesim.loop import (
    Boxcar,
    Draw,
    HomodyneLoop,
    LoopSettings,
    LowPass,
    Scales,
    Task,
    Timeline,
    TonePlan,
    check_tones,
    curve_task,
    derivative_errors,
    gate_task,
    plan_tones,
    products_on_carriers,
    read_task,
    ring_task,
    sphere_task,
)
from hgesim.network import dopant_disc, lattice
from hgesim.network.disc import DiscParameters

NO_NUMBER: tuple[Any, ...] = (None, "a", [1], True, 1j)
NO_COUNT: tuple[Any, ...] = (*NO_NUMBER, 2.5, -1)
NO_NUMBERS: tuple[Any, ...] = (None, 3, "ab", ("a",), (None,))
NO_COMB: tuple[Any, ...] = (*NO_NUMBERS, (), (0, 1), (2.5,), (True,))
TWO = {"name": "t", "kind": "classes", "cases": ((0.0,), (1.0,)), "targets": (0.0, 1.0), "goal": 0.9}


def loop(**changes: Any) -> HomodyneLoop:
    usual = small_loop(small_star())
    names = ("task", "plan", "timeline", "settings", "start", "threshold_start")
    return HomodyneLoop(**{**{name: getattr(usual, name) for name in names}, **changes})


CALLS: dict[str, tuple[Callable[[Any], object], tuple[Any, ...]]] = {
    "device seed": (dopant_disc, NO_COUNT),
    "device parameters": (lambda x: dopant_disc(1, x), (5, "a", {})),
    "device inputs": (lambda x: DiscParameters(inputs=x), (3, None, ("a",), (2.5,), (None,))),
    "bond law": (lambda x: lattice(3, 3, law=x), (3, "ohmic")),
    "gate": (gate_task, (3, None, ["AND"])),
    "gate scales": (lambda x: gate_task("AND", x), (3, "a", {"level": 1.0})),
    "margin": (lambda x: gate_task("AND", margin=x), NO_NUMBER),
    "level": (lambda x: Scales(level=x), NO_NUMBER),
    "offsets": (lambda x: Scales(offsets=x), NO_NUMBERS),
    "training": (lambda x: Draw(training=x), NO_COUNT),
    "test": (lambda x: Draw(test=x), NO_COUNT),
    "drawn from": (lambda x: Draw(seed=x), NO_COUNT),
    "draw scales": (lambda x: Draw(scales=x), (None, 3)),
    "sphere": (sphere_task, (3, "a")),
    "radius": (lambda x: sphere_task(radius=x), ("a", [1], True)),
    "gap": (lambda x: sphere_task(gap=x), NO_NUMBER),
    "ring": (ring_task, (3, "a")),
    "accuracy": (lambda x: ring_task(accuracy=x), NO_NUMBER),
    "curve": (curve_task, (3, None, [1])),
    "curve draw": (lambda x: curve_task("abs", x), (3, "a")),
    "table": (lambda x: read_task(x, "classes", 0.9), (3, None)),
    "kind": (lambda x: Task(**{**TWO, "kind": x}), (["gate"], None, 3)),
    "cases": (lambda x: Task(**{**TWO, "cases": x}), (3, None, (1.0, 2.0), (("x",), (1.0,)))),
    "targets": (lambda x: Task(**{**TWO, "targets": x}), NO_NUMBERS),
    "ramp": (lambda x: Timeline(x, 1e-3, 1e-3, 4, 1), NO_NUMBER),
    "epochs": (lambda x: Timeline(1e-3, 1e-3, 1e-3, 4, x), NO_COUNT),
    "dither": (lambda x: LoopSettings(dither=x), (*NO_NUMBER, 0.0, np.nan, 10**400)),
    "rate": (lambda x: LoopSettings(rate=x), NO_NUMBER),
    "loss": (lambda x: LoopSettings(loss=x), (3, None)),
    "start": (lambda x: loop(start=x), NO_NUMBERS),
    "threshold start": (lambda x: loop(threshold_start=x), NO_NUMBER),
    "loop task": (lambda x: loop(task=x), ("AND", None)),
    "loop plan": (lambda x: loop(plan=x), (3, None)),
    "loop time line": (lambda x: loop(timeline=x), (3, None)),
    "loop settings": (lambda x: loop(settings=x), ({}, None)),
    "channels": (lambda x: plan_tones(x, 1e3), NO_COUNT),
    "base": (lambda x: plan_tones(3, x), NO_NUMBER),
    "steps": (lambda x: plan_tones(3, 1e3, x), NO_NUMBER),
    "carriers": (check_tones, NO_NUMBERS),
    "comb of a plan": (lambda x: TonePlan(1e3, x), NO_COMB),
    "comb": (lambda x: products_on_carriers(x, 3), (*NO_COMB, (1, 1))),
    "order": (lambda x: products_on_carriers((1, 3), x), (*NO_COUNT, 1, 6)),
    "derivatives": (
        lambda x: derivative_errors((3, 5), 0.01, [x]),
        ("a", [[1.0], [2.0, 3.0]], [[1.0]], [[np.nan] * 2] * 2),
    ),
    "boxcar": (Boxcar, (*NO_NUMBER, 0.0, np.nan, np.inf)),
    "corner": (LowPass, (*NO_NUMBER, 0.0, np.nan, np.inf)),
    "settling": (lambda x: LowPass(1e3, 1, x), (*NO_NUMBER, 0.0, np.nan)),
    "poles": (lambda x: LowPass(1e3, x), (*NO_COUNT, 0, 3)),
    "harmonic": (lambda x: mixer_harmonic(3, x), (*NO_NUMBER, 0.0, np.nan)),
    "devices": (Search, NO_COUNT),
    "starts": (lambda x: Search(1, x), NO_COUNT),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_type_is_one_clear_line(name: str) -> None:
    call, wrong = CALLS[name]
    for value in wrong:
        with pytest.raises(RequestError) as caught:
            call(value)
        assert caught.value.remedy and "\n" not in str(caught.value) and len(str(caught.value)) < 250, value


def test_numbers_of_numpy_are_numbers() -> None:
    assert Draw(training=np.int64(4)).training == 4  # type: ignore[arg-type]
    assert Scales(level=np.float32(0.5), offsets=np.array([0.1, 0.2])).offsets == (0.1, 0.2)  # type: ignore[arg-type]
    assert loop(start=np.linspace(-0.1, 0.1, 2)).start == (-0.1, 0.1)


def curve_loop(**settings: Any) -> HomodyneLoop:
    task = curve_task("sine", Draw(training=4, test=0))
    return loop(task=task, settings=LoopSettings(**settings))


def test_a_curve_has_no_hinge() -> None:
    with pytest.raises(RequestError, match=r"loop\.no-classes\] loop\.loss.*mse"):
        curve_loop(loss="hinge")


def test_a_curve_has_no_separation_before_the_first_epoch_either() -> None:
    network = small_star().replace(roles=("output", "input", "control", "control", "ground"))
    loop = curve_loop()
    history = epoch_history(np.zeros(1), {}, loop, network)
    assert history.separation is None and len(history.loss) == 0


@pytest.mark.parametrize("start", [1e300, -1.5])
def test_a_start_that_no_integrator_reaches(start: float) -> None:
    with warnings.catch_warnings(), pytest.raises(RequestError, match=r"loop\.out-of-range\] loop\.start"):
        warnings.simplefilter("error")
        loop(start=(0.0, start))


def test_words_for_a_curve_and_rows_after_blank_lines(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("x,target\n0,0.5\n1,0.5\n")
    with pytest.raises(RequestError, match="all targets are equal; give targets that differ"):
        read_task(table, "curve", 0.2)
    with pytest.raises(RequestError, match="give both classes"):
        Task(**{**TWO, "targets": (1.0, 1.0)})
    table.write_text("\nx,target\n\n0,0\n\n\nhigh,1\n")
    with pytest.raises(RequestError, match="row 7: high,1"):
        read_task(table, "classes", 0.9)
