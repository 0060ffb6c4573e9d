"""Real ngspice: analytic answers, decks that trap, interruption, isolation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from engine_samples import RC, TRAPS, processes_in, wait_for

import hgesim
from hgesim.engine import Verdict, read_raw, run_deck

SHORT, LONG = RC.format(stop="3e-3"), RC.format(stop="100")


def test_low_pass_follows_the_formula_on_every_engine(every_engine, write_deck):
    """First-order low pass from rest: forced sine plus decaying transient."""
    for number, engine in enumerate(every_engine):
        result = run_deck(write_deck(SHORT, folder=f"run{number}"), engine, end_time=3e-3)
        assert result.verdict is Verdict.OK, result.message
        assert result.returncode == 0
        assert result.reached == pytest.approx(3e-3)
        data = read_raw(result.raw)
        assert data.complete
        assert data.names == ("time", "v(in)", "v(out)")
        assert result.points == len(data.values)
        assert result.iterations is not None and result.iterations > result.points
        time_s, x = data["time"], 2 * np.pi * 1e3 * 1e-4
        exact = (np.sin(x * time_s / 1e-4) - x * np.cos(x * time_s / 1e-4) + x * np.exp(-time_s / 1e-4)) / (1 + x * x)
        np.testing.assert_allclose(data["v(out)"], exact, atol=2e-5)


def test_operating_point_and_complex_sweep(ngspice, write_deck):
    divider = "* divider\nv1 in 0 dc 1 ac 1\nr1 in out 1k\nr2 out 0 1k\nc2 out 0 1u\n.save v(out)\n"
    point = run_deck(write_deck(divider + ".op\n"), ngspice, end_time=0)
    assert point.verdict is Verdict.OK
    assert read_raw(point.raw)["v(out)"][0] == pytest.approx(0.5)
    sweep = run_deck(write_deck(divider + ".ac dec 10 1 1e6\n", folder="ac"), ngspice, end_time=1e6)
    assert sweep.verdict is Verdict.OK
    data = read_raw(sweep.raw)
    np.testing.assert_allclose(data["v(out)"], 0.5 / (1 + 2j * np.pi * data["frequency"] * 5e-4), rtol=1e-9)


def test_folder_with_spaces_and_unicode(ngspice, write_deck):
    result = run_deck(write_deck(SHORT, folder="run ü 1 'q' $x"), ngspice, end_time=3e-3)
    assert result.verdict is Verdict.OK, result.message


def test_relative_folder(ngspice, write_deck, monkeypatch):
    folder = write_deck(SHORT)
    monkeypatch.chdir(folder.parent)
    assert run_deck("run", ngspice, end_time=3e-3).folder == folder


SHARP_EDGE = """* a source that contradicts itself from 0.5 ms on
v1 in 0 pwl(0 0 1m 1)
b1 out 0 v=(v(in) > 0.5) ? ((v(out) > 0.2) ? 0 : 1) : v(in)
r1 out o2 1k
c1 o2 0 1n
.save v(in) v(out)
.tran 1e-6 1e-3 0 1e-6
"""


def test_abort_keeps_its_rows_and_names_the_node(ngspice, write_deck):
    result = run_deck(write_deck(SHARP_EDGE), ngspice, end_time=1e-3)
    assert result.verdict is Verdict.ABORTED
    assert result.returncode == 0  # the control section went on to quit: the status says nothing
    assert result.node == "out"
    assert "trouble with node" in result.message
    data = read_raw(result.raw)
    assert len(data.values) == result.points > 400
    assert result.reached == pytest.approx(5e-4, rel=1e-2)
    np.testing.assert_allclose(data["v(in)"], 1e3 * data["time"], atol=1e-9)


@pytest.mark.parametrize("trap", TRAPS)
def test_trap_decks_never_pass(ngspice, write_deck, trap):
    circuit, verdict, told = TRAPS[trap]
    result = run_deck(write_deck(f"* trap\n{circuit}.tran 1e-6 1e-3 0 1e-6\n"), ngspice, end_time=1e-3)
    assert result.verdict == verdict, result.message
    assert told in result.message


def test_start_that_needs_help_is_no_failure(ngspice, write_deck):
    """A floating node makes ngspice step gmin and sources and print warnings; the run is good all the same."""
    circuit = "* floating\nv1 in 0 1\nc1 in a 1n\nc2 a 0 1n\nr1 in 0 1\n.save v(a)\n.tran 1e-6 1e-3 0 1e-6\n"
    result = run_deck(write_deck(circuit), ngspice, end_time=1e-3)
    assert "gmin" in result.log.read_text()
    assert result.verdict is Verdict.OK, result.message
    assert result.node is None


def test_too_short_an_analysis(ngspice, write_deck):
    assert run_deck(write_deck(SHORT), ngspice, end_time=4e-3).verdict is Verdict.END_NOT_REACHED


def test_timeout_keeps_rows_and_progress_streams(ngspice, write_deck):
    seen = []
    result = run_deck(write_deck(LONG), ngspice, end_time=100.0, timeout=1.0, progress=seen.append)
    assert result.verdict is Verdict.TIMEOUT
    assert result.engine_s < 5
    assert len(seen) >= 2
    assert 0 < seen[0].simulated_s < seen[-1].simulated_s <= result.reached
    data = read_raw(result.raw)
    assert not data.complete
    assert (np.diff(data["time"]) > 0).all()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process through /proc")
def test_engine_killed_by_another_hand(ngspice, write_deck):
    folder = write_deck(LONG)

    def kill() -> None:
        wait_for(lambda: (folder / "waveforms.raw").exists() and (folder / "waveforms.raw").stat().st_size > 20000)
        for pid in processes_in(folder):
            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    result = run_deck(folder, ngspice, end_time=100.0, timeout=20)
    killer.join()
    assert result.verdict is Verdict.ENGINE_ERROR
    assert "SIGKILL" in result.message
    assert result.points > 100


CALLER = """
import sys
from pathlib import Path
from hgesim.engine import Engine, run_deck
engine = Engine("ngspice", Path(sys.argv[1]), "46", frozenset())
result = run_deck(sys.argv[2], engine, end_time=100.0)
print(result.verdict, result.points > 0, "kept" in result.message)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process through /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_engine_outlives_python(ngspice, write_deck, number):
    folder = write_deck(LONG)
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(ngspice.path), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(hgesim.__file__).parents[1])},
        # a shell lets its background commands ignore Ctrl-C, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        raw = folder / "waveforms.raw"
        assert wait_for(lambda: raw.exists() and raw.stat().st_size > 20000)
        assert processes_in(folder)
        caller.send_signal(number)
        said, _ = caller.communicate(timeout=10)
    finally:
        caller.kill()
        caller.communicate()
    if number == signal.SIGINT:
        assert said.split() == ["interrupted", "True", "True"]
    assert wait_for(lambda: not processes_in(folder))


