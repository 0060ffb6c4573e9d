"""The report of a study: yield, what matters, responses, the worst runs and how to run each alone, in one file."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from hgesim.experiment.folder import write_whole
from hgesim.report.frame import captioned, document, section
from hgesim.report.style import look
from hgesim.report.tables import escape, fact_list, table
from hgesim.report.words import percent, signed, whole
from hgesim.study.analysis import Rows, Share, levels, sensitivity, spread, worst, yield_of
from hgesim.study.response_figure import response_figure, spread_figure
from hgesim.study.store import StudyFolder
from hgesim.study.table import PENDING, outcome, write_tables
from hgesim.study.work import SETTINGS

__all__ = ["write_study_report"]

_REASONS = 8
_APART = "padding-left:1.6rem;padding-right:0"
_NAMES = {
    "learnt": "learnt",
    "score.final": "score at the end",
    "loss.final": "loss at the end, V²",
    "margin": "margin",
    "separation.network.final": "separation at the end, A",
    "energy_j.total": "energy from the supplies, J",
    "learnt_epoch": "learnt after, epochs",
}


def write_study_report(folder: StudyFolder) -> Path:
    """Write ``report.html`` and the tables from the runs that are there.

    Parameters
    ----------
    folder : StudyFolder
        Finished or not: what is missing is said.

    Returns
    -------
    pathlib.Path
        The report. Same runs, same bytes.
    """
    rows = write_tables(folder)
    with look():
        page = _page(folder, rows)
    return write_whole(page, folder.path / "report.html")


def _page(folder: StudyFolder, rows: Rows) -> str:
    study = folder.study
    learnt, done, low, high = yield_of(rows)
    missing = len(rows) - done
    if not done:
        kind, sentence = "bad", "No run has a verdict yet."
    else:
        kind = "open" if missing else ""  # no yield is good or bad by itself
        sentence = (
            f"{whole(learnt)} of {whole(done)} runs learnt: {percent(learnt / done)}, 95 % interval "
            f"{percent(low)} to {percent(high)}."
        )
    why = f'<p class="why">{whole(missing)} of {whole(len(rows))} runs have no verdict yet.</p>' if missing else ""
    title = study.config.name
    header = (
        f'<header><p class="eyebrow">hgesim {escape(study.source["hgesim"])} · a study of learning in circuit '
        f'transients</p><h1>{escape(title)}</h1><p class="verdict {kind}">{escape(sentence)}</p>{why}'
        f"{_facts(folder, rows)}</header>"
    )
    sections = [
        section("Yield", _yield(folder, rows)),
        section("Spread", _spread(folder, rows)),
        section("Which factor matters", _ranking(folder, rows)),
        section("Responses", _responses(folder, rows)),
        section("The worst runs, and how to run each alone", _worst(folder, rows)),
        section("What did not learn, and why", _reasons(rows)),
        section("The plan", _plan(folder)),
    ]
    return document(title, sentence, header, sections)


def _facts(folder: StudyFolder, rows: Rows) -> str:
    config = folder.study.config
    came = Counter(outcome(row) for row in rows)
    shown = [("design", config.design), ("factors", str(len(folder.study.factors))), ("runs", whole(len(rows)))]
    if config.replicates > 1:
        shown.append(("replicates, by " + config.replicate, str(config.replicates)))
    shown += [(name, whole(count)) for name, count in came.most_common()]
    railed = sum(bool(row["railed"]) for row in rows)
    shown.append(("ended at a rail", whole(railed)))
    return fact_list(shown)


def _yield(folder: StudyFolder, rows: Rows) -> str:
    body = (
        "<p>Learnt runs, of all that have a verdict, with Wilson's 95 % interval. A run that is refused, aborts or "
        "ends at a rail did not learn.</p>"
    )
    for factor in folder.study.factors:
        lines = []
        for level in levels(rows, factor):
            learnt, done, low, high = yield_of([rows[number] for number in level.rows])
            if not done:
                continue
            share = learnt / done
            lines.append(
                f'<tr><td>{escape(level.name)}</td><td class="number">{learnt} of {done}</td>'
                f'<td class="number">{percent(share)}</td><td class="number">{percent(low)} – {percent(high)}</td>'
                f'<td class="bar"><i style="width:{100 * share:.1f}%"></i></td></tr>'
            )
        if lines:
            head = "".join(f"<th>{escape(cell)}</th>" for cell in (factor.key, "learnt", "yield", "95 % interval", ""))
            body += _spaced(f"<table><tr>{head}</tr>{''.join(lines)}</table>")
    return body if folder.study.factors else ""


def _spread(folder: StudyFolder, rows: Rows) -> str:
    names = [name for name in folder.study.config.outcomes if name != "learnt"]
    found = {_NAMES.get(name, name): of for name in names if (of := spread(rows, name)) is not None}
    if not found:
        return ""
    head = ("over all runs that have it", "runs", "least", "quartile", "median", "quartile", "greatest")
    lines = [
        (
            label,
            whole(len(of.values)),
            *(f"{value:.4g}".replace("-", "−") for value in (of.values[0], of.low, of.middle, of.high, of.values[-1])),
        )
        for label, of in found.items()
    ]
    body = _spaced(table(head, lines, right=True))
    figure = spread_figure(found)
    return body + (captioned(figure, "spread", "Runs by outcome, the line at the median.") if figure else "")


def _ranking(folder: StudyFolder, rows: Rows) -> str:
    study = folder.study
    if not study.factors:
        return ""
    if study.config.design == "sobol":
        words = (
            "Share of the variance of an outcome that a factor explains alone (first order) and with all its "
            "interactions (total): Sobol indices by Saltelli's scheme, ± half their 95 % interval."
        )
    else:
        words = (
            "Share of the variance of an outcome between the levels of a factor (correlation ratio, corrected for the "
            "number of levels), and what chance alone reaches in 1 of 20 shuffles: a share below that says nothing."
        )
    body = f"<p>{escape(words)} The rank correlation tells the direction.</p>"
    for name in study.config.outcomes:
        shares, reason = sensitivity(study, rows, name)
        body += f"<p><b>{escape(_NAMES.get(name, name))}</b></p>"
        body += _share_table(shares) if shares else f'<p class="soft">Nothing to rank: {escape(reason)}.</p>'
    return body


def _share_table(shares: list[Share]) -> str:
    sobol = any(share.total is not None for share in shares)
    head = ("factor", *(("first order", "total") if sobol else ("share", "by chance up to")), "rank correlation")
    lines = [
        (
            share.key,
            f"{share.first:.2f} ± {share.doubt:.2f}" if sobol else f"{share.first:.2f}",
            f"{share.total:.2f} ± {share.total_doubt:.2f}" if share.total is not None else f"{share.doubt:.2f}",
            "–" if share.rank is None else f"{share.rank:+.2f}".replace("-", "−"),
        )
        for share in shares
    ]
    return _spaced(table(head, lines, right=True))


def _spaced(text: str) -> str:
    """Keep columns of numbers apart, their heads above them."""
    first, *heads = text.split("<th>")
    text = "<th>".join([first, *heads[:1]]) + "".join(f'<th style="{_APART};text-align:right">{h}' for h in heads[1:])
    return text.replace('<td class="number">', f'<td class="number" style="{_APART}">')


def _responses(folder: StudyFolder, rows: Rows) -> str:
    body = ""
    for number, name in enumerate(folder.study.config.outcomes):
        label = _NAMES.get(name, name)
        figure = response_figure(rows, folder.study.factors, name, label)
        if figure is None:
            continue
        caption = (
            "Share of runs that learnt, with Wilson's 95 % interval."
            if name == "learnt"
            else f"{label[0].upper()}{label[1:]}: a dot for each valid run, the line through the medians."
        )
        body += captioned(figure, f"response-{number}", caption)
    return body


def _worst(folder: StudyFolder, rows: Rows) -> str:
    found = worst(rows)
    if not found:
        return ""
    keys = [factor.key for factor in folder.study.factors]
    keys += [folder.study.config.replicate] if folder.study.config.replicates > 1 else []
    lines = []
    for row in found:
        place = folder.path / "workspace" / row["run"]
        command = shlex.join(["hgesim", "learn", str(place / SETTINGS), "--out", f"runs/{row['run'][:8]}"])
        inputs = ", ".join(f"{key} = {_short(row[key])}" for key in keys)
        score = row["score.final"]
        figures = "" if score is None else f"{row['score.name']} {score:.3g}".replace("-", "−")
        gap = row["separation.network.final"]
        figures += f", separation {signed(gap, 'A')}" if gap is not None else ""
        name = f'<a href="workspace/{escape(row["run"])}/">{escape(row["run"][:8])}</a>'
        told = "; ".join(part for part in (outcome(row), row["reason"], figures) if part)
        lines.append(f"<p>{name}: {escape(inputs)}<br>{escape(told)}</p><pre>{escape(command)}</pre>")
    return "".join(lines)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _reasons(rows: Rows) -> str:
    counted = Counter(
        (outcome(row), row["reason"] or ("ended at a rail" if row["railed"] else ""))
        for row in rows
        if row["verdict"] != PENDING and not row["learnt"]
    )
    if not counted:
        return ""
    shown = [(str(count), came, reason) for (came, reason), count in counted.most_common(_REASONS)]
    more = len(counted) - len(shown)
    rest = f'<p class="soft">And {more} more reasons, in table.csv.</p>' if more else ""
    return table(("runs", "came out as", "reason"), shown) + rest


def _plan(folder: StudyFolder) -> str:
    study = folder.study
    lines = []
    for factor in study.factors:
        if factor.kind == "list":
            told = ", ".join(_short(value) for value in factor.values)
        else:
            told = f"{factor.kind} {_short(factor.values[0])} to {_short(factor.values[1])}"
            if factor.kind == "normal":
                told = f"normal, mean {_short(factor.values[0])}, deviation {_short(factor.values[1])}"
        lines.append((factor.key, told))
    head = table(("factor", "values, SI units"), lines) if lines else ""
    fixed = "".join(
        table(("", f"[{name}]"), [(key, _short(value)) for key, value in values.items()])
        for name, values in study.settings.items()
        if values
    )
    return (
        f'{head}<p class="soft">All other settings, as the study gives them:</p><div class="columns">{fixed}</div>'
        "<p>The table, a row for every run: table.csv (and table.parquet); wall times: times.csv.</p>"
    )
