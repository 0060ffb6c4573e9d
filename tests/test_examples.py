"""Examples run, and the decks in netlists/ are those that the writer produces."""

from __future__ import annotations

import csv
import importlib
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import fsolve

from hgesim.circuit import BlockInstance
from hgesim.engine import Engine
from hgesim.experiment import Experiment
from hgesim.learning import network_outputs
from hgesim.netlist import deck_files
from hgesim.study import rows, run_study, write_study_report

ROOT = Path(__file__).parents[1]
DECKS = {
    "and": ("and.toml", [], "osdi"),
    "and_discrete": ("and.toml", ["circuit.technology=discrete"], "osdi"),
    "and_ideal_b_source": ("and.toml", ["circuit.technology=ideal"], "b-source"),
    "and_vacask": ("and.toml", [], "vacask"),
}


@pytest.mark.parametrize("name", DECKS)
def test_decks_are_the_writers(name: str) -> None:
    config, overrides, dialect = DECKS[name]
    files = deck_files(Experiment.from_file(ROOT / "examples" / config, overrides).design.circuit, dialect)
    sets = "".join(f" --set {text}" for text in overrides)
    for file, text in files.items():
        assert (ROOT / "netlists" / name / file).read_text("ascii") == text, (
            f"write it anew: hgesim netlist examples/{config}{sets} --dialect {dialect} -o netlists/{name} --force"
        )


def test_every_deck_is_known() -> None:
    assert {path.parent.name for path in (ROOT / "netlists").glob("*/deck.*") if "__" not in path.name} == set(DECKS)


STUDIES = sorted((ROOT / "examples").glob("study_*.toml"))
SETTINGS = sorted({*(ROOT / "examples").glob("*.toml")} - {*STUDIES})


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.stem)
def test_settings_build(path: Path) -> None:
    design = Experiment.from_file(path).design
    assert design.circuit.transistors >= 100
    assert design.netlist()


def test_study_of_mixers(tmp_path: Path, osdi_engine: Engine) -> None:
    """The example with ideal blocks around the mixer and a short run: each of its runs comes to a verdict."""
    text = (ROOT / "examples" / "study_mixer.toml").read_text()
    for old, new in (
        ('"and.toml"', repr(str(ROOT / "examples" / "and.toml"))),
        ("replicates = 4", "replicates = 1"),
        ("loop.dither =", "# "),
    ):
        assert old in text
        text = text.replace(old, new)
    quick = '[settings]\ncircuit.technology = "ideal"\nloop.epochs = 1\nnetwork.dopants = 8\nloop.seed = 3\n\n'
    (tmp_path / "study.toml").write_text(text.replace("[factors]", quick + "[factors]"))
    folder = run_study(tmp_path / "study.toml", tmp_path / "out", workers=1)
    table = rows(folder)
    assert [row["circuit.mixer"] for row in table] == ["ideal", "gf180", "discrete"]
    assert {row["verdict"] for row in table} == {"ok"}
    assert (folder.path / "table.csv").is_file() and write_study_report(folder).is_file()


def test_step_by_step(tmp_path: Path, osdi_engine: Engine) -> None:
    script = ROOT / "examples" / "step_by_step.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path / "run", "3"], capture_output=True, text=True, timeout=300, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "ok; loss" in done.stdout and (tmp_path / "run" / "report.html").exists()


def test_own_block(tmp_path: Path, osdi_engine: Engine) -> None:
    script = ROOT / "examples" / "own_block.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path / "runs", "2"], capture_output=True, text=True, timeout=300, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("V^2") == 3


def test_networks(tmp_path: Path, osdi_engine: Engine) -> None:
    script = ROOT / "examples" / "networks.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path / "runs"], capture_output=True, text=True, timeout=300, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("bonds") == done.stdout.count("gradient") == 8
    early, peak, end = (
        float(part.split(" A")[0].split()[-1]) for part in done.stdout.split("memristive output: ")[1].split(",")
    )
    assert peak > 5 * early and end < 0.1 * peak
    assert (tmp_path / "runs" / "networks.png").stat().st_size > 20_000


