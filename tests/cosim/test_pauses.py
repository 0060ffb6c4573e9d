"""Stop, look, alter, go on."""

from __future__ import annotations

import numpy as np
import pytest
from cosim_samples import low_pass
from small_designs import ohmic_star, small_loop, small_star, star

from hgesim.circuit import BlockInstance, Dc, VoltageSource, electrode_net
from hgesim.cosim import PythonSource, Session
from hgesim.design import Circuit, Design, Transient, block_set, network_elements
from hgesim.engine import Verdict
from hgesim.errors import RequestError
from hgesim.network import Hopping, Network

STEP = "* step\nv1 in 0 1\nr1 in out 1k\nc1 out 0 100n ic=0\n.ic v(out)=0\n.save v(out) v(in)\n.tran 1u 1m 0 1u\n.end"


def test_pauses_are_on_their_times_to_a_rounding(shared_engine):
    times = [1.23456789e-4, 2e-4, 2.001e-4, 0.1 * 3e-3, 7.7777777e-4]
    with Session(low_pass()) as session:
        for time in times:
            assert session.run(time) == pytest.approx(time, rel=1e-12)
            assert session.time == session.waveforms()["time"][-1]
        assert session.run() == pytest.approx(1e-3)
    assert session.result.verdict is Verdict.OK


def test_pauses_on_edges_and_grids(shared_engine):
    """Where sources have corners and functions are called there is a step already; times differ by roundings."""
    deck = low_pass(stop="3e-3").replace("sin(0 1 1k)", "pulse(0 1 0.1m 1u 1u 0.2m 0.4m)")
    source = PythonSource(lambda _time, out: out, ["out"], grid=2e-5)
    with Session(deck, sources={"v2": source}) as session:
        for number in session.every(1e-4):
            assert session.time == pytest.approx((number + 1) * 1e-4, rel=1e-12)
    assert session.result.ok


def test_a_pause_next_to_an_edge_is_late_by_less_than_a_step(shared_engine):
    """The simulator puts one step on two times that are as near as this."""
    deck = low_pass().replace("sin(0 1 1k)", f"pulse(0 1 {1e-4 - 2e-11:.17g} 1n 1n 0.1m 0.2m)")
    with Session(deck) as session:
        for time in (1e-4, 3e-4, 3e-4 + 1e-9, 5e-4, 5e-4 + 1e-12, 7e-4):
            if session.time < time:
                assert -1e-12 < session.run(time) - time < 2e-6


def test_a_pause_changes_nothing_beyond_the_step_control(shared_engine):
    plain, paused = Session(low_pass()), Session(low_pass())
    with plain, paused:
        plain.run()
        for _ in paused.every(1.37e-4):
            pass
    a, b = plain.waveforms(), paused.waveforms()
    difference = np.interp(b["time"], a["time"], a["v(out)"]) - b["v(out)"]
    assert np.abs(difference).max() < 1e-4


def test_altered_parts_follow_the_exact_solution(shared_engine):
    """Charging, then discharging to half by a new source value, then ten times slower by a new resistor."""
    with Session(STEP) as session:
        session.run(1e-4)
        assert session.read("out") == pytest.approx(1 - np.exp(-1), abs=1e-4)
        session.alter("v1", 0.5)
        session.run(3e-4)
        second = 0.5 + (0.5 - np.exp(-1)) * np.exp(-2)
        assert session.read("v(out)") == pytest.approx(second, abs=2e-4)
        session.alter("R1", 1e4)
        session.run()
        exact = 0.5 + (second - 0.5) * np.exp(-0.7e-3 / 1e-3)
        np.testing.assert_allclose(session.read(["out", "in"]), [exact, 0.5], atol=2e-4)


def test_parameters_of_waves_and_of_parts_of_subcircuits(shared_engine):
    half = ".subckt half in out\nr1 in out 1k\nr2 out 0 1k\n.ends\n"
    deck = f"* parts\n{half}v1 a 0 sin(0 1 1k)\nx1 a b half\n.tran 1u 2m\n.end"
    with Session(deck) as session:
        session.run(1e-3)
        session.alter("r.x1.r2", 3e3)
        session.alter("v1", [0.0, 2.0, 1e3], "sin")
        session.run(1.25e-3)
        assert session.read(["a", "b"]) == pytest.approx([2.0, 1.5], rel=1e-5)


def test_stretches_are_numbered_and_the_last_may_be_short(shared_engine):
    with Session(low_pass()) as session:
        ends = [(number, session.time) for number in session.every(0.4e-3)]
    np.testing.assert_allclose(ends, [(0, 0.4e-3), (1, 0.8e-3), (2, 1e-3)], rtol=1e-12)


def still(network: Network, volts: np.ndarray) -> Circuit:
    """A network between constant voltages, with the currents out of it into its electrodes."""
    labels = network.electrode_labels
    sources = tuple(
        VoltageSource(f"v_{label}", electrode_net(label), "0", Dc(float(value)))
        for label, value in zip(labels, volts, strict=True)
    )
    probes = (*(f"i(v_{label})" for label in labels), electrode_net(labels[1]))
    elements = (*network_elements(network, 1e-18), *sources)
    return Circuit("still", elements, Transient(1e-3, 1e-5), probes, bond_temperature=network.temperature)


def currents(session: Session, network: Network) -> np.ndarray:
    return session.read([f"i(v_{label})" for label in network.electrode_labels])


