"""Verdicts on engines that lie: fake executables, each with one way to go wrong."""

from __future__ import annotations

import time

import numpy as np
import pytest
from engine_samples import ramp, raw_bytes

from hgesim.engine import Verdict, run_deck
from hgesim.engine.verdict import read_log
from hgesim.errors import EngineError, RequestError


def _with(value: float) -> bytes:
    values = ramp()
    values[5, 1] = value
    return raw_bytes(values)


def test_clean_run(fake):
    folder, engine = fake('echo "Total iterations = 42"; cp ready.raw waveforms.raw')
    result = run_deck(folder, engine, end_time=1e-3)
    assert (result.verdict, result.message, result.points, result.iterations) == (Verdict.OK, "", 11, 42)
    assert result.ok
    assert result.reached == 1e-3
    assert not result.user_init


@pytest.mark.parametrize(
    ("script", "verdict", "told"),
    [
        ("kill -SEGV $$", "engine-error", "SIGSEGV"),
        ("cp ready.raw waveforms.raw; kill -KILL $$", "engine-error", "SIGKILL"),
        ("cp ready.raw waveforms.raw; echo 'Warning: rawfile write error !!'", "engine-error", "disk space"),
        ("echo garbage > waveforms.raw", "engine-error", "no waveforms"),
        ("exit 0", "engine-error", "no waveforms"),
        ("echo 'Error: nothing works' >&2; exit 1", "engine-error", "nothing works"),
        ("cp ready.raw waveforms.raw; echo 'could not find a valid modelname'", "engine-error", "modelname"),
        ("cp ready.raw waveforms.raw; echo 'Error: unknown subckt: x1'", "engine-error", "unknown subckt: x1"),
        ("cp ready.raw waveforms.raw; echo 'run simulation(s) aborted'", "aborted", "gave up"),
        ("head -c 250 ready.raw > waveforms.raw; exit 0", "end-not-reached", "stopped at"),
    ],
)
def test_exit_status_is_not_trusted(fake, script, verdict, told):
    folder, engine = fake(script)
    result = run_deck(folder, engine, end_time=1e-3)
    assert result.verdict == verdict
    assert told in result.message
    assert "\n" not in result.message


def test_status_1_after_a_perfect_run_is_ok(fake):
    folder, engine = fake("cp ready.raw waveforms.raw; exit 1")
    result = run_deck(folder, engine, end_time=1e-3)
    assert result.verdict is Verdict.OK
    assert result.returncode == 1


def test_status_1_before_the_file_was_closed_is_an_error(fake):
    folder, engine = fake("cp ready.raw waveforms.raw; exit 1", raw_bytes(ramp(), points=0))
    assert run_deck(folder, engine, end_time=1e-3).verdict is Verdict.ENGINE_ERROR


def test_harmless_notes_do_not_fail(fake):
    folder, engine = fake(
        'cp ready.raw waveforms.raw; echo "Circuit: * aborted: no such file, fatal error";'
        ' echo "Note: Starting dynamic gmin stepping"; echo "Warning: singular matrix:  check node a" >&2'
    )
    result = run_deck(folder, engine, end_time=1e-3)
    assert result.verdict is Verdict.OK
    assert result.node is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e32, -1e32])
def test_values_beyond_physics(fake, value):
    folder, engine = fake("cp ready.raw waveforms.raw", _with(value))
    result = run_deck(folder, engine, end_time=1e-3)
    assert result.verdict is Verdict.NONFINITE
    assert "v(a)" in result.message


def test_garbage_beside_a_real_frequency_does_not_count(fake):
    """ngspice 39 leaves uninitialised memory in the imaginary half of the sweep."""
    values = ramp().astype(complex)
    values.imag[:, 0] = np.nan
    folder, engine = fake("cp ready.raw waveforms.raw", raw_bytes(values))
    assert run_deck(folder, engine, end_time=1e-3).verdict is Verdict.OK


def test_end_time_has_a_small_tolerance(fake):
    folder, engine = fake("cp ready.raw waveforms.raw", raw_bytes(ramp(end=1e-3 * (1 - 1e-7))))
    assert run_deck(folder, engine, end_time=1e-3).verdict is Verdict.OK
    assert run_deck(folder, engine, end_time=1.01e-3).verdict is Verdict.END_NOT_REACHED


def test_rows_of_an_earlier_run_do_not_count(fake):
    folder, engine = fake("exit 0")
    (folder / "waveforms.raw").write_bytes(raw_bytes(ramp()))
    assert run_deck(folder, engine, end_time=1e-3).verdict is Verdict.ENGINE_ERROR


def test_hanging_engine_is_killed_with_its_children(fake):
    folder, engine = fake("cp ready.raw waveforms.raw; sleep 60 & echo $! > child; wait")
    started = time.monotonic()
    result = run_deck(folder, engine, end_time=1.0, timeout=0.5)
    assert time.monotonic() - started < 5
    assert result.verdict is Verdict.TIMEOUT
    assert result.points == 11
    child = int((folder / "child").read_text())
    assert _gone(child)


def _gone(pid: int) -> bool:
    """True once the process is dead (a zombie that init has not collected counts as dead)."""
    for _ in range(50):
        try:
            with open(f"/proc/{pid}/stat") as stream:
                if stream.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_exception_in_the_progress_callback_kills_the_engine(fake):
    folder, engine = fake("cp ready.raw waveforms.raw; echo $$ > self; exec sleep 60")

    def fail(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_deck(folder, engine, end_time=1.0, progress=fail)
    assert _gone(int((folder / "self").read_text()))


def test_progress_reports_last_row(fake):
    folder, engine = fake("cp ready.raw waveforms.raw; sleep 0.6")
    seen = []
    run_deck(folder, engine, end_time=2e-3, progress=seen.append)
    assert 2 <= len(seen) <= 5
    assert (seen[0].simulated_s, seen[0].end_s, seen[0].points) == (1e-3, 2e-3, 11)
    assert 0 < seen[0].wall_s < seen[-1].wall_s


def test_missing_deck_and_missing_executable(tmp_path, fake):
    folder, engine = fake("exit 0")
    with pytest.raises(RequestError, match=r"no \"other.cir\""):
        run_deck(folder, engine, end_time=0, deck="other.cir")
    engine.path.unlink()
    with pytest.raises(EngineError) as caught:
        run_deck(folder, engine, end_time=0)
    assert caught.value.code == "engine.not-installed"


@pytest.mark.parametrize(
    ("line", "node"),
    [
        (
            'doAnalyses: TRAN:  Timestep too small; time = 0.0005, timestep = 1.25e-18: trouble with node "x1.out"',
            "x1.out",
        ),
        ("doAnalyses: TRAN:  Timestep too small; time = 1, timestep = 1e-18: trouble with dd:d-instance d1", "d1"),
        ("Warning: singular matrix:  check node v1#branch", "v1#branch"),
        ("Warning: singular matrix:  check nodes a and b", "a"),
    ],
)
def test_the_log_names_the_node(line, node):
    assert read_log(f"Note: something\r{line}\n").node == node