def test_figure_4_of_the_paper(tmp_path: Path, osdi_engine: Engine) -> None:
    script = ROOT / "examples" / "papers" / "Boon_2025_fig4.py"
    quick = ["circuit.technology=ideal", "loop.epochs=1", "task.training=4", "task.test=20"]
    words = [word for text in quick for word in ("--set", text)]
    done = subprocess.run(
        [sys.executable, script, tmp_path / "out", *words], capture_output=True, text=True, timeout=300, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "on 20 held-out points" in done.stdout and "gap of 0:" in done.stdout
    assert (tmp_path / "out" / "figure4.png").stat().st_size > 10_000


def test_figure_3_of_the_paper(tmp_path: Path) -> None:
    """Simulation meets theory within its error; the boxcar's nulls leave noise alone, the low-pass leaks at 10 Hz."""
    script = ROOT / "examples" / "papers" / "Boon_2025_fig3.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path, "--sets", "30", "--repeats", "6"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for name in ("boxcar", "low-pass"):
        ratio, _, spread = done.stdout.split(f"b, {name}: simulation/theory ")[1].split()[:3]
        assert abs(float(ratio) - 1) < 4 * float(spread) < 0.7
    rows = list(csv.DictReader((tmp_path / "figure3b.csv").read_text().splitlines()))
    at = {(row["filter"], float(row["spacing"])): float(row["theory"]) / float(row["floor"]) for row in rows}
    assert at["boxcar", 10.0] == pytest.approx(1) and at["boxcar", 15.0] > 5
    assert at["low-pass", 10.0] > 5 * at["low-pass", 40.0] > 10
    errors = {}
    for panel in ("10 Hz, boxcar", "40 Hz, boxcar", "10 Hz, low-pass", "40 Hz, low-pass"):
        words = done.stdout.split(f"{panel}: RMSE ")[1].split()
        errors[panel] = float(words[0])
        assert errors[panel] < 2 * float(words[5]) + 2 * float(words[13].rstrip(";"))
    assert errors["10 Hz, low-pass"] > 2 * errors["40 Hz, low-pass"] > 2 * errors["40 Hz, boxcar"]
    assert len((tmp_path / "figure3cd.csv").read_text().splitlines()) == 1 + 30 * 7
    assert (tmp_path / "figure3.png").stat().st_size > 50_000


def test_gradient(tmp_path: Path, osdi_engine: Engine) -> None:
    script = ROOT / "examples" / "gradient.py"
    quick = ["network.dopants=6", "network.electrodes=5", "circuit.technology=ideal"]
    words = [word for text in quick for word in ("--set", text)]
    done = subprocess.run(
        [sys.executable, script, tmp_path / "out", "1", "2 mV", *words],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("deg") == 6 and (tmp_path / "out" / "2mV" / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [("signatures", ["40", "2"], "without gating 0"), ("mean_field_limits", ["2", "2000"], "Monte Carlo, 300 K")],
)
def test_figures_of_the_network_alone(name: str, arguments: list[str], words: str, tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "examples" / f"{name}.py", tmp_path / "figure.png", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout and (tmp_path / "figure.png").stat().st_size > 10_000


def test_success(tmp_path: Path, osdi_engine: Engine) -> None:
    words = "--devices 6 --tasks AND --losses mse --epochs 1 8 --starts 4 --ideal 1 --budget 40"
    script = ROOT / "examples" / "success.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path / "out", *words.split()],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    tables = [line for line in done.stdout.splitlines() if line.startswith("| 6 | AND | mse |")]
    assert len(tables) == 2 and "/4" in tables[0] and tables[0].count("/1 ") == 1
    rows = list(csv.DictReader((tmp_path / "out" / "success.csv").read_text().splitlines()))
    methods = [row["method"] for row in rows]
    assert {method: methods.count(method) for method in methods} == {
        "averaged": 8,
        "random search": 4,
        "evolution": 4,
        "SPSA": 4,
        "gradient": 4,
        "ideal": 1,
    }
    assert len({row["start"] for row in rows}) == 4  # the same for all
    for row in rows:
        if row["method"] not in ("averaged", "ideal"):
            assert (row["evaluations"] != "") == (row["learnt"] == "True")
            assert row["evaluations"] == "" or int(row["evaluations"]) <= 40


def test_intermodulation(tmp_path: Path) -> None:
    script = ROOT / "examples" / "intermodulation.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "16 products of second and 35 of third" in done.stdout and "0 products of second and 20" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("    ") and "carrier" not in line]
    assert len(lines) == 20
    values = [[float(word) for word in line[1:]] for line in lines]
    largest = max(abs(row[k]) for row in values for k in (1, 3))
    for foretold, found, across, seen in values:
        assert abs(foretold - found) < 0.005 * largest and abs(across - seen) < 0.005 * largest


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that the examples about imperfect parts share."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module("bench")


def test_bench_of_imperfect_parts(bench: ModuleType) -> None:
    """Currents by Kirchhoff's law in SciPy, the error at the start, and the settings that count."""
    design = bench.Bench(capacitor=50e-12, tau=2e-3, milliseconds=3).design()
    outside = {"data": 0.25, "c1": 0.3, "c2": -0.2, "out": 0.0}

    def into(net: str, inside: list[float]) -> float:
        volts = outside | dict(zip("ab", inside, strict=True))
        ends = [((a, b), g * v0, v0) for a, b, g, v0 in bench.BONDS if net in (a, b)]
        return sum(i0 * math.sinh((volts[b if net == a else a] - volts[net]) / v0) for (a, b), i0, v0 in ends)

    inside = fsolve(lambda v: [into("a", v), into("b", v)], [0.0, 0.0], xtol=1e-12).tolist()
    (current,) = network_outputs(design.network, design.loop.task, bench.START)
    assert current == pytest.approx(1e-9 * into("out", inside), rel=1e-9)
    (goal,) = design.loop.task.target_levels
    assert 2e6 * (current - 20e-9 * goal) == pytest.approx(45e-3, abs=0.5e-3)
    placed = [e for e in design.circuit.elements if isinstance(e, BlockInstance) and e.block.kind == "integrator"]
    assert len(placed) == 3
    assert all(e.parameters["r"] * 50e-12 == pytest.approx(2e-3) and " c=5e-11" in e.block.text for e in placed)
    assert dict(placed[0].block.parameters)["c"] == 50e-12
    assert design.loop.timeline.stop == pytest.approx(3.15e-3)


def run_example(name: str, words: str, folder: Path) -> str:
    command = [sys.executable, ROOT / "examples" / f"{name}.py", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_mismatch_and_area(tmp_path: Path) -> None:
    """Two chips; the runs of one example count for the other."""
    told = run_example("mismatch", "out --chips 2 --variants gain", tmp_path)
    assert told.count(": ok, error") == 2
    cells = [cell.strip() for cell in told.splitlines()[-1].strip("|").split("|")]
    assert cells[:2] == ["gain of 26 (default)", "2"] and cells[6] == "2 (34-100 %)" and cells[-1] == "1"
    rows = [json.loads(line) for line in (tmp_path / "out" / "runs.jsonl").read_text().splitlines()]
    errors = [1e3 * row["error"][-1] for row in rows]
    assert all(row["error"][0] < -20e-3 for row in rows) and errors[0] != errors[1]
    assert float(cells[2]) == pytest.approx(sum(map(abs, errors)) / 2, rel=0.05)
    assert float(cells[3]) == pytest.approx(abs(errors[0] - errors[1]) / math.sqrt(2), rel=0.05)
    with (tmp_path / "out" / "runs.jsonl").open("a") as store:
        store.write('{"design": "half a li')
    again = run_example("yield_area", "out --chips 2 --variants gain --areas 1", tmp_path)
    assert ": ok, error" not in again and "| gain of 26 (default) | 1 | 2 |" in again
    for name in ("mismatch", "yield_area"):
        assert (tmp_path / "out" / f"{name}.png").stat().st_size > 10_000


def test_offsets_of_single_blocks(tmp_path: Path) -> None:
    """Two of each: chopping takes 98 % of the mixers' offsets at least; an op-amp's millivolt over 16 ms is 60 mV/s."""
    told = run_example("offsets", "--blocks 2 --seed 1", tmp_path)
    rms = {line[:40].strip(): float(line[40:49]) for line in told.splitlines() if " rms" in line}
    assert len(rms) == 8
    assert rms["chopper, sine 0.3 V"] < rms["sine 0.3 V, the default"] / 50
    assert rms["square 0.4 V"] < rms["sine 0.9 V"] < rms["sine 0.3 V, the default"]
    assert 10 < rms["gf180"] < 300 and rms["gf180_chopped"] < rms["gf180"] / 20


def test_area_and_its_law(bench: ModuleType) -> None:
    """A power law is found; transistors grow in area or, where they cannot shrink, mismatch grows by the root of it."""
    area = importlib.import_module("yield_area")
    power, bar = area.exponent([1.0, 4.0, 16.0], [(8.0, 0.8), (4.0, 0.4), (2.0, 0.2)])
    assert power == pytest.approx(-0.5) and bar == pytest.approx(0.1 / (math.log(4) * math.sqrt(2)))
    drawn, small, large = (area.design("gain", size, 3) for size in (1.0, 0.25, 4.0))
    assert small.nonideal.size("mismatch") == 2 * drawn.nonideal.size("mismatch")
    assert large.nonideal == drawn.nonideal and small.sizes == drawn.sizes
    for kind, size in large.sizes.items():
        assert size.gates == pytest.approx(4 * drawn.sizes[kind].gates)


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("mismatch", "out --variants gian", "no variant gian; there are none, square, gain"),
        ("mismatch", "out --chips 0", "'0' is no number from 1 on"),
        ("yield_area", "out --areas -1", "areas are above 0"),
        ("thresholds", "out --factors mismatch", "no formula for mismatch"),
        ("drift", "out --milliseconds 10", "at least 20 ms"),
        ("offsets", "--blocks 1", "at least 2 blocks"),
    ],
)
def test_examples_refuse_what_they_cannot_do(
    name: str, words: str, said: str, bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *words.split()])
    with pytest.raises(SystemExit) as refused:
        importlib.import_module(name).main()
    assert refused.value.code and said in f"{refused.value.code}{capsys.readouterr().err}"
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_thresholds(tmp_path: Path) -> None:
    told = run_example("thresholds", "out --seeds 8", tmp_path)
    ratios = [float(line.split("|")[-2]) for line in told.splitlines() if line.startswith("| ") and line[-6].isdigit()]
    assert len(ratios) == 9 and all(0.7 < ratio < 1.6 for ratio in ratios)


@pytest.mark.slow
def test_drift(tmp_path: Path) -> None:
    """A leak much faster than the drift holds the controls, and costs error; the figure is drawn."""
    told = run_example("drift", "out --chips 1 --leaks 0.01 --milliseconds 60", tmp_path)
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in told.splitlines() if line.startswith("| ")}
    free, held = ([float(cell.split(",")[0]) for cell in rows[name]] for name in ("no leak", "leak of 10 ms"))
    assert held[1] < 0.2 * free[1] and held[2] > free[2] and 0.5 < held[3] / held[4] < 2
    assert (tmp_path / "out" / "drift.png").stat().st_size > 10_000


