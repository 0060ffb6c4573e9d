"""What a study varies: one key of the settings each, by a list, a range, a log range or a normal distribution."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from hgesim.config import parse_config
from hgesim.errors import RequestError

__all__ = ["Factor", "flat_keys", "read_factor", "refuse_many", "resolve"]

Kind = Literal["list", "range", "log-range", "normal"]
Value = Any  # what JSON holds: number, text, true or false, list

_FORMS = (
    'a list, {range = [low, high], levels = n}, {range = "0..49"}, {log-range = [low, high]} or {normal = [mean, sd]}'
)
_SPAN = re.compile(r"\s*(-?\d+)\s*\.\.\s*(-?\d+)\s*")
_MOST_RUNS = 100_000


@dataclass(frozen=True)
class Factor:
    """One key of the settings and the values it takes.

    Parameters
    ----------
    key : str
        ``section.key``, for example ``loop.dither``.
    kind : {"list", "range", "log-range", "normal"}
        How values are made.
    values : tuple
        The values of a list, or low and high end of a range, or mean and standard deviation; in SI units.
    levels : int or None
        Of a range in a grid.
    """

    key: str
    kind: Kind
    values: tuple[Value, ...]
    levels: int | None = None

    @property
    def whole(self) -> bool:
        """Tell whether the key takes whole numbers only."""
        return self.kind != "list" and all(isinstance(value, int) for value in self.values)

    @property
    def numeric(self) -> bool:
        """Tell whether the values are numbers, so that they can be an axis."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)

    def grid(self) -> tuple[Value, ...]:
        """Return the levels of a full factorial.

        Raises
        ------
        RequestError
            ``study.no-levels`` where it is not said how many, or for a distribution.
        """
        if self.kind == "list":
            return self.values
        if self.kind == "normal":
            raise RequestError(
                "study.no-levels",
                "a distribution has no levels",
                place=f"factors.{self.key}",
                remedy='choose another study.design, such as "monte-carlo", or give a list',
            )
        low, high = self.values
        count = self.levels if self.levels is not None else high - low + 1 if self.whole else None
        if count is None:
            raise RequestError(
                "study.no-levels",
                "it is not said how many levels the range has",
                place=f"factors.{self.key}",
                remedy="add levels = n, or choose a study.design that samples",
            )
        refuse_many(count)
        return tuple(dict.fromkeys(self._between(part) for part in np.linspace(0.0, 1.0, count)))

    def corners(self) -> tuple[Value, ...]:
        """Return the ends of a range, or a whole list.

        Raises
        ------
        RequestError
            ``study.no-levels`` for a distribution.
        """
        return self.values if self.kind in ("list", "range", "log-range") else self.grid()

    def at(self, share: float) -> Value:
        """Return the value at a quantile of the factor's distribution.

        Parameters
        ----------
        share : float
            In [0, 1). Ranges are uniform (log-ranges in their logarithm), and so are lists over their entries.
        """
        if self.kind == "list":
            return self.values[min(int(share * len(self.values)), len(self.values) - 1)]
        if self.kind == "normal":
            mean, deviation = self.values
            return _short(mean + deviation * NormalDist().inv_cdf(min(max(share, 1e-12), 1.0 - 1e-12)))
        if self.whole and self.kind == "range":
            low, high = self.values
            return low + min(int(share * (high - low + 1)), high - low)
        return self._between(share)

    def _between(self, part: float) -> Value:
        """Return what lies `part` of the way from the low to the high end."""
        low, high = self.values
        value = low * (high / low) ** part if self.kind == "log-range" else low + part * (high - low)
        return round(value) if self.whole else low if part == 0 else high if part == 1 else _short(value)


def refuse_many(count: int) -> None:
    """Refuse more runs than a folder and a scheduler bear.

    Raises
    ------
    RequestError
        ``study.too-many``.
    """
    if count > _MOST_RUNS:
        raise RequestError(
            "study.too-many", f"{count} runs", place="factors", remedy=f"at most {_MOST_RUNS}: fewer levels or samples"
        )


def _short(value: float) -> float:
    """Round to six digits: enough for any setting, and the same text on every machine."""
    return float(f"{value:.6g}")


