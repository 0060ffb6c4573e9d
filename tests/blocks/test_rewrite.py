"""Blocks made from blocks: larger transistors match better, leaky integrators forget; and how large a block is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from block_bench import Bench, mean, use

from hgesim.blocks import (
    KINDS,
    TECHNOLOGIES,
    Size,
    all_subckts,
    block_from_file,
    block_size,
    enlarged,
    get_block,
    leaky,
)
from hgesim.blocks.transfer import mixer_mean
from hgesim.errors import RequestError
from hgesim.nonideal import Nonideal
from hgesim.nonideal.own import own_block

# widths, lengths and units of circuits/gf180/opamp.sp and of the clamps in readout.sp, um
OPAMP_UM2 = 20 * 2 + 40 * 2 + 2 * 80 * 1 + 2 * 20 * 2 + 2 * 5 * 40 * 2
CLAMPS_UM2 = 2 * 10 * 0.5


def test_size_is_that_of_the_drawing_with_cells_and_parameters() -> None:
    readout = block_size(get_block("readout", "gf180"))
    assert readout.gates * 1e12 == pytest.approx(OPAMP_UM2 + CLAMPS_UM2)
    assert readout.capacitance == pytest.approx(4e-12 + 0.4e-12)
    integrator = get_block("integrator", "gf180")
    assert block_size(integrator).capacitance == pytest.approx(2 * 4e-9 + 4e-12)
    assert block_size(integrator, {"c": 1e-9}).capacitance == pytest.approx(2 * 1e-9 + 4e-12)
    assert block_size(get_block("mixer", "discrete")).gates == 0.0
    assert block_size(get_block("lowpass", "gf180")) == Size(0.0, 100e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_an_area_multiplies_the_gates_and_nothing_else(kind: str) -> None:
    block = get_block(kind, "gf180")
    small, large = block_size(block), block_size(enlarged(block, 9.0))
    assert large.gates == pytest.approx(9 * small.gates, rel=1e-12)
    assert large.capacitance == small.capacitance
    assert (enlarged(block, 9.0).ports, enlarged(block, 9.0).transistors) == (block.ports, block.transistors)
    widths = [word for text in all_subckts([enlarged(block, 9.0)]) for word in text.split() if word.startswith("w=")]
    assert all(float(word[2:]) <= 100e-6 for word in widths)


def test_what_has_no_foundry_transistors_or_area_1_stays_as_it_is() -> None:
    for technology in ("ideal", "discrete"):
        assert enlarged(get_block("mixer", technology), 4.0) is get_block("mixer", technology)
    assert enlarged(get_block("mixer", "gf180"), 1) is get_block("mixer", "gf180")


def test_four_times_the_area_halves_the_same_chips_offsets(bench: Bench) -> None:
    """Offsets of the op-amp (the read-out without current) and of the mixer, each transistor with its own draw."""
    chip, count = Nonideal({"mismatch": 1.0}, seed=3), 6
    found = {}
    for area in (1.0, 4.0):
        readouts, mixers = (
            [own_block(enlarged(get_block(kind, "gf180"), area), f"x{kind}{k}", chip)[0] for k in range(count)]
            for kind in ("readout", "mixer")
        )
        rails = "vp_gf180 vn_gf180"
        lines = [f"x{k} i{k} o{k} {rails} {block.subckt}" for k, block in enumerate(readouts)]
        lines += [f"xm{k} 0 0 lo p{k} n{k} {rails} {block.subckt}" for k, block in enumerate(mixers)]
        lines.append("vlo lo 0 sin(0 0.3 1e4)")
        saved = " ".join(f"v(o{k}) v(p{k}) v(n{k})" for k in range(count))
        data = bench.run([*readouts, *mixers], "\n".join(lines), ".tran 1e-6 2e-4 0 1e-6", saved)
        amps = [data[f"v(o{k})"][-1] for k in range(count)]
        mixed = [mean(data["time"], data[f"v(p{k})"] - data[f"v(n{k})"], 1e-4, 2e-4) for k in range(count)]
        found[area] = np.array([amps, mixed])
    assert np.abs(found[1.0]).max(axis=1).min() > 1e-3
    spread = found[1.0].std(axis=1, keepdims=True)
    np.testing.assert_allclose(found[4.0] / spread, found[1.0] / 2 / spread, atol=0.12)


@pytest.mark.parametrize("area", [0.5, 16.0])
def test_an_enlarged_mixer_still_mixes(bench: Bench, area: float) -> None:
    block = enlarged(get_block("mixer", "gf180"), area)
    lines = "vx x 0 sin(0 0.1 1e4)\nvlo lo 0 sin(0 0.3 1e4)\n" + use(block, "x1", "x 0 lo p n")
    data = bench.run([block], lines, ".tran 1e-6 3e-4 0 1e-6", "v(p) v(n)")
    assert mean(data["time"], data["v(p)"] - data["v(n)"], 1e-4, 3e-4) == pytest.approx(mixer_mean(0.1), rel=0.15)


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_a_leaky_integrator_settles_with_its_time_constant(bench: Bench, technology: str) -> None:
    """A step u at the input: v' = -u/(r c) - v/decay, which ends at -u decay/(r c)."""
    block, decay, u = leaky(get_block("integrator", technology), 5e-3), 5e-3, 1.0
    lines = f"vd d 0 0\nvu u 0 pulse(0 {u} 1e-4 1e-6 1e-6 1 2)\n" + use(block, "x1", "u 0 d o")
    data = bench.run([block], lines, ".tran 1e-5 2e-2 0 1e-5", "v(o)")
    for time in (2.5e-3, 5e-3, 2e-2):
        expected = -u * decay / 16e-3 * (1 - np.exp(-(time - 1e-4) / decay))
        assert np.interp(time, data["time"], data["v(o)"]) == pytest.approx(expected, rel=0.01, abs=3e-3)


def test_bad_areas_and_circuits_are_refused(tmp_path: Path) -> None:
    mixer = get_block("mixer", "gf180")
    for area in (0, -1.0, float("nan"), True, "4"):
        with pytest.raises(RequestError, match=r"circuit\.area"):
            enlarged(mixer, area)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=r"60 um long.*to 625"):
        enlarged(mixer, 900.0)
    with pytest.raises(RequestError, match=r"coupler_gf180 would be 0\.198 um long.*from 1 to"):
        enlarged(get_block("coupler", "gf180"), 0.5)
    file = tmp_path / "mixer.sp"
    file.write_text(".subckt mixer_own xp xn lo outp outn vp vn\nx1 outp lo xp vn nfet_03v3 w={wide} l=1e-6\n.ends\n")
    with pytest.raises(RequestError, match=r"has w=\{wide\}.*plain numbers"):
        enlarged(block_from_file(file, "mixer"), 4.0)
    plain = get_block("integrator", "ideal")
    fixed = dataclasses.replace(plain, text=plain.text.replace("{c}", "4e-9"))
    with pytest.raises(RequestError, match=r"no capacitor.*loop.decay"):
        leaky(fixed, 0.1)