def test_start_up_files_of_the_user_have_no_effect(ngspice, write_deck, tmp_path, monkeypatch):
    quiet = run_deck(write_deck(SHORT), ngspice, end_time=3e-3)
    hostile = "set num_threads=7\nset hostile=1\nset filetype=ascii\necho HOSTILE\nquit\n"
    home = tmp_path / "home"
    home.mkdir()
    folder = write_deck(SHORT, folder="again")
    for place in (home, folder):
        (place / ".spiceinit").write_text(hostile)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SPICE_USERINIT_DIR", str(home))
    monkeypatch.setenv("SPICE_ASCIIRAWFILE", "1")
    result = run_deck(folder, ngspice, end_time=3e-3)
    assert result.verdict is Verdict.OK, result.message
    assert not result.user_init
    assert "HOSTILE" not in result.log.read_text()
    np.testing.assert_array_equal(read_raw(result.raw).values, read_raw(quiet.raw).values)
    # the same files do act without the isolation: the trap is real
    bare = subprocess.run(
        [ngspice.path, "-b", "deck.cir"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert b"HOSTILE" in bare.stdout


def test_code_models_survive_the_isolation(ngspice, write_deck):
    if "xspice" not in ngspice.capabilities:
        pytest.skip("this ngspice loads no code models")
    circuit = "* gain\nv1 in 0 1\na1 in out twice\n.model twice gain(gain=2)\nr1 out 0 1\n.save v(out)\n.op\n"
    result = run_deck(write_deck(circuit), ngspice, end_time=0)
    assert read_raw(result.raw)["v(out)"][0] == pytest.approx(2.0)


BSIM4 = """* BSIM4 inverter chain: the models that start OpenMP threads
.model nn nmos level=14 version=4.8.0
vdd dd 0 1.2
v1 in 0 sin(0.6 0.1 1k)
{devices}
.save v(o1)
.tran 1e-6 {stop} 0 1e-6
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads through /proc")
def test_bsim4_runs_on_one_thread(ngspice, write_deck):
    devices = "\n".join(f"m{i} o{i} in 0 0 nn w=1u l=0.1u\nr{i} dd o{i} 100k" for i in range(1, 9))
    folder = write_deck(BSIM4.format(devices=devices, stop="5"))
    most = 0

    def count(_: object) -> None:
        nonlocal most
        for pid in processes_in(folder):
            most = max(most, len(list(Path(f"/proc/{pid}/task").iterdir())))

    run_deck(folder, ngspice, end_time=5.0, timeout=0.8, progress=count)
    assert most == 1


def test_num_threads_of_the_deck_wins(ngspice, write_deck):
    """Debian's backport sets eight threads in its system-wide start-up file."""
    folder = write_deck(SHORT, extra="echo THREADS $num_threads\n")
    result = run_deck(folder, ngspice, end_time=3e-3)
    assert "THREADS 1" in result.log.read_text()
