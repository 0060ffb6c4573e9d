"""Clocks for blocks that chop: there only if a block asks for them, and as `hgesim.loop.wiring.chop_clocks` says."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_designs import simulate, small_loop, small_star

from hgesim.blocks import KINDS, Block, block_from_file, circuits_folder, get_block
from hgesim.circuit import BlockInstance, Element, VoltageSource
from hgesim.design import Design, block_set
from hgesim.engine import Engine
from hgesim.errors import RequestError
from hgesim.loop import OpenLoop, OperatingPoints, Timeline
from hgesim.nonideal import Nonideal
from hgesim.waveforms import window_means


def with_clocks(folder: Path, kind: str, technology: str = "ideal") -> Block:
    """Return the ideal block of a kind with the clocks among its ports, on the rails of a technology."""
    text = (circuits_folder() / "ideal" / f"{kind}.sp").read_text("ascii")
    old, new = " ".join(KINDS[kind].ports), " ".join(KINDS[kind].chopped)
    text = text.replace(f"{kind}_ideal {old}", f"{kind}_ideal {new}").replace("_ideal", f"_{technology}_mine")
    path = folder / f"{kind}_{technology}.sp"
    path.write_text(text)
    return block_from_file(path, kind)


def clocks(elements: tuple[Element, ...]) -> dict[str, VoltageSource]:
    return {e.name: e for e in elements if isinstance(e, VoltageSource) and e.name.startswith("v_chop")}


def test_only_blocks_with_the_ports_get_clocks(tmp_path: Path) -> None:
    network = small_star()
    loop, plain = small_loop(network), block_set("ideal")
    before = {e.name: e for e in loop.elements(network, plain)}
    assert not clocks(tuple(before.values()))
    after = {e.name: e for e in loop.elements(network, {**plain, "integrator": with_clocks(tmp_path, "integrator")})}
    assert set(after) - set(before) == {"v_chop_integrator", "v_chopn_integrator"} and set(before) <= set(after)
    changed = {name for name in before if before[name] != after[name]}
    channels = [c.name for c in loop.channels(network)]
    assert changed == {f"{part}_{name}" for part in ("x_integrator", "b_start") for name in channels}
    for name in channels:
        found = after[f"x_integrator_{name}"]
        assert isinstance(found, BlockInstance)
        assert (found.nets["chop"], found.nets["chopn"]) == ("chop_integrator", "chopn_integrator")


def test_every_kind_may_chop_and_has_clocks_between_its_own_rails(tmp_path: Path) -> None:
    network = small_star()
    loop = small_loop(network, loss="hinge")
    blocks = {kind: with_clocks(tmp_path, kind, "discrete" if kind == "mixer" else "ideal") for kind in KINDS}
    made = clocks(loop.elements(network, blocks))
    assert set(made) == {f"v_{port}_{kind}" for port in ("chop", "chopn") for kind in KINDS}
    for kind in KINDS:
        high = 5.0 if kind == "mixer" else 1.65
        assert (made[f"v_chop_{kind}"].wave.high, made[f"v_chop_{kind}"].wave.low) == (high, -high)
        assert (made[f"v_chopn_{kind}"].wave.high, made[f"v_chopn_{kind}"].wave.low) == (-high, high)


def test_clocks_toggle_once_a_case_in_the_ramp(tmp_path: Path, ngspice: Engine) -> None:
    """As the simulator sees them, over two epochs of four cases: the sign alternates, no window has an edge."""
    network = small_star()
    loop = small_loop(network, epochs=2)
    blocks = block_set("ideal", integrator=with_clocks(tmp_path, "integrator"))
    nets = ("chop_integrator", "chopn_integrator")
    raw = simulate(Design(network, loop, blocks, probes=nets).circuit, tmp_path / "deck", ngspice)
    line = loop.timeline
    for number in range(8):
        sign = 1 if number % 2 == 0 else -1
        begin, end = line.span(*divmod(number, 4))
        for spot in ((begin, end), (end - 1e-6, end), (begin - line.pause + 2e-6, begin)):
            assert window_means(raw["time"], raw[f"v({nets[0]})"], [spot]) == pytest.approx(1.65 * sign, abs=0.01)
            assert window_means(raw["time"], raw[f"v({nets[1]})"], [spot]) == pytest.approx(-1.65 * sign, abs=0.01)


def test_the_open_loop_has_them_too(tmp_path: Path) -> None:
    network = small_star()
    loop = small_loop(network)
    points = OperatingPoints(((0.0, 0.1, -0.2, 0.3, 0.15), (0.0, -0.1, 0.2, 0.05, -0.4), (0.0, 0.3, 0.3, -0.3, 0.1)))
    line = Timeline(1e-4, 1e-3, loop.plan.beat, 3, 1)
    opened = OpenLoop(points, loop.plan, line, loop.settings)
    assert not clocks(opened.elements(network, block_set("ideal")))
    made = clocks(opened.elements(network, block_set("ideal", mixer=with_clocks(tmp_path, "mixer"))))
    assert set(made) == {"v_chop_mixer", "v_chopn_mixer"}
    assert made["v_chop_mixer"].wave.period == 2 * line.case


def test_clocks_follow_the_supply() -> None:
    network = small_star()
    blocks = block_set("ideal", integrator="gf180_chopped")
    design = Design(network, small_loop(network), blocks, nonideal=Nonideal({"supply": -0.1}))
    waves = [source.wave for source in clocks(design.circuit.elements).values()]
    assert [value for wave in waves for value in (wave.high, wave.low)] == pytest.approx([1.485, -1.485, -1.485, 1.485])


def test_a_loop_with_the_variants_goes_the_way_of_the_ideal_one(tmp_path: Path, ngspice: Engine) -> None:
    """One epoch: the threshold's voltage moves by -59 mV with ideal blocks, by -63 mV with the chopping ones."""
    network = small_star()
    loop = small_loop(network)
    moves = []
    for number, choices in enumerate(({}, {"mixer": "gf180_chopper", "integrator": "gf180_chopped"})):
        design = Design(network, loop, block_set("ideal", **choices))
        raw = simulate(design.circuit, tmp_path / str(number), ngspice)
        first, last = (window_means(raw["time"], raw["v(threshold)"], [loop.timeline.span(0, k)])[0] for k in (0, 3))
        moves.append(float(last - first))
    assert moves[0] < -0.03
    assert moves[1] == pytest.approx(moves[0], rel=0.15)


@pytest.mark.parametrize("ports", ["chop vp vn", "chopn chop vp vn", "vp vn chop chopn", "chop chopn"])
def test_half_a_pair_of_clocks_is_refused(tmp_path: Path, ports: str) -> None:
    block = get_block("lowpass", "ideal")
    path = tmp_path / "lowpass.sp"
    path.write_text(block.text.replace("outp outn vp vn params", f"outp outn {ports} params"))
    with pytest.raises(RequestError, match=r'blocks\.ports-mismatch.*before vp also "chop chopn" if it chops'):
        block_from_file(path, "lowpass")
