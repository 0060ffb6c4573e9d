"""Noise: the level asked for, in the drawn path and in the simulated waveform; seeded; against the engine's .noise."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import welch
from small_designs import simulate, small_loop, small_star

from hgesim.blocks import all_subckts, get_block
from hgesim.circuit import BlockInstance, Dc, NoisePath, Resistor, Steps, VoltageSource
from hgesim.config import parse_config
from hgesim.design import Circuit, Design, Transient, block_set
from hgesim.engine import Engine, gf180_models, read_raw, run_deck
from hgesim.engine.models import GF180_FILES
from hgesim.errors import RequestError
from hgesim.netlist import deck_files
from hgesim.netlist.checks import check_deck
from hgesim.network import dopant_disc
from hgesim.nonideal import Nonideal, deviate
from hgesim.nonideal.paths import path_text, sample_path

PATH = NoisePath("a_n", "n", 2e-6, 2e-6 * 30.0, 1e-5, 2.0, 3, ("test",))
SUPPLIES = (("vp", 1.65), ("vn", -1.65))


def design(chip: Nonideal, epochs: int = 1) -> Design:
    network = small_star()
    return Design(network, small_loop(network, epochs=epochs), block_set("ideal"), nonideal=chip)


def density(value: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies and the root of the one-sided density."""
    frequency, power = welch(value, rate, nperseg=4096, detrend="constant")
    return frequency[2:], np.sqrt(power[2:])


def test_a_path_has_the_level_and_the_slope_asked_for() -> None:
    """After the straight lines between samples, which a fine grid stands for."""
    time, value = sample_path(PATH)
    assert len(time) == len(value) == 200002 and abs(value.mean()) < 1e-15
    fine = np.arange(0, 2.0, 2.5e-6)
    frequency, found = density(np.interp(fine, time, value), 4e5)
    for low, high in ((200, 400), (600, 1500), (5e3, 1e4), (3e4, 4.5e4)):
        band = (frequency > low) & (frequency < high)
        expected = np.sqrt(PATH.white**2 + PATH.flicker**2 / frequency[band])
        assert np.sqrt(np.mean((found[band] / expected) ** 2)) == pytest.approx(1.0, abs=0.04)
    assert found[frequency > 1.5e5].max() < 0.5 * PATH.white  # and nothing far above half the rate


def test_slow_paths_fall_as_one_over_f() -> None:
    drift = dataclasses.replace(PATH, white=0.0, flicker=1e-3, step=1e-2, stop=2000.0)
    _, value = sample_path(drift)
    frequency, found = density(value, 100.0)
    band = (frequency > 0.1) & (frequency < 10)
    assert np.polyfit(np.log(frequency[band]), np.log(found[band]), 1)[0] == pytest.approx(-0.5, abs=0.05)
    at_one = (frequency > 0.5) & (frequency < 2)
    assert np.sqrt(np.mean(found[at_one] ** 2 * frequency[at_one])) == pytest.approx(1e-3, rel=0.1)


def test_same_seed_same_bytes_another_run_another_path() -> None:
    assert path_text(PATH) == path_text(PATH)
    assert path_text(PATH) != path_text(dataclasses.replace(PATH, seed=4))
    sizes = {"network_noise": 3e-12, "amplifier_noise": 1e-7, "mixer_offset": 1e-3}
    first, again, other = (
        deck_files(design(Nonideal(sizes, seed=2, run=run)).circuit, "b-source") for run in (0, 0, 1)
    )
    assert first == again
    noise = sorted(name for name in first if name.startswith("noise_"))
    # the network, read-out, loss and coupler, mixers and integrators of three channels
    assert len(noise) == 1 + 3 + 3 + 3
    assert all(first[name] != other[name] for name in noise)
    assert len({first[name] for name in noise}) == len(noise)
    # the chip stays: only the line that says what is on differs
    changed = set(first["deck.cir"].splitlines()) ^ set(other["deck.cir"].splitlines())
    assert all(line.startswith("* Not ideal") for line in changed) and len(changed) == 2


