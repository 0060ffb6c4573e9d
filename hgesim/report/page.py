"""The page: what a run left, told from the outcome to the details, in one self-contained HTML file."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hgesim.report.loop_figure import loop_figure
from hgesim.report.network_figure import network_figure
from hgesim.report.outcome_figure import learning_figure, outputs_figure
from hgesim.report.points import case_name, cases
from hgesim.report.record import Record, dig, read_record, real, text
from hgesim.report.style import DARK, LIGHT, look, stamp, svg
from hgesim.report.summary import invalid_mark, points_of_interest
from hgesim.report.wave_figure import excerpt_figure, spectrum_figure
from hgesim.report.words import amount, headline, percent, reason, signed, task_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["write_report"]

_PALETTE = "; ".join(f"--{name}: {value}" for name, value in LIGHT.items())
_PALETTE_DARK = "; ".join(f"--{name}: {value}" for name, value in DARK.items())
_CSS = f"""
:root {{ {_PALETTE}; --sans: system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; color-scheme: light dark }}
@media (prefers-color-scheme: dark) {{ :root {{ {_PALETTE_DARK} }} }}
@media print {{ :root {{ {_PALETTE} }} figure, section {{ break-inside: avoid }} }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans) }}
main {{ max-width: 66rem; margin: 0 auto; padding: 2.5rem 1.5rem 5rem }}
h1 {{ font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem }}
h2 {{ font-size: 1.25rem; margin: 3.2rem 0 .6rem; padding-top: .9rem; border-top: 1px solid var(--rule) }}
p, figcaption, dl, li {{ max-width: 46rem }}
.verdict {{ font-size: 1.12rem; font-weight: 600; margin: 0 0 .5rem }}
.good {{ color: var(--green) }} .open {{ color: var(--amber) }} .bad {{ color: var(--orange) }}
.why {{ margin: .2rem 0 }} .soft, figcaption {{ color: var(--soft) }}
figure {{ margin: 1.2rem 0 0 }} figure svg {{ width: 100%; height: auto; display: block }}
figcaption {{ font-size: .9rem; margin-top: .3rem }}
.facts {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, auto)); gap: 1rem 1.5rem; margin: 1.6rem 0 0;
  max-width: none }}
