"""Every law of conduction in the exact solution: formulas, gradients, graphs and files, refusals."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.special
from law_networks import LAWS, law_network, law_voltages, mixed

from hgesim.errors import RequestError
from hgesim.network import (
    Diode,
    Gf180Nmos,
    LawFactory,
    Memristor,
    Network,
    Nmos,
    Ohmic,
    SpaceCharge,
    diode,
    dopant_disc,
    from_graph,
    lattice,
    memristor,
    ohmic,
    random_geometric,
    read_network,
    sinh,
    space_charge,
    to_graph,
    with_gates,
    write_network,
)
from hgesim.network.laws import LAWS as REGISTERED
from hgesim.network.laws import UNITS, Law
from hgesim.network.spline import Spline


def single(law: Law, series: float | None = None, **changes: object) -> Network:
    """Electrode e0, the bond, a site, a resistor (or next to none), electrode e1; e2 is a gate if it is anything."""
    gated = hasattr(law, "gate")
    values: dict[str, object] = {
        "site_labels": ("n",),
        "electrode_labels": ("e0", "e1", "e2")[: 2 + gated],
        "roles": ("output", "input", "control")[: 2 + gated],
        "levels": np.zeros(1),
        "levers": np.zeros((1, 2 + gated)),
        "site_positions": np.zeros((1, 2)),
        "electrode_positions": np.zeros((2 + gated, 2)),
        "bond_sites": np.array([[0, 1], [0, 2]]),
        "bond_laws": (law, Ohmic(1.0 / series if series else 1e6)),
        "temperature": 300.0,
    }
    return Network(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("temperature", [77.0, 300.0])
@pytest.mark.parametrize("name", LAWS)
def test_gradient_against_differences(name: str, temperature: float) -> None:
    network = law_network(name, temperature)
    volts = law_voltages(name, network, 20)
    step = 1e-5 * min(1.0, network.voltage_scale / 0.026)
    moves = step * np.eye(network.n_electrodes)
    ahead, behind = (network.output_current(volts[:, None] + sign * moves) for sign in (1, -1))
    exact = network.gradient(volts)
    assert np.abs(exact - (ahead - behind) / (2 * step)).max() < 1e-5 * np.abs(exact).max()


def test_gradient_of_interacting_sites_counts_gates_too() -> None:
    network = mixed().replace(coulomb=np.array([[0.0, 0.03], [0.03, 0.0]]), reference=np.full(2, 0.5))
    volts = law_voltages("mixed", network, 20)
    moves = 1e-5 * np.eye(4)
    ahead, behind = (network.output_current(volts[:, None] + sign * moves) for sign in (1, -1))
    exact = network.gradient(volts)
    assert network.interacts and np.abs(exact[:, 3]).max() > 1e-3 * np.abs(exact).max()
    assert np.abs(exact - (ahead - behind) / 2e-5).max() < 1e-5 * np.abs(exact).max()


@pytest.mark.parametrize("name", LAWS)
def test_currents_add_up_and_gates_carry_none(name: str) -> None:
    network = law_network(name).replace(site_leak=0.0)
    solution = network.solve(law_voltages(name, network))
    largest = np.abs(solution.currents).max()
    assert solution.residual < 1e-8
    assert np.abs(solution.currents.sum(axis=1)).max() < 1e-8 * largest
    bonded = np.isin(np.arange(network.n_electrodes) + network.n_sites, network.bond_sites)
    assert not solution.currents[:, ~bonded].any()
    assert bonded.all() == (name not in ("nmos", "gf180_nmos", "mixed"))


def test_every_law_is_tested() -> None:
    used = {type(law) for name in LAWS for law in law_network(name).bond_laws}
    assert used == set(REGISTERED.values())


# ---- formulas ----------------------------------------------------------------------------------------------------


def test_space_charge_is_its_formula_and_near_the_exact_drift_solution() -> None:
    network = single(SpaceCharge(2e-6, 0.3, 2.5))
    expected = [2e-6 * v * (1 + (abs(v) / 0.3) ** 1.5) for v in (-0.7, 0.01, 0.3, 2.0)]
    found = network.output_current([[0.0, v] for v in (-0.7, 0.01, 0.3, 2.0)])
    assert found == pytest.approx(expected, rel=1e-9)
    # drift of thermal and injected carriers, Poisson's equation solved by the density n0/n = u at the far contact;
    # here current over ohmic current against voltage over e n0 L^2/eps
    u = np.r_[np.logspace(-3, -0.01, 400), 1 - np.logspace(-2.1, -9, 400)]
    length = -u - np.log1p(-u)
    voltage, current = (-(u**2) / 2 - u - np.log1p(-u)) / length**2, 1.0 / length
    law = single(SpaceCharge(1.0, 8.0 / 9.0), series=1e-9)
    ratio = law.output_current(np.column_stack([0 * voltage, voltage])) / current
    assert ratio.max() < 1.12 and ratio.min() > 0.999
    # the last point is still ohmic to 5 %, the first is Mott and Gurney's 9/8 V^2
    assert ratio[[0, -1]] == pytest.approx(1.0, abs=0.05)
    assert current[0] / voltage[0] ** 2 == pytest.approx(9 / 8, rel=2e-3)


def test_diode_with_resistor_is_lamberts_function() -> None:
    saturation, emission, ohms, thermal = 1e-12, 1.7, 1e5, 8.617333262e-5 * 300
    for volt in (-0.4, 0.2, 0.6, 1.5):
        scale = emission * thermal
        inside = saturation * ohms / scale * math.exp((volt + saturation * ohms) / scale)
        expected = scale / ohms * scipy.special.lambertw(inside).real - saturation
        for law, signs in ((Diode(saturation, emission), (-1, 1)), (Diode(saturation, emission, 1), (1, -1))):
            current = single(law, ohms).output_current([0.0, volt * signs[1]])
            assert current == pytest.approx(expected * signs[1], rel=1e-7), (volt, law)


def test_a_diode_turns_with_its_bond() -> None:
    network = single(Diode(1e-12, 1.5, 0))
    turned = network.replace(
        bond_sites=network.bond_sites[:, ::-1], bond_laws=(Diode(1e-12, 1.5, 1), *network.bond_laws[1:])
    )
    assert turned == network
    assert network.replace(bond_sites=network.bond_sites[:, ::-1]) != network
    assert network.output_current([0.0, 0.5]) > 1e-9 > 2e-12 > -network.output_current([0.0, -0.5]) > 0


def test_memristor_rests_where_its_rates_balance() -> None:
    law = Memristor(1e-6, 3e-4, 0.02, 0.4, 5.0, 2.0)
    for volt in (-0.8, 0.1, 0.6):
        up, down = 0.02 * math.exp(5 * abs(volt)), 0.4 * math.exp(-2 * abs(volt))

        def rate(t: float, g: np.ndarray, up: float = up, down: float = down) -> np.ndarray:
            return up * (1 - g) - down * g

        end = scipy.integrate.solve_ivp(rate, (0, 200), [0.0], method="LSODA", rtol=1e-9, atol=1e-12).y[0, -1]
        expected = (1e-6 * (1 - end) + 3e-4 * end) * volt
        assert single(law, 1e-6).output_current([0.0, volt]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("ends", "gate", "expected"),
    [
        ((0.0, 0.2), 1.5, 1e-4 * (0.8 - 0.1) * 0.2 * 1.01),  # below pinch-off
        ((0.2, 0.0), 1.5, -1e-4 * (0.8 - 0.1) * 0.2 * 1.01),  # ends exchanged
        ((0.0, 2.0), 1.5, 1e-4 * 0.8**2 / 2 * 1.1),  # pinched off
        ((0.0, 2.0), 0.6, 0.0),  # off
        ((1.0, 1.1), 2.8, 1e-4 * (1.1 - 0.05 - 0.5 * (math.sqrt(1.8) - math.sqrt(0.8))) * 0.1 * 1.005),  # body effect
    ],
)
def test_nmos_is_the_quadratic_law(ends: tuple[float, float], gate: float, expected: float) -> None:
    law = Nmos("e2", threshold=0.7, gain=1e-4, modulation=0.05, body_effect=0.5, surface=0.8)
    current = single(law, 1e-6).output_current([*ends, gate])
    assert current == pytest.approx(expected, rel=1e-6, abs=1e-14)


def test_the_default_nmos_is_the_card_of_the_discrete_technology() -> None:
    card = (Path(__file__).parents[2] / "circuits/discrete/models.sp").read_text()
    text = card.split(".model nald1106 nmos(")[1].split(")")[0]
    values = {key: float(value) for key, value in (word.split("=") for word in text.split())}
    law = Nmos("e2")
    assert (law.threshold, law.modulation, law.body_effect, law.surface) == (
        values["vto"], values["lambda"], values["gamma"], values["phi"]
    )  # fmt: skip
    assert law.gain == pytest.approx(values["kp"] * 20 / 10)  # w and l of the card's comment


def test_gf180_channel_is_odd_scales_and_passes_through_zero() -> None:
    network = single(Gf180Nmos("e2"), 1e-6)
    volts = np.array([[0.1, 0.7, 1.8], [0.0, 1.5, 1.0], [0.4, 0.4, 3.0], [0.2, 0.21, 0.5]])
    currents = network.output_current(volts)
    assert network.output_current(volts[:, [1, 0, 2]]) == pytest.approx(-currents, rel=1e-6, abs=1e-14)
    tripled = network.replace(bond_laws=(Gf180Nmos("e2", units=3.0), network.bond_laws[1]))
    assert tripled.output_current(volts) == pytest.approx(3 * currents, rel=1e-6, abs=1e-14)
    lifted = network.replace(bond_laws=(Gf180Nmos("e2", body=-0.5), network.bond_laws[1]))
    assert lifted.output_current(volts - 0.5) == pytest.approx(currents, rel=1e-6, abs=1e-14)
    assert abs(currents[2]) < 1e-14 and currents[0] > 1e-5 > currents[3] > 0


@pytest.mark.parametrize("law", [Nmos(), Gf180Nmos()], ids=["nmos", "gf180_nmos"])
def test_transistors_that_are_off_or_below_the_body_still_converge(law: Nmos | Gf180Nmos) -> None:
    network = with_gates(lattice(4, 4, electrodes=4), law)
    random = np.random.default_rng(1)
    for low, high in ((0.0, 0.5), (0.0, 3.3), (-1.0, 5.0)):
        ends = random.uniform(low, high, (30, 4))
        volts = np.column_stack([ends, random.uniform(0.0, high, (30, network.n_electrodes - 4))])
        solution = network.solve(volts)
        assert solution.residual < 1e-8
        assert np.isfinite(network.gradient(volts)).all()
        # between the electrodes' potentials, as in any passive network
        assert (solution.potentials >= ends.min(axis=1)[:, None] - 1e-9).all()
        assert (solution.potentials <= ends.max(axis=1)[:, None] + 1e-9).all()
    off = network.solve(np.r_[0.0, 0.5, 0.2, 0.4, np.full(network.n_electrodes - 4, -1.0)])
    assert np.abs(off.currents).max() < 1e-12


def test_splines_reproduce_cubics_and_have_exact_slopes() -> None:
    random = np.random.default_rng(1)
    grids = [np.linspace(-1, 2, 6), np.linspace(0, 1, 5)]
    factors = random.normal(size=(4, 4))

    def cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.polynomial.polynomial.polyval2d(x, y, factors)

    values = cubic(*np.meshgrid(*grids, indexing="ij"))
    spline = Spline.through(np.array([-1.0, 0.0]), np.array([2.0, 1.0]), values)
    x, y = random.uniform(-1, 2, (3, 7)), random.uniform(0, 1, (3, 7))
    found, slopes = spline((x, y))
    assert found == pytest.approx(cubic(x, y), rel=1e-9, abs=1e-9)
    for axis, slope in enumerate(slopes):
        exact = np.polynomial.polynomial.polyval2d(x, y, np.polynomial.polynomial.polyder(factors, axis=axis))
        assert slope == pytest.approx(exact, rel=1e-8, abs=1e-8)
    beyond, flat = spline((x + 5, y))
    assert beyond == pytest.approx(cubic(np.full_like(x, 2.0), y), rel=1e-9)
    assert not flat[0].any()


# ---- building ----------------------------------------------------------------------------------------------------


def test_space_charge_of_longer_bonds_scales_as_the_law_does() -> None:
    """J/L is a function of V/L^2, whatever the traps."""
    network = random_geometric(3, 12, law=space_charge(1e-6, 0.2, 3.0, spread=0.0))
    nodes = np.vstack([network.site_positions, network.electrode_positions])
    lengths = np.linalg.norm(nodes[network.bond_sites[:, 0]] - nodes[network.bond_sites[:, 1]], axis=1)
    laws = [law for law in network.bond_laws if isinstance(law, SpaceCharge)]
    densities = []
    for law, length in zip(laws, lengths.tolist(), strict=True):
        volt = 0.7e14 * length**2
        densities.append(law.conductance * volt * (1 + (volt / law.onset) ** 2) / length)
    assert densities == pytest.approx([densities[0]] * len(laws), rel=1e-9)
    assert len({law.onset for law in laws}) > 5


def test_gates_for_every_bond_or_for_groups() -> None:
    plain = random_geometric(5, 4, electrodes=3)
    own = with_gates(plain)
    assert own.electrode_labels[3:] == tuple(f"g{k}" for k in range(plain.n_bonds))
    assert own.controls[-plain.n_bonds :] == tuple(range(3, 3 + plain.n_bonds))
    assert [law.gate for law in own.bond_laws] == list(own.electrode_labels[3:])
    shared = with_gates(plain, Gf180Nmos(), [b % 2 for b in range(plain.n_bonds)])
    assert shared.n_electrodes == 5
    volts = np.array([0.0, 0.1, 0.2, 1.5, 1.2])
    spread = np.r_[volts[:3], [volts[3 + b % 2] for b in range(plain.n_bonds)]]
    single_gates = with_gates(plain, Gf180Nmos())
    assert shared.output_current(volts) == pytest.approx(single_gates.output_current(spread), rel=1e-8)
    assert shared.gradient(volts)[3:].sum() == pytest.approx(single_gates.gradient(spread)[3:].sum(), rel=1e-6)


@pytest.mark.parametrize("pattern", [[0, 2], ["0"], [0.5], [1], [[0]], [True], [-1, 0]])
def test_groups_that_do_not_fit(pattern: list[object]) -> None:
    plain = random_geometric(5, 4, electrodes=3)
    right_length = (pattern * plain.n_bonds)[: plain.n_bonds]
    for groups in (right_length, [0], 3):
        with pytest.raises(RequestError, match=r"network\.bad-value.*groups"):
            with_gates(plain, groups=groups)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=r"network\.bad-value.*law"):
        with_gates(plain, Ohmic(1.0))  # type: ignore[arg-type]


@pytest.mark.parametrize("law", [ohmic, sinh, space_charge, diode, memristor])
@pytest.mark.parametrize("spread", [-0.1, math.nan, math.inf, "wide", None])
def test_spreads_that_are_none(law: Callable[..., LawFactory], spread: object) -> None:
    with pytest.raises(RequestError, match=r"network\.bad-value.*spread"):
        lattice(2, 2, law=law(spread=spread))


def test_factories_hand_bad_values_to_the_network() -> None:
    for law in (space_charge(-1e-6), space_charge(power=1.0), diode(0.0), diode(emission=math.nan)):
        with pytest.raises(RequestError, match=r"network\.bad-bond"):
            lattice(2, 2, law=law)
    with pytest.raises(RequestError, match=r"network\.bad-value.*junction"):
        memristor("fast")  # type: ignore[arg-type]


def test_solved_networks_can_be_pickled_and_relabelled() -> None:
    network = mixed()
    volts = law_voltages("mixed", network, 3)
    before = network.solve(volts).currents
    assert np.array_equal(pickle.loads(pickle.dumps(network)).solve(volts).currents, before)
    order = [2, 0, 3, 1]
    place = np.r_[0, 1, 2 + np.argsort(order)]
    other = network.replace(
        electrode_labels=tuple(network.electrode_labels[k] for k in order),
        roles=tuple(network.roles[k] for k in order),
        levers=network.levers[:, order],
        bond_sites=place[network.bond_sites],
    )
    assert other.solve(volts[:, order]).currents == pytest.approx(before[:, order], rel=1e-7, abs=1e-18)


# ---- graphs and files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAWS)
def test_round_trips_are_exact(name: str, tmp_path: Path) -> None:
    network = law_network(name)
    assert from_graph(to_graph(network)) == network
    for ending in ("graphml", "json"):
        again = read_network(write_network(network, tmp_path / f"device.{ending}"))
        assert again == network and again.digest == network.digest


def graph(**bond: object) -> nx.Graph:
    made = nx.Graph()
    made.add_node("s", kind="node")
    for number, (label, role) in enumerate({"out": "output", "in": "input", "g": "control"}.items()):
        made.add_node(label, role=role, number=number)
    made.add_edge("out", "s", **bond)
    for label in ("in", "g"):
        made.add_edge(label, "s", law="ohmic", conductance="1 uS")
    return made


def test_bonds_in_words_and_with_units() -> None:
    def law(**bond: object) -> Law:
        return from_graph(graph(**bond)).bond_laws[0]

    assert law(law="space_charge", conductance="2 uS", onset="50 mV") == SpaceCharge(2e-6, 0.05, 2.0)
    assert law(law="diode", saturation="1 pA", anode="s") == Diode(1e-12, 1.0, 0)
    assert law(law="diode", saturation="1 pA", emission=2, anode="out") == Diode(1e-12, 2.0, 1)
    assert law(law="nmos", gate="g", threshold="0.8 V", gain="450 uA/V^2") == Nmos("g", threshold=0.8, gain=450e-6)
    assert law(law="gf180_nmos", gate="g", body="-1.65 V", units=2) == Gf180Nmos("g", -1.65, 2.0)
    assert law(law="memristor", minimum="1 uS", potentiation="2 mHz") == Memristor(1e-6, potentiation=2e-3)
    assert law(conductance=1e-6, onset=0.1, power=2) == SpaceCharge(1e-6, 0.1, 2.0)


REFUSED = {
    "network.bad-bond: anode": {"law": "diode", "saturation": 1e-12, "anode": "in"},
    "network.missing-attribute: anode": {"law": "diode", "saturation": 1e-12},
    "network.missing-attribute: gate": {"law": "nmos"},
    "network.no-electrode: gate, did you mean": {"law": "nmos", "gate": "gg"},
    "network.no-electrode: gate 's'": {"law": "gf180_nmos", "gate": "s"},
    "units.wrong-unit: onset": {"law": "space_charge", "conductance": 1e-6, "onset": "1 A"},
    "network.bad-bond: power": {"law": "space_charge", "conductance": 1e-6, "onset": 1, "power": 1.5},
    "network.missing-attribute: memristor with rate": {"law": "memristor", "rate": 1.0},
    "network.bad-bond: did you mean": {"law": "memristr"},
}


@pytest.mark.parametrize("expected", REFUSED)
def test_refused_graphs(expected: str) -> None:
    code, _, words = expected.partition(": ")
    with pytest.raises(RequestError) as caught:
        from_graph(graph(**REFUSED[expected]))
    assert caught.value.code == code
    for word in words.split(", "):
        assert word in str(caught.value)


GOOD: tuple[Law, ...] = (
    SpaceCharge(1e-6, 0.1), Diode(1e-12), Memristor(), Nmos("e2"), Gf180Nmos("e2"),
)  # fmt: skip
NUMBERS = [(law, name) for law in GOOD for name in law.__dataclass_fields__ if name in UNITS]


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None, True])
@pytest.mark.parametrize(("law", "name"), NUMBERS, ids=lambda part: part if isinstance(part, str) else "")
def test_values_that_are_no_finite_numbers(law: Law, name: str, value: object) -> None:
    with pytest.raises(RequestError, match=rf"network\.bad-bond.*{name}"):
        single(replace(law, **{name: value}))


@pytest.mark.parametrize(("law", "name"), NUMBERS, ids=lambda part: part if isinstance(part, str) else "")
def test_signs(law: Law, name: str) -> None:
    if name in ("body", "threshold"):
        single(replace(law, **{name: -0.1}))
        return
    with pytest.raises(RequestError, match=rf"network\.bad-bond.*{name}"):
        single(replace(law, **{name: -1e-3}))


@pytest.mark.parametrize("law", [Diode(1e-12, 1.0, 2), Diode(1e-12, 1.0, "n"), Diode(1e-12, 1.0, True),
                                 Memristor(minimum=1e-3, maximum=1e-4)])  # fmt: skip
def test_other_values_that_make_no_bond(law: Law) -> None:
    with pytest.raises(RequestError, match=r"network\.bad-bond"):
        single(law)


@pytest.mark.parametrize("gate", ["", "n", "e9", None, 2])
def test_gates_that_are_no_electrode(gate: object) -> None:
    with pytest.raises(RequestError, match=r"network\.no-electrode.*gate"):
        single(Nmos(gate))  # type: ignore[arg-type]


def test_a_gate_needs_no_bond_but_other_electrodes_and_the_output_do() -> None:
    assert single(Nmos("e2")).n_electrodes == 3
    with pytest.raises(RequestError, match=r"network\.floating-electrode.*e2"):
        single(Nmos("e1"))
    with pytest.raises(RequestError, match=r"network\.floating-electrode.*e2"):
        single(Nmos("e2"), roles=("control", "input", "output"))


def test_voltage_scales() -> None:
    assert single(Ohmic(1.0)).voltage_scale == math.inf
    assert dopant_disc(1).voltage_scale == pytest.approx(8.617333e-5 * 77)
    assert single(Diode(1e-12, 2.0)).voltage_scale == pytest.approx(2 * 8.617333e-5 * 300)
    assert single(Memristor(potentiation_slope=6.0, depression_slope=2.0)).voltage_scale == pytest.approx(1 / 8)
