"""The compiled iterations against the arrays', over scales of rates that subtraction would lose, and their speed."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from hgesim.network import Hopping, Network, dopant_disc, equations

LIMITS = (None, 0.0)  # of hops: as devices are by default, and rates up to an ampere


def random_volts(network: Network, count: int, seed: int, size: float = 0.6) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-size, size, (count, network.n_electrodes))


def both(network: Network, volts: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, ...]]:
    """Currents, potentials and gradients as compiled, and as arrays give them."""
    found = []
    for compiled in (True, False):
        with monkeypatch.context() as patch:
            if not compiled:
                patch.setattr(equations, "kernels", lambda: None)
            solution = network.solve(volts)
            found.append((solution.currents, solution.potentials, network.gradient(volts)))
    return found


@pytest.mark.parametrize("temperature", [77.0, 300.0])
@pytest.mark.parametrize("leak", [0.0, 1e-13, 1e-9])
def test_compiled_is_what_the_arrays_give(temperature: float, leak: float, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed, fastest in enumerate((None, 0, None, 0, None, 0)):
        network = dopant_disc(seed, dopants=12, temperature=temperature, fastest=fastest).replace(site_leak=leak)
        compiled, arrays = both(network, random_volts(network, 30, seed), monkeypatch)
        for one, other in zip(compiled, arrays, strict=True):
            assert np.abs(one - other).max() < 1e-9 * np.abs(other).max()


def test_parallel_and_flipped_bonds(monkeypatch: pytest.MonkeyPatch) -> None:
    network = dopant_disc(3, dopants=6)
    ends = np.vstack([network.bond_sites, network.bond_sites[:, ::-1]])
    doubled = network.replace(bond_sites=ends, bond_laws=network.bond_laws * 2)
    volts = random_volts(network, 20, 3)
    assert doubled.output_current(volts) == pytest.approx(2 * network.output_current(volts), rel=1e-6)
    for one, other in zip(*both(doubled, volts, monkeypatch), strict=True):
        assert np.abs(one - other).max() < 1e-9 * np.abs(other).max()


def test_rates_over_twenty_decades() -> None:
    """Two clusters that hang together and on the electrodes by bonds far below the rounding of those inside."""
    rates = [1e-6, 1e-26, 1e-6, 1e-26, 1e-26]
    network = Network(
        site_labels=("a", "b", "c", "d"),
        electrode_labels=("e0", "e1"),
        roles=("output", "input"),
        levels=np.zeros(4),
        levers=np.full((4, 2), 0.5),
        site_positions=np.full((4, 2), np.nan),
        electrode_positions=np.full((2, 2), np.nan),
        bond_sites=np.array([[0, 1], [1, 2], [2, 3], [4, 0], [3, 5]]),
        bond_laws=tuple(map(Hopping, rates)),
        temperature=300.0,
    )
    scaled = network.replace(bond_laws=tuple(Hopping(min(1.0, law.rate * 1e20)) for law in network.bond_laws))
    volts = np.array([[0.0, 0.05], [0.0, -0.05], [0.02, -0.01]])
    solution, gradient = network.solve(volts), network.gradient(volts)
    assert solution.fallbacks == 0
    assert solution.potentials == pytest.approx(scaled.solve(volts).potentials, abs=1e-7)
    assert solution.currents[:, 0] == pytest.approx(-solution.currents[:, 1], rel=1e-6)
    assert solution.currents == pytest.approx(1e-20 * scaled.solve(volts).currents, rel=1e-5)
    assert gradient == pytest.approx(1e-20 * scaled.gradient(volts), rel=1e-5)


@pytest.mark.parametrize("fastest", LIMITS)
def test_no_device_is_left_unsolved(fastest: float | None) -> None:
    for seed in range(30):
        network = dopant_disc(seed, dopants=20, fastest=fastest)
        assert network.solve(random_volts(network, 50, seed)).fallbacks == 0


@pytest.mark.slow
@pytest.mark.parametrize("fastest", LIMITS)
@pytest.mark.parametrize("temperature", [30.0, 77.0, 300.0])
def test_no_device_of_many_is_left_unsolved(temperature: float, fastest: float | None) -> None:
    for seed in range(100):
        network = dopant_disc(seed, dopants=20, temperature=77.0, fastest=fastest).replace(temperature=temperature)
        assert network.solve(random_volts(network, 50, seed)).fallbacks == 0


def test_a_thousand_points_with_gradients_take_well_under_a_second() -> None:
    network = dopant_disc(1, dopants=30)
    volts = random_volts(network, 1000, 1)
    network.output_and_gradient(volts[:1])
    begin = time.process_time()
    network.output_and_gradient(volts)
    assert time.process_time() - begin < 0.5


def test_importing_the_package_does_not_import_the_compiler() -> None:
    code = "import sys, hgesim, hgesim.network; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
