"""The library as data: every file is there, readable, honest about itself, and agrees with the contract."""

from __future__ import annotations

import re
import shutil
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hgesim.blocks import (
    CONTRACT,
    KINDS,
    PYTHON,
    PYTHON_KINDS,
    TECHNOLOGIES,
    all_subckts,
    catalogue,
    circuits_folder,
    get_block,
)
from hgesim.blocks.spice import header_of
from hgesim.blocks.transfer import (
    coupler_output,
    hinge_loss,
    hinge_slope,
    integrator_slope,
    integrator_time_constant,
    loss_slope,
    loss_value,
    mixer_mean,
    mixer_output,
)
from hgesim.design import block_set
from hgesim.errors import HgeError, RequestError
from hgesim.loop.wiring import rails_of

FILES = sorted(circuits_folder().glob("*/*.sp"))
HEADER = {"ports", "parameters", "transfer", "measured", "ideal parts", "uses", "models", "source"}
VARIANTS = [
    (kind, f"{path.parent.name}_{path.stem.removeprefix(f'{kind}_')}")
    for path in FILES
    for kind in KINDS
    if path.stem.startswith(f"{kind}_")
]
pairs = pytest.mark.parametrize(("kind", "technology"), [(k, t) for k in KINDS for t in TECHNOLOGIES])


@pairs
def test_every_kind_exists_in_every_technology(kind: str, technology: str) -> None:
    block = get_block(kind, technology)
    assert (block.kind, block.technology, block.subckt) == (kind, technology, f"{kind}_{technology}")
    assert block.ports == KINDS[kind].ports
    assert block.ports[-2:] == ("vp", "vn")
    assert block is get_block(kind, technology)
    with pytest.raises(FrozenInstanceError):
        block.kind = "other"  # type: ignore[misc]


def test_there_are_variants() -> None:
    assert {("mixer", "gf180_chopper"), ("coupler", "gf180_plain"), ("integrator", "gf180_chopped")} <= {*VARIANTS}


@pytest.mark.parametrize(("kind", "name"), VARIANTS)
def test_a_variant_is_chosen_by_its_file_name(kind: str, name: str) -> None:
    block, plain = get_block(kind, name), get_block(kind, name.partition("_")[0])
    assert (block.kind, block.technology, block.subckt) == (kind, name, f"{kind}_{name}")
    assert block.ports in (KINDS[kind].ports, KINDS[kind].chopped)
    assert block.parameters == plain.parameters and block.models == plain.models
    assert block is get_block(kind, name) and block != plain
    assert rails_of(block) is TECHNOLOGIES[name.partition("_")[0]]
    assert "not stated" not in (block.ideal_parts, block.source)


def test_a_file_dropped_into_the_library_is_a_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "circuits"
    shutil.copytree(circuits_folder(), folder)
    text = (folder / "ideal" / "mixer.sp").read_text("ascii")
    (folder / "ideal" / "mixer_dropped.sp").write_text(text.replace("mixer_ideal", "mixer_ideal_dropped"))
    monkeypatch.setattr(catalogue, "circuits_folder", lambda: folder)
    block = get_block("mixer", "ideal_dropped")
    assert (block.subckt, block.transistors) == ("mixer_ideal_dropped", 0)
    assert rails_of(block) is TECHNOLOGIES["ideal"]  # no models, and yet not the rails of the discrete parts
    with pytest.raises(RequestError, match=r"blocks\.unknown-variant.* one of: ideal, ideal_dropped$"):
        get_block("mixer", "ideal_droped")


@pytest.mark.parametrize(
    ("kind", "name", "code", "hint"),
    [
        ("mixer", "gf180_choper", "blocks.unknown-variant", "one of: gf180, gf180_chopper"),
        ("mixer", "discrete_chopper", "blocks.unknown-variant", "one of: discrete"),
        ("loss", "gf180_chopper", "blocks.unknown-variant", "one of: gf180"),
        ("mixer", "gf180_", "blocks.unknown-variant", "one of: gf180, gf180_chopper"),
        ("mixer", "gf180_../mixer", "blocks.unknown-variant", "one of: gf180, gf180_chopper"),
        ("mixer", "gf18_chopper", "blocks.unknown-technology", 'did you mean "gf180_chopper"?'),
        ("integrator", "chopped", "blocks.unknown-technology", 'did you mean "gf180_chopped"?'),
        ("lowpass", "GF180_X", "blocks.unknown-technology", 'did you mean "gf180"?'),
    ],
)
def test_an_unknown_variant_is_told_what_there_is(kind: str, name: str, code: str, hint: str) -> None:
    with pytest.raises(RequestError) as caught:
        get_block(kind, name)
    assert (caught.value.code, caught.value.remedy) == (code, hint)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("technology", ["gf180_chopper", "gf180_", ["gf180"], None])
