"""Lever arms of arcs with insulating gaps: exact maps, limits, order of convergence, principles of potentials."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate

from hgesim.config import NetworkConfig
from hgesim.errors import RequestError
from hgesim.experiment.build import build_network
from hgesim.network import dopant_disc
from hgesim.network.disc import disc_levers, ring
from hgesim.network.electrostatics import _arcs, arc_levers

WIDTHS = [0.05, 0.3, 0.5, 0.9, 1.0]


def inside(count: int, reach: float = 0.95, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    radius, angle = reach * np.sqrt(random.uniform(0, 1, count)), random.uniform(0, 2 * np.pi, count)
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def test_two_quarter_arcs_are_the_plates_of_a_square() -> None:
    """The map of the disc to a square (Schwarz and Christoffel): gaps become sides without field."""
    x = np.linspace(-0.9, 0.9, 13)
    levers = arc_levers(np.column_stack([x, 0 * x]), ring(2, 1.0), 0.5)
    along = [scipy.integrate.quad(lambda t: 1 / np.sqrt(1 + t**4), 0, end, epsabs=1e-13)[0] for end in [*x, 1.0]]
    assert levers[:, 0] == pytest.approx(0.5 + 0.5 * np.array(along[:-1]) / along[-1], abs=1e-9)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_full_cover_is_the_integral_of_the_poisson_kernel(count: int) -> None:
    sites, rim = inside(20), ring(count, 1.0)
    levers = arc_levers(sites, rim, 1.0)
    for site, row in zip(sites, levers, strict=True):
        for k in range(count):
            middle = 2 * np.pi * k / count

            def kernel(angle: float, site: np.ndarray = site) -> float:
                away = (site[0] - np.cos(angle)) ** 2 + (site[1] - np.sin(angle)) ** 2
                return (1 - site @ site) / away / (2 * np.pi)

            area = scipy.integrate.quad(kernel, middle - np.pi / count, middle + np.pi / count, epsabs=1e-12)[0]
            assert row[k] == pytest.approx(area, abs=1e-9)


def test_closing_the_gaps_leads_to_full_cover() -> None:
    sites, rim = inside(50), ring(8, 1.0)
    full = arc_levers(sites, rim, 1.0)
    errors = [np.abs(arc_levers(sites, rim, width) - full).max() for width in (0.8, 0.9, 0.95)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)  # second order in the gap
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.1)


def test_narrow_electrodes_close_to_the_rim_see_nothing_of_the_gap_law() -> None:
    """A site close to the middle of an arc is at that electrode's voltage."""
    near = arc_levers(np.array([[0.999, 0.0]]), ring(8, 1.0), 0.5)
    assert near[0, 0] > 0.99


def test_the_error_falls_exponentially_with_the_terms() -> None:
    places = inside(40) @ np.array([1.0, 1.0j])
    angle = 2 * np.pi * np.arange(5) / 5
    exact = _arcs(places, angle, 0.5, 40)
    errors = [np.abs(_arcs(places, angle, 0.5, terms) - exact).max() for terms in (3, 6, 9)]
    assert errors[1] < 1e-2 * errors[0] and errors[2] < 1e-2 * errors[1]


@pytest.mark.parametrize("width", WIDTHS)
def test_principles(width: float) -> None:
    sites, rim = inside(60), ring(6, 1.0)
    levers = arc_levers(sites, rim, width)
    assert levers.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-11)
    assert levers.min() > 0 and levers.max() < 1
    turn = np.array([[0.5, -np.sqrt(0.75)], [np.sqrt(0.75), 0.5]])  # by one electrode
    assert arc_levers(sites @ turn.T, rim, width) == pytest.approx(np.roll(levers, 1, axis=1), abs=1e-10)
    mirror = arc_levers(sites * [1, -1], rim, width)
    assert mirror == pytest.approx(levers[:, [0, 5, 4, 3, 2, 1]], abs=1e-10)
    assert arc_levers(np.zeros((1, 2)), rim, width) == pytest.approx(np.full((1, 6), 1 / 6), abs=1e-11)
    assert arc_levers(sites * 1e-8, rim * 1e-8, width) == pytest.approx(levers, abs=1e-11)
    circle = 0.2 * ring(16, 1.0) + [0.3, -0.2]  # harmonic: the middle is the mean of a circle
    assert arc_levers(circle, rim, width).mean(axis=0) == pytest.approx(
        arc_levers(np.array([[0.3, -0.2]]), rim, width)[0], abs=1e-6
    )


def test_no_field_leaves_through_the_gaps() -> None:
    rim, gap = ring(4, 1.0), np.pi / 4  # the middle of a gap

    def slope(radius: float) -> float:
        sites = np.array([[r * np.cos(gap), r * np.sin(gap)] for r in (radius - 1e-4, radius + 1e-4)])
        levers = arc_levers(sites, rim, 0.5)
        return float(np.abs(levers[1] - levers[0]).max() / 2e-4)

    assert slope(0.9985) < 2e-2 * slope(0.5) < 0.1


def test_devices_with_arcs() -> None:
    kernel, laplace = dopant_disc(3), dopant_disc(3, levers="laplace", electrode_width=0.6)
    assert laplace.site_positions.tolist() == kernel.site_positions.tolist()
    assert laplace.levers.sum(axis=1) == pytest.approx(np.ones(20))
    assert laplace.levers == pytest.approx(arc_levers(kernel.site_positions, kernel.electrode_positions, 0.6))
    assert 0.01 < np.abs(laplace.levers - kernel.levers).max() < 0.5
    assert np.array_equal(kernel.levers, disc_levers(kernel.site_positions, kernel.electrode_positions))


def test_settings_reach_the_device() -> None:
    section = {"dopants": 6, "levers": "laplace", "electrode_width": 0.7, "coulomb": True, "screening": "8 nm"}
    network = build_network(NetworkConfig.model_validate(section | {"counter_dopants": 2, "permittivity": 10.0}))
    same = dopant_disc(0, **section, counter_dopants=2, permittivity=10.0)
    assert network == same and network.interacts
    assert build_network(NetworkConfig(dopants=6)) == dopant_disc(0, dopants=6)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"levers": "poisson"}, "network.bad-levers"),
        ({"electrode_width": 0}, "network.bad-value"),
        ({"electrode_width": 1.1}, "network.bad-value"),
        ({"electrode_width": "5 nm"}, "units.wrong-unit"),
    ],
)
def test_electrodes_that_are_none(changes: dict, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        dopant_disc(1, **changes)
    assert caught.value.code == code


def test_arcs_that_do_not_fit() -> None:
    for sites, rim, width, code in (
        (np.zeros((1, 2)), ring(4, 1.0), 0.0, "network.bad-value"),
        (np.zeros((1, 2)), ring(4, 1.0), float("nan"), "network.bad-value"),
        (np.array([[2.0, 0.0]]), ring(4, 1.0), 0.5, "network.no-disc"),
        (np.zeros((1, 2)), ring(4, 1.0)[[0, 2, 1, 3]], 0.5, "network.no-disc"),
    ):
        with pytest.raises(RequestError) as caught:
            arc_levers(sites, rim, width)
        assert caught.value.code == code
