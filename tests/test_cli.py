"""The command line as a user meets it: exit codes, one line per mistake, silence when not on a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hgesim.engine import Engine

ROOT = Path(__file__).parents[1]
AND = ROOT / "examples" / "and.toml"
QUICK = ["--set", "circuit.technology=ideal", "--set", "loop.epochs=1"]


def hgesim(*words: object, env: dict[str, str] | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hgesim.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )


def one_line(done: subprocess.CompletedProcess[str], code: str, exit_code: int = 2) -> str:
    """The mistake is one line on stderr, with its code, and nothing else is said."""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert f"[{code}]" in lines[0] and "Traceback" not in done.stderr
    assert done.returncode == exit_code and not done.stdout
    return lines[0]


@pytest.mark.parametrize(
    ("setting", "code", "says"),
    [
        ("loop.ratee=1", "config.unknown-key", '"rate"'),
        ("lop.rate=1", "config.unknown-key", "loop"),
        ("loop.dither=3 A", "units.wrong-unit", "loop.dither"),
        ("loop.dither=nan", "units.not-finite", "loop.dither"),
        ("loop.rate=-1", "loop.bad-value", "loop.rate"),
        ("task.gate=ANDD", "task.unknown-gate", '"AND"'),
        ("circuit.technology=gf18", "blocks.unknown-technology", '"gf180"'),
        ("circuit.mixer=discret", "blocks.unknown-technology", '"discrete"'),
        ("circuit.mixer=gf180_choper", "blocks.unknown-variant", "gf180_chopper"),
        ("circuit.technology=gf180_chopper", "blocks.unknown-technology", "circuit.technology"),
        ("circuit.mixer=no/such.sp", "blocks.no-file", "such.sp"),
        ("engine.name=ngspise", "engine.unknown", '"ngspice"'),
        ("engine.steps_per_cycle=4", "tones.step-too-coarse", "engine.steps_per_cycle"),
        ("loop.carriers=[7e3, 9e3, 16e3, 19e3, 21e3, 25e3]", "tones.collision", "16"),
        ("network.seed=-1", "config.bad-value", "network.seed"),
        ("network.file=none.json", "config.conflict", "network."),
        ("loop.epochs", "config.bad-override", "section.key=value"),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path: Path, setting: str, code: str, says: str) -> None:
    line = one_line(hgesim("learn", AND, "--out", tmp_path / "run", "--set", setting), code)
    assert says in line
    assert not (tmp_path / "run").exists()


def test_a_missing_file_and_bad_toml(tmp_path: Path) -> None:
    one_line(hgesim("learn", tmp_path / "no.toml", "--out", tmp_path / "run"), "config.no-file")
    (tmp_path / "bad.toml").write_text("[loop\n")
    one_line(hgesim("learn", tmp_path / "bad.toml", "--out", tmp_path / "run"), "config.bad-toml")


def test_usage_errors_are_short(tmp_path: Path) -> None:
    one_line(hgesim("learn", AND), "usage")
    one_line(hgesim("lern"), "usage")


def test_no_engine(tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path), "HGESIM_NGSPICE": ""}
    line = one_line(hgesim("learn", AND, "--out", tmp_path / "run", *QUICK, env=env), "engine.not-installed", 1)
    assert "ngspice" in line
    assert not (tmp_path / "run").exists()


def test_no_models(tmp_path: Path, osdi_engine: Engine) -> None:
    env = {"HGESIM_GF180_MODELS": str(tmp_path / "nowhere")}
    done = hgesim("learn", AND, "--out", tmp_path / "run", "--set", "loop.epochs=1", env=env)
    assert "pip install" in one_line(done, "models.missing", 1)
    assert not (tmp_path / "run").exists()


def test_netlist_to_standard_output_is_the_deck_alone() -> None:
    done = hgesim("netlist", AND, *QUICK)
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.startswith("* homodyne learning of AND") and done.stdout.endswith(".end\n")


def test_netlist_folder_is_self_contained(tmp_path: Path, osdi_engine: Engine) -> None:
    done = hgesim("netlist", AND, "--set", "loop.epochs=1", "-o", tmp_path / "deck")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "deck").iterdir()} == {"deck.cir", "bond.va", "bond.osdi", "models"}
    text = (tmp_path / "deck" / "deck.cir").read_text()
    assert not re.search(r"(?m)^\.(include|lib) /", text)
    one_line(hgesim("netlist", AND, "-o", tmp_path / "deck"), "folder.exists")


def test_learn_says_what_happened_and_is_quiet_off_a_terminal(tmp_path: Path, osdi_engine: Engine) -> None:
    done = hgesim("learn", AND, "--out", tmp_path / "run", *QUICK)
    assert done.returncode == 3, done.stderr
    assert done.stderr == ""
    assert "not learnt" in done.stdout and "report.html" in done.stdout
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
    one_line(hgesim("learn", AND, "--out", tmp_path / "run", *QUICK), "folder.exists")
    again = hgesim("learn", AND, "--out", tmp_path / "run", *QUICK, "--force", "--no-report")
    assert again.returncode == 3 and not (tmp_path / "run" / "report.html").exists()
    rebuilt = hgesim("report", tmp_path / "run")
    assert rebuilt.returncode == 0 and (tmp_path / "run" / "report.html").exists()


def test_gradient_refuses_in_one_line(tmp_path: Path, osdi_engine: Engine) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    assert "--force" in one_line(hgesim("gradient", AND, "--out", tmp_path / "full", *QUICK), "folder.exists")
    assert "--points" in one_line(hgesim("gradient", AND, "--out", tmp_path / "b", "--points", 0), "gradient.bad-count")
    assert "--along" in one_line(hgesim("gradient", AND), "gradient.bad-request")
    assert list(tmp_path.iterdir()) == [tmp_path / "full"]


def test_doctor_json() -> None:
    done = hgesim("doctor", "--json")
    assert done.returncode == 0
    assert "engines" in json.loads(done.stdout)


def test_report_of_no_run(tmp_path: Path) -> None:
    one_line(hgesim("report", tmp_path), "run.no-result")


@contextmanager
def running(tmp_path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start a long run, wait until the engine writes waveforms, and leave nothing behind."""
    started = subprocess.Popen(
        [sys.executable, "-m", "hgesim.cli", "learn", str(AND), "--out", str(tmp_path / "run"), *QUICK[:2], *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=take_interrupts,
    )
    raw = tmp_path / "run" / "netlist" / "waveforms.raw"
    try:
        for _ in range(600):
            if raw.exists() and raw.stat().st_size > 200_000:
                break
            time.sleep(0.1)
        else:
            pytest.fail("the engine did not start")
        yield started
    finally:
        started.kill()
        started.communicate()


def children(pid: int) -> list[int]:
    """Find the engines that a process started, in /proc: a bare machine has no ps."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = status.read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue  # it ended while we looked
        if "ngspice" in name and int(rest.split()[1]) == pid:
            found.append(int(status.parent.name))
    return found


def take_interrupts() -> None:
    """Undo what a shell does to commands in the background, or the child would not hear a Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupt_stops_the_engine_and_marks_the_folder(tmp_path: Path, osdi_engine: Engine) -> None:
    with running(tmp_path, "--set", "loop.epochs=200") as started:
        engines = children(started.pid)
        assert engines
        started.send_signal(signal.SIGINT)
        started.wait(timeout=60)
    assert started.returncode == 130
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["verdict"] == "interrupted" and result["learnt"] is False and "loss" not in result
    assert (tmp_path / "run" / "waveforms.nc").exists()
    for pid in engines:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_killed_engine_is_no_result(tmp_path: Path, osdi_engine: Engine) -> None:
    with running(tmp_path, "--set", "loop.epochs=200") as started:
        os.kill(children(started.pid)[0], signal.SIGKILL)
        started.wait(timeout=60)
        assert started.stderr is not None
        stderr = started.stderr.read()
    assert started.returncode == 1 and "engine-error" in stderr
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["verdict"] == "engine-error" and not result["learnt"] and "loss" not in result
    assert (tmp_path / "run" / "waveforms.nc").exists(), "the partial waveform is kept"


def test_a_time_out_is_no_result(tmp_path: Path, osdi_engine: Engine) -> None:
    done = hgesim(
        "learn", AND, "--out", tmp_path / "run", *QUICK[:2], "--set", "loop.epochs=200", "--set", "engine.timeout=2 s"
    )
    assert done.returncode == 1 and "timeout" in done.stderr
    assert json.loads((tmp_path / "run" / "result.json").read_text())["verdict"] == "timeout"


def test_help_names_the_exit_codes() -> None:
    text = hgesim("--help").stdout
    assert all(word in text for word in ("learnt", "2 wrong request", "130"))


def test_factors_are_listed_with_unit_and_source() -> None:
    done = hgesim("factors", "--json")
    listed = {row["name"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 0 and listed["mismatch"]["typical"] == 1.0 and "fets_mm" in listed["mismatch"]["source"]
    shown = hgesim("factors").stdout
    assert all(f"nonideal.{name} " in shown and row["place"] in shown for name, row in listed.items())


def test_a_factor_that_is_not_there_is_one_line() -> None:
    assert '"mismatch"' in one_line(hgesim("netlist", AND, *QUICK, "--set", "nonideal.mismach=1"), "config.unknown-key")
    assert "nonideal.mismatch" in one_line(
        hgesim("netlist", AND, *QUICK, "--set", "nonideal.mismatch=-1"), "nonideal.out-of-range"
    )
