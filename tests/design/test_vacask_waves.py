"""VACASK against ngspice on the same circuits: every block, every element, every law, and a loop that learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from law_networks import LAWS, law_network, law_voltages
from small_designs import bench_difference, simulate

from hgesim.blocks import TECHNOLOGIES, Block, get_block
from hgesim.circuit import (
    BlockInstance,
    Capacitor,
    CurrentSource,
    Dc,
    Element,
    NoisePath,
    Pulse,
    Resistor,
    Sine,
    SlewFollower,
    Square,
    Staircase,
    StartServo,
    StartSwitch,
    Steps,
    Transconductance,
    VoltageSource,
    Wave,
)
from hgesim.design import Circuit, Transient
from hgesim.engine import Engine, RawData
from hgesim.experiment import Experiment

AND = Path(__file__).parents[2] / "examples" / "and.toml"
AGREEMENT = 5e-3  # of full scale


def volts(net: str, wave: Wave) -> VoltageSource:
    return VoltageSource(f"v_{net}", net, "0", wave)


def pair(net: str, amplitude: float, frequency: float) -> list[Element]:
    """Both sides of a signal, at nets <net>p and <net>n."""
    return [volts(f"{net}{side}", Sine(sign * amplitude / 2, frequency)) for side, sign in (("p", 1.0), ("n", -1.0))]


def signal(raw: RawData, name: str, grid: np.ndarray) -> np.ndarray:
    """Return a waveform on a grid; ``p-n`` is the difference of two nets."""
    return sum(
        sign * np.interp(grid, np.array(raw["time"]), np.array(raw[part if "(" in part else f"v({part})"]))
        for sign, part in zip((1.0, -1.0), name.split("-"), strict=False)
    )


def compare(circuit: Circuit, folder: Path, ngspice: Engine, vacask: Engine, *, pairs: str = "") -> dict[str, float]:
    """Return the largest difference between the engines of each signal over its largest value.

    Of nets that end in p or n and begin with a word of `pairs`, the difference of the two counts.
    """
    assert isinstance(circuit.analysis, Transient)
    raws = simulate(circuit, folder / "n", ngspice), simulate(circuit, folder / "v", vacask, "vacask")
    twins = {f"{word}{side}" for word in pairs.split() for side in "pn"}
    names = [probe for probe in circuit.probes if probe not in twins] + [f"{word}p-{word}n" for word in pairs.split()]
    grid = np.linspace(0.0, circuit.analysis.stop, 20_001)
    found = {}
    for name in names:
        a, b = (signal(raw, name, grid) for raw in raws)
        found[name] = float(np.abs(a - b).max() / np.abs(a).max())
    return found


def placed(block: Block, nets: dict[str, str], **parameters: float) -> BlockInstance:
    rails = {port: port for port in block.ports if port in ("vp", "vn", "chop", "chopn")}
    return BlockInstance(f"x_{block.subckt}", block, {**nets, **rails}, parameters)


def block_circuit(blocks: dict[str, Block], positive: float) -> Circuit:
    """One block of each kind, side by side, each with a signal of its size."""
    clock = {"width": 6e-5, "period": 2e-4, "edge": 2e-6}
    parts: list[Element] = [
        *(volts(net, Dc(sign * positive)) for net, sign in (("vp", 1.0), ("vn", -1.0))),
        *(volts(net, Pulse(sign * positive, -sign * positive, **clock)) for net, sign in (("hold", 1), ("holdn", -1))),
        *(volts(net, Pulse(sign * positive, -sign * positive, **clock)) for net, sign in (("chop", -1), ("chopn", 1))),
        volts("gate", Pulse(1.0, 0.0, 2e-8, 8e-4, 1e-8)),
        CurrentSource("i_current", "current", "0", Sine(3e-7, 1e4)),
        Resistor("r_current", "current", "0", 1e7),
        placed(blocks["readout"], {"inp": "current", "out": "read"}),
        volts("error", Sine(0.4, 1e4)),
        placed(blocks["loss"], {"e": "error", "outp": "lossp", "outn": "lossn"}),
        volts("near", Sine(2e-3, 1.25e3)),
        volts("label", Dc(1.0)),
        *pair("gated", 0.2, 2e4),
        placed(
            blocks["hinge"],
            {"e": "near", "label": "label", "inp": "gatedp", "inn": "gatedn", "outp": "hingep", "outn": "hingen"},
        ),
        *pair("ripple", 0.05, 2e4),
        placed(
            blocks["coupler"],
            {"inp": "ripplep", "inn": "ripplen", "outp": "coupledp", "outn": "coupledn"}
            | {"hold": "hold", "holdn": "holdn"},
        ),
        volts("lo", Sine(0.3, 2e4, 0.5)),
        placed(blocks["mixer"], {"xp": "ripplep", "xn": "ripplen", "lo": "lo", "outp": "mixedp", "outn": "mixedn"}),
        *pair("rough", 0.5, 5e3),
        placed(blocks["lowpass"], {"inp": "roughp", "inn": "roughn", "outp": "smoothp", "outn": "smoothn"}),
        volts("drive", Steps((0.3, -0.05), 2e-4, 2e-5)),
        Resistor("r_drive", "drive", "driven", 2e5),
        volts("dither", Sine(0.02, 1e4)),
        placed(blocks["integrator"], {"inp": "driven", "inn": "0", "dither": "dither", "out": "control"}, r=1e5),
        StartServo("b_start", "driven", "control", 0.1, "gate"),
    ]
    probes = ("read", "lossp", "lossn", "hingep", "hingen", "coupledp", "coupledn", "mixedp", "mixedn", "smoothp")
    return Circuit("blocks", tuple(parts), Transient(4e-4, 2e-7), (*probes, "control"))


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_every_block_agrees(technology: str, tmp_path: Path, osdi_engine: Engine, vacask: Engine) -> None:
    kinds = ("readout", "loss", "hinge", "coupler", "mixer", "lowpass", "integrator")
    blocks = {kind: get_block(kind, technology) for kind in kinds}
    circuit = block_circuit(blocks, TECHNOLOGIES[technology].positive)
    found = compare(circuit, tmp_path, osdi_engine, vacask, pairs="loss hinge coupled mixed")
    assert max(found.values()) < AGREEMENT, found


@pytest.mark.slow
def test_variants_agree(tmp_path: Path, osdi_engine: Engine, vacask: Engine) -> None:
    kinds = {"readout": "", "loss": "", "hinge": "", "coupler": "_plain", "mixer": "_chopper", "lowpass": ""}
    blocks = {kind: get_block(kind, f"gf180{variant}") for kind, variant in kinds.items()}
    blocks["integrator"] = get_block("integrator", "gf180_chopped")
    plain = block_circuit(blocks, 1.65)
    # choppers switch within microseconds: what counts is behind a low-pass, as in a loop
    soft = {"mixedp": "softp", "mixedn": "softn", "control": "settled"}
    smoothing = [
        *(Resistor(f"r_{net}", hard, net, 4e5) for hard, net in soft.items()),
        *(Capacitor(f"c_{net}", net, "0", 2.5e-11) for net in soft.values()),
    ]
    probes = tuple(soft.get(net, net) for net in plain.probes)
    fine = Transient(plain.analysis.stop, plain.analysis.step / 2)
    circuit = Circuit("variants", (*plain.elements, *smoothing), fine, probes)
    found = compare(circuit, tmp_path, osdi_engine, vacask, pairs="loss hinge coupled soft")
    assert max(found.values()) < AGREEMENT, found


def test_every_other_element_agrees(tmp_path: Path, osdi_engine: Engine, vacask: Engine) -> None:
    parts: list[Element] = [
        NoisePath("a_noise", "noisy", 1e-5, 1e-4, 2e-6, 1e-3, 5, ("here",)),
        Resistor("r_noisy", "noisy", "smooth", 1e4),
        Capacitor("c_smooth", "smooth", "0", 1e-9),
        volts("slow", Sine(0.05, 1e3, 0.3)),
        Resistor("r_slow", "slow", "0", 1e3),
        Staircase("x_steps", "rounded", "slow", "0", 2e-2),
        Resistor("r_rounded", "rounded", "0", 1e3),
        volts("fast", Steps((1.0, -1.0), 5e-4, 1e-6)),
        SlewFollower("b_slew", "follows", "fast", 1e5, 2e4),
        Capacitor("c_follows", "follows", "0", 1e-9),
        CurrentSource("i_square", "square", "0", Square(1e-3, 3e3, 0.4, 0.02)),
        Resistor("r_square", "square", "0", 1e3),
        Transconductance("g_gain", "gained", "0", "slow", "square", 2e-3),
        Resistor("r_gained", "gained", "0", 1e3),
        volts("gate", Pulse(1.0, 0.0, 2e-4, 1e-2, 1e-6)),
        volts("at", Dc(0.7)),
        StartSwitch("s_hold", "held", "at", "gate"),
        Resistor("r_held", "held", "0", 1e5),
        Capacitor("c_held", "held", "0", 1e-9),
        StartServo("b_stiff", "stiff", "slow", 0.01, "gate", siemens=1e-2),
        Resistor("r_stiff", "stiff", "0", 1e3),
        StartServo("b_gentle", "gentle", "slow", 0.01, "gate", siemens=1e-2, most=2e-4),
        Resistor("r_gentle", "gentle", "0", 1e3),
    ]
    probes = ("smooth", "rounded", "follows", "square", "gained", "held", "stiff", "gentle", "i(v_slow)")
    circuit = Circuit("elements", tuple(parts), Transient(1e-3, 1e-7), probes)
    found = compare(circuit, tmp_path, osdi_engine, vacask)
    assert max(found.values()) < AGREEMENT, found


@pytest.mark.parametrize("name", LAWS)
def test_operating_points_of_every_law(name: str, tmp_path: Path, vacask: Engine) -> None:
    """The exact solution of foundry transistors is that of ngspice's model, an earlier version of BSIM4."""
    network = law_network(name, 77.0 if name in ("hopping", "diode") else 300.0)
    found = bench_difference(network, law_voltages(name, network), tmp_path, vacask, "vacask")
    assert found < (1e-3 if name in ("gf180_nmos", "mixed") else 1e-6)


