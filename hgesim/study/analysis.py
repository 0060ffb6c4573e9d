"""What the table of a study says: yield with its interval, which factor matters, which runs are the worst."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.learning import proportion_interval
from hgesim.seeds import generator
from hgesim.study.factors import Factor
from hgesim.study.parts import need
from hgesim.study.plan import Study
from hgesim.study.table import PENDING

__all__ = ["Level", "Share", "Spread", "levels", "numbers", "sensitivity", "spread", "worst", "yield_of"]

FloatArray = NDArray[np.float64]
Rows = list[dict[str, Any]]

_MOST_LEVELS = 10  # more different values than these are put into classes of equal counts
_CLASSES = 6, 20  # fewest, for tables and plots; most, for shares of many runs
_SHUFFLES = 400
_WEAKEST = 5
_RESAMPLES = 200


@dataclass(frozen=True)
class Level:
    """Runs that share a level of a factor, or a class of neighbouring values.

    Parameters
    ----------
    name : str
        The level, or the class's ends.
    rows : tuple of int
        Row numbers in the table.
    middle : float or None
        Median of the values where they are numbers.
    """

    name: str
    rows: tuple[int, ...]
    middle: float | None


@dataclass(frozen=True)
class Share:
    """How much of an outcome's variance one factor explains.

    Parameters
    ----------
    key : str
        The factor.
    first : float
        First-order index: the share that the factor explains alone.
    doubt : float
        Of a Sobol design, half the 95 % interval of `first`; else the share that chance alone reaches in 1 of 20
        shuffles of the outcomes.
    total, total_doubt : float or None
        Total index with all interactions, and half its 95 % interval; of a Sobol design only.
    rank : float or None
        Spearman's rank correlation, where the values are numbers.
    """

    key: str
    first: float
    doubt: float
    total: float | None
    total_doubt: float | None
    rank: float | None


@dataclass(frozen=True)
class Spread:
    """How an outcome spreads over the runs that have it.

    Parameters
    ----------
    values : ndarray, (runs,)
        In ascending order.
    low, middle, high : float
        Quartiles.
    """

    values: FloatArray
    low: float
    middle: float
    high: float


def spread(table: Rows, outcome: str) -> Spread | None:
    """Return how an outcome spreads, a column of numbers of the table; None where fewer than two runs have it."""
    values = numbers(table, outcome) if outcome in table[0] else np.zeros(0)
    values = np.sort(values[np.isfinite(values)])
    if len(values) < 2:
        return None
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return Spread(values, low, middle, high)


def yield_of(table: Rows) -> tuple[int, int, float, float]:
    """Return how many learnt, of how many runs that have a verdict, and Wilson's 95 % interval of the share.

    A run that is refused, aborts, fails or ends at a rail did not learn.
    """
    done = [row for row in table if row["verdict"] != PENDING]
    learnt = sum(bool(row["learnt"]) for row in done)
    return (learnt, len(done), *(proportion_interval(learnt, len(done)) if done else (0.0, 1.0)))


def levels(table: Rows, factor: Factor, classes: int = _CLASSES[0]) -> list[Level]:
    """Return the table's rows by levels of a factor, in the order of a list or of the numbers.

    Parameters
    ----------
    table : list of dict
        From `hgesim.study.rows`.
    factor : Factor
        One of the study's.
    classes : int
        How many classes of equal counts numbers are put into that have too many different values.
    """
    texts = [json.dumps(row[factor.key]) for row in table]
    distinct = dict.fromkeys(texts)
    if factor.kind == "list" or len(distinct) <= _MOST_LEVELS:
        order = [json.dumps(value) for value in factor.values] if factor.kind == "list" else []
        names = [text for text in order if text in distinct] or sorted(distinct, key=float)
        return [
            Level(_name(json.loads(name)), rows, float(name) if factor.numeric else None)
            for name in names
            if (rows := tuple(number for number, text in enumerate(texts) if text == name))
        ]
    values = numbers(table, factor.key)
    found = []
    for part in np.array_split(np.argsort(values, kind="stable"), classes):
        ends = values[part[0]], values[part[-1]]
        name = " – ".join(_name(float(end)) for end in ends)
        found.append(Level(name, tuple(int(row) for row in part), float(np.median(values[part]))))
    return found


def _name(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_name, value)) if isinstance(value, list) else str(value)


def numbers(table: Rows, name: str) -> FloatArray:
    """Return a column as numbers, shape (rows,): 1 and 0 for true and false, NaN where there is none."""
    pending = name == "learnt"
    found = [None if pending and row["verdict"] == PENDING else row[name] for row in table]
    return np.array([float(v) if isinstance(v, int | float) else np.nan for v in found], dtype=float)


def sensitivity(study: Study, table: Rows, outcome: str) -> tuple[list[Share], str]:
    """Rank the factors of a study by how much of the variance of an outcome they explain.

    A complete Sobol design gives Sobol indices of first and total order (Saltelli et al., Computer Physics
    Communications 181, 259 (2010), as SALib has them; samples without a figure are left out whole). Every other design
    gives the correlation ratio between the factor's levels, or classes of equal counts, with the correction for the
    number of levels (Kelley's epsilon squared, PNAS 21, 554 (1935)): the first-order index of given data.

    Parameters
    ----------
    study : Study
        The plan.
    table : list of dict
        From `hgesim.study.rows`.
    outcome : str
        A column of numbers, or ``learnt``.

    Returns
    -------
    shares : list of Share
        The greatest first; empty where there is nothing to rank.
    reason : str
        Why there is nothing, else empty.
    """
    values = numbers(table, outcome) if outcome in table[0] else np.full(len(table), np.nan)
    known = np.isfinite(values)
    if not study.factors:
        return [], "no factor varies"
    if known.sum() < 3:
        return [], f"only {known.sum()} runs have a figure"
    if np.ptp(values[known]) == 0:
        return [], f"all runs have the same: {values[known][0]:.4g}"
    ranks = {factor.key: _rank(table, factor, values, known) for factor in study.factors}
    shares = _sobol(study, values, ranks) if study.config.design == "sobol" else None
    if shares is None:
        shares = [_correlation_ratio(table, factor, values, known, ranks[factor.key]) for factor in study.factors]
    return sorted(shares, key=lambda share: -(share.first if share.total is None else share.total)), ""


def _sobol(study: Study, values: FloatArray, ranks: dict[str, float | None]) -> list[Share] | None:
    """Return Sobol indices of the samples that are complete; None where fewer than four are."""
    dimensions = len(study.factors)
    means = values.reshape(-1, study.config.replicates).mean(axis=1)
    blocks = means.reshape(-1, dimensions + 2)
    blocks = blocks[np.isfinite(blocks).all(axis=1)]
    if len(blocks) < 4 or np.ptp(blocks) == 0:
        return None
    analyze = need("SALib.analyze.sobol").analyze
    found = analyze(study.problem, blocks.ravel(), calc_second_order=False, num_resamples=_RESAMPLES, seed=1)
    names = [factor.key for factor in study.factors]
    columns = zip(names, *(found[name].tolist() for name in ("S1", "S1_conf", "ST", "ST_conf")), strict=True)
    return [Share(key, first, doubt, total, spread, ranks[key]) for key, first, doubt, total, spread in columns]


def _correlation_ratio(
    table: Rows, factor: Factor, values: FloatArray, known: NDArray[np.bool_], rank: float | None
) -> Share:
    number = np.zeros(len(table), dtype=int)
    classes = int(np.clip(np.sqrt(known.sum()) / 2, *_CLASSES))
    for k, level in enumerate(levels(table, factor, classes)):
        number[list(level.rows)] = k
    _, number = np.unique(number[known], return_inverse=True)
    chosen, random = values[known], generator(0, "study", "shuffle", factor.key)
    chance = [_epsilon(random.permutation(chosen), number) for _ in range(_SHUFFLES)]
    return Share(factor.key, _epsilon(chosen, number), float(np.quantile(chance, 0.95)), None, None, rank)


def _epsilon(values: FloatArray, number: NDArray[np.int_]) -> float:
    """Return the share of the variance between classes, corrected for their number; 0 where it cannot be told."""
    counts = np.bincount(number)
    free = len(values) - len(counts)
    whole = float(((values - values.mean()) ** 2).sum())
    if free < 1 or whole == 0 or len(counts) < 2:
        return 0.0
    within = whole - float((counts * (np.bincount(number, values) / counts - values.mean()) ** 2).sum())
    return max(0.0, 1.0 - (within / free) / (whole / (len(values) - 1)))


def _rank(table: Rows, factor: Factor, values: FloatArray, known: NDArray[np.bool_]) -> float | None:
    from scipy.stats import rankdata

    if not factor.numeric:
        return None
    first, second = (rankdata(column[known]) for column in (numbers(table, factor.key), values))
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def worst(table: Rows, most: int = 10) -> Rows:
    """Return the worst runs: those that do not count, at most half, those farthest from the goal, then the weakest.

    Parameters
    ----------
    table : list of dict
        From `hgesim.study.rows`.
    most : int
        How many at most, each run once; the weakest of those that learnt are five at most.
    """

    def badness(row: dict[str, Any]) -> tuple[float, str]:
        score, sign = row["score.final"], -1.0 if row["score.name"] == "error" else 1.0
        return float("inf") if score is None else sign * score, row["run"]

    ordered = sorted({row["run"]: row for row in table if row["verdict"] != PENDING}.values(), key=badness)
    failed = [row for row in ordered if not row["learnt"]]
    invalid, valid = ([row for row in failed if (row["verdict"] == "ok") == counts] for counts in (False, True))
    weakest = [row for row in ordered if row["learnt"]][:_WEAKEST]
    return [*invalid[: max(most // 2, most - len(valid))], *valid, *weakest][:most]
