"""The command line: thin words around the stages, one line per mistake, exit codes that scripts can trust."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from hgesim._version import __version__
from hgesim.errors import HgeError
from hgesim.terminal import Live, say, tell_along, tell_gradient, tell_run, tell_study

__all__ = ["app", "main"]

app = typer.Typer(
    name="hgesim",
    help="Simulate learning in physical networks at SPICE level. Exit: 0 done or learnt, 1 simulation not valid or "
    "engine missing, 2 wrong request, 3 valid but not learnt, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file with the settings.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one setting; may be repeated.", show_default=False),
]
EngineName = Annotated[
    str | None, typer.Option("--engine", metavar="NAME", help="Same as --set engine.name=NAME.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Replace an earlier run in the output folder.")]


def _version(show: bool) -> None:
    if show:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _settings(overrides: list[str] | None, engine: str | None) -> list[str]:
    return [*(overrides or []), *([f"engine.name={json.dumps(engine)}"] if engine else [])]


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False) -> None:
    """Say which engines and models are there, what they can do, and what to install."""
    from hgesim.engine.doctor import doctor_report, format_doctor

    report = doctor_report()
    print(json.dumps(report, indent=1) if as_json else format_doctor(report))


@app.command()
def factors(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False) -> None:
    """List the non-idealities: key in [nonideal], unit, a typical size and its source, place and draw."""
    from dataclasses import asdict

    from hgesim.nonideal import FACTORS

    if as_json:
        print(json.dumps([asdict(factor) for factor in FACTORS.values()], indent=1))
        return
    for factor in FACTORS.values():
        size = " ".join(filter(None, (f"{factor.typical:g}", factor.unit)))
        print(f"nonideal.{factor.name:24s}{size:>12s}  {factor.distribution}, {factor.draw}")
        print(f"    {factor.place}\n    typical: {factor.source}")


@app.command()
def netlist(
    config: ConfigFile,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help="Write a self-contained folder.")
    ] = None,
    overrides: Overrides = None,
    engine: EngineName = None,
    dialect: Annotated[
        str | None, typer.Option(help="osdi, b-source or vacask; without it what the engine found can do.")
    ] = None,
    force: Force = False,
) -> None:
    """Write the netlist: the deck to standard output, or a folder that the simulator runs as it is."""
    from hgesim.engine import usage
    from hgesim.experiment import Experiment, netlist_folder
    from hgesim.experiment.folder import claim_folder

    experiment = Experiment.from_file(config, _settings(overrides, engine))
    experiment.design.refuse_python("a deck alone", update=False)
    if out is None:
        print(experiment.design.netlist(dialect or experiment.dialects[0]), end="")
        return
    chosen = dialect or experiment.engine()[1]
    experiment.design.netlist(chosen)
    netlist_folder(experiment.design, claim_folder(out, force=force), chosen)
    print(f"wrote {out}; run it there: {usage(chosen)}")


@app.command()
def plan(
    config: ConfigFile,
    noise: Annotated[
        str, typer.Option(metavar="A^2/Hz", help="White noise of the output; by default the paper's device.")
    ] = "1e-23",
    time: Annotated[bool, typer.Option("--time", help="Simulate one epoch to tell the time of the run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
    overrides: Overrides = None,
    engine: EngineName = None,
) -> None:
    """Print the tone plan, what the run will cost, what errors to expect, and better values; of an analog loop."""
    from hgesim.experiment import Experiment, plan_run, wall_time

    experiment = Experiment.from_file(config, _settings(overrides, engine))
    wall = wall_time(experiment) if time else None
    planned = plan_run(experiment.design, experiment.config, noise, wall=wall)
    print(json.dumps({**planned.figures, "advice": planned.advice}, indent=1) if as_json else planned)


@app.command()
def learn(
    config: ConfigFile,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Output folder.")],
    overrides: Overrides = None,
    engine: EngineName = None,
    force: Force = False,
    report: Annotated[bool, typer.Option(help="Write report.html.")] = True,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Starts tried at a time, with loop.restarts; one a processor.")
    ] = None,
) -> None:
    """Simulate a learning run in one transient, judge it, and write the report."""
    from hgesim.experiment import Experiment

    experiment = Experiment.from_file(config, _settings(overrides, engine))
    with Live() as live:
        run = experiment.run(out, force=force, progress=live.show, workers=workers)
    if report:
        run.report()
    tell_run(run, report)
    raise typer.Exit(run.exit_code)


@app.command()
def gradient(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="TOML file with the settings.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="Output folder.")] = None,
    along: Annotated[
        Path | None,
        typer.Option("--along", metavar="RUN", help="Folder of a finished learning run, instead of CONFIG and --out."),
    ] = None,
    points: Annotated[int, typer.Option(help="Random operating points.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the operating points.")] = 0,
    parts: Annotated[int, typer.Option(help="Points at which blocks are made ideal one by one; 0 for none.")] = 10,
    overrides: Overrides = None,
    engine: EngineName = None,
    force: Force = False,
    report: Annotated[bool, typer.Option(help="Write report.html.")] = True,
) -> None:
    """Measure gradients with the analog loop, nothing learnt, and hold them against the exact ones.

    With --along: hold what the integrators did along a learning run against the exact descent; renew its result and
    report.
    """
    from hgesim.errors import RequestError
    from hgesim.experiment import Sampling, gradient, measure_along

    if along is not None and config is None and out is None:
        run = measure_along(along)
        tell_along(run.result["gradient_along"])
        print(f"report: {run.report()}")
        return
    if along is not None or config is None or out is None:
        raise RequestError(
            "gradient.bad-request",
            "neither one nor the other",
            remedy="give CONFIG and --out DIR, or --along RUN alone",
        )
    settings = _settings(overrides, engine)
    found = gradient(config, out, Sampling(points, seed, parts), overrides=settings, force=force, tell=say)
    if report:
        found.report()
    tell_gradient(found, report)
    raise typer.Exit(found.exit_code)


@app.command()
def screen(
    config: ConfigFile,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Output folder.")],
    devices: Annotated[int, typer.Option(help="Devices, from network.seed on.")] = 10,
    starts: Annotated[int, typer.Option(help="Starts on each, from loop.seed on.")] = 200,
    all_gates: Annotated[bool, typer.Option("--all-gates", help="Every Boolean gate instead of task.gate.")] = False,
    overrides: Overrides = None,
    force: Force = False,
) -> None:
    """Find devices and starts worth simulating, by the averaged equations of the loop on the exact network."""
    from hgesim.experiment import Search, screen

    print(f"{'task':10s}{'device':>7s}{'in range':>10s}{'tried':>7s}{'learnt':>8s}  95 % interval   best loop.seed")

    def tell(finding: Any) -> None:
        row = finding.row()
        if finding.failure:
            print(f"{finding.task:10s}{finding.device:7d}  {finding.failure}", flush=True)
            return
        best = ", ".join(f"{seed} ({figure:.2f})" for seed, figure in finding.best[:3])
        print(
            f"{finding.task:10s}{finding.device:7d}{finding.starts - finding.over_range:10d}{finding.tried:7d}"
            f"{finding.learnt:8d}  {row['share_low']:6.1%} - {row['share_high']:5.1%}  {best}",
            flush=True,
        )

    found = screen(config, out, Search(devices, starts, all_gates), overrides=overrides or (), force=force, tell=tell)
    print(f"{sum(bool(finding.best) for finding in found)} settings to learn with: {out}/*.toml")


@app.command()
def bench(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME ...]", help="Figures; all without.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of the table.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write JSON to a file.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A minute or two; judges little.")] = False,
    list_names: Annotated[bool, typer.Option("--list", help="List the figures and stop.")] = False,
) -> None:
    """Measure how fast hgesim is, each figure beside its reference; targets that are missed are shown, not enforced."""
    from hgesim.bench import FIGURES, figure_lines, refuse_place, run_bench
    from hgesim.experiment.folder import write_whole

    if list_names:
        for name, what in FIGURES.items():
            print(f"{name:12s}{what}")
        return
    if out is not None:
        refuse_place(out)
    found = run_bench(names or (), quick=quick, tell=say)
    text = json.dumps(found.record(), indent=1)
    if out is not None:
        write_whole(f"{text}\n", out)
    if as_json:
        print(text)
    else:
        print("\n".join(figure_lines(found)))
    raise typer.Exit(1 if found.errors else 0)


@app.command()
def report(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.", show_default=False)]) -> None:
    """Write report.html anew from what a run stored."""
    from hgesim.experiment import Run

    print(Run.load(folder).report())


study_app = typer.Typer(
    name="study",
    help="Many runs of one settings file: what varies, where they run, and what they say together. Exit: 0 when every "
    "run has a verdict, 1 engine missing or disk full, 2 wrong request, 130 interrupted.",
    no_args_is_help=True,
)
app.add_typer(study_app)
StudyDir = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a study.", show_default=False)]


@study_app.command("run")
def study_run(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="TOML file with the study.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the study.", show_default=False)],
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Worker processes here; by default one a processor.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler, such as tcp://host:8786, to run on instead.")
    ] = None,
) -> None:
    """Do the runs that have no verdict yet; the same command goes on after an interruption."""
    from hgesim.study import run_study
    from hgesim.study.live import Live

    try:
        with Live() as live:
            folder = run_study(study, out, workers=workers, scheduler=scheduler, tell=live.show)
    except KeyboardInterrupt:
        print("hgesim: interrupted; the same command goes on where it stopped", file=sys.stderr)
        raise typer.Exit(130) from None
    tell_study(folder)


@study_app.command("status")
def study_status(folder: StudyDir) -> None:
    """Say how far a study is."""
    from hgesim.study import StudyFolder

    found = StudyFolder.load(folder)
    tell_study(found)
    print("a process works on it" if found.busy() else "no process works on it")


@study_app.command("report")
def study_report(folder: StudyDir) -> None:
    """Write report.html and the tables anew from the runs that are there."""
    from hgesim.study import StudyFolder, write_study_report

    print(write_study_report(StudyFolder.load(folder)))


def main() -> None:
    """Run the command line; errors a user can mend are one line on standard error."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except HgeError as error:
        print(f"hgesim: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        print("hgesim: interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        # typer brings click's usage errors under a name that depends on its version
        if not hasattr(error, "format_message"):
            raise
        print(f"hgesim: [usage] {error.format_message()}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
