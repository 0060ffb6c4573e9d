"""The bridge to PySpice: the same circuit there, as objects that can be changed, with the same waveforms."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hgesim.design import Design, block_set
from hgesim.engine import Engine, read_raw, run_deck
from hgesim.loop import HomodyneLoop, LoopSettings, Timeline, gate_task, plan_tones
from hgesim.netlist import to_pyspice, write_files
from hgesim.network import lattice


@pytest.fixture(scope="module")
def design() -> Design:
    network = lattice(3, 3, seed=1, electrodes=5)
    plan = plan_tones(len(network.controls) + 1, 1e3)
    loop = HomodyneLoop(
        gate_task("OR"), plan, Timeline(1e-4, 5e-5, 1e-3, 4, 1), LoopSettings(), (0.1,) * len(network.controls)
    )
    return Design(network, loop, block_set("ideal"))


def test_elements_are_pyspice_objects_that_can_be_changed(design: Design) -> None:
    circuit = to_pyspice(design.circuit)
    assert circuit.title == design.circuit.title
    names = set(circuit.element_names)
    assert {"R_threshold", "V_target", "X_readout", "X_mixer_threshold"} <= names
    for element in design.circuit.elements:
        if element.name.startswith(("r_", "c_", "x_", "i_", "v_")):
            assert element.name.capitalize() in names or element.name[0].upper() + element.name[1:] in names
    assert ".subckt mixer_ideal" in circuit.raw_spice
    before = str(circuit)
    circuit["R_threshold"].resistance = 1e6
    assert str(circuit) != before


def test_it_simulates_to_the_same_waveforms(tmp_path: Path, design: Design, ngspice: Engine) -> None:
    own = run_deck(write_files(design.circuit, tmp_path / "own", "b-source"), ngspice, end_time=4.6e-3, timeout=120)
    assert own.ok, own.message
    deck = (tmp_path / "own" / "deck.cir").read_text()
    frame = re.findall(r"(?m)^\.(?:options|nodeset|save|tran) .*$", deck)
    control = deck[deck.index(".control") :]
    there = tmp_path / "there"
    there.mkdir()
    text = str(to_pyspice(design.circuit, "b-source")).removesuffix(".end\n")
    (there / "deck.cir").write_text(text + "\n" + "\n".join(frame) + "\n" + control)
    other = run_deck(there, ngspice, end_time=4.6e-3, timeout=120)
    assert other.ok, other.message
    a, b = read_raw(own.raw), read_raw(other.raw)
    grid = np.linspace(0, 4.5e-3, 2000)
    for name in ("v(err)", "v(threshold)", *(f"v({channel.net})" for channel in design.loop.channels(design.network))):
        np.testing.assert_allclose(
            np.interp(grid, b["time"], b[name]), np.interp(grid, a["time"], a[name]), atol=2e-3 * np.ptp(a["v(err)"])
        )
    assert np.ptp(a["v(err)"]) > 0.05