def test_noise_arrives_at_the_readout_at_its_level(ngspice: Engine, tmp_path: Path) -> None:
    """Current noise times the transimpedance, voltage noise times one plus the ratio of resistors."""
    block = get_block("readout", "ideal")
    nets = {port: port for port in block.ports}
    parts = [
        *(VoltageSource(f"v_{net}", net, "0", Dc(volt)) for net, volt in SUPPLIES),
        BlockInstance("x_readout", block, nets),
        Resistor("r_in", "inp", "0", 1e6),
    ]
    chip = Nonideal({"network_noise": 3e-12, "network_corner": 2e3, "amplifier_noise": 2e-6}, seed=1)
    made = deviate(parts, chip, stop=0.2, step=1e-5)
    raw = simulate(Circuit("bench", made, Transient(0.2, 5e-6), ("out",)), tmp_path, ngspice)
    time = np.asarray(raw.values[:, 0])
    grid = np.arange(0, 0.2, 5e-6)
    frequency, found = density(np.interp(grid, time, raw["v(out)"]), 2e5)
    for low, high in ((300, 2e3), (4e3, 1e4), (1e4, 4e4)):
        band = (frequency > low) & (frequency < high)
        current = 2e6 * 3e-12 * np.sqrt(1 + 2e3 / frequency[band])
        expected = np.hypot(current, 2e-6 * 2e6 / 1e6)  # the ideal read-out turns the voltage into a current in r_in
        assert np.sqrt(np.mean((found[band] / expected) ** 2)) == pytest.approx(1.0, abs=0.1)


def test_amplifier_noise_stands_for_what_the_engine_finds_in_the_op_amp(ngspice: Engine, tmp_path: Path) -> None:
    """White level and corner taken from .noise of the GF180 read-out give its output density in a transient.

    The output of an inverting amplifier has the op-amp's noise times one plus the ratio of resistors; the ideal
    read-out's virtual ground is exact, so its gain for the noise is the ratio alone: 20 against 21.
    """
    block, ohms = get_block("readout", "gf180"), 1e5
    for name in GF180_FILES:
        shutil.copy(gf180_models() / name, tmp_path / name)
    deck = ["* noise", ".include design.ngspice", ".lib sm141064.ngspice typical"]
    deck += [".param sw_stat_global=0 sw_stat_mismatch=0", *all_subckts([block])]
    deck += [f"v_{net} {net} 0 {volt}" for net, volt in SUPPLIES]
    deck += ["v_in in 0 dc 0 ac 1", f"r_in in inp {ohms} noisy=0", f"x inp out vp vn {block.subckt}"]
    deck += [".noise v(out) v_in dec 10 100 100k", ".control", "set num_threads=1", "set filetype=binary"]
    deck += ["run", "setplot noise1", "write waveforms.raw onoise_spectrum", "quit", ".endc", ".end", ""]
    (tmp_path / "deck.cir").write_text("\n".join(deck))
    result = run_deck(tmp_path, ngspice, end_time=0.0, timeout=60)
    raw = read_raw(tmp_path / "waveforms.raw")
    assert raw.names, result.message
    frequency = np.real(np.asarray(raw.values[:, 0]))
    ratio, johnson = 2e6 / ohms, 4 * 1.380649e-23 * 300.15 * 2e6
    output = np.real(np.asarray(raw.values[:, 1]))
    own = np.sqrt(output**2 - johnson) / (1 + ratio)  # at the op-amp's input
    low, high = np.interp([200.0, 2e4], frequency, own)
    # two points give white level and corner
    white = np.sqrt((high**2 * 2e4 - low**2 * 200) / (2e4 - 200))
    corner = ((low / white) ** 2 - 1) * 200
    assert 5e-9 < white < 50e-9 and corner > 1e4
    ideal = get_block("readout", "ideal")
    parts = [
        *(VoltageSource(f"v_{net}", net, "0", Dc(volt)) for net, volt in SUPPLIES),
        BlockInstance("x_readout", ideal, {port: port for port in ideal.ports}),
        Resistor("r_in", "inp", "0", ohms),
    ]
    chip = Nonideal({"amplifier_noise": white, "amplifier_corner": corner}, seed=1)
    made = deviate(parts, chip, stop=0.4, step=1e-5)
    path = simulate(Circuit("bench", made, Transient(0.4, 1e-5), ("out",)), tmp_path / "path", ngspice)
    grid = np.arange(0, 0.4, 1e-5)
    f, found = density(np.interp(grid, np.asarray(path.values[:, 0]), path["v(out)"]), 1e5)
    band = (f > 300) & (f < 1.5e4)
    expected = np.interp(f[band], frequency, own) * ratio
    assert np.sqrt(np.mean((found[band] / expected) ** 2)) == pytest.approx(1.0, abs=0.1)