def test_electrodes_and_bonds_by_their_names(shared_engine):
    network, volts = small_star(), np.array([0.0, 0.1, -0.2, 0.3, 0.25])
    with Session(still(network, volts)) as session:
        session.run(1e-4)
        np.testing.assert_allclose(currents(session, network), network.solve(volts).currents, rtol=1e-5)
        session.alter("e1", -0.3)
        volts[1] = -0.3
        session.run(3e-4)
        assert session.read("e1") == session.read("el_e1") == pytest.approx(-0.3)
        np.testing.assert_allclose(currents(session, network), network.solve(volts).currents, rtol=1e-5)
        for wrong in (0.0, "1 uS", [1e-7]):
            with pytest.raises(RequestError, match=r"cosim.bad-value"):
                session.alter("bond_2", wrong)
        session.alter("bond_2", 4e-7)
        network = ohmic_star(3e-7, 1e-7, 4e-7, 2e-7, 1.5e-7)
        session.run()
        np.testing.assert_allclose(currents(session, network), network.solve(volts).currents, rtol=1e-5)


def test_rates_and_temperature_of_hopping(osdi_engine, shared_engine):
    network = star([Hopping(rate) for rate in (1e-7, 3e-8, 2e-8, 5e-8, 4e-8)])
    volts = np.array([0.0, 0.02, -0.03, 0.04, 0.01])
    with Session(still(network, volts)) as session:
        session.alter("bond_1", 9e-8)
        network = network.replace(bond_laws=tuple(Hopping(rate) for rate in (1e-7, 9e-8, 2e-8, 5e-8, 4e-8)))
        session.run(5e-4)
        np.testing.assert_allclose(currents(session, network), network.solve(volts).currents, rtol=1e-4)
        session.alter("temperature", 2 * network.temperature)
        network = network.replace(temperature=2 * network.temperature)
        session.run()
        np.testing.assert_allclose(currents(session, network), network.solve(volts).currents, rtol=1e-4)


def test_parts_of_blocks(shared_engine):
    network = small_star()
    design = Design(network, small_loop(network), block_set("ideal"))
    name = next(e.name for e in design.circuit.elements if isinstance(e, BlockInstance) and e.block.kind == "readout")
    with Session(design) as session:
        for wrong in ((name, 1.0, None), (name, 1.0, ""), (name, 1.0, "r_nothere"), ("e3", 0.1, None)):
            with pytest.raises(RequestError, match=r"cosim.unknown-device"):
                session.alter(*wrong)


def test_epochs_of_a_design(osdi_engine, shared_engine):
    """Until its first pause a learning loop in stretches of an epoch is one without, to the last digit."""
    network = small_star()
    design = Design(network, small_loop(network, epochs=2), block_set("ideal"))
    with Session(design) as session:
        seen = [(number, session.time, session.read("e3"), session.read("el_e3")) for number in session]
        assert session.result.ok
        rows = session.waveforms()
    epoch = design.loop.timeline.epoch
    np.testing.assert_allclose([(number, time) for number, time, *_ in seen], [(0, epoch), (1, 2 * epoch)], rtol=1e-12)
    assert all(label == net for _, _, label, net in seen)
    with Session(design) as other:
        other.run()
        whole = other.waveforms()
    shared = int(np.searchsorted(rows["time"], epoch))
    np.testing.assert_array_equal(rows.values[: shared - 2], whole.values[: shared - 2])


@pytest.fixture(scope="module")
def paused(shared_engine):
    """A session at a pause; what is refused there is no failure of its run."""
    with Session(low_pass(stop="2e-5"), sources={"v2": 0.0}) as session:
        session.run(1e-5)
        yield session
        session.run()
        assert session.result.ok


@pytest.mark.parametrize(
    ("name", "value", "parameter", "code"),
    [
        ("r9", 1.0, None, "cosim.unknown-device"),
        ("r1", 1.0, "nonsense", "cosim.unknown-device"),
        ("r1; quit", 1.0, None, "cosim.bad-name"),
        ("r1", 1.0, "x] = 2; quit", "cosim.bad-name"),
        ("r1", float("nan"), None, "units.not-finite"),
        ("r1", "1k", None, "cosim.bad-value"),
        ("v1", 1.0, None, "cosim.no-effect"),
        ("v2", "1", None, "cosim.bad-value"),
        ("v2", 1.0, "sin", "cosim.bad-name"),
        ("r1", 1.0, "", "cosim.bad-name"),
        ("r1", 1.0, 3, "cosim.bad-name"),
        (3, 1.0, None, "cosim.bad-name"),
    ],
)
def test_alterations_that_cannot_be(paused, name, value, parameter, code):
    with pytest.raises(RequestError) as caught:
        paused.alter(name, value, parameter)
    assert caught.value.code == code


def test_times_and_names_that_cannot_be(shared_engine):
    with Session(low_pass(stop="1e-4")) as session:
        with pytest.raises(RequestError, match=r"cosim.not-started"):
            session.read("out")
        session.run(5e-5)
        for time in (5e-5, 0.0, -1.0):
            with pytest.raises(RequestError, match=r"cosim.bad-time"):
                session.run(time)
        with pytest.raises(RequestError, match=r"cosim.unknown-node"):
            session.read("nothere")
        with pytest.raises(RequestError, match=r"cosim.no-epochs"):
            iter(session)
        session.run(1.0)  # beyond the end is the end
        assert session.time == pytest.approx(1e-4)
        for late in (session.run, lambda: session.alter("r1", 1.0), lambda: session.save("x.json")):
            with pytest.raises(RequestError, match=r"cosim.ended"):
                late()
