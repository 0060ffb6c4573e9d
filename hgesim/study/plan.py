"""The plan of a study: which settings are run, worked out from its file before anything runs."""

from __future__ import annotations

import hashlib
import itertools
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hgesim._version import __version__
from hgesim.config import parse_config
from hgesim.errors import RequestError, nearest
from hgesim.seeds import generator
from hgesim.study.factors import Factor, flat_keys, read_factor, refuse_many, resolve
from hgesim.study.parts import need

__all__ = ["Inputs", "Study", "read_study", "study_from"]

Inputs = dict[str, Any]  # section.key -> value, in SI units
_SAMPLED = ("latin-hypercube", "sobol", "monte-carlo")


class StudyConfig(BaseModel):
    """Section ``[study]``.

    ``name``; ``base``, the settings file that the factors change (relative to the study file; without it the
    defaults). ``design``: ``grid`` (every combination of levels), ``corners`` (every combination of the ends),
    ``latin-hypercube`` or ``monte-carlo`` (``samples`` runs), ``sobol`` (``samples``, a power of two, times the
    number of factors plus two: Saltelli's scheme, for Sobol indices); ``seed`` of the sampling. ``replicates`` of
    every setting, each with its own ``replicate`` key, a seed counted up from its value in the settings.
    ``outcomes`` that the report shows: ``learnt`` or places in ``result.json``, such as ``energy_j.total``.
    ``keep``: ``results`` of each run only, or ``all`` that a run leaves, waveforms included.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: str = Field(default="study", min_length=1, max_length=80)
    base: str | None = None
    design: Literal["grid", "corners", "latin-hypercube", "sobol", "monte-carlo"] = "grid"
    samples: int | None = Field(default=None, ge=2, le=100_000)
    seed: int = Field(default=0, ge=0)
    replicates: int = Field(default=1, ge=1, le=100_000)
    replicate: str = "loop.seed"
    outcomes: tuple[str, ...] = Field(default=("learnt", "score.final", "loss.final"), strict=False, min_length=1)
    keep: Literal["results", "all"] = "results"


@dataclass(frozen=True)
class Study:
    """A study, worked out.

    Parameters
    ----------
    config : StudyConfig
        Section ``[study]``.
    settings : dict
        The base settings with ``[settings]`` of the study applied, as `hgesim.config.parse_config` takes them.
    factors : tuple of Factor
        What varies, in the order of the file.
    folder : Path
        What relative file names in the settings refer to.
    source : dict
        The study file and the base settings as read: `study_from` makes the same study of it.
    """

    config: StudyConfig
    settings: dict[str, Any]
    factors: tuple[Factor, ...]
    folder: Path
    source: dict[str, Any]

    @property
    def samples(self) -> int:
        """Return how many settings there are, replicates not counted."""
        return len(self.runs) // self.config.replicates

    @cached_property
    def runs(self) -> tuple[Inputs, ...]:
        """Return the inputs of every run, in the order of the table: replicates of one setting stand together."""
        config = self.config
        keys = [factor.key for factor in self.factors]
        seeds: list[Inputs] = [{}]
        if config.replicates > 1:
            section, _, name = config.replicate.partition(".")
            first = resolve(config.replicate, self.settings.get(section, {}).get(name, _default(section, name)))
            seeds = [{config.replicate: first + number} for number in range(config.replicates)]
        return tuple(dict(zip(keys, row, strict=True)) | seed for row in self._settings() for seed in seeds)

    def _settings(self) -> Iterator[tuple[Any, ...]]:
        if self.config.design in _SAMPLED:
            for row in self._shares():
                yield tuple(factor.at(float(share)) for factor, share in zip(self.factors, row, strict=True))
            return
        levels = [factor.grid() if self.config.design == "grid" else factor.corners() for factor in self.factors]
        count = self.config.replicates
        for values in levels:
            count *= len(values)
        refuse_many(count)
        yield from itertools.product(*levels)

    def _shares(self) -> NDArray[np.float64]:
        """Return the samples in the unit cube, shape (samples, factors)."""
        config, dimensions = self.config, len(self.factors)
        assert config.samples is not None
        refuse_many(config.samples * config.replicates * (dimensions + 2 if config.design == "sobol" else 1))
        random = generator(config.seed, "study", config.design)
        if config.design == "monte-carlo":
            return random.random((config.samples, dimensions))
        if config.design == "latin-hypercube":
            order = random.permuted(np.tile(np.arange(config.samples), (dimensions, 1)), axis=1).T
            return np.asarray((order + random.random((config.samples, dimensions))) / config.samples)
        sample = need("SALib.sample.sobol").sample
        return np.asarray(sample(self.problem, config.samples, calc_second_order=False, seed=random))

    @property
    def problem(self) -> dict[str, Any]:
        """Return the factors as SALib takes them, in the unit cube."""
        count = len(self.factors)
        return {"num_vars": count, "names": [factor.key for factor in self.factors], "bounds": [[0.0, 1.0]] * count}

    def settings_of(self, inputs: Inputs) -> dict[str, Any]:
        """Return the whole settings of one run."""
        merged = {section: dict(values) for section, values in self.settings.items()}
        for key, value in inputs.items():
            section, _, name = key.partition(".")
            merged.setdefault(section, {})[name] = value
        return merged

    def check(self) -> None:
        """Refuse a run whose settings do not hold, before any runs; raises as `hgesim.config.parse_config`."""
        for inputs in self.runs:
            parse_config(self.settings_of(inputs))

    def files(self) -> dict[str, str]:
        """Return the SHA-256 of every file that the settings name."""
        named = {
            f"{section}.{key}": [value] for section, values in self.settings.items() for key, value in values.items()
        }
        for factor in self.factors:
            named.setdefault(factor.key, []).extend(factor.values)
        return {
            f"{key}: {value}": hashlib.sha256((self.folder / value).read_bytes()).hexdigest()
            for key, values in named.items()
            for value in values
            if isinstance(value, str) and Path(value).suffix and (self.folder / value).is_file()
        }


def _default(section: str, key: str) -> Any:
    config = parse_config({section: {}} if section else {})
    return getattr(getattr(config, section), key, None)


def read_study(path: str | Path) -> Study:
    """Read a study file.

    Parameters
    ----------
    path : str or Path
        TOML with sections ``[study]`` (`StudyConfig`), ``[factors]`` (`read_factor`) and ``[settings]``: fixed
        ``section.key = value`` on top of the base settings.

    Raises
    ------
    RequestError
        ``config.no-file``, ``config.bad-toml``, ``study.*``, ``config.*``, ``units.*``.
    """
    path = Path(path)
    data = _toml(path)
    name = data.get("study", {}).get("base") if isinstance(data.get("study"), dict) else None
    base = path.parent / name if isinstance(name, str) else None
    source = {
        "hgesim": __version__,
        "study": data,
        "base": _toml(base) if base else {},
        "place": str((base or path).resolve()),
    }
    try:
        json.dumps(source, allow_nan=False)
    except (TypeError, ValueError):
        raise RequestError(
            "study.bad-value", "a date, NaN or infinity is no setting", place=str(path), remedy="give finite numbers"
        ) from None
    return study_from(source)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(
            "config.no-file", error.strerror or str(error), place=str(path), remedy="give a TOML file that can be read"
        ) from None
    except ValueError as error:
        raise RequestError("config.bad-toml", str(error), place=str(path)) from None


def study_from(source: Mapping[str, Any]) -> Study:
    """Make the study of what `read_study` read or a study's folder stored; raises as `read_study`."""
    data = source["study"]
    for section, values in data.items():
        if section not in ("study", "factors", "settings"):
            raise RequestError(
                "study.bad-key",
                f"no section [{section}]",
                place="study file",
                remedy=nearest(section, ("study", "factors", "settings")),
            )
        if not isinstance(values, dict):
            raise RequestError("study.bad-key", "this is a section", place=section, remedy=f"write [{section}]")
    config = _study_config(data.get("study", {}))
    parse_config(source["base"])
    settings = {section: dict(values) for section, values in source["base"].items()}
    for key, value in flat_keys(data.get("settings", {}), "settings").items():
        resolve(key, value)
        section, _, name = key.partition(".")
        settings.setdefault(section, {})[name] = value
    factors = tuple(read_factor(key, form) for key, form in flat_keys(data.get("factors", {}), "factors").items())
    study = Study(config, settings, factors, Path(source["place"]).parent, dict(source))
    _refuse(study)
    study.check()
    return study