def test_levels_drift_each_by_itself() -> None:
    network = dopant_disc(2, dopants=5, electrodes=5, inputs=(1, 3))
    made = Design(network, small_loop(network), block_set("ideal"), nonideal=Nonideal({"level_drift": 1e-6}))
    paths = made.circuit.paths
    assert {path.out for path in paths} == {f"drift_eps_{label}" for label in network.site_labels}
    assert len({path_text(path) for path in paths}) == network.n_sites
    assert all(path.white == 0 and path.flicker == 1e-6 for path in paths)
    aged = made.replace(nonideal=Nonideal({"level_drift": 1e-6, "level_ageing": 0.5}, seed=2)).circuit
    ramps = {e.plus: e.wave for e in aged.elements if isinstance(e, VoltageSource) and e.plus.startswith("ageing_")}
    stop = made.loop.timeline.stop
    assert set(ramps) == {f"ageing_eps_{label}" for label in network.site_labels} and len(set(ramps.values())) == 5
    assert [dataclasses.replace(path, seed=0) for path in aged.paths] == list(paths)
    for net, wave in ramps.items():
        assert isinstance(wave, Steps) and wave.points[:2] == ((0.0, 0.0), (5e-7, 0.0))
        rate = Nonideal({"level_ageing": 0.5}, seed=2).draw("level_ageing", net.removeprefix("ageing_"))
        assert wave.points[2] == (stop, rate * stop)
    with pytest.raises(RequestError, match=r"nonideal\.no-effect.*level_drift"):
        design(Nonideal({"level_drift": 1e-6}))  # ohmic bonds have no levels


def test_a_corner_without_noise_is_refused_and_a_file_has_an_end() -> None:
    with pytest.raises(RequestError, match=r"nonideal\.no-effect.*network_corner"):
        design(Nonideal({"network_corner": 1e3}))
    with pytest.raises(RequestError, match=r"nonideal\.too-long"):
        sample_path(dataclasses.replace(PATH, stop=1e4))
    config = parse_config({"nonideal": {"network_noise": "3.2 pA/rtHz", "amplifier_noise": "18 nV/rtHz"}})
    assert config.nonideal.network_noise == pytest.approx(3.2e-12)
    with pytest.raises(RequestError, match=r"units\.wrong-unit.*network_noise"):
        parse_config({"nonideal": {"network_noise": "3 pA"}})


def test_a_deck_reads_no_other_file_than_its_own_noise() -> None:
    text = design(Nonideal({"network_noise": 3e-12})).netlist()
    check_deck(text)
    assert "noise_a_network_noise.txt" in text and "XSPICE" in text
    for wrong in (
        text.replace('file="noise_a_network_noise.txt"', 'file="/etc/passwd"'),
        text.replace('file="noise_a_network_noise.txt"', 'file="noise_a_other.txt"'),
        text.replace("%v([network_noise]) noise_a_network_noise", "%v([network_noise]) other"),
        text.replace("%v([network_noise])", "[network_noise]"),
    ):
        assert wrong != text
        with pytest.raises(RequestError, match=r"netlist\.forbidden"):
            check_deck(wrong)
