"""The wiring of the loop, element by element."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from small_designs import ohmic_star, small_loop, small_star

from hgesim.blocks import KINDS, TECHNOLOGIES, Block, block_from_file
from hgesim.circuit import (
    BlockInstance,
    CurrentSource,
    Dc,
    Element,
    Pulse,
    Resistor,
    Sine,
    StartServo,
    Steps,
    Transconductance,
    VoltageSource,
)
from hgesim.design import block_set
from hgesim.design.circuit import element_nets
from hgesim.errors import RequestError
from hgesim.loop import HomodyneLoop, LoopSettings, Timeline, plan_tones
from hgesim.network import Network


def wire(loop: HomodyneLoop, network: Network, blocks: dict[str, Block] | None = None) -> dict[str, Element]:
    elements = loop.elements(network, blocks or block_set("ideal"))
    assert len({element.name for element in elements}) == len(elements)
    return {element.name: element for element in elements}


def source(parts: dict[str, Element], name: str) -> VoltageSource:
    found = parts[name]
    assert isinstance(found, VoltageSource)
    return found


def tone(parts: dict[str, Element], net: str) -> Sine:
    """Return the open-circuit voltage of the generator at a net."""
    drive, inner = parts[f"i_{net}"], parts[f"r_{net}"]
    assert isinstance(drive, CurrentSource) and isinstance(drive.wave, Sine) and isinstance(inner, Resistor)
    assert (drive.into, drive.out_of) == (inner.a, inner.b) == (net, "0")
    return Sine(drive.wave.amplitude * inner.ohms, drive.wave.frequency)


def block(parts: dict[str, Element], name: str) -> BlockInstance:
    found = parts[name]
    assert isinstance(found, BlockInstance)
    return found


def test_channels_are_the_controls_in_order_and_then_the_threshold() -> None:
    network = small_star()
    loop = small_loop(network, start=(0.1, -0.2), threshold_start=0.3, dither=1e-3, threshold_dither=7e-3)
    first, second, threshold = loop.channels(network)
    assert (first.name, first.net, first.start, first.dither) == ("e3", "el_e3", 0.1, 1e-3)
    assert (second.name, second.net, second.start, second.dither) == ("e4", "el_e4", -0.2, 1e-3)
    assert (threshold.name, threshold.net, threshold.start, threshold.dither) == ("threshold", "threshold", 0.3, 7e-3)
    assert tuple(c.carrier for c in loop.channels(network)) == loop.plan.carriers
    voltages = dict(zip(network.electrode_labels, loop.start_voltages(network), strict=True))
    assert (voltages["e3"], voltages["e4"], voltages[network.electrode_labels[network.output]]) == (0.1, -0.2, 0.0)


def test_each_branch_uses_its_own_carrier_net_and_dither() -> None:
    network = small_star()
    loop = small_loop(network, dither=2e-3, threshold_dither=5e-3, reference=0.25)
    parts = wire(loop, network)
    for channel in loop.channels(network):
        name = channel.name
        assert tone(parts, f"ref_{name}") == Sine(0.25, channel.carrier)
        assert tone(parts, f"dither_{name}") == Sine(channel.dither, channel.carrier)
        mixer, lowpass, integrator = (block(parts, f"x_{kind}_{name}") for kind in ("mixer", "lowpass", "integrator"))
        coupler = block(parts, "x_coupler")
        assert (mixer.nets["xp"], mixer.nets["xn"]) == (coupler.nets["outp"], coupler.nets["outn"])
        assert mixer.nets["lo"] == f"ref_{name}"
        assert [lowpass.nets[p] for p in ("inp", "inn")] == [mixer.nets[p] for p in ("outp", "outn")]
        assert [integrator.nets[p] for p in ("inp", "inn")] == [lowpass.nets[p] for p in ("outp", "outn")]
        assert integrator.nets["dither"] == f"dither_{name}"
        assert integrator.nets["out"] == channel.net
    readout, loss = block(parts, "x_readout"), block(parts, "x_loss")
    assert readout.nets["inp"] == "el_e0"
    assert readout.nets["out"] == loss.nets["e"]
    assert [block(parts, "x_coupler").nets[p] for p in ("inp", "inn")] == [loss.nets[p] for p in ("outp", "outn")]
    shared = [net for e in parts.values() if isinstance(e, BlockInstance) and e.name != "x_coupler" for net in
              (e.nets.get("outp"), e.nets.get("outn"), e.nets.get("out")) if net]  # fmt: skip
    assert len(shared) == len(set(shared))  # no two outputs on one net


def test_the_hinge_stands_between_loss_and_coupler_only_when_asked_for() -> None:
    network = small_star()
    plain, gated = small_loop(network), small_loop(network, loss="hinge")
    before, after = wire(plain, network), wire(gated, network)
    assert set(KINDS) - set(plain.kinds) == {"hinge"} and set(gated.kinds) == set(KINDS)
    assert set(after) - set(before) == {"x_hinge", "v_vp_hinge", "v_vn_hinge"} and set(before) <= set(after)
    assert {name for name in before if before[name] != after[name]} == {"x_coupler"}
    hinge, loss, coupler = (block(after, f"x_{kind}").nets for kind in ("hinge", "loss", "coupler"))
    assert (hinge["e"], hinge["label"]) == (loss["e"], "target")
    assert (hinge["inp"], hinge["inn"]) == (loss["outp"], loss["outn"])
    assert (coupler["inp"], coupler["inn"]) == (hinge["outp"], hinge["outn"])
    assert (hinge["vp"], hinge["vn"]) == ("vp_hinge", "vn_hinge")
    blocks = block_set("ideal")
    del blocks["hinge"]
    assert wire(plain, network, blocks) == before
    with pytest.raises(RequestError, match=r"loop\.missing-block\] circuit: no block for hinge"):
        wire(gated, network, blocks)
    with pytest.raises(RequestError, match=r'loop\.unknown-loss\] loop\.loss: "hing"; did you mean "hinge"'):
        LoopSettings(loss="hing")


def test_stimuli_show_the_cases_and_the_targets() -> None:
    network = ohmic_star(1e-7, 1e-7, 2e-7, 3e-7, roles=("input", "output", "input", "control"))
    loop = small_loop(network, gate="NOR")
    parts, case = wire(loop, network), loop.timeline.case
    assert source(parts, "v_data_e0").wave == Steps((-0.3, -0.3, 0.3, 0.3), case, 100e-6)
    assert source(parts, "v_data_e2").wave == Steps((-0.3, 0.3, -0.3, 0.3), case, 100e-6)
    assert source(parts, "v_data_e2").plus == "el_e2"
    assert source(parts, "v_target").wave == Steps((1.0, -1.0, -1.0, -1.0), case, 100e-6)
    assert block(parts, "x_readout").nets["inp"] == "el_e1"


def test_target_and_threshold_currents_go_the_right_way() -> None:
    """The read-out turns into a voltage: network current + threshold current - target current."""
    network = small_star()
    parts = wire(small_loop(network, target=30e-9, threshold_resistance=1e6), network)
    target, threshold = parts["g_target"], parts["r_threshold"]
    assert isinstance(target, Transconductance) and isinstance(threshold, Resistor)
    assert (target.out_of, target.into, target.plus, target.minus) == ("el_e0", "0", "target", "0")
    assert target.siemens == 30e-9
    assert {threshold.a, threshold.b} == {"threshold", "el_e0"}
    assert threshold.ohms == 1e6


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_hold_swings_between_the_couplers_rails_and_covers_ramp_and_settling(technology: str) -> None:
    network = small_star()
    loop = small_loop(network)
    parts = wire(loop, network, block_set("ideal", coupler=technology))
    rails = TECHNOLOGIES[technology]
    hold, complement = source(parts, "v_hold").wave, source(parts, "v_holdn").wave
    assert isinstance(hold, Pulse) and isinstance(complement, Pulse)
    assert (hold.high, hold.low) == (rails.positive, rails.negative) == (complement.low, complement.high)
    assert hold.width == complement.width == pytest.approx(150e-6)
    assert hold.period == complement.period == loop.timeline.case
    assert hold.width + loop.timeline.window == pytest.approx(hold.period)
    supplies = {kind: source(parts, f"v_vp_{kind}").wave for kind in loop.kinds}
    assert supplies["coupler"] == Dc(rails.positive)
    assert supplies["mixer"] == Dc(1.65)


def test_rate_sets_the_integrators_and_zero_disconnects_them_only() -> None:
    network = small_star()
    c = dict(block_set("ideal")["integrator"].parameters)["c"]
    nominal, fast, still = (wire(small_loop(network, rate=rate, slowness=10.0), network) for rate in (1.0, 4.0, 0.0))
    window = small_loop(network).timeline.window
    for name in ("e3", "e4", "threshold"):
        key = f"x_integrator_{name}"
        assert block(nominal, key).parameters["r"] * c == pytest.approx(10 * window)
        assert block(fast, key).parameters["r"] * c == pytest.approx(10 * window / 4)
        grounded = block(still, key)
        for port in ("inp", "inn"):
            rest = still[f"r_{grounded.nets[port]}"]
            assert isinstance(rest, Resistor) and (rest.a, rest.b) == (grounded.nets[port], "0")
            at_rest = [e for e in still.values() if grounded.nets[port] in element_nets(e)]
            assert {type(e) for e in at_rest} <= {BlockInstance, Resistor, StartServo}
            assert [e.name for e in at_rest if isinstance(e, BlockInstance)] == [key]
        assert grounded.nets["out"] == block(nominal, key).nets["out"]
    integrators = {f"x_integrator_{name}" for name in ("e3", "e4", "threshold")}
    assert {k for k in nominal if nominal[k] != fast[k]} == integrators
    servos = {f"b_start_{name}" for name in ("e3", "e4", "threshold")}
    assert {k for k in nominal if nominal[k] != still[k]} == integrators | servos


def test_a_decay_changes_the_integrators_and_what_holds_their_start() -> None:
    network = small_star()
    plain, leaking = (wire(small_loop(network, decay=decay), network) for decay in (None, 0.2))
    changed = {k for k in plain if plain[k] != leaking[k]}
    servos = {f"b_start_{name}" for name in ("e3", "e4", "threshold")}  # which a decay pulls at
    assert changed == servos | {f"x_integrator_{name}" for name in ("e3", "e4", "threshold")}
    text = block(leaking, "x_integrator_e3").block.text
    assert all(f"rdecay_{c} " in text for c in ("c1", "c2")) and "2e-01/(c)" in text
    assert block(leaking, "x_integrator_e3").nets == block(plain, "x_integrator_e3").nets


def test_a_grounded_electrode_is_grounded_and_no_channel() -> None:
    network = ohmic_star(1e-7, 1e-7, 2e-7, 3e-7, 1e-7, roles=("output", "input", "ground", "input", "control"))
    loop = small_loop(network)
    parts = wire(loop, network)
    assert [c.name for c in loop.channels(network)] == ["e4", "threshold"]
    ground = source(parts, "v_ground_e2")
    assert (ground.plus, ground.minus, ground.wave) == ("el_e2", "0", Dc(0.0))
    assert "v_ground_e0" not in parts


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"start": (0.1,)}, "loop.channel-count", "1 start voltages for 2 controls"),
        ({"plan": plan_tones(2, 1e3)}, "loop.channel-count", "give 3"),
    ],
)
def test_counts_that_do_not_fit(change: dict[str, object], code: str, words: str) -> None:
    network = small_star()
    loop = small_loop(network)
    values = {"task": loop.task, "plan": loop.plan, "timeline": loop.timeline, "settings": loop.settings,
              "start": loop.start}  # fmt: skip
    wrong = HomodyneLoop(**{**values, **change})  # type: ignore[arg-type]
    for ask in (wrong.channels, lambda n: wire(wrong, n)):
        with pytest.raises(RequestError) as caught:
            ask(network)
        assert caught.value.code == code
        assert words in str(caught.value)


def test_inputs_that_do_not_fit() -> None:
    network = small_star().replace(roles=("output", "input", "control", "control", "control"))
    with pytest.raises(RequestError, match=r"task\.input-count\] network: AND has 2 inputs, the network 1"):
        small_loop(network).channels(network)


def test_missing_blocks_are_named() -> None:
    blocks = block_set("ideal")
    del blocks["mixer"], blocks["loss"]
    with pytest.raises(RequestError, match=r"loop\.missing-block\] circuit: no block for loss, mixer"):
        wire(small_loop(small_star()), small_star(), blocks)


@pytest.mark.parametrize("kind", ["readout", "integrator"])
def test_a_block_without_a_parameter_that_the_loop_sets_is_refused(kind: str, tmp_path: Path) -> None:
    """ngspice would ignore the setting without a word."""
    bare = {
        "readout": ".subckt readout_mine inp out vp vn\nr1 inp 0 1\nr2 out 0 1\n.ends",
        "integrator": ".subckt integrator_mine inp inn dither out vp vn params: c=1e-9\nr1 inp out 1\n.ends",
    }[kind]
    path = tmp_path / "mine.sp"
    path.write_text(bare)
    blocks = {**block_set("ideal"), kind: block_from_file(path, kind)}
    with pytest.raises(RequestError) as caught:
        wire(small_loop(small_star()), small_star(), blocks)
    assert (caught.value.code, caught.value.place) == ("blocks.missing-parameter", f"circuit.{kind}")


SETTINGS = ["dither", "threshold_dither", "reference", "slowness", "transimpedance", "threshold_resistance"]


@pytest.mark.parametrize("name", [*SETTINGS, "rate", "decay"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_settings_that_make_no_loop(name: str, value: float) -> None:
    with pytest.raises(RequestError) as caught:
        LoopSettings(**{name: value})
    assert (caught.value.code, caught.value.place) == ("loop.bad-value", f"loop.{name}")


@pytest.mark.parametrize("name", [*SETTINGS, "decay"])
def test_only_the_rate_may_be_zero(name: str) -> None:
    LoopSettings(rate=0.0)
    with pytest.raises(RequestError, match=r"loop\.bad-value"):
        LoopSettings(**{name: 0.0})


def test_starts_and_pauses() -> None:
    network = small_star()
    loop = small_loop(network)
    assert small_loop(network, start=[0.1, 0.2]) == small_loop(network, start=(0.1, 0.2))
    with pytest.raises(RequestError, match=r"loop\.bad-value\] loop\.start"):
        small_loop(network, start=(0.1, math.nan))
    with pytest.raises(RequestError, match=r"loop\.bad-time\] loop\.ramp"):
        HomodyneLoop(loop.task, loop.plan, Timeline(1e-6, 1e-7, 1e-3, 4, 1), loop.settings, loop.start)
