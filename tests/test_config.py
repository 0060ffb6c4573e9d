"""Settings: what is accepted, and that every refusal names the key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pydantic
import pytest

from hgesim import config as module
from hgesim.blocks import KINDS
from hgesim.config import CircuitConfig, Config, counting_keys, load_config, parse_config, settings_toml
from hgesim.errors import RequestError
from hgesim.loop import LoopSettings

Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def read(text: str = "", *overrides: str) -> Config:
        path = tmp_path / "run.toml"
        path.write_text(text, encoding="utf-8")
        config, folder = load_config(path, overrides)
        assert folder == tmp_path
        return config

    return read


def test_units_and_numbers_mean_the_same(load: Load) -> None:
    text = '[loop]\ndither = "20 mV"\ncarriers = ["5 kHz", 7e3]\n[network]\ntemperature = "77 K"\nradius = 5e-8'
    config = load(text)
    assert config.loop.dither == pytest.approx(0.02)
    assert config.loop.carriers == pytest.approx((5000.0, 7000.0))
    assert config.network.temperature == 77.0
    assert config.network.radius == 5e-8


def test_defaults_are_those_of_the_layers_below(load: Load) -> None:
    config = load()
    assert config == Config()
    settings = LoopSettings()
    for name in ("dither", "threshold_dither", "reference", "rate", "transimpedance", "loss"):
        assert getattr(config.loop, name) == getattr(settings, name)
    assert (config.circuit.technology, config.circuit.temperature) == ("gf180", 300.0)


def test_all_kinds_of_blocks_can_be_chosen() -> None:
    kinds = set(CircuitConfig.model_fields) - {"technology", "area", "temperature"}
    assert kinds == set(KINDS)
    chosen = CircuitConfig(**dict.fromkeys(KINDS, "ideal"))
    assert chosen.choices == dict.fromkeys(KINDS, "ideal")
    assert CircuitConfig(mixer="ideal").choices == {"mixer": "ideal"}


def test_stable_keys(load: Load) -> None:
    """The keys that scripts use."""
    config = load(
        "",
        *["network.seed=3", "network.dopants=7", "task.gate=OR", "loop.rate=0", "loop.dither=5 mV", "loop.seed=9"],
        *["network.temperature=4.2 K", "circuit.temperature=350", "circuit.technology=ideal", "circuit.mixer=gf180"],
        *["engine.name=/usr/bin/ngspice", "engine.timeout=60 s"],
    )
    assert (config.network.seed, config.network.dopants, config.loop.seed) == (3, 7, 9)
    assert (config.task.gate, config.loop.rate, config.loop.dither) == ("OR", 0.0, 0.005)
    assert (config.network.temperature, config.circuit.temperature) == (4.2, 350.0)
    assert (config.circuit.technology, config.circuit.mixer) == ("ideal", "gf180")
    assert (config.engine.name, config.engine.timeout) == ("/usr/bin/ngspice", 60.0)


def test_overrides_beat_the_file_and_the_last_one_wins(load: Load) -> None:
    text = '[task]\ngate = "AND"\nlevel = 0.4'
    config = load(text, "task.gate=OR", 'task.gate="NOR"', "loop.start=[0.1, -0.2]", "loop.rule=homodyne")
    assert (config.task.gate, config.task.level) == ("NOR", 0.4)
    assert config.loop.start == (0.1, -0.2)


@pytest.mark.parametrize(
    ("text", "code", "place", "words"),
    [
        ("[lop]\nrate = 1", "config.unknown-key", "config", 'did you mean "loop"?'),
        ("[loop]\nrat = 1", "config.unknown-key", "[loop]", 'did you mean "rate"?'),
        (
            "[nonsense]",
            "config.unknown-key",
            "config",
            "one of: circuit, converters, engine, loop, network, nonideal, task",
        ),
        ("loop = 3", "config.bad-value", "loop", "section"),
        ("[loop]\nramp = nan", "units.not-finite", "loop.ramp", "nan"),
        ("[loop]\nramp = inf", "units.not-finite", "loop.ramp", "inf"),
        ("[loop]\nramp = true", "units.bad-value", "loop.ramp", "True"),
        ("[loop]\nramp = [1]", "units.bad-value", "loop.ramp", "[1]"),
        ('[loop]\nramp = "soon"', "units.bad-value", "loop.ramp", "soon"),
        ('[loop]\nramp = "1 V"', "units.wrong-unit", "loop.ramp", "V"),
        # the same text stands in a key where it is right: the wrong one is named
        ('[task]\nlevel = "300 mV"\n[loop]\nramp = "300 mV"', "units.wrong-unit", "loop.ramp", "300 mV"),
        ("[task]\nlevel = 1\n[loop]\nstart = [1, nan]", "units.not-finite", "loop.start.1", "nan"),
        ('[loop]\ncarriers = [1, "2 V"]', "units.wrong-unit", "loop.carriers.1", "Hz"),
        ("[loop]\nstart = 0.1", "config.bad-value", "loop.start", "0.1"),
        ('[loop]\nrule = "luck"', "config.bad-value", "loop.rule", "homodyne"),
        ('[loop]\nloss = "hing"', "config.bad-value", "loop.loss", "hinge"),
        ('[engine]\ndialect = "osd"', "config.bad-value", "engine.dialect", "b-source"),
        ('[network]\nseed = "7"', "config.bad-value", "network.seed", "integer"),
        ("[network]\nseed = 1.0", "config.bad-value", "network.seed", "integer"),
        ("[network]\nseed = true", "config.bad-value", "network.seed", "integer"),
        ("[network]\nseed = -1", "config.bad-value", "network.seed", "0"),
        ('[network]\ninputs = [2, "5"]', "config.bad-value", "network.inputs.1", "integer"),
        ("[network]\nsite_capacitance = -1e-15", "config.bad-value", "network.site_capacitance", "0"),
        ("[task]\ngate = 3", "config.bad-value", "task.gate", "string"),
        ('[circuit]\nmixer = "a\\u0000b.sp"', "config.bad-value", "circuit.mixer", "printable"),
        ('[engine]\nname = "x\\ny"', "config.bad-value", "engine.name", "printable"),
        ("[engine]\ntimeout = 0", "config.bad-value", "engine.timeout", "greater than 0"),
        ("[loop]\nbeats = 0", "config.bad-value", "loop.beats", "1"),
        ("[loop]\nrate = 2020-01-01", "units.bad-value", "loop.rate", "date"),
        ("[network]\nradius = 1" + 400 * "0", "units.not-finite", "network.radius", "integer"),
        ("[network]\nradius = 1" + 5000 * "0", "config.bad-toml", "run.toml", "digits"),
        ("x = = 1", "config.bad-toml", "run.toml", "line 1"),
        ("[loop]\nrate = 1\nrate = 2", "config.bad-toml", "run.toml", ""),
    ],
)
def test_refusals_name_the_key(load: Load, text: str, code: str, place: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        load(text)
    error = caught.value
    assert error.code == code
    assert error.place.endswith(place) if place == "run.toml" else error.place == place
    assert words in str(error)
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("override", "code"),
    [
        ("loop.rate", "config.bad-override"),
        ("loop=3", "config.bad-override"),
        (".rate=3", "config.bad-override"),
        ("loop.=3", "config.bad-override"),
        ("", "config.bad-override"),
        ("loop.rate=1\nloop.seed=3", "config.bad-override"),
        ('loop.rate=1\n[task]\ngate = "OR"', "config.bad-override"),
        ('task.gate=x\n[task]\ngate = "OR"', "config.bad-value"),
        ("loop.rate.deep=1", "config.unknown-key"),
        ("lop.rate=1", "config.unknown-key"),
        ("loop.rate=nan", "units.not-finite"),
        ("loop.rate=fast", "units.bad-value"),
        ("loop.rate={a = 1}", "units.bad-value"),
    ],
)
def test_overrides_refused(load: Load, override: str, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        load("", override)
    assert caught.value.code == code
    assert str(caught.value).isprintable()


def test_override_of_a_section_that_is_none(load: Load) -> None:
    with pytest.raises(RequestError, match=r"\[config\.bad-value\] task: this is a section"):
        load("task = 3", "task.gate=OR")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(RequestError) as caught:
            load_config(path)
        assert caught.value.code == "config.no-file"
        assert caught.value.place == str(path)
    (tmp_path / "latin.toml").write_bytes(b"# \xff\xfe")
    with pytest.raises(RequestError, match=r"config\.bad-toml"):
        load_config(tmp_path / "latin.toml")


def test_settings_are_frozen() -> None:
    config = Config()
    with pytest.raises(pydantic.ValidationError):
        config.loop = config.loop  # type: ignore[misc]
    with pytest.raises(pydantic.ValidationError):
        config.loop.rate = 2.0  # type: ignore[misc]


def test_what_is_stored_is_read_back_the_same() -> None:
    config = parse_config({"loop": {"start": [0.1, 0.2], "dither": "1 mV"}, "network": {"inputs": [1, 2]}})
    assert parse_config(json.loads(json.dumps(config.model_dump(mode="json", exclude_none=True)))) == config


def test_every_key_is_explained() -> None:
    for section, field in Config.model_fields.items():
        kind = field.annotation
        assert kind is not None and kind.__name__ in module.__all__
        for key in kind.model_fields:
            assert f"``{key}``" in (kind.__doc__ or ""), f"{section}.{key}"


def test_settings_written_as_toml_are_read_again(load: Load) -> None:
    told = load(
        '[task]\nkind = "classes"\nfile = "a \\"b\\" \\\\ é 🧪.csv"\n[loop]\nstart = [0.1, -2e-3]\n', "loop.epochs=3"
    )
    whole = told.model_dump(mode="json")
    counting = {section: counting_keys(section, values) for section, values in whole.items()}
    assert "seed" not in counting["loop"] and "seed" in whole["loop"] and "file" not in counting["network"]
    for data in (told.model_dump(mode="json", exclude_unset=True), counting):
        toml = settings_toml(data, "A line.")
        assert toml.startswith("# A line.\n\n[") and toml.endswith("\n") and load(toml).model_dump(mode="json") == whole
        assert settings_toml(data) == toml.removeprefix("# A line.\n\n")
