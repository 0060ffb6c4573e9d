"""Settings of a run: TOML with units in, validated frozen values out."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from hgesim.arguments import check_kind
from hgesim.config_fields import (
    REFUSAL,
    Ampere,
    ElectronVolt,
    Farad,
    Hertz,
    Kelvin,
    Metre,
    Name,
    Number,
    Second,
    Section,
    Siemens,
    Volt,
)
from hgesim.errors import RequestError, nearest
from hgesim.loop_config import ConvertersConfig, LoopConfig, idle_loop_keys
from hgesim.nonideal_config import NonidealConfig

__all__ = [
    "CircuitConfig",
    "Config",
    "ConvertersConfig",
    "EngineConfig",
    "LoopConfig",
    "NetworkConfig",
    "NonidealConfig",
    "TaskConfig",
    "counting_keys",
    "idle_keys",
    "load_config",
    "parse_config",
    "settings_toml",
]


class NetworkConfig(Section):
    """The device: drawn from a seed, or read from a file.

    With ``file`` (GraphML or node-link JSON, relative to the configuration) the file decides everything but
    ``temperature`` (K, of the bonds; 77 K where neither says) and ``site_capacitance`` (F, from every site to ground).
    Otherwise ``seed`` draws a disc: ``dopants``, ``electrodes``, ``inputs`` (numbers of the input electrodes; spread
    evenly where not given), ``radius``, ``localisation`` and ``cutoff`` (m), ``disorder`` (eV), ``current`` (A, typical
    spread of the output), ``fastest`` (Hz, hops a second that no bond exceeds) and ``site_leak`` (S); ``levers``
    (``"kernel"`` or ``"laplace"``, with ``electrode_width`` the share of the rim that electrodes cover); ``coulomb``
    (whether carriers repel each other, with ``permittivity``, ``screening`` (m) and ``counter_dopants``), as in
    `hgesim.network.DiscParameters`. ``chosen_from`` tells how many
    devices were looked at to choose this one.
    """

    file: Name | None = None
    seed: int = Field(default=0, ge=0)
    dopants: int = Field(default=20, ge=1)
    electrodes: int = Field(default=8, ge=2)
    inputs: tuple[int, ...] | None = Field(default=None, strict=False)
    radius: Metre = 50e-9
    localisation: Metre = 3e-9
    cutoff: Metre = 40e-9
    disorder: ElectronVolt = 0.05
    current: Ampere = 50e-9
    fastest: Hertz | None = None
    site_leak: Siemens = 1e-13
    levers: Literal["kernel", "laplace"] = "kernel"
    electrode_width: Number = 0.5
    coulomb: bool = False
    permittivity: Number = 11.7
    screening: Metre | None = None
    counter_dopants: int | None = Field(default=None, ge=0)
    temperature: Kelvin | None = None
    site_capacitance: Farad = Field(default=20e-15, ge=0)
    chosen_from: int | None = Field(default=None, ge=1)


class TaskConfig(Section):
    """What is learnt (`hgesim.loop.Task`).

    ``kind`` decides which other keys count, besides ``level`` (V) and ``offsets`` (V, one for each input): an input
    of x is ``offset + level x``; and ``target`` (A, above the threshold, for a target of 1):

    * ``gate``: ``gate`` by name, ``margin`` that counts as learnt.
    * ``sphere`` (three inputs, ``radius``, ``gap``) and ``ring`` (two inputs): ``training`` cases shown and ``test``
      cases held out, drawn from ``seed``; ``accuracy`` on the held-out ones that counts.
    * ``curve``: ``curve`` by name, ``training``, ``test``, ``seed``; largest normalised ``error`` that counts. Or a
      ``file``.
    * ``classes``: ``file``, a CSV table (`hgesim.loop.read_task`, relative to the configuration), and ``accuracy``.
    """

    kind: Literal["gate", "sphere", "ring", "curve", "classes"] = "gate"
    gate: Name = "AND"
    curve: Name = "square"
    file: Name | None = None
    training: int = 16
    test: int = 200
    seed: int = Field(default=0, ge=0)
    radius: Number | None = None
    gap: Number = 0.0
    level: Volt = 0.3
    offsets: tuple[Volt, ...] = Field(default=(), strict=False)
    target: Ampere = 50e-9
    margin: Number = 0.25
    accuracy: Number = 0.9
    error: Number = 0.25


class CircuitConfig(Section):
    """The electronics.

    ``technology`` of all blocks, ``area`` (of the gate of every foundry transistor, relative to what is drawn: matching
    is bought with it) and ``temperature`` (K); ``readout``, ``loss``, ``hinge`` (with ``loop.loss = "hinge"``
    only), ``coupler``, ``mixer``, ``lowpass`` and ``integrator`` each name another technology, a variant such as
    ``gf180_chopper`` (``circuits/gf180/mixer_chopper.sp``), a subcircuit file, relative to the configuration, or (not
    ``readout``) ``python``: Python computes it while the simulator runs (engine ``shared`` unless another is given).
    """

    technology: Name = "gf180"
    area: Number = 1.0
    temperature: Kelvin = 300.0
    readout: Name | None = None
    loss: Name | None = None
    hinge: Name | None = None
    coupler: Name | None = None
    mixer: Name | None = None
    lowpass: Name | None = None
    integrator: Name | None = None

    @property
    def choices(self) -> dict[str, str]:
        """Return the blocks chosen apart from the technology."""
        kinds = ("readout", "loss", "hinge", "coupler", "mixer", "lowpass", "integrator")
        return {kind: value for kind in kinds if (value := getattr(self, kind)) is not None}


class EngineConfig(Section):
    """The simulator.

    ``name`` (``ngspice``; ``vacask``; ``shared``: libngspice in a process of hgesim's), ``timeout`` (s of wall time for
    one transient: each repeat and restart has as much again; with leaps for all transients of a start together),
    ``dialect`` of ngspice's hopping bonds (``auto``: what the engine can), ``steps_per_cycle`` (time steps in a cycle
    of the highest carrier; 20 is safe), ``repeats`` (how often a transient in which the simulator gave up is repeated
    with a step shorter by a sixth).

    ``multirate``: simulate only some epochs and leap over the others by the averaged equations of the loop, corrected
    so that they agree with the epochs simulated; for slow integrators. ``leap_error`` (V) is how far a control may end
    from where a leap was foretold to lead: beyond it a shorter leap is tried, below it the next is longer.
    """

    name: Name = "ngspice"
    timeout: Second = Field(default=3600.0, gt=0)
    dialect: Literal["auto", "osdi", "b-source"] = "auto"
    steps_per_cycle: Number = 20.0
    repeats: int = Field(default=1, ge=0)
    multirate: bool = False
    leap_error: Volt = Field(default=3e-3, gt=0)


class Config(Section):
    """All settings of a run; where Python plays a part, ``engine.name`` is ``shared`` unless another is given."""

    network: NetworkConfig = NetworkConfig()
    task: TaskConfig = TaskConfig()
    loop: LoopConfig = LoopConfig()
    circuit: CircuitConfig = CircuitConfig()
    converters: ConvertersConfig = ConvertersConfig()
    nonideal: NonidealConfig = NonidealConfig()
    engine: EngineConfig = EngineConfig()

    @model_validator(mode="after")
    def _choose_engine(self) -> Self:
        if self.has_python and "name" not in self.engine.model_fields_set:
            object.__setattr__(self, "engine", self.engine.model_copy(update={"name": "shared"}))
        return self

    @property
    def has_python(self) -> bool:
        """Tell whether Python plays a part of the machine while it runs."""
        return self.loop.update == "digital" or "python" in self.circuit.choices.values()


def idle_keys(section: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of a section that others put out of action, each with what would be needed for it to count.

    Parameters
    ----------
    section : str
        ``network``, ``loop``, ``converters`` or ``engine``; other sections have none.
    values : mapping
        Of the section; what is not there has its default.
    """
    idle: dict[str, str] = {}
    if section == "network":
        if not values.get("coulomb", False):
            idle |= dict.fromkeys(("permittivity", "screening", "counter_dopants"), "coulomb = true")
        if values.get("levers", "kernel") == "kernel":
            idle["electrode_width"] = 'levers = "laplace"'
    if section == "converters" and not values.get("jitter", 0.0):
        idle["seed"] = "jitter"
    if section == "engine" and not values.get("multirate", False):
        idle["leap_error"] = "multirate = true"
    if section == "loop":
        idle |= idle_loop_keys(values)
    return idle


