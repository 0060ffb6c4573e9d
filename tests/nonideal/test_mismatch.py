"""Mismatch: the foundry's own law and spread, one draw for each transistor, the same chip whatever is added."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from law_networks import law_network
from scipy.stats import chi2
from small_designs import small_loop, small_star

from hgesim.blocks import Block, all_subckts, block_from_file, get_block
from hgesim.circuit import BlockInstance
from hgesim.design import Design, block_set, open_loop_bench
from hgesim.engine import Engine, gf180_models, read_raw, run_deck
from hgesim.engine.models import GF180_FILES
from hgesim.errors import RequestError
from hgesim.loop import OpenLoop, OperatingPoints
from hgesim.netlist import write_deck
from hgesim.nonideal import Nonideal
from hgesim.nonideal.own import own_block
from hgesim.nonideal.transistors import PELGROM, wrapper

CHIP = Nonideal({"mismatch": 1.0}, seed=5)


def run(folder: Path, engine: Engine, lines: list[str], saved: str, *, switch: int = 0) -> dict[str, float]:
    """Find one operating point with the foundry's models; return what was saved."""
    for name in GF180_FILES:
        shutil.copy(gf180_models() / name, folder / name)
    deck = ["* bench", ".include design.ngspice", ".lib sm141064.ngspice typical"]
    deck += [f".param sw_stat_global=0 sw_stat_mismatch={switch}", ".options seed=11 reltol=1e-6", *lines]
    deck += [f".save {saved}", ".op", ".control", "set num_threads=1", "set filetype=binary", "run waveforms.raw"]
    (folder / "deck.cir").write_text("\n".join([*deck, "quit", ".endc", ".end", ""]))
    result = run_deck(folder, engine, end_time=0.0, timeout=100)
    assert result.ok, result.message
    raw = read_raw(result.raw)
    return {re.sub(r"^[vi]\((@.*)\)$", r"\1", name.lower()): float(np.real(raw[name][0])) for name in raw.names}


@pytest.mark.parametrize("model", sorted(PELGROM))
def test_without_draws_the_wrapper_is_the_foundrys_transistor(model: str, ngspice: Engine, tmp_path: Path) -> None:
    size = "w=40e-6 l=2e-6 m=5"
    lines = ["vd d 0 1.1" if model[0] == "n" else "vd d 0 -1.1", "vg g 0 1" if model[0] == "n" else "vg g 0 -1.2"]
    lines += [
        wrapper(model).text,
        "va d a 0",
        "vb d b 0",
        f"xa a g 0 0 {model} {size}",
        f"xb b g 0 0 drawn_{model} {size}",
    ]
    found = run(tmp_path, ngspice, lines, "i(va) i(vb)")
    assert abs(found["i(va)"]) > 1e-6
    assert found["i(va)"] == found["i(vb)"]


@pytest.mark.parametrize("model", ["nfet_03v3", "pfet_03v3"])
def test_moments_are_those_of_the_foundrys_own_draw(model: str, ngspice: Engine, tmp_path: Path) -> None:
    """Both samples have the spread of the other, by the chi-square distribution, and of the file's formula."""
    count, size = 300, "w=20e-6 l=1e-6"
    text = [".subckt lowpass_many inp inn outp outn vp vn"]
    text += [f"x{k} outp inp inn vn {model} {size}" for k in range(count)] + [".ends lowpass_many"]
    (tmp_path / "many.sp").write_text("\n".join(text) + "\n")
    block = block_from_file(tmp_path / "many.sp", "lowpass")
    own, touched = own_block(block, "x_many", CHIP)
    assert touched == {"mismatch"}
    sign = 1 if model[0] == "n" else -1
    lines = [f"vd d 0 {sign * 1.0}", f"vg g 0 {sign * 1.0}"]
    wanted = [f"@m.xtop.x{k}.m0[{what}]" for k in range(count) for what in ("delvto", "mulu0")]
    samples = {}
    for who, made, switch in (("foundry", block, 1), ("ours", own, 0)):
        deck = [*lines, *all_subckts([made]), f"xtop g 0 d 0 0 0 {made.subckt}"]
        found = run(tmp_path, ngspice, deck, " ".join(wanted), switch=switch)
        samples[who] = np.array([found[name] for name in wanted]).reshape(count, 2)
    law = PELGROM[model]
    area = np.sqrt((1e-6 - law.less_length) * (20e-6 - law.less_width))
    formula = 0.7071e-6 * np.array([law.threshold, law.gain]) / area
    low, high = np.sqrt(chi2.ppf([0.0005, 0.9995], count - 1) / (count - 1))
    for sample in samples.values():
        spread = sample.std(axis=0, ddof=1)
        assert (low * formula < spread).all() and (spread < high * formula).all()
        assert (np.abs(sample.mean(axis=0) - [0.0, 1.0]) < 4 * formula / np.sqrt(count)).all()
        assert abs(np.corrcoef(sample.T)[0, 1]) < 4 / np.sqrt(count)


