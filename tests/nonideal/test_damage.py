"""Broken bonds and lost electrodes: in the exact solution and in the deck alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from law_networks import LAWS, law_network
from small_designs import ohmic_star, simulate, small_loop

from hgesim.config import parse_config
from hgesim.design import Design, block_set, network_bench
from hgesim.engine import Engine
from hgesim.errors import RequestError
from hgesim.experiment.build import build_design
from hgesim.network import dopant_disc
from hgesim.nonideal import Nonideal, damaged


def star_currents(*conductances: float) -> np.ndarray:
    volts = np.array([0.0, 0.3, -0.2, 0.1, 0.25])
    found = ohmic_star(*conductances).solve(volts).currents
    return np.asarray(found)


def test_a_lost_electrode_of_a_star_is_one_branch_less() -> None:
    """Star of resistors: the site takes the mean of the voltages that are left, weighted by conductance."""
    values = (3e-7, 1e-7, 0.5e-7, 2e-7, 1.5e-7)
    made = damaged(ohmic_star(*values), Nonideal(lost=("e3",)))
    volts = np.array([0.0, 0.3, -0.2, 0.1, 0.25])
    left = np.array([*values[:3], 0.0, values[4]])
    site = (left @ volts) / left.sum()
    currents = np.asarray(made.solve(volts).currents)
    assert currents[0] == pytest.approx(3e-7 * site, rel=1e-6)
    assert abs(currents[3]) < 1e-14
    assert np.asarray(made.gradient(volts))[3] == pytest.approx(0.0, abs=1e-15)


def test_bonds_break_with_the_chance_given_and_stay_broken() -> None:
    network = dopant_disc(1, dopants=30, electrodes=8, inputs=(2, 5))
    rates = np.array([law.rate for law in network.bond_laws])

    def broken(chip: Nonideal) -> set[int]:
        made = damaged(network, chip)
        assert (made.bond_sites == network.bond_sites).all()
        now = np.array([law.rate for law in made.bond_laws])
        assert set(np.round(np.log10(now / rates)).astype(int)) <= {0, -9}
        return set(np.flatnonzero(now < 0.5 * rates).tolist())

    counts = [len(broken(Nonideal({"broken_bonds": 0.2}, seed=seed))) for seed in range(40)]
    assert np.mean(counts) == pytest.approx(0.2 * network.n_bonds, rel=0.1)
    some, more = (broken(Nonideal({"broken_bonds": chance}, seed=3)) for chance in (0.1, 0.3))
    assert some < more  # the same draw
    assert len(broken(Nonideal({"broken_bonds": 1.0}))) == network.n_bonds
    assert some == broken(Nonideal({"broken_bonds": 0.1, "mismatch": 1.0}, seed=3, corner="ss"))


def test_a_design_has_the_damage_once_and_loses_it_again() -> None:
    network = dopant_disc(2, dopants=6, electrodes=5, inputs=(1, 3))
    chip = Nonideal({"broken_bonds": 0.3}, seed=1, lost=("e4",))
    whole = Design(network, small_loop(network), block_set("ideal"))
    made = whole.replace(nonideal=chip)
    assert made.network != network and made.network == damaged(network, chip)
    assert made.replace(probes=("err",)).network == made.network
    assert made.replace(nonideal=Nonideal()) == whole
    assert damaged(made.network, chip) == made.network
    assert (made.network.levers[:, 4] == 0).all() and (network.levers[:, 4] != 0).any()
    assert "e4 lost" in str(made) and made.nonideal.on == {"broken_bonds": 0.3, "lost": ["e4"]}


def test_deck_and_exact_solution_have_the_same_damage(osdi_engine: Engine, tmp_path: Path) -> None:
    network = damaged(
        dopant_disc(2, dopants=6, electrodes=5, inputs=(1, 3)), Nonideal({"broken_bonds": 0.2}, seed=4, lost=("e2",))
    )
    volts = np.array([[0.0, 0.2, -0.1, 0.15, -0.2], [0.0, -0.2, 0.1, 0.05, 0.2]])
    circuit = network_bench(network, volts)
    raw = simulate(circuit, tmp_path, osdi_engine)
    found = np.array([circuit.analysis.at_points(raw[f"i(v_{label})"]) for label in network.electrode_labels]).T
    exact = np.asarray(network.solve(volts).currents)
    assert np.abs(exact).max() > 1e-12
    assert np.abs(found - exact).max() < 1e-4 * np.abs(exact).max()


@pytest.mark.parametrize("name", [name for name in LAWS if name not in ("gf180_nmos", "mixed")])
def test_every_law_can_break(name: str) -> None:
    network = law_network(name)
    made = damaged(network, Nonideal({"broken_bonds": 1.0}))
    volts = np.linspace(0.1, 2.5, network.n_electrodes)
    before, after = (np.abs(np.asarray(net.solve(volts).currents)).max() for net in (network, made))
    assert after < 1e-6 * before


def test_a_foundry_transistor_cannot_break() -> None:
    with pytest.raises(RequestError, match=r"nonideal\.no-law"):
        damaged(law_network("gf180_nmos"), Nonideal({"broken_bonds": 1.0}))


def test_what_cannot_be_lost_is_refused() -> None:
    network = dopant_disc(2, dopants=6, electrodes=5, inputs=(1, 3))
    for label, words in (("e0", "the output"), ("e9", "no electrode"), ("d1", "no electrode")):
        with pytest.raises(RequestError, match=rf"nonideal\.no-electrode.*{words}"):
            damaged(network, Nonideal(lost=(label,)))
    with pytest.raises(RequestError, match=r"nonideal\.out-of-range"):
        Nonideal({"broken_bonds": 1.5})
    config = parse_config({"circuit": {"technology": "ideal"}, "nonideal": {"lost": ["e4"], "broken_bonds": 0.1}})
    made = build_design(config)
    assert made.nonideal.lost == ("e4",) and not made.network.levers[:, 4].any()
