"""Sources that Python drives: their values, their delay, their grid."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from cosim_samples import TANK, TAU, C, R, low_pass
from scipy.special import lambertw

from hgesim.cosim import Listener, PythonSource, Session
from hgesim.errors import RequestError


def discharge(step: float, hold: str) -> float:
    """Return the relative error of the decay rate when Python is the resistor across a capacitor."""
    deck = TANK.format(step=step, stop=3 * TAU)
    source = PythonSource(lambda _time, v: -v / R, ["out"], hold=hold, initial=-1.0 / R)
    with Session(deck, sources={"i1": source}) as session:
        session.run()
        rows = session.waveforms()
        time, volts = np.array(rows["time"]), np.array(rows["v(out)"])
    late = time > TAU
    rate = -np.polyfit(time[late], np.log(volts[late]), 1)[0] * TAU
    return rate - 1.0


def test_the_delay_of_a_loop_is_one_step(shared_engine):
    """dv/dt = -v(t - h)/tau decays with rate -W(-h/tau)/h, where an analog resistor gives 1/tau."""
    for step in (TAU / 20, TAU / 40):
        exact = -lambertw(-step / TAU).real / step * TAU
        assert discharge(step, "previous") == pytest.approx(exact - 1.0, rel=0.03)


def test_extrapolation_makes_the_delay_an_error_of_second_order(shared_engine):
    coarse, fine = discharge(TAU / 20, "linear"), discharge(TAU / 40, "linear")
    assert abs(coarse) < 0.2 * discharge(TAU / 20, "previous")
    assert coarse / fine == pytest.approx(4.0, rel=0.2)


def test_a_function_of_time_has_no_delay(shared_engine):
    source = PythonSource(lambda time: math.sin(2 * math.pi * 1e3 * time))
    with Session(low_pass(), sources={"v2": source}) as session:
        session.run()
        rows = session.waveforms()
    time, x = rows["time"], 2 * np.pi * 1e3 * TAU
    exact = (np.sin(x * time / TAU) - x * np.cos(x * time / TAU) + x * np.exp(-time / TAU)) / (1 + x * x)
    np.testing.assert_allclose(rows["v(in2)"], np.sin(2 * np.pi * 1e3 * time), atol=1e-12)
    np.testing.assert_allclose(rows["v(out2)"], exact, atol=5e-5)


def test_several_sources_of_one_function_and_signs(shared_engine):
    deck = "* signs\nv1 a 0 0\nv2 b 0 0\ni1 0 c 0\nrc c 0 1k\nra a 0 1k\nrb b 0 1k\n.tran 1u 20u 0 1u\n.end"
    sources = {("V1", "v2"): PythonSource(lambda time, c: (1.0 + c, -2.0), ["c"], initial=(1, -2)), "i1": 1e-3}
    with Session(deck, sources=sources) as session:
        session.run()
        assert session.read(["a", "b", "c"]) == pytest.approx([2.0, -2.0, 1.0], abs=1e-6)
        # a source's current counts from plus to minus through it: it delivers 2 mA
        assert session.read("i(v1)") == pytest.approx(-2e-3, abs=1e-9)


def test_before_the_first_call_has_acted_a_source_gives_its_initial_value(shared_engine):
    source = PythonSource(lambda time, _out: 5.0, ["out"], initial=0.25)
    with Session(low_pass(stop="1e-5"), sources={"v2": source}) as session:
        session.run()
        rows = session.waveforms()
    assert rows["v(in2)"][0] == 0.25
    assert rows["v(out2)"][0] == pytest.approx(0.25)  # the operating point feels it too
    np.testing.assert_array_equal(rows["v(in2)"][1:], 5.0)


def test_on_a_grid_a_function_is_sampled_and_held(shared_engine):
    grid = 37e-6
    source = PythonSource(lambda time, value: value, ["in"], grid=grid)
    with Session(low_pass(), sources={"v2": source}) as session:
        session.run()
        rows = session.waveforms()
    time, held = np.array(rows["time"]), np.array(rows["v(in2)"])
    for multiple in grid * np.arange(1, 27):  # a step on each of them
        assert np.abs(time - multiple).min() < 1e-15
    inside = (time / grid) % 1 > 0.05
    np.testing.assert_allclose(held[inside], np.sin(2 * np.pi * 1e3 * grid * np.floor(time / grid))[inside], atol=1e-9)


def test_a_source_inside_a_subcircuit(shared_engine):
    deck = "* inside\n.subckt cell out\nv2 out 0 external\n.ends\nx1 a cell\nr1 a 0 1k\n.tran 1u 10u\n.end"
    with Session(deck, sources={"v.x1.v2": PythonSource(lambda time: 1e5 * time)}) as session:
        session.run()
        assert session.read("a") == pytest.approx(1.0)


def test_numbers_are_sources_that_alter_changes(shared_engine):
    with Session(low_pass(), sources={"v2": 0.5}) as session:
        session.run(5e-4)
        assert session.read("out2") == pytest.approx(0.5)
        session.alter("V2", -1.0)
        session.run()
        rows = session.waveforms()
    after = rows["time"] > 6e-4
    exact = -1.0 + 1.5 * np.exp(-(rows["time"][after] - 5e-4) / TAU)
    np.testing.assert_allclose(rows["v(out2)"][after], exact, atol=5e-3)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: PythonSource(3.0), "cosim.bad-function"),
        (lambda: PythonSource(abs, "out"), "cosim.bad-node"),
        (lambda: PythonSource(abs, ["v(a,b)"]), "cosim.bad-node"),
        (lambda: PythonSource(abs, ["0"]), "cosim.bad-node"),
        (lambda: PythonSource(abs, [None]), "cosim.bad-node"),
        (lambda: PythonSource(abs, None), "cosim.bad-node"),
        (lambda: PythonSource(abs, ["out"], hold="cubic"), "cosim.unknown-hold"),
        (lambda: PythonSource(abs, ["out"], grid=0.0), "cosim.bad-grid"),
        (lambda: Listener(None, ["out"]), "cosim.bad-function"),
        (lambda: Listener(abs, ["out"], batch=0), "cosim.bad-batch"),
        (lambda: Listener(abs, ["out"], grid=math.nan), "cosim.bad-grid"),
    ],
)
def test_nonsense_is_refused_where_it_is_written(make, code):
    with pytest.raises(RequestError) as caught:
        make()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("sources", "code"),
    [
        ({"v9": 1.0}, "cosim.unknown-source"),
        ({"r1": 1.0}, "cosim.unknown-source"),
        ({"v2": math.nan}, "cosim.bad-source"),
        ({"v2": "1"}, "cosim.bad-source"),
        ({"v2": 1.0, "V2": 2.0}, "cosim.bad-source"),
        ({3: 1.0}, "cosim.bad-source"),
        ({(): 1.0}, "cosim.bad-source"),
        ([1.0], "cosim.bad-source"),
        ({("v1", "v2"): PythonSource(abs, ["out"], initial=(1, 2, 3))}, "cosim.bad-value"),
        ({"v2": PythonSource(abs, ["out"], initial=math.nan)}, "cosim.bad-value"),
        ({"v2": PythonSource(abs, ["out"], initial=None)}, "cosim.bad-value"),
        ({"v2": PythonSource(abs, ["nothere"])}, "cosim.refused"),
        ({"v.x1.v2": 1.0}, "cosim.refused"),
        ({"v2": PythonSource(threading.Lock().__exit__)}, "cosim.bad-function"),
    ],
)
def test_sources_that_cannot_be(shared_engine, sources, code):
    with pytest.raises(RequestError) as caught, Session(low_pass(stop="1e-5"), sources=sources) as session:
        session.run()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"listeners": Listener(abs, ["out"])}, "cosim.bad-listener"),
        ({"listeners": [abs]}, "cosim.bad-listener"),
        ({"transient": (1e-3, 1e-6)}, "cosim.bad-transient"),
        ({"timeout": 0.0}, "cosim.bad-timeout"),
        ({"timeout": "1 s"}, "cosim.bad-timeout"),
    ],
)
def test_options_that_cannot_be(shared_engine, options, code):
    with pytest.raises(RequestError) as caught:
        Session(low_pass(), **options)
    assert caught.value.code == code


def test_an_external_source_that_nothing_drives(shared_engine):
    deck = low_pass(stop="1e-5").replace("v2 in2 0 0", "v2 in2 0 external")
    with pytest.raises(RequestError, match='"v2" is external'), Session(deck) as session:
        session.run()


def test_the_tank_itself_is_right(shared_engine):
    """A constant current charges the capacitor on a straight line."""
    with Session(TANK.format(step="1e-6", stop="1e-4"), sources={"i1": 1e-3}) as session:
        session.run()
        assert session.read("out") == pytest.approx(1.0 + 1e-3 * 1e-4 / C, rel=1e-6)