.facts div {{ border-top: 2px solid var(--rule); padding-top: .35rem }}
.facts dt {{ font-size: .82rem; color: var(--soft) }} .facts dd {{ margin: 0; font-size: 1.05rem; font-weight: 600; white-space: nowrap }}
table {{ border-collapse: collapse; font-size: .92rem; margin: .8rem 0 }}
th, td {{ text-align: left; padding: .22rem 1.4rem .22rem 0; border-bottom: 1px solid var(--rule); vertical-align: top }}
th {{ font-weight: 500; color: var(--soft) }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums }}
.columns {{ columns: 2 22rem; column-gap: 3rem }} .columns table {{ break-inside: avoid; width: 100% }}
code, pre {{ font: .88rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace }}
pre {{ background: var(--shade); padding: .8rem 1rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere }}
"""


def write_report(folder: str | Path) -> Path:
    """Write ``report.html`` from what a run stored.

    Parameters
    ----------
    folder : path
        Folder of a run, finished or not: what is missing is said, not guessed.

    Returns
    -------
    pathlib.Path
        The report. Same folder contents, same bytes.

    Raises
    ------
    RequestError
        ``report.no-folder``.
    """
    record = read_record(Path(folder))
    with look():
        page = _page(record)
    target = record.folder / "report.html"
    part = target.with_name(".report.html.part")
    part.write_text(page, encoding="utf-8")
    os.replace(part, target)
    return target


def _page(record: Record) -> str:
    kind, sentence = headline(record)
    title = task_name(record.result)
    sections = [
        _section("The network", _network(record)),
        _section("The learning loop", _loop(record)),
        _section("How it learnt" if record.learnt else "What happened", _learning(record)),
        _section("Before and after", _outputs(record)),
        _section("In the circuit", _waves(record)),
        _section("What it cost", _costs(record)),
        _section("What is ideal, and what is not claimed", _honesty(record)),
        _section("Settings, and how to run it again", _settings(record)),
        _section("What could not be shown", _notes(record)),
    ]
    why = "".join(f'<p class="why">{_e(words)}</p>' for words in reason(record))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{_e(title)}: {_e(record.verdict)}</title><style>{_CSS}</style></head>\n<body><main>\n"
        f'<header><h1>{_e(title)}, learnt in materia?</h1><p class="verdict {kind}">{_e(sentence)}</p>{why}{_facts(record)}</header>\n'
        + "\n".join(part for part in sections if part)
        + "\n</main></body></html>\n"
    )


def _e(words: object) -> str:
    return html.escape(str(words), quote=True)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_e(title)}</h2>\n{body}\n</section>" if body else ""


def _figure(record: Record, figure: Figure | None, name: str, caption: str) -> str:
    if figure is None:
        return ""
    stamp(figure, invalid_mark(record))
    return f"<figure>{svg(figure, name, caption)}<figcaption>{_e(caption)}</figcaption></figure>"


def _facts(record: Record) -> str:
    result = record.result
    loss = [real(result, "loss", when) for when in ("initial", "final")]
    gaps = [real(result, "separation", "network", when) for when in ("initial", "final")]
    shown: list[tuple[str, str]] = []
    if loss[0] is not None and loss[1] is not None:
        root = [amount(value**0.5, "V") for value in loss if value is not None]
        shown.append(("error in the loop, rms", f"{root[0]} → {root[1]}"))
    if gaps[0] is not None:
        shown.append(("separation, network alone", f"{signed(gaps[0], 'A')} → {signed(gaps[1], 'A')}"))
    if real(result, "margin") is not None:
        shown.append(("margin, of the swing", percent(real(result, "margin"))))
    if real(result, "transistors") is not None:
        shown.append(("transistors in the loop", f"{int(real(result, 'transistors') or 0)}"))
    if real(result, "simulated_s") is not None:
        shown.append(("simulated", amount(real(result, "simulated_s"), "s")))
    if real(result, "wall_s") is not None:
        shown.append(("wall time", amount(real(result, "wall_s"), "s")))
    return f'<dl class="facts">{"".join(f"<div><dt>{_e(k)}</dt><dd>{_e(v)}</dd></div>" for k, v in shown)}</dl>'


def _network(record: Record) -> str:
    if record.network is None:
        return ""
    network = record.network
    before, after, case = points_of_interest(record)
    rows = cases(record)
    name = f" for inputs {case_name(rows[case])}" if rows else ""
    figure = network_figure(network, before, after, (f"start{name}", f"end{name}"))
    caption = (
        f"{network.n_sites} sites and {network.n_electrodes} electrodes at {network.temperature:g} K, {network.n_bonds} bonds. "
        "Width and colour of a bond are its current, worked out exactly (DC, no dither) at the controls of the start and of the "
        "end; numbers at the electrodes are their voltages."
    )
    return _figure(record, figure, "network", caption)


def _loop(record: Record) -> str:
    plan = dig(record.result, "plan")
    words = "Every control carries a small sine of its own frequency. What the read-out's error has at that frequency, squared, is the slope "
    words += "of the loss along that control; the mixer finds it, and the integrator moves the control downhill."
    body = f"<p>{_e(words)}</p>"
    body += _figure(record, loop_figure(record), "loop", "The loop, with the technology of each block in this run.")
    tones = dig(plan, "carriers")
    if isinstance(tones, list) and tones:
        rows = [(text(t, "channel"), amount(real(t, "frequency"), "Hz")) for t in tones]
        body += _table(("channel", "carrier"), rows)
        body += (
            f'<p class="soft">All are odd multiples of {_e(amount(real(plan, "base"), "Hz"))}, so no sum or difference of two '
            f"falls on a third; the nearest two are {_e(amount(real(plan, 'spacing'), 'Hz'))} apart, and everything repeats after "
            f"{_e(amount(real(plan, 'beat'), 's'))}. {_e(int(real(plan, 'third_order_hits') or 0))} third-order products hit a "
            f"carrier. The longest time step is {_e(amount(real(plan, 'step'), 's'))}.</p>"
        )
    return body


def _learning(record: Record) -> str:
    return _figure(
        record,
        learning_figure(record),
        "learning",
        "Epoch by epoch: the loss (mean over the cases of the squared time-averaged error), the separation of the two classes by the "
        "network alone at the controls of that moment, and the control voltages with the threshold's.",
    )


def _outputs(record: Record) -> str:
    return _figure(
        record,
        outputs_figure(record),
        "outputs",
        "Output current of the network alone (exact, no electronics, no dither) for the input cases, with the threshold that the "
        "loop learnt; open marks are what the loop itself saw, dither and all.",
    )


def _waves(record: Record) -> str:
    body = _figure(
        record,
        excerpt_figure(record),
        "excerpt",
        "The first and the last complete epoch as simulated. Shaded: ramps and settling, in which the coupler is held at zero.",
    )
    spectral = spectrum_figure(record)
    if spectral is not None:
        figure, beats = spectral
        body += _figure(
            record,
            figure,
            "spectrum",
            f"Spectrum at the mixers' input, resampled evenly over {beats} whole beat(s) of every window of an epoch and averaged; "
            "the carriers are marked. What stands at a carrier is what its channel learns from.",
        )
    return body


def _costs(record: Record) -> str:
    result = record.result
    rows = [
        ("transistors", _whole(real(result, "transistors"))),
        ("nodes", _whole(real(result, "nodes"))),
        ("time points", _whole(real(result, "timepoints"))),
        ("Newton iterations", _whole(real(result, "iterations"))),
        ("simulated time", amount(real(result, "simulated_s"), "s")),
        ("engine", amount(real(result, "engine_s"), "s")),
        ("wall time in all", amount(real(result, "wall_s"), "s")),
    ]
    total, span = real(result, "energy_j", "total"), real(result, "simulated_s")
    if total is not None:
        rows.append(("energy from the supplies", amount(total, "J")))
        if span:
            rows.append(("mean power", amount(total / span, "W")))
        parts = dig(result, "energy_j", "per_block")
        if isinstance(parts, Mapping):
            rows += [(f"of it {name}", amount(real(parts, name), "J")) for name in sorted(parts, key=str)]
    return _table(("", ""), [row for row in rows if row[1] != "–"])


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{int(value):,}".replace(",", "\u202f")


def _honesty(record: Record) -> str:
    result = record.result
    said = []
    if record.valid:
        said.append(
            "Whether the task is learnt is decided by the network alone, at the control voltages where the loop left it. The error "
            "inside the loop would not do: fast integrators follow each case and look perfect."
        )
    curvature = real(result, "dither", "curvature")
    if curvature is not None:
        said.append(
            f"The dither is {amount(real(result, 'dither', 'amplitude'), 'V')} on every control; the device resolves "
            f"{amount(real(result, 'dither', 'thermal_voltage'), 'V')} (kT/e). It shifts the mean output by at most "
            f"{100 * curvature:.1f} % of the swing."
        )
    difference = real(result, "network_op", "twin_difference")
    if difference is not None:
        said.append(
            f"The simulator's own operating points of the network agree with the exact solution to {difference:.0e} of full scale."
        )
    parts = [str(part) for part in dig(result, "ideal_parts") or []]
    body = "".join(f"<p>{_e(words)}</p>" for words in said)
    return body + (
        f"<p>Not transistors in this run:</p><ul>{''.join(f'<li>{_e(p)}</li>' for p in parts)}</ul>" if parts else ""
    )


def _settings(record: Record) -> str:
    body = ""
    if record.deck:
        body += f"<p>The same circuit in the simulator by itself:</p><pre>cd {_e(Path(record.deck).parent)}\nngspice -n -b {_e(Path(record.deck).name)}</pre>"
    engine = record.result.get("engine")
    if isinstance(engine, Mapping):
        version = text(record.result, "hgesim_version")
        body += f"<p>{_e(text(engine, 'name'))} {_e(text(engine, 'version'))}, dialect {_e(text(engine, 'dialect'))}; hgesim {_e(version)}. Seeds: "
        seeds = record.result.get("seeds")
        body += _e(", ".join(f"{k} {v}" for k, v in sorted(seeds.items()))) if isinstance(seeds, Mapping) else "none"
        body += ".</p>"
    tables = [
        _table((f"[{name}]", ""), [(key, _value(value)) for key, value in values.items() if value is not None])
        for name, values in record.config.items()
        if isinstance(values, Mapping)
    ]
    return body + (f'<div class="columns">{"".join(tables)}</div>' if tables else "")


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    return str(value)


def _notes(record: Record) -> str:
    body = "".join(f"<p>{_e(note)}</p>" for note in record.notes)
    if not record.valid and record.log:
        body += f"<p>The engine's last words:</p><pre>{_e(chr(10).join(record.log))}</pre>"
    return body


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [_row("th", head)] if any(head) else []
    return f"<table>{''.join([*lines, *(_row('td', row) for row in rows)])}</table>"


def _row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{_e(cell)}</{tag}>" for cell in cells) + "</tr>"