def test_leaps(tmp_path: Path, osdi_engine: Engine) -> None:
    """One gate both ways; what is there is not made again."""
    words = "out XOR=471 --technology ideal --rate 0.05 --epochs 9"
    told = run_example("leaps", words, tmp_path)
    (row,) = csv.DictReader((tmp_path / "out" / "leaps.csv").read_text().splitlines())
    assert float(row["apart_percent"]) < 2 and float(row["less_simulated"]) > 1 and row["fallback"] == "none"
    made = (tmp_path / "out" / "XOR_whole" / "result.json").stat().st_mtime_ns
    assert run_example("leaps", words, tmp_path) == told
    assert (tmp_path / "out" / "XOR_whole" / "result.json").stat().st_mtime_ns == made
    assert (tmp_path / "out" / "leaps.png").stat().st_size > 20_000


def test_cost(tmp_path: Path, osdi_engine: Engine) -> None:
    told = run_example("cost", "out --dopants 20 50 --controls 2 --technology ideal --points 40 --repeats 1", tmp_path)
    rows = list(csv.DictReader((tmp_path / "out" / "cost.csv").read_text().splitlines()))
    assert [(row["dopants"], row["controls"]) for row in rows] == [("20", "5"), ("50", "5"), ("20", "2")]
    assert "to the power of" in told and (tmp_path / "out" / "cost.png").stat().st_size > 20_000