def test_units_side_by_side_average(ngspice: Engine, tmp_path: Path) -> None:
    """A device of m units has the deviation of one that is m times as wide (but for the drawn width's correction)."""
    lines = [wrapper("nfet_03v3").text, "vd d 0 1", "vg g 0 1"]
    lines += [f"x{m} d g 0 0 drawn_nfet_03v3 w=20e-6 l=1e-6 m={m} zvth=1 zk=2" for m in (1, 4)]
    found = run(
        tmp_path, ngspice, lines, " ".join(f"@m.x{m}.m0[{what}]" for m in (1, 4) for what in ("delvto", "mulu0"))
    )
    assert found["@m.x4.m0[delvto]"] == pytest.approx(found["@m.x1.m0[delvto]"] / 2)
    assert 1 - found["@m.x4.m0[mulu0]"] == pytest.approx((1 - found["@m.x1.m0[mulu0]"]) / 2)
    assert found["@m.x1.m0[mulu0]"] < 1 < 1 + found["@m.x1.m0[delvto]"]


def test_offset_of_the_op_amp_is_that_of_the_hand_calculation(ngspice: Engine, tmp_path: Path) -> None:
    """Input-referred offset of a pair with mirror load (Gray and Meyer, section 3.5) from sizes, gm and current."""
    count, block = 60, get_block("readout", "gf180")
    blocks = [own_block(block, f"x_readout_{k}", CHIP)[0] for k in range(count)]
    lines = ["vp vp 0 1.65", "vn vn 0 -1.65", *all_subckts([block, *blocks]), f"xn in out vp vn {block.subckt}"]
    lines += [f"x{k} i{k} o{k} vp vn {made.subckt}" for k, made in enumerate(blocks)]
    inner = "m.xn.xo."
    saved = [f"v(i{k})" for k in range(count)] + ["v(in)"]
    saved += [f"@{inner}x{k}.m0[{what}]" for k in (1, 3) for what in ("gm", "id")]
    found = run(tmp_path, ngspice, lines, " ".join(saved))
    offsets = np.array([found[f"v(i{k})"] for k in range(count)]) - found["v(in)"]
    gm = {k: abs(found[f"@{inner}x{k}.m0[gm]"]) for k in (1, 3)}
    current = abs(found[f"@{inner}x1.m0[id]"])

    def spread(model: str, width: float, length: float) -> np.ndarray:
        law = PELGROM[model]
        area = np.sqrt((length - law.less_length) * (width - law.less_width))
        return 1e-6 * np.array([law.threshold, law.gain]) / area  # of a difference of two

    pair, mirror = spread("pfet_03v3", 80e-6, 1e-6), spread("nfet_03v3", 20e-6, 2e-6)
    hand = np.sqrt(
        pair[0] ** 2 + (mirror[0] * gm[3] / gm[1]) ** 2 + (current / gm[1]) ** 2 * (pair[1] ** 2 + mirror[1] ** 2)
    )
    low, high = np.sqrt(chi2.ppf([0.001, 0.999], count - 1) / (count - 1))
    assert 0.5e-3 < hand < 3e-3
    assert low * hand < offsets.std(ddof=1) < high * hand


def design(chip: Nonideal, gate: str = "AND", **choices: Block | str) -> Design:
    network = small_star()
    return Design(network, small_loop(network, gate), block_set("gf180", **choices), nonideal=chip)


def draws(made: Design) -> dict[str, str]:
    """Return the draws of every transistor of a deck by its path in the circuit."""
    text = made.netlist()
    bodies = {m[1]: m[2] for m in re.finditer(r"\.subckt (\S+) [^\n]*\n(.*?)\n\.ends", text, re.DOTALL)}
    found = {}

    def walk(body: str, path: str) -> None:
        for line in body.splitlines():
            words = line.split(" ; ")[0].split()
            if not words or words[0][0].lower() != "x":
                continue
            here = f"{path}/{words[0]}"
            if any(word.startswith("zvth=") for word in words):
                found[here] = " ".join(words[-2:])
            else:
                used = next((word for word in reversed(words) if word in bodies), None)
                if used:
                    walk(bodies[used], here)

    walk("\n".join(line for line in text.splitlines() if line.startswith("x_")), "")
    return found