def _study_config(data: dict[str, Any]) -> StudyConfig:
    for key in data:
        if key not in StudyConfig.model_fields:
            raise RequestError(
                "study.bad-key", f'no key "{key}"', place="[study]", remedy=nearest(key, StudyConfig.model_fields)
            )
    try:
        return StudyConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in ("study", *first["loc"]))
        message = first["msg"][0].lower() + first["msg"][1:]
        raise RequestError("study.bad-value", f"{message}, not {first['input']!r}", place=place) from None


def _refuse(study: Study) -> None:
    """Refuse what each part allows and the whole does not."""
    config, keys = study.config, [factor.key for factor in study.factors]

    def refuse(message: str, place: str, remedy: str) -> None:
        raise RequestError("study.bad-value", message, place=place, remedy=remedy)

    if not keys and config.replicates == 1:
        raise RequestError("study.no-factor", "nothing varies", place="[factors]", remedy="give a factor or replicates")
    sampled = config.design in _SAMPLED
    if sampled and config.samples is None:
        refuse(f'the design "{config.design}" needs a number', "study.samples", "for example samples = 64")
    if not sampled and config.samples is not None:
        refuse(f'the design "{config.design}" takes none', "study.samples", "leave it out, or give levels")
    if sampled and not keys:
        refuse("there is nothing to sample", "study.design", 'give factors, or design = "grid"')
    if config.design == "sobol" and config.samples is not None and config.samples & (config.samples - 1):
        refuse(f"{config.samples} is no power of two", "study.samples", "for example 64")
    if config.replicates == 1:
        return
    if config.replicate in keys:
        refuse(f"{config.replicate} is a factor as well", "study.replicate", "name another seed, or drop the factor")
    section, _, name = config.replicate.partition(".")
    if type(resolve(config.replicate, _default_of(study, section, name))) is not int:
        refuse(f"{config.replicate} is no whole number", "study.replicate", "name a seed")
    if config.replicate == "loop.seed" and study.settings.get("loop", {}).get("start") is not None:
        refuse("the start is given, so that replicates are all the same", "study.replicate", "leave out loop.start")


def _default_of(study: Study, section: str, key: str) -> Any:
    return study.settings.get(section, {}).get(key, _default(section, key))