def test_scaling(tmp_path: Path) -> None:
    script = ROOT / "examples" / "scaling.py"
    words = "out --parameters 2 5 --periods 2 50 --runs 80"
    done = subprocess.run(
        [sys.executable, script, *words.split()], capture_output=True, text=True, timeout=300, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| homodyne |") == 5 and (tmp_path / "out" / "scaling.png").stat().st_size > 20_000
    rows = list(csv.DictReader((tmp_path / "out" / "each.csv").read_text().splitlines()))
    assert len(rows) == 2 * 2 * 6
    times = {(row["way"], row["parameters"], row["periods"]): float(row["found_s"]) for row in rows}
    for row in rows:
        found, theory = float(row["found_s"]), float(row["theory_s"])
        assert 0.4 * theory < found < 1.6 * theory, row
    # noise decides: all at once gains; bandwidth decides: one after the other is the quicker
    assert times["homodyne", "5", "50.0"] < 0.5 * times["one sine at a time", "5", "50.0"]
    assert times["homodyne", "5", "2.0"] > times["one sine at a time", "5", "2.0"]
    assert times["SPSA", "5", "2.0"] > 5 * times["homodyne", "5", "2.0"]


def test_power(tmp_path: Path, osdi_engine: Engine) -> None:
    """Blocks add up, and an op-amp of about 0.24 mA between 3.3 V takes what its data say."""
    script = ROOT / "examples" / "power.py"
    words = ["--gates", "AND", "--technologies", "gf180", "--set", "loop.epochs=1"]
    done = subprocess.run([sys.executable, script, tmp_path, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = {row["block"]: row for row in csv.DictReader((tmp_path / "power.csv").read_text().splitlines())}
    power = {block: float(row["power_w"]) for block, row in rows.items()}
    assert power["all"] == pytest.approx(sum(watt for block, watt in power.items() if block != "all"))
    assert power["integrator"] == pytest.approx(6 * 3.3 * 0.24e-3, rel=0.1)
    assert float(rows["mixer"]["gate_area_m2"]) == pytest.approx(6 * 240e-12)
    assert rows["all"]["energy_to_learn_j"] == "" and "not learnt" in done.stdout


def test_temperature(tmp_path: Path, osdi_engine: Engine) -> None:
    """At the temperature of the first run nothing changes at once, and an open loop keeps what it has."""
    script = ROOT / "examples" / "temperature.py"
    words = ["--epochs", "2", "--kelvin", "77", "120", "--set", "circuit.technology=ideal"]
    done = subprocess.run([sys.executable, script, tmp_path, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    before = done.stdout.split("margin ")[1].split(",")[0]
    found = {line.split()[0]: line.split()[2:5] for line in done.stdout.splitlines() if " K " in line[:12]}
    assert float(found["77"][0].rstrip("%")) == pytest.approx(float(before.rstrip("%")), abs=2)
    assert found["77"][2] == found["77"][0] and found["120"][2] == found["120"][0] != found["77"][0]
    assert (tmp_path / "temperature.png").stat().st_size > 20_000


def test_ladder(tmp_path: Path, shared_engine: Engine) -> None:
    """All blocks in Python and none: they learn alike, and say what Python did."""
    quick = ["network.dopants=6", "network.electrodes=5", "loop.seed=0", "circuit.technology=ideal", "loop.epochs=1"]
    words = [word for text in quick for word in ("--set", text)]
    told = run_example("ladder", " ".join(["out --rungs 1 6", *words]), tmp_path)
    assert "| loss to integrator in Python |" in told and "| all analog |" in told and told.count(" ms |") == 2
    rows = list(csv.DictReader((tmp_path / "out" / "ladder.csv").read_text().splitlines()))
    assert [row["python"] for row in rows] == ["loss, coupler, mixer, lowpass, integrator", "nothing"]
    assert float(rows[0]["error_v"]) == pytest.approx(float(rows[1]["error_v"]), rel=0.02)
    assert (tmp_path / "out" / "ladder.png").stat().st_size > 20_000


def test_difference_of_two_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a sine on other time points nothing is left; of one that is larger by a thousandth that."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    example = importlib.import_module("two_engines")
    one, other = (np.linspace(0.0, 1.0, points) for points in (400, 433))
    waves = [
        xr.Dataset({name: ("time", size * np.sin(9 * at)) for name, size in sizes.items()}, {"time": at})
        for at, sizes in ((one, {"a": 1.0, "b": 2.0, "i(v)": 1.0}), (other, {"a": 1.0, "b": 2.002, "i(v)": 3.0}))
    ]
    found = example.differences(*waves)
    assert set(found) == {"a", "b"} and max(found["a"]) < 1e-5
    assert found["b"] == pytest.approx((1e-3, 1e-3 * math.sqrt(0.5 - math.sin(18) / 36)), rel=0.02)


@pytest.mark.slow
def test_two_engines(tmp_path: Path, osdi_engine: Engine, vacask: Engine) -> None:
    lines = [line.split() for line in run_example("two_engines", "ideal 1 1", tmp_path).splitlines()]
    largest = {line[0]: float(line[1]) for line in lines[1:-3]}
    assert max(value for net, value in largest.items() if net not in ("drivep", "driven")) < 0.5
    assert 0.2 < float(lines[-1][2]) < 5