def test_every_transistor_has_a_draw_of_its_own_and_keeps_it() -> None:
    chip = design(CHIP)
    here = draws(chip)
    assert len(here) == chip.circuit.transistors == len(set(here.values()))
    assert design(CHIP).netlist() == chip.netlist()
    other = draws(design(Nonideal({"mismatch": 1.0}, seed=6)))
    assert set(other) == set(here) and not set(other.values()) & set(here.values())
    # another block, another task, another corner: what is still there is as it was
    more = Nonideal({"mismatch": 1.0, "mixer_offset": 5e-3, "resistor_tolerance": 0.01, "network_noise": 3e-12}, seed=5)
    slow = Nonideal({"mismatch": 1.0}, 5, "ss")
    for changed in (design(CHIP, mixer="ideal"), design(CHIP, "XOR"), design(slow), design(more)):
        kept = draws(changed)
        assert len(kept) > 30 and all(here[path] == value for path, value in kept.items())


def test_nothing_on_is_the_nominal_deck_and_the_nominal_digest() -> None:
    network = small_star()
    plain = Design(network, small_loop(network), block_set("gf180"))
    assert design(Nonideal()).netlist() == plain.netlist() == design(Nonideal({"mismatch": 0.0}, seed=9)).netlist()
    assert design(Nonideal(seed=9)) == plain
    assert design(CHIP) != plain and design(CHIP).digest != design(Nonideal({"mismatch": 1.0}, seed=6)).digest


def test_a_deck_says_what_is_not_ideal() -> None:
    chip = design(Nonideal({"mismatch": 1.0}, seed=5, corner="fs"))
    assert "* Not ideal: mismatch 1, corner fs; normal, seed 5.\n" in chip.netlist()
    assert ".lib models/sm141064.ngspice fs\n" in chip.netlist()
    assert "chip     mismatch 1, corner fs" in str(chip)
    nominal = design(Nonideal())
    assert chip.circuit.transistors == nominal.circuit.transistors
    blocks = [e.block for e in chip.circuit.elements if isinstance(e, BlockInstance) and e.block.kind == "mixer"]
    assert len({block.subckt for block in blocks}) == len(blocks) == 3


def test_a_corner_of_a_device_made_of_foundry_transistors_is_refused() -> None:
    network = law_network("gf180_nmos")
    with pytest.raises(RequestError, match=r"nonideal\.no-law.*typical transistors"):
        Design(network, small_loop(network), block_set("gf180"), nonideal=Nonideal(corner="ss"))


def test_long_names_are_shortened_and_stay_apart() -> None:
    block = get_block("mixer", "gf180")
    made = [own_block(block, f"x_mixer_{'a' * 50}{k}", CHIP)[0] for k in range(2)]
    assert len({block.subckt for block in made}) == 2
    assert all_subckts(made)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    def block(text: str) -> Block:
        (tmp_path / "own.sp").write_text(text)
        return block_from_file(tmp_path / "own.sp", "lowpass")

    ports = "inp inn outp outn vp vn"
    native = block(f".subckt lowpass_a {ports}\nx1 inp inn outp vn nfet_06v0_nvt w=1e-5 l=2e-6\n.ends\n")
    with pytest.raises(RequestError, match=r"nonideal\.no-law.*nfet_06v0_nvt"):
        own_block(native, "x", CHIP)
    nested = block(f".subckt lowpass_b {ports}\n.subckt in a b\nr1 a b 1\n.ends\nx1 inp outp in\n.ends\n")
    with pytest.raises(RequestError, match=r"nonideal\.nested"):
        own_block(nested, "x", CHIP)


def test_the_open_loop_has_the_same_chip_as_the_closed_one() -> None:
    """A mixer that measures a gradient has the transistors of the mixer that learns; what has no place is left out."""
    network = small_star()
    loop = small_loop(network)
    chip = Nonideal({"mismatch": 1.0, "integrator_offset": 5e-3, "mixer_offset": 5e-3}, seed=5, corner="ss")
    points = OperatingPoints(((0.0,) * network.n_electrodes,), (0.0,))
    line = dataclasses.replace(loop.timeline, cases=1, settle=1.6e-3)
    blocks = block_set("gf180")
    open_loop = OpenLoop(points, loop.plan, line, loop.settings, "loss")
    text = write_deck(open_loop_bench(network, open_loop, blocks, chip=chip))
    closed = Design(network, loop, blocks, nonideal=chip).netlist()
    here = set(re.findall(r"^\.subckt mixer_gf180_of_x_mixer_e3 .*?^\.ends", text, re.MULTILINE | re.DOTALL))
    drawn = set(re.findall(r"zvth=\S+ zk=\S+", text))
    assert here and len(drawn) > 40 and drawn <= set(re.findall(r"zvth=\S+ zk=\S+", closed))
    assert "v_mixer_e3_offset" in text and "v_integrator" not in text and "sm141064.ngspice ss" in text
    plain = open_loop_bench(network, open_loop, blocks)
    assert write_deck(plain) == write_deck(open_loop_bench(network, open_loop, blocks, chip=Nonideal(seed=5)))