def flat_keys(table: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return a TOML table ``[place]`` of ``section.key = value`` as ``{"section.key": value}``; quoted keys do as well.

    Raises
    ------
    RequestError
        ``study.bad-key`` for a name without a section.
    """
    found: dict[str, Any] = {}
    for section, values in table.items():
        if "." in section:
            found[section] = values
        elif isinstance(values, Mapping) and values:
            found |= {f"{section}.{key}": value for key, value in values.items()}
        else:
            raise RequestError(
                "study.bad-key", f'"{section}"', place=place, remedy="write section.key, for example loop.dither"
            )
    return found


def resolve(key: str, value: Value) -> Value:
    """Return a value of a key as the settings take it: validated, in SI units, as JSON holds it.

    Raises
    ------
    RequestError
        ``config.*``, ``units.*``, as `hgesim.config.parse_config`.
    """
    section, _, name = key.partition(".")
    found = getattr(getattr(parse_config({section: {name: value}}), section), name)
    return json.loads(json.dumps(found))


def read_factor(key: str, form: Any) -> Factor:
    """Read one line of ``[factors]``.

    Parameters
    ----------
    key : str
        ``section.key`` of the settings.
    form : list or mapping
        As TOML has it.

    Raises
    ------
    RequestError
        ``study.bad-factor``, ``study.empty-range``; ``config.unknown-key``, ``config.bad-value``, ``units.*``.
    """
    place = f"factors.{key}"
    if isinstance(form, list):
        values = tuple(resolve(key, value) for value in form)
        if not values:
            raise RequestError("study.empty-range", "the list is empty", place=place, remedy="give a value or more")
        if len({json.dumps(value) for value in values}) < len(values):
            raise RequestError("study.bad-factor", "a value stands twice", place=place, remedy="leave one out")
        return Factor(key, "list", values)
    kinds = [kind for kind in ("range", "log-range", "normal") if isinstance(form, Mapping) and kind in form]
    if len(kinds) != 1 or set(form) - {kinds[0], "levels"}:
        resolve(key, form if not isinstance(form, Mapping) else 0)  # an unknown key is told first
        raise RequestError("study.bad-factor", f"{form!r}", place=place, remedy=f"give {_FORMS}")
    kind: Kind = kinds[0]  # type: ignore[assignment]
    return _spanned(key, kind, _pair(form[kind], place), form.get("levels"))


def _pair(form: Any, place: str) -> list[Any]:
    """Return the two figures of a range; text such as ``"0..49"`` is one of whole numbers."""
    if isinstance(form, str) and (span := _SPAN.fullmatch(form)):
        return [int(end) for end in span.groups()]
    if isinstance(form, list) and len(form) == 2:
        return form
    raise RequestError("study.bad-factor", f"{form!r} is no pair", place=place, remedy=f"give {_FORMS}")


def _spanned(key: str, kind: Kind, pair: list[Any], levels: Any) -> Factor:
    place = f"factors.{key}"
    low, high = (resolve(key, end) for end in pair)
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high)):
        raise RequestError("study.bad-factor", "this key takes no numbers", place=place, remedy="give a list")
    whole = isinstance(low, int) and isinstance(high, int)
    if kind == "normal":
        if whole or not high > 0 or levels is not None:
            why = "whole numbers have no normal distribution" if whole else "mean and a deviation above 0 are needed"
            raise RequestError("study.bad-factor", why, place=place, remedy="for example {normal = [1.0, 0.1]}")
        return Factor(key, kind, (low, high))
    if not low < high:
        raise RequestError(
            "study.empty-range", f"nothing lies between {low:g} and {high:g}", place=place, remedy="low end first"
        )
    if kind == "log-range" and not low > 0:
        raise RequestError("study.bad-factor", "a log-range starts above 0", place=place, remedy="or use range")
    most = min(_MOST_RUNS, high - low + 1) if whole else _MOST_RUNS
    if levels is not None and (type(levels) is not int or not 2 <= levels <= most):
        raise RequestError("study.bad-factor", f"levels = {levels!r}", place=place, remedy=f"from 2 to {most:g}")
    if not math.isfinite(high - low):
        raise RequestError("study.bad-factor", "the range is not finite", place=place, remedy="give finite ends")
    return Factor(key, kind, (low, high), levels)