def loop_difference(settings: list[str], folder: Path, ngspice: Engine, vacask: Engine) -> float:
    """Return the largest difference of any channel in a learning loop, over the allowed range of the controls."""
    experiment = Experiment.from_file(AND, settings)
    design, reach = experiment.design, 2.0 * experiment.config.loop.control_range
    raws = simulate(design.circuit, folder / "n", ngspice), simulate(design.circuit, folder / "v", vacask, "vacask")
    grid = np.linspace(0.0, design.loop.timeline.stop, 20_001)
    nets = [channel.net for channel in design.loop.channels(design.network)]
    moved = [np.ptp(signal(raws[0], net, grid)) for net in nets]
    assert max(moved) > 0.02 * reach  # something was learnt
    return max(float(np.abs(signal(raws[0], net, grid) - signal(raws[1], net, grid)).max()) / reach for net in nets)


CHIP = ["nonideal.preset=discrete", "nonideal.seed=0", "nonideal.network_noise=3 pA/rtHz", "nonideal.control_step=4 mV"]
CHIP += ["nonideal.amplifier_noise=2e-8", "nonideal.coupler_slew=8e6", "nonideal.coupler_bandwidth=1 MHz"]


@pytest.mark.parametrize(
    "settings",
    [
        ["circuit.technology=ideal"],
        ["circuit.technology=ideal", *CHIP],
        pytest.param(["circuit.technology=discrete"], marks=pytest.mark.slow),
        pytest.param(["nonideal.mismatch=1"], marks=pytest.mark.slow),
    ],
)
def test_a_loop_learns_alike(settings: list[str], tmp_path: Path, osdi_engine: Engine, vacask: Engine) -> None:
    assert loop_difference(["loop.epochs=1", *settings], tmp_path, osdi_engine, vacask) < AGREEMENT
