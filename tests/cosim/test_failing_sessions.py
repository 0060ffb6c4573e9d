"""Whatever goes wrong: one verdict, and no process left."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from cosim_samples import TAU, Recorder, is_gone, low_pass, wait_until

import hgesim
from hgesim.cosim import Listener, PythonSource, Session
from hgesim.engine import Verdict
from hgesim.errors import EngineError, RequestError

LONG = low_pass(stop="100")


def worker_of(session: Session) -> int:
    """Return the session's process: the child whose log is the session's."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "fd/1") == str(session.folder / "engine.log"):
                return int(entry.name)
        except OSError:
            continue
    raise AssertionError("no worker")


def raises_at(moment: float):
    def function(time: float, _out: float) -> float:
        if time > moment:
            raise ZeroDivisionError("not my day")
        return 0.0

    return function


def nan_at(moment: float):
    return lambda time, _out=0.0: math.nan if time > moment else 0.0


def hang_at(moment: float):
    def function(now: float, _out: float) -> float:
        if now > moment:
            time.sleep(60)
        return 0.0

    return function


CASES = {
    "source raises": ({"v2": PythonSource(raises_at(1e-4), ["out"])}, (), "aborted", "not my day"),
    "listener raises": ({}, [Listener(raises_at(1e-4), ["out"])], "aborted", "not my day"),
    "batch raises": ({}, [Listener(lambda time, out: out[3, 3], ["out"], batch=50)], "aborted", "IndexError"),
    "wrong count": ({("v1", "v2"): PythonSource(lambda *_: (1, 2, 3), ["out"])}, (), "aborted", "3 values for 2"),
    "no number": ({"v2": PythonSource(lambda *_: "one", ["out"])}, (), "aborted", "ValueError"),
    "exit": ({"v2": PythonSource(lambda *_: sys.exit(3), ["out"])}, (), "aborted", "SystemExit"),
    "NaN from voltages": ({"v2": PythonSource(nan_at(1e-4), ["out"])}, (), "nonfinite", '"v2" returned nan at 0.0001'),
    "NaN from time": ({"v2": PythonSource(nan_at(1e-4))}, (), "nonfinite", '"v2" returned nan at 0.0001'),
    "infinity": ({"v2": PythonSource(lambda *_: 1e40, ["out"])}, (), "nonfinite", "1e.40"),
    "hangs": ({"v2": PythonSource(hang_at(1e-4), ["out"])}, (), "timeout", "raise the timeout"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process through /proc")
@pytest.mark.parametrize("case", CASES)
def test_functions_that_fail(shared_engine, case):
    sources, listeners, verdict, told = CASES[case]
    session = Session(LONG, sources=sources, listeners=listeners, timeout=2.0 if verdict == "timeout" else 30.0)
    pid = worker_of(session)
    with pytest.raises(EngineError, match=told) as caught:
        session.run()
    assert caught.value.code == f"cosim.{verdict}"
    assert session.result.verdict == verdict
    assert is_gone(pid)
    if verdict == "aborted":
        log = session.result.log.read_text()
        assert "Traceback" in log
        assert (__file__ in log) == (case not in ("wrong count", "no number"))
    if case.startswith(("source", "listener", "NaN")):
        assert session.result.reached == pytest.approx(1e-4, rel=0.1)  # rows until then are kept
    with pytest.raises(RequestError, match=r"cosim.ended"):
        session.run()
    session.close()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process through /proc")
def test_a_worker_killed_by_another_hand(shared_engine):
    with Session(LONG) as session:
        session.run(1e-3)
        os.kill(worker_of(session), signal.SIGKILL)
        with pytest.raises(EngineError, match="SIGKILL") as caught:
            session.run()
    assert caught.value.code == "cosim.engine-error"
    assert session.result.points > 100


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process through /proc")
def test_control_c(shared_engine):
    session = Session(LONG, timeout=60)
    pid = worker_of(session)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        session.run()
    assert session.result.verdict is Verdict.INTERRUPTED
    assert session.result.points > 100
    assert is_gone(pid)


CALLER = """
import sys
from hgesim.cosim import Session
session = Session(sys.argv[1], folder=sys.argv[2])
session.run()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process through /proc")
def test_no_worker_outlives_python(shared_engine, tmp_path):
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, LONG, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(Path(hgesim.__file__).parents[1])},
    )
    raw = tmp_path / "waveforms.raw"
    assert wait_until(lambda: raw.exists() and raw.stat().st_size > 1000, 30)
    session = type("Folder", (), {"folder": tmp_path})()
    pid = worker_of(session)
    caller.kill()
    caller.wait()
    assert wait_until(lambda: is_gone(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process through /proc")
def test_a_session_left_early_leaves_nothing(shared_engine):
    with pytest.raises(KeyError), Session(LONG) as session:
        pid = worker_of(session)
        session.run(1e-3)
        raise KeyError("the user's own")
    assert is_gone(pid)
    assert session.result.verdict is Verdict.INTERRUPTED
    dropped = Session(LONG)
    pid = worker_of(dropped)
    del dropped
    assert wait_until(lambda: is_gone(pid))


def test_a_session_outlives_the_thread_that_made_it(shared_engine):
    """Linux can kill a child when the thread that forked it ends: not this one."""
    with ThreadPoolExecutor(1) as pool:
        session = pool.submit(Session, low_pass()).result()
    with session:
        time.sleep(0.2)
        session.run()
    assert session.result.ok


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process through /proc")
def test_what_is_lost_after_the_end_changes_no_verdict(shared_engine):
    listener = Listener(Recorder().take, ["out"])
    with Session(low_pass(stop="1e-5"), listeners=[listener], timeout=30) as session:
        session.run()
        assert len(session.state(listener).times) > 3
        os.kill(worker_of(session), signal.SIGKILL)
        with pytest.raises(EngineError, match=r"cosim.not-done"):
            session.read("out")
        with pytest.raises(EngineError, match=r"cosim.state-lost"):  # and not what it was a while ago
            session.state(listener)
    assert session.result.verdict is Verdict.OK


class Spoilt:
    """Comes back from the worker with an exception of its own."""

    def take(self, time: float, _out: float) -> None:
        self.taken = True

    def __setstate__(self, state: dict) -> None:
        if os.getpid() == state["home"]:
            raise LookupError("no way home")
        self.__dict__ |= state

    def __init__(self) -> None:
        self.home = os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process through /proc")
def test_a_state_that_cannot_be_read_leaves_no_process(shared_engine):
    listener = Listener(Spoilt().take, ["out"])
    with Session(low_pass(stop="1e-5"), listeners=[listener]) as session:
        pid = worker_of(session)
        session.run()
    assert is_gone(pid)
    with pytest.raises(EngineError, match=r"cosim.state-lost"):
        session.state(listener)


def test_a_simulator_that_gives_up(shared_engine):
    with Session("* loop\nv1 in 0 1\nv2 in 0 2\n.tran 1u 1m\n.end") as session, pytest.raises(EngineError) as caught:
        session.run()
    assert caught.value.code == "cosim.aborted"
    assert session.result.verdict is Verdict.ABORTED


def test_two_sessions_at_once(shared_engine):
    """Each has a process: nothing of one is seen in the other, even while both run."""
    factors = (1.0, -3.0)

    def simulate(factor: float) -> np.ndarray:
        source = PythonSource(lambda _time, v: factor * v, ["in"])
        with Session(low_pass(), sources={"v2": source}) as session:
            for _ in session.every(1e-4):
                pass
            rows = session.waveforms()
            return np.column_stack([rows["v(in2)"][1:], rows["v(in)"][:-1]])

    with ThreadPoolExecutor(2) as pool:
        for factor, found in zip(factors, pool.map(simulate, factors), strict=True):
            np.testing.assert_array_equal(found[:, 0], factor * found[:, 1])


def runs_in_one_worker(count: int) -> tuple[float, float]:
    """Return the megabytes that a worker has after the first tenth of its runs and after all of them."""

    def resident() -> float:
        text = Path(f"/proc/{pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    recorder = Recorder()
    sources = {"v2": PythonSource(lambda _time, v: 0.5 * v, ["out"])}
    listeners = [Listener(recorder.take, ["out"]), Listener(recorder.take, ["out2"], batch=100)]
    before = 0.0
    with Session(low_pass(), sources=sources, listeners=listeners) as session:
        pid = worker_of(session)
        for number in range(count):
            session.run(5e-4)
            session.alter("r2", 2e3)
            session.run()
            assert session.result.ok
            if number == count // 10:
                before = resident()
            if number < count - 1:
                session.restart()
        return before, resident()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_runs_in_one_worker_do_not_pile_up(shared_engine):
    before, after = runs_in_one_worker(40)
    assert after - before < 1.0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_five_hundred_runs_in_one_worker(shared_engine):
    before, after = runs_in_one_worker(500)
    assert after - before < 20.0


def test_a_restart_forgets_everything(shared_engine):
    deck = low_pass().replace("sin(0 1 1k)", "1").replace("c1 out 0 100n", "c1 out 0 100n\n.ic v(out)=0")
    with Session(deck, sources={"v2": 0.0}) as session:
        found = []
        for _ in range(2):
            session.run(TAU)
            found.append(session.read("out"))
            session.alter("r1", 5e3)
            session.alter("v2", 3.0)
            session.run()
            found.append(session.read("in2"))
            session.restart()
            assert (session.time, session.result) == (0.0, None)
    assert found == pytest.approx([1 - math.exp(-1), 3.0] * 2, rel=1e-3)
    assert found[0] == found[2]
