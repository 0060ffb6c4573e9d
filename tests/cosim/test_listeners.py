"""Functions that are told of steps, and how their state comes back."""

from __future__ import annotations

import numpy as np
import pytest
from cosim_samples import Recorder, low_pass

from hgesim.cosim import Listener, PythonSource, Session
from hgesim.errors import EngineError, RequestError


def test_steps_blocks_and_grids_tell_the_same_story(shared_engine):
    recorders = [Recorder() for _ in range(4)]
    each, blocks, grid, grid_blocks = (
        Listener(recorder.take, ["out", "i(v1)"], grid=g, batch=n)
        for recorder, g, n in zip(recorders, (None, None, 1e-4, 1e-4), (1, 64, 1, 4), strict=True)
    )
    with Session(low_pass(), listeners=[each, blocks, grid, grid_blocks]) as session:
        session.run(5.5e-4)
        session.run()
        rows = session.waveforms()
        found = [session.state(listener) for listener in (each, blocks, grid, grid_blocks)]
    stored = np.column_stack([rows["time"], rows["v(out)"], rows["i(v1)"]])
    np.testing.assert_array_equal(np.column_stack([found[0].times, found[0].values]), stored)
    joined = [np.column_stack([t, *v]) for t, v in zip(found[1].times, found[1].values, strict=True)]
    assert max(len(block) for block in joined) == 64
    np.testing.assert_array_equal(np.vstack(joined), stored)
    np.testing.assert_allclose(found[2].times, 1e-4 * np.arange(11), atol=1e-15)
    assert [len(block) for block in found[3].times] == [4, 2, 4, 1]  # what waits is handed over at a pause
    np.testing.assert_array_equal(np.concatenate(found[3].times), found[2].times)
    at = np.searchsorted(rows["time"], np.array(found[2].times) - 1e-12)
    np.testing.assert_array_equal(np.array(found[2].values)[:, 0], rows["v(out)"][at])
    assert recorders[0].times == []  # those of the user's own process stay as they were


class Integrator:
    """Senses in a listener, acts in a source."""

    def __init__(self) -> None:
        self.total, self.last = 0.0, 0.0

    def sense(self, time: float, value: float) -> None:
        self.total += value * (time - self.last)
        self.last = time

    def act(self, time: float, _value: float) -> float:
        return self.total


def test_listeners_come_before_sources_and_share_their_objects(shared_engine):
    part = Integrator()
    source = PythonSource(part.act, ["in"])
    with Session(
        low_pass().replace("sin(0 1 1k)", "1"), sources={"v2": source}, listeners=[Listener(part.sense, ["in"])]
    ) as session:
        session.run()
        rows = session.waveforms()
    # at step n + 1 the source has what was known at step n, its own value included
    np.testing.assert_allclose(rows["v(in2)"][1:], rows["time"][:-1], atol=1e-12)
    assert session.state("v2").total == pytest.approx(1e-3)
    assert session.state(source) is session.state("V2")


def test_state_of_what_is_not_there(shared_engine):
    with Session(low_pass(stop="1e-5"), sources={"v2": 1.0}) as session:
        for item in ("v2", "v3", Listener(abs, ["out"])):
            with pytest.raises(RequestError, match=r"cosim.unknown-function"):
                session.state(item)


class Closed:
    """Becomes what no pickle can hold."""

    def take(self, time: float, *_: float) -> None:
        self.held = (x for x in ())


def test_state_that_cannot_come_back(shared_engine):
    listener = Listener(Closed().take, ["out"])
    with Session(low_pass(stop="1e-5"), listeners=[listener]) as session:
        session.run()
        assert session.result.ok
        with pytest.raises(EngineError, match=r"cosim.state-lost.*generator"):
            session.state(listener)
    with pytest.raises(EngineError, match=r"cosim.state-lost"):
        session.state(listener)


def test_what_functions_print_is_in_the_log(shared_engine):
    listener = Listener(lambda time, out: print(f"error: saw {out:.1f} at {time}"), ["out"], batch=1000)
    with pytest.raises(EngineError, match="TypeError"), Session(low_pass(), listeners=[listener]) as session:
        session.run()
    good = Listener(lambda time, out: print(f"error: saw {len(time)}"), ["out"], batch=1000)
    with Session(low_pass(), listeners=[good]) as session:
        session.run()
        assert "error: saw" in (session.folder / "engine.log").read_text()
        assert session.result.ok  # words alone are no failure
