"""Chips: what is on, what is refused, and draws that depend on seed, factor and place alone."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest

from hgesim.config import NonidealConfig, load_config, parse_config
from hgesim.errors import RequestError
from hgesim.experiment.build import build_design
from hgesim.nonideal import CORNERS, FACTORS, PRESETS, Nonideal, preset_sizes


def test_the_catalogue_is_complete_and_the_settings_have_every_factor() -> None:
    config = NonidealConfig()
    assert set(NonidealConfig.model_fields) == {*FACTORS, "seed", "run", "preset", "corner", "distribution", "lost"}
    assert all(getattr(config, name) == 0 for name in FACTORS) and config.sizes == {}
    for name, factor in FACTORS.items():
        assert factor.name == name
        assert factor.place and factor.source and factor.draw in ("once per chip", "in time")
        assert factor.distribution in ("drawn", "as given", "density", "chance")
        assert max(factor.least, -factor.most) <= factor.typical <= factor.most and factor.typical != 0
        assert parse_config({"nonideal": {name: f"{factor.typical!r} {factor.unit}".strip()}}).nonideal.sizes[
            name
        ] == pytest.approx(factor.typical)


def test_nothing_is_on_by_default_and_zero_is_off() -> None:
    assert not Nonideal() and Nonideal().on == {} and str(Nonideal()) == "all ideal"
    assert Nonideal({"mismatch": 0.0}) == Nonideal()
    chip = Nonideal({"mismatch": 0.5}, seed=4, corner="ss")
    assert chip and chip.on == {"mismatch": 0.5, "corner": "ss"} and chip.size("mismatch") == 0.5
    assert str(chip) == "mismatch 0.5, corner ss; normal, seed 4"
    assert Nonideal(corner="ff")
    for twin in (copy.deepcopy(chip), pickle.loads(pickle.dumps(chip)), dataclasses.replace(chip)):
        assert twin == chip and hash(twin) == hash(chip)


def test_a_draw_depends_on_seed_factor_and_place_alone() -> None:
    one = Nonideal({"mismatch": 1.0}, seed=1).draw("mismatch", "x_mixer_e1", "x1")
    assert one == Nonideal({"mismatch": 1.0}, seed=1, corner="ss").draw("mismatch", "x_mixer_e1", "x1")
    assert 2 * one == Nonideal({"mismatch": 2.0}, seed=1).draw("mismatch", "x_mixer_e1", "x1")
    assert one != Nonideal({"mismatch": 1.0}, seed=2).draw("mismatch", "x_mixer_e1", "x1")
    assert one != Nonideal({"mismatch": 1.0}, seed=1).draw("mismatch", "x_mixer_e1", "x2")
    assert Nonideal().draw("mismatch", "x_mixer_e1") == 0.0


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_draws_have_the_standard_deviation_asked_for(distribution: str) -> None:
    chip = Nonideal({"mismatch": 2.0}, distribution=distribution)
    drawn = np.array([chip.draw("mismatch", "x", str(k)) for k in range(4000)])
    assert abs(drawn.mean()) < 4 * 2.0 / 4000**0.5
    assert drawn.std() == pytest.approx(2.0, rel=0.05)
    kurtosis = np.mean((drawn / drawn.std()) ** 4)
    assert kurtosis == pytest.approx({"normal": 3.0, "uniform": 1.8}[distribution], rel=0.15)
    assert Nonideal({"mismatch": -2.0}, distribution="fixed").draw("mismatch", "x") == -2.0


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({"sizes": {"mismach": 1.0}}, "nonideal.unknown-factor", 'did you mean "mismatch"?'),
        ({"sizes": {"mismatch": -1.0}}, "nonideal.out-of-range", "no standard deviation"),
        ({"sizes": {"mismatch": float("nan")}}, "nonideal.out-of-range", "nonideal.mismatch"),
        ({"sizes": {"mismatch": 1e3}}, "nonideal.out-of-range", "between 0 and 10"),
        ({"sizes": {"mismatch": True}}, "nonideal.out-of-range", "finite number"),
        ({"corner": "slow"}, "nonideal.unknown-corner", "one of: ff, fs, sf, ss, tt"),
        ({"distribution": "gauss"}, "nonideal.unknown-distribution", "normal"),
        ({"seed": -1}, "nonideal.out-of-range", "0 or more"),
        ({"seed": 1.5}, "nonideal.out-of-range", "nonideal.seed"),
    ],
)
def test_bad_chips_are_refused_in_one_line(values: dict, code: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        Nonideal(**values)
    assert caught.value.code == code and words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("nonideal.mismach=1", 'did you mean "mismatch"?'),
        ("nonideal.corner=slow", "nonideal.corner"),
        ("nonideal.seed=-1", "nonideal.seed"),
        ("nonideal.mismatch=1 V", "nonideal.mismatch"),
    ],
)
def test_bad_settings_are_refused_in_one_line(key: str, words: str, tmp_path) -> None:
    (tmp_path / "run.toml").write_text("")
    with pytest.raises(RequestError, match=r"^\[[\w.-]+\] .*") as caught:
        load_config(tmp_path / "run.toml", [key])
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_factor_that_changes_nothing_is_refused() -> None:
    for settings in ({"mismatch": 1.0}, {"corner": "ss"}):
        config = parse_config({"network": {"seed": 112}, "circuit": {"technology": "ideal"}, "nonideal": settings})
        with pytest.raises(RequestError, match=r"nonideal\.no-effect"):
            build_design(config)


def test_presets_have_typical_sizes_and_keys_go_first() -> None:
    def chip(technology: str, **values: object) -> Nonideal:
        settings = {"network": {"seed": 112}, "circuit": {"technology": technology}, "nonideal": values}
        return build_design(parse_config(settings)).nonideal

    for technology in PRESETS:
        made = chip(technology, preset=technology, seed=4)
        assert made.on == preset_sizes(technology) and made.seed == 4
    assert chip("gf180", preset="gf180", mismatch=0.5).on == {**preset_sizes("gf180"), "mismatch": 0.5}
    assert "mismatch" not in chip("ideal", preset="gf180", mismatch=0).on
    with pytest.raises(RequestError, match=r'nonideal\.unknown-preset.*"gf180"'):
        chip("gf180", preset="gf18")


def test_corners_are_those_of_the_model_file() -> None:
    from hgesim.engine import gf180_models

    text = (gf180_models() / "sm141064.ngspice").read_text().lower()
    for section in CORNERS.values():
        assert f"\n.lib {section}\n" in text
