"""Settings that do not go together are refused before anything runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from small_designs import small_loop, small_star

from hgesim.config import parse_config
from hgesim.errors import RequestError
from hgesim.experiment import build_design, build_network, build_task
from hgesim.loop import Draw, Scales, curve_task, gate_task, ring_task, sphere_task

KEYS: dict[str, Any] = {
    "gate": "OR",
    "margin": 0.3,
    "curve": "abs",
    "file": "cases.csv",
    "training": 8,
    "test": 20,
    "seed": 3,
    "radius": 0.9,
    "accuracy": 0.8,
    "error": 0.4,
}
OWN = {
    "gate": {"gate", "margin"},
    "sphere": {"training", "test", "seed", "radius", "accuracy"},
    "ring": {"training", "test", "seed", "accuracy"},
    "curve": {"training", "test", "seed", "curve", "error", "file"},
    "classes": {"file", "accuracy"},
}


@pytest.mark.parametrize("kind", OWN)
def test_a_task_takes_its_own_keys_only(kind: str, tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("a,target\n-1,0\n1,1\n")
    for key, value in KEYS.items():
        values = {"kind": kind, key: value} | ({"file": "cases.csv"} if kind == "classes" else {})
        config = parse_config({"task": values}).task
        if key in OWN[kind]:
            assert build_task(config, tmp_path).name
            continue
        with pytest.raises(RequestError) as caught:
            build_task(config, tmp_path)
        assert (caught.value.code, caught.value.place) == ("config.conflict", f"task.{key}")
        assert f'"{kind}"' in caught.value.message and "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["curve", "training", "test", "seed"])
def test_a_table_is_not_drawn(key: str, tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("a,target\n-1,0\n1,1\n")
    config = parse_config({"task": {"kind": "curve", "file": "cases.csv", key: KEYS[key]}}).task
    with pytest.raises(RequestError, match="beside file") as caught:
        build_task(config, tmp_path)
    assert caught.value.place == f"task.{key}"


def test_keys_reach_their_task() -> None:
    scales = Scales(0.2, 20e-9, (0.0, 0.1))
    common = {"level": "200 mV", "target": "20 nA", "offsets": ["0 V", "100 mV"]}
    drawn = {"training": 8, "test": 20, "seed": 3}
    one, three = dataclasses.replace(scales, offsets=(0.1,)), dataclasses.replace(scales, offsets=(0.0, 0.1, 0.2))
    for values, expected in (
        ({"gate": "OR", "margin": 0.3}, gate_task("OR", scales, margin=0.3)),
        ({"kind": "ring", **drawn, "accuracy": 0.8}, ring_task(Draw(8, 20, 3, scales), accuracy=0.8)),
        (
            {"kind": "sphere", **drawn, "radius": 0.9, "accuracy": 0.8, "offsets": [0.0, 0.1, 0.2]},
            sphere_task(Draw(8, 20, 3, three), radius=0.9, accuracy=0.8),
        ),
        (
            {"kind": "curve", **drawn, "curve": "abs", "error": 0.4, "offsets": [0.1]},
            curve_task("abs", Draw(8, 20, 3, one), error=0.4),
        ),
    ):
        assert build_task(parse_config({"task": {**common, **values}}).task) == expected


def test_classes_without_a_table() -> None:
    with pytest.raises(RequestError) as caught:
        build_task(parse_config({"task": {"kind": "classes"}}).task)
    assert (caught.value.code, caught.value.place) == ("task.no-file", "task.file")


# ---- inputs and electrodes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("inputs", "electrodes"), [(1, 3), (2, 8), (3, 8), (3, 5), (4, 8)])
def test_inputs_are_spread_around_the_rim(inputs: int, electrodes: int) -> None:
    network = build_network(parse_config({"network": {"electrodes": electrodes}}).network, n_inputs=inputs)
    assert len(set(network.inputs)) == inputs and network.output not in network.inputs
    assert len(network.controls) == electrodes - 1 - inputs >= 1
    gaps = [b - a for a, b in zip((0, *network.inputs), (*network.inputs, electrodes), strict=True)]
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(("inputs", "electrodes"), [(3, 4), (2, 3), (2, 2), (7, 8), (9, 8)])
def test_more_inputs_than_electrodes(inputs: int, electrodes: int) -> None:
    with pytest.raises(RequestError) as caught:
        build_network(parse_config({"network": {"electrodes": electrodes}}).network, n_inputs=inputs)
    assert caught.value.code == "task.input-count"
    assert caught.value.remedy == f"at least {inputs + 2}"


def test_inputs_of_another_number() -> None:
    config = parse_config({"task": {"kind": "sphere"}, "network": {"inputs": [2, 5]}})
    with pytest.raises(RequestError, match=r"task\.input-count.*sphere has 3 inputs, the network 2"):
        build_design(config)


# ---- the read-out's range ----------------------------------------------------------------------------------------


def test_a_target_beyond_the_readout() -> None:
    """2 MOhm are straight up to 1.2 V: 600 nA."""
    assert small_loop(small_star(), target=600e-9, transimpedance=2e6).task.target == 600e-9
    for target, ohms, remedy in ((601e-9, 2e6, "6e-07"), (50e-9, 25e6, "4.8e-08")):
        with pytest.raises(RequestError) as caught:
            small_loop(small_star(), target=target, transimpedance=ohms)
        assert (caught.value.code, caught.value.place) == ("loop.out-of-range", "task.target")
        assert remedy in caught.value.remedy and "loop.transimpedance" in caught.value.remedy
        assert "\n" not in str(caught.value)


def test_a_target_beyond_the_readout_in_the_settings() -> None:
    with pytest.raises(RequestError, match=r"loop\.out-of-range.*at most 6e-07 A"):
        build_design(parse_config({"task": {"target": "1 uA"}}))