def test_all_blocks_together_have_a_plain_technology(technology: Any) -> None:
    with pytest.raises(RequestError, match=r"blocks\.unknown-technology.*circuit\.technology"):
        block_set(technology)


@pairs
def test_models_and_transistors_say_what_a_block_is_made_of(kind: str, technology: str) -> None:
    block = get_block(kind, technology)
    has_transistors = technology != "ideal" and kind != "lowpass"
    assert (block.transistors > 0) == has_transistors
    assert block.models == (TECHNOLOGIES[technology].models if has_transistors else None)
    assert block.ideal_parts != "not stated"
    assert block.source != "not stated"


def test_transistors_are_counted_as_drawn() -> None:
    counts = {kind: get_block(kind, "gf180").transistors for kind in KINDS}
    # op-amp 8, multiplier 14, limiter 4, two clamps, four switches (hinge: eight); the five units of m=5 count once
    assert counts == {"readout": 10, "loss": 14, "hinge": 30, "coupler": 8, "mixer": 14, "lowpass": 0, "integrator": 8}
    # amplifier 5, two limiters, eight switches; four switches; op-amp 8 and 16 switches
    variants = {("mixer", "gf180_chopper"): 21, ("coupler", "gf180_plain"): 4, ("integrator", "gf180_chopped"): 24}
    assert {pair: get_block(*pair).transistors for pair in variants} == variants
    counts = {kind: get_block(kind, "discrete").transistors for kind in KINDS}
    # multiplier 14, limiter 8, pair with its mirror 4, four switches
    assert counts == {"readout": 11, "loss": 14, "hinge": 30, "coupler": 12, "mixer": 14, "lowpass": 0, "integrator": 9}


def test_shared_parameters_are_those_of_the_contract() -> None:
    for technology in TECHNOLOGIES:
        assert dict(get_block("readout", technology).parameters) == {"rf": CONTRACT.readout_rf}
        assert dict(get_block("lowpass", technology).parameters) == {"r": CONTRACT.lowpass_r, "c": CONTRACT.lowpass_c}
        values = {"r": CONTRACT.integrator_r, "c": CONTRACT.integrator_c}
        assert dict(get_block("integrator", technology).parameters) == values
    ideal = {kind: dict(get_block(kind, "ideal").parameters) for kind in KINDS}
    assert ideal["loss"] == {"k": CONTRACT.loss_gain, "e0": CONTRACT.loss_knee}
    assert ideal["coupler"] == {"gain": CONTRACT.coupler_gain, "vmax": CONTRACT.coupler_limit}
    mixer = {"gain": CONTRACT.mixer_gain, "x0": CONTRACT.mixer_range, "lo0": CONTRACT.mixer_knee}
    assert ideal["mixer"] == mixer


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_files_are_documented_and_free_of_suffixes(path: Path) -> None:
    text = path.read_text("ascii")
    header = header_of(text)
    assert set(header) >= HEADER
    assert len(header["title"]) > 10
    names = re.findall(r"^\.subckt (\S+)", text, re.MULTILINE)
    stem, line, variant = path.stem.partition("_")
    assert names == ([] if path.stem == "models" else [f"{stem}_{path.parent.name}{line}{variant}"])
    for line in text.splitlines():
        if line.startswith("*"):
            continue
        # numbers that begin a word: 1e-12 yes, 1p no
        for word in re.findall(r"(?<![\w.{])[+-]?\d[\w.+-]*", line):
            assert re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", word), f"{word} in {line}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_declared_models_are_those_used(path: Path) -> None:
    text = path.read_text("ascii")
    uses_foundry = bool(re.search(r"^x.* [np]fet_", text, re.MULTILINE))
    needs = header_of(text)["models"]
    assert needs in ("gf180", "none")
    if uses_foundry:
        assert needs == "gf180"
    if path.parent.name != "gf180" or path.stem == "lowpass":
        assert needs == "none"