def counting_keys(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a section what it only holds because all keys are stored: what is None or `idle_keys` names."""
    idle = idle_keys(section, values)
    return {key: value for key, value in values.items() if value is not None and key not in idle}


def settings_toml(data: Mapping[str, Mapping[str, Any]], comment: str = "") -> str:
    """Return settings as TOML that `load_config` reads.

    Parameters
    ----------
    data : mapping
        Sections as `parse_config` takes them; keys that are None are left out.
    comment : str
        First line, if any.
    """
    lines = [f"# {comment}", ""] if comment else []
    for section, values in data.items():  # text, numbers and lists are JSON's, but TOML knows no surrogates
        told = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items() if value is not None}
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in told.items()), ""]
    return "\n".join(lines[:-1]) + "\n"


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> tuple[Config, Path]:
    """Read a TOML file and apply ``section.key=value`` overrides.

    Parameters
    ----------
    path : str or Path
        The file.
    overrides : iterable of str
        Each ``section.key=value``, value as TOML or else a bare string. A key of the file that an override puts out
        of action (`idle_keys`), as ``loop.start`` does ``loop.seed``, is dropped.

    Returns
    -------
    config : Config
        Validated settings in SI units.
    folder : Path
        Of the file: what relative file names in it refer to.

    Raises
    ------
    RequestError
        ``config.no-file``, ``config.bad-toml``, ``config.bad-override``, ``config.unknown-key``, ``config.bad-value``,
        ``units.*``: each names the key.
    """
    path = Path(check_kind(path, str | PathLike, "config.no-file", "config"))
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(
            "config.no-file", error.strerror or str(error), place=str(path), remedy="give a TOML file that can be read"
        ) from None
    except ValueError as error:  # bad syntax, not UTF-8, or an integer of thousands of digits
        raise RequestError("config.bad-toml", str(error), place=str(path)) from None
    given = [_override(text) for text in overrides]
    for section in {section for section, _, _ in given}:
        target = data.setdefault(section, {})
        if isinstance(target, dict):
            before = idle_keys(section, target)
            own = {key: value for name, key, value in given if name == section}
            target |= own
            for key in idle_keys(section, target).keys() - before.keys() - own.keys():
                target.pop(key, None)
    return parse_config(data), path.parent


def parse_config(data: Mapping[str, Any]) -> Config:
    """Validate settings given as nested mappings; raises as `load_config` does."""
    _refuse_unknown(data)
    try:
        return Config.model_validate({section: dict(values) for section, values in data.items()})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        refusal = first.get("ctx", {}).get(REFUSAL)
        if isinstance(refusal, RequestError):
            raise RequestError(refusal.code, refusal.message, place=place, remedy=refusal.remedy) from None
        message = first["msg"][0].lower() + first["msg"][1:]
        raise RequestError("config.bad-value", f"{message}, not {first['input']!r}", place=place) from None


def _refuse_unknown(data: Mapping[str, Any]) -> None:
    for section, values in data.items():
        if section not in Config.model_fields:
            raise RequestError(
                "config.unknown-key",
                f"no section [{section}]",
                place="config",
                remedy=nearest(section, Config.model_fields),
            )
        if not isinstance(values, Mapping):
            raise RequestError(
                "config.bad-value", "this is a section", place=section, remedy=f"write [{section}] and keys below it"
            )
        fields = Config.model_fields[section].annotation.model_fields  # type: ignore[union-attr]
        for key in values:
            if key not in fields:
                raise RequestError(
                    "config.unknown-key", f'no key "{key}"', place=f"[{section}]", remedy=nearest(key, fields)
                )


def _override(text: str) -> tuple[str, str, Any]:
    name, equals, raw = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot and section and key):
        raise RequestError(
            "config.bad-override",
            f'"{text}"',
            place="--set",
            remedy="write section.key=value, for example loop.rate=0.5",
        )
    try:
        value = tomllib.loads(f"value = {raw}")
    except ValueError:
        return section, key, raw.strip()
    if set(value) != {"value"}:
        raise RequestError(
            "config.bad-override",
            f'"{text}" holds more than one value',
            place="--set",
            remedy="one value for each --set",
        )
    return section, key, value["value"]
