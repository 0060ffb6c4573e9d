"""The parts of the page that are words and numbers: costs, honesty, settings, how to run it again."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hgesim.config import Config, counting_keys, settings_toml
from hgesim.report.cases import counts, kind_of
from hgesim.report.leaps import leap_facts, leapt
from hgesim.report.record import Record, dig, items, real, text
from hgesim.report.words import amount, ordinal, python_words, score_cases, score_value, signed, starts_given_up, whole

__all__ = ["costs", "escape", "fact_list", "facts", "honesty", "ideal_parts", "notes", "settings", "table"]


def escape(words: object) -> str:
    """Write anything as text of HTML."""
    return html.escape(str(words), quote=True)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, right: bool = False) -> str:
    """Write a table of text; with `right`, cells after the first are numbers."""
    kind = ' class="number"' if right else ""
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)] if any(head) else []
    for first, *rest in rows:
        lines.append(f"<td>{escape(first)}</td>" + "".join(f"<td{kind}>{escape(cell)}</td>" for cell in rest))
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>" if lines else ""


def facts(record: Record) -> str:
    """Write the key figures at the top."""
    result = record.result
    shown: list[tuple[str, str]] = []
    first, last = real(result, "loss", "initial"), real(result, "loss", "final")
    if first is not None and last is not None and text(result, "loss", "unit") == "1":
        shown.append(("loss, of correlation and separation", f"{first:.3g} → {last:.3g}"))
    elif first is not None and last is not None and min(first, last) >= 0:
        where = "on the wrong side" if text(record.config, "loop", "loss") == "hinge" else "in the loop"
        shown.append((f"error {where}, rms", f"{amount(first**0.5, 'V')} → {amount(last**0.5, 'V')}"))
    first, last = (real(result, "separation", "network", when) for when in ("initial", "final"))
    if first is not None:
        shown.append(("separation, network alone", f"{signed(first, 'A')} → {signed(last, 'A')}"))
    shown += _score_facts(record)
    if record.learnt and (epoch := real(result, "learnt_epoch")) is not None:
        known = ", as far as simulated" if leapt(record) else ""
        shown.append(("learnt after", f"{whole(epoch)} of {whole(real(result, 'timeline', 'epochs'))} epochs{known}"))
    shown += _laboratory(record) + _choice(record) + leap_facts(record)
    shown += [
        (name, whole(count))
        for name, key in (("transistors", "transistors"),)
        if (count := real(result, key)) is not None
    ]
    shown += [
        (name, amount(value, "s"))
        for name, key in (("simulated", "simulated_s"), ("wall time", "wall_s"))
        if (value := real(result, key)) is not None
    ]
    return fact_list(shown)


def fact_list(shown: Iterable[tuple[str, str]]) -> str:
    """Write names and figures."""
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in shown)
    return f'<dl class="facts">{cells}</dl>' if cells else ""


def _score_facts(record: Record) -> list[tuple[str, str]]:
    """Return the figure the goal is compared with, before and after, and the same on the cases shown."""
    result, name = record.result, text(record.result, "score", "name")
    first, last = real(result, "score", "initial"), real(result, "score", "final")
    goal = real(result, "task", "goal")
    asked = "" if goal is None else f" (asked: {'at most ' if name == 'error' else ''}{score_value(name, goal)})"
    if not name or last is None:
        margin = real(result, "margin")
        return [] if margin is None else [("margin, of the swing", score_value("margin", margin) + asked)]
    if kind_of(record) == "gate":
        return [(f"{name}, of the swing", f"{score_value(name, first)} → {score_value(name, last)}{asked}")]
    found = [
        (f"{name}, {score_cases(record)}", f"{score_value(name, first)} → {score_value(name, last)}{asked}"),
    ]
    shown = [real(result, "score", "shown", when) for when in ("initial", "final")]
    if counts(record)[1] and None not in shown:
        ends = " → ".join(score_value(name, value) for value in shown)
        found.append((f"{name}, {whole(counts(record)[0])} cases shown", ends))
    return found


def _laboratory(record: Record) -> list[tuple[str, str]]:
    """Return correlation with the targets, and the loss that the laboratory makes of it and the separation."""
    found = []
    for name, key in (("correlation with the targets", "correlation"), ("loss of the laboratory", "loss")):
        ends = [real(record.result, "correlation", when, key) for when in ("initial", "final")]
        if None not in ends:
            found.append((name, " → ".join(f"{value:.3g}".replace("-", "−") for value in ends if value is not None)))
    return found


def _choice(record: Record) -> list[tuple[str, str]]:
    """Return among how many devices and starts this one was chosen, and which start it is."""
    found = []
    if chosen := _chosen(record):
        found.append(("chosen by screening", f"among {chosen}"))
    if given_up := len(starts_given_up(record)):
        found.append(("start shown", f"{ordinal(given_up + 1)}; {given_up} given up"))
    return found


def _chosen(record: Record) -> str:
    kinds = [
        f"{whole(number)} {what if number != 1 else what[:-1]}"
        for what in ("devices", "starts")
        if (number := real(record.result, "chosen_from", what)) is not None
    ]
    return " and ".join(kinds)


def costs(record: Record) -> str:
    """Write what the run took: size, time and energy."""
    result = record.result
    rows = [(name, whole(real(result, key))) for name, key in _COUNTS]
    if gates := real(result, "size", "gates_m2"):
        rows.append(("gate area of the transistors", f"{gates * 1e12:,.0f} µm²"))
    rows.append(("capacitors in the blocks", amount(real(result, "size", "capacitance_f"), "F")))
    rows += [(name, amount(real(result, key), "s")) for name, key in _TIMES]
    points, engine = real(result, "timepoints"), real(result, "engine_s")
    if points and engine:
        rows.append(("engine time for a point", amount(engine / points, "s")))
    span = real(result, "multirate", "represented_s") or real(result, "simulated_s")
    total = real(result, "energy_j", "total")
    rows.append(("energy from the supplies", amount(total, "J")))
    if total is not None and span:
        rows.append(("mean supply power", amount(total / span, "W")))
    rows = [row for row in rows if row[1] != "–"]
    body = table(("", ""), rows, right=True) + _energy(record)
    return f'<div class="side">{body}</div>' if body else ""


_COUNTS = (
    ("transistors", "transistors"),
    ("nodes", "nodes"),
    ("time points", "timepoints"),
    ("Newton iterations", "iterations"),
)
_TIMES = (("simulated time", "simulated_s"), ("engine time", "engine_s"), ("wall time", "wall_s"))


def _energy(record: Record) -> str:
    """Write the energy of each kind of block, all instances together, with bars."""
    parts = dig(record.result, "energy_j", "per_block")
    names = list(parts) if isinstance(parts, Mapping) else []
    found = [(str(name), value) for name in names if (value := real(parts, name)) is not None]
    most = max((abs(value) for _, value in found), default=0.0)
    if not most:
        return ""
    lines = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{escape(amount(value, "J"))}</td>'
        f'<td class="bar"><i style="width:{100 * max(value, 0.0) / most:.1f}%"></i></td></tr>'
        for name, value in sorted(found, key=lambda entry: (-entry[1], entry[0]))
    )
    return f"<table><tr><th>energy by block</th><th></th><th></th></tr>{lines}</table>"


def honesty(record: Record) -> str:
    """Write what is ideal in this run and what it does not show."""
    result, said = record.result, []
    if record.valid:
        said.append(
            "The network alone decides: its exact output currents at the controls where the loop left them, without "
            "dither and without electronics. The small error inside the loop would not do, because a loop whose "
            "integrators are fast against the epoch follows each case and looks perfect."
        )
        if held := counts(record)[1]:
            said.append(f"It is judged on {whole(held)} held-out cases that the loop never saw.")
        alone, loop = (real(result, "separation", kind, "final") for kind in ("network", "loop"))
        if alone is not None and loop is not None:
            said.append(
                f"Separation at the end: {signed(alone, 'A')} by the network alone, {signed(loop, 'A')} in the loop."
            )
        said += _laboratory_words(record)
    if leapt(record):
        said.append(
            "In the leaps the updates were computed, not made by the circuit: this run shows where the circuit's own "
            "learning leads, to within the estimated error, and is none itself. Loss, errors and gradients are those "
            "of the epochs that were simulated; the energy is their power over the time of the whole run."
        )
    said += _choice_words(record)
    curvature, thermal = real(result, "dither", "curvature"), real(result, "dither", "thermal_voltage")
    if curvature is not None:
        said.append(
            f"The dither is {amount(real(result, 'dither', 'amplitude'), 'V')} on every control, against "
            f"kT/e = {amount(thermal, 'V')}. The loop sees the output averaged over it, which differs from the output "
            f"without dither by at most {100 * curvature:.1f} % of the swing."
        )
    if (difference := real(result, "network_op", "twin_difference")) is not None:
        said.append(
            f"The simulator's own operating points of the network agree with the exact solution to {difference:.0e} "
            "of full scale."
        )
    return "".join(f"<p>{escape(words)}</p>" for words in said) + ideal_parts(record)


def ideal_parts(record: Record) -> str:
    """Write what was not made of transistors."""
    parts = [part for part in items(record.result, "ideal_parts") if isinstance(part, str)]
    listed = "".join(f"<li>{escape(part)}</li>" for part in parts)
    return f"<p>Not made of transistors in this run:</p><ul>{listed}</ul>" if listed else ""


def _laboratory_words(record: Record) -> list[str]:
    if not _laboratory(record):
        return []
    return [
        "The loss of the laboratory, (1.1 − correlation) over a sigmoid of the separation with its middle at 5 nA, is "
        "given for comparison: from the shown cases, by the network alone; below 0.1 is a good gate. "
        + ("It is what was descended." if text(record.result, "loss", "unit") == "1" else "The loop does not use it.")
    ]


def _choice_words(record: Record) -> list[str]:
    """Say how device and start were come by: chosen, or drawn again."""
    said = []
    if chosen := _chosen(record):
        what = [name for name in ("device", "start") if real(record.result, "chosen_from", f"{name}s") is not None]
        were = "were" if len(what) == 2 else "was"
        said.append(
            f"{' and '.join(what).capitalize()} {were} chosen among {chosen} by the averaged equations on the exact "
            "network before the circuit was simulated: the run does not tell how one drawn blindly would do."
        )
    return said + _start_words(record)


def _start_words(record: Record) -> list[str]:
    """Say which starts were passed over, given up, or simulated again."""
    said = []
    if passed := items(record.result, "passed_over"):
        kinds = Counter(text(entry, "why")[:200] or "reason not stored" for entry in passed).most_common(_REASONS)
        listed = "; ".join(f"{whole(number)}: {words}" for words, number in kinds)
        starts = "starts were" if len(passed) > 1 else "start was"
        said.append(f"{whole(len(passed))} more {starts} drawn and passed over without a transient ({listed}).")
    given_up = starts_given_up(record)
    if given_up:
        why: dict[str, list[str]] = {}
        for number, entry in enumerate(given_up, 1):
            why.setdefault(text(entry, "given_up")[:200] or "reason not stored", []).append(ordinal(number))
        listed = "; ".join(f"{_few(numbers)}: {words}" for words, numbers in list(why.items())[:_REASONS])
        more = f"; and {len(why) - _REASONS} further reasons" if len(why) > _REASONS else ""
        said.append(
            f"The run is that of the {ordinal(len(given_up) + 1)} start. Given up before ({listed}{more}). Their time "
            "counts in the wall time; every other figure is of the last start alone."
        )
    attempts = [entry for entry in items(record.result, "attempts") if isinstance(entry, Mapping)]
    again = len(attempts) - len(given_up) - 1
    if again > 0:
        were = (
            "transients in which the simulator gave up were"
            if again > 1
            else "transient in which the simulator gave up was"
        )
        said.append(f"{whole(again)} {were} repeated from the same start with a shorter time step.")
    return said


_REASONS = 6  # written out


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def settings(record: Record, command: str = "learn run.toml") -> str:
    """Write how to run it again, if a command does, and with which settings."""
    body = ""
    told = record.config.get("given", True)
    if record.config and told and command:
        body += "<p>To repeat the run, save the settings at the end as <code>run.toml</code>:</p>"
        body += f"<pre>hgesim {escape(command)} --out again</pre>"
    if record.deck and not python_words(record):
        deck = Path(record.deck)
        of = " of the last transient" if (real(record.result, "multirate", "bursts") or 0.0) > 1 else ""
        body += f"<p>To run the stored circuit{of} in the simulator by itself:</p>"
        command = "vacask" if deck.suffix == ".sim" else "ngspice -n -b"
        body += f"<pre>cd {escape(deck.parent.as_posix())}\n{command} {escape(deck.name)}</pre>"
    body += _origin(record)
    sections = {
        str(name): _chosen_keys(name, values) for name, values in record.config.items() if isinstance(values, Mapping)
    }
    tables = [
        table((f"[{name}]", ""), [(str(key), _value(value)) for key, value in values.items()])
        for name, values in sections.items()
    ]
    if tables:
        words = "Resolved settings, in SI units; what is not listed took its default."
        body += f'<p class="soft">{words if told else "Made in Python, not from settings. What ran, in SI units:"}</p>'
        body += f'<div class="columns">{"".join(tables)}</div>'
    if tables and told:
        body += f"<details><summary>The same as TOML</summary><pre>{escape(settings_toml(sections))}</pre></details>"
    return body


def _origin(record: Record) -> str:
    result = record.result
    engine = " ".join(part for part in (text(result, "engine", "name"), text(result, "engine", "version")) if part)
    seeds = dig(result, "seeds")
    listed = [f"{name} {value}" for name, value in sorted(seeds.items(), key=str)] if isinstance(seeds, Mapping) else []
    words = [
        f"Engine: {engine}" if engine else "",
        f"netlist dialect: {text(result, 'engine', 'dialect')}" if text(result, "engine", "dialect") else "",
        f"hgesim {text(result, 'hgesim_version')}" if text(result, "hgesim_version") else "",
        f"seeds: {', '.join(listed)}" if listed else "",
    ]
    said = "; ".join(word for word in words if word)
    return f"<p>{escape(said)}.</p>" if said else ""


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _chosen_keys(name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out what has its default where keys of another kind, of a task or a network, would be refused."""
    values = counting_keys(name, values)
    if name != "task" and not (name == "network" and values.get("file")):
        return values
    usual = getattr(Config(), name).model_dump(mode="json")
    keep = ("kind", "gate") if name == "task" and values.get("kind", "gate") == "gate" else ("kind",)
    return {key: value for key, value in values.items() if key in keep or value != usual.get(key)}


def notes(record: Record) -> str:
    """Write what could not be shown, and the engine's last words when the run does not count."""
    body = "".join(f"<p>{escape(note)}</p>" for note in record.notes)
    if not record.valid and record.log:
        lines = "\n".join(record.log)
        body += f"<p>From the end of engine.log:</p><pre>{escape(lines)}</pre>"
    return body