@pytest.mark.parametrize("wrong", ["mixr", "", "../../etc", "MIXER", None, ["mixer"]])
def test_unknown_kind_and_technology(wrong: Any) -> None:
    with pytest.raises(RequestError) as caught:
        get_block(wrong, "gf180")
    assert caught.value.code == "blocks.unknown-kind"
    with pytest.raises(RequestError) as caught:
        get_block("mixer", wrong)
    assert caught.value.code == "blocks.unknown-technology"


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(RequestError, match='did you mean "mixer"'):
        get_block("mixr", "gf180")
    with pytest.raises(RequestError, match='did you mean "discrete"'):
        get_block("mixer", "discret")


def test_all_subckts_has_everything_once_and_in_order() -> None:
    blocks = [get_block(kind, technology) for technology in TECHNOLOGIES for kind in KINDS]
    blocks += [get_block(kind, name) for kind, name in VARIANTS]
    blocks += [get_block(kind, PYTHON) for kind in PYTHON_KINDS]
    texts = all_subckts([*blocks, *blocks])
    assert len(texts) == len(set(texts)) == len(FILES)
    defined: set[str] = set()
    for text in texts:
        for name in re.findall(r"^x.* (\w+_(?:gf180|discrete)(?:_\w+)?)\b", text, re.MULTILINE):
            assert name in defined
        defined |= set(re.findall(r"^\.subckt (\S+)", text, re.MULTILINE))
    assert all_subckts([]) == ()


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogue, "__file__", str(tmp_path / "hgesim" / "blocks" / "catalogue.py"))
    with pytest.raises(HgeError) as caught:
        circuits_folder()
    assert caught.value.code == "blocks.no-library"


def test_an_installed_library_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for technology in TECHNOLOGIES:
        (tmp_path / "hgesim" / "circuits" / technology).mkdir(parents=True)
    monkeypatch.setattr(catalogue, "__file__", str(tmp_path / "hgesim" / "blocks" / "catalogue.py"))
    assert circuits_folder() == tmp_path / "hgesim" / "circuits"


def test_contract_formulas() -> None:
    error = np.linspace(-0.5, 0.5, 101)
    step = 1e-6
    finite = (loss_value(error + step) - loss_value(error - step)) / (2 * step)
    np.testing.assert_allclose(loss_slope(error), finite, atol=1e-8)
    np.testing.assert_allclose(loss_value(error), loss_value(-error))
    for label in (1, -0.3):
        finite = (hinge_loss(error + step, label) - hinge_loss(error - step, label)) / (2 * step)
        np.testing.assert_allclose(hinge_slope(error, label), finite, atol=1e-5)
        right = error * label <= 0
        assert not hinge_loss(error, label)[right].any() and not hinge_slope(error, label)[right].any()
        np.testing.assert_array_equal(hinge_loss(error, label)[~right], loss_value(error[~right]))
        np.testing.assert_allclose(hinge_loss(error, label) + hinge_loss(error, -label), loss_value(error), atol=1e-15)
    small = 1e-5
    assert float(coupler_output(small)) / small == pytest.approx(CONTRACT.coupler_gain, rel=1e-6)
    assert float(coupler_output(10.0)) == pytest.approx(CONTRACT.coupler_limit)
    assert float(mixer_mean(0.01)) / 0.01 == pytest.approx(1.6, rel=0.01)
    assert float(mixer_output(-0.1, 0.3)) == -float(mixer_output(0.1, 0.3)) == float(mixer_output(0.1, -0.3))
    assert float(integrator_slope(1.0)) == pytest.approx(-1 / integrator_time_constant())
    assert integrator_time_constant() == pytest.approx(16e-3)
    assert mixer_mean(np.zeros((2, 3))).shape == (2, 3)
    assert all(value > 0 for value in asdict(CONTRACT).values())


def test_mixer_mean_is_the_average_of_a_long_sine() -> None:
    phase = np.linspace(0, 2 * np.pi, 100001)[:-1]
    for size in (0.02, 0.3, 1.7):
        exact = mixer_output(size * np.sin(phase), 0.3 * np.sin(phase)).mean()
        assert float(mixer_mean(size)) == pytest.approx(exact, rel=1e-4)
