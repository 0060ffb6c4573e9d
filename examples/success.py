"""How often does learning succeed? The loop from many random starts on given devices, beside other optimisers.

python examples/success.py [FOLDER] [--devices 6 112] [--tasks AND XOR sphere] [--ideal 5] [--gf180 5] ...

Starts are drawn as the loop draws them, loop.seed 0, 1, 2, ...; those over the read-out's range or with the task done
already do not count. The averaged equations of the loop take all of them; transients of the whole circuit, a minute
and more each, the first few. FOLDER gets success.csv, a row for each start and method.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hgesim.config import Config, parse_config
from hgesim.errors import HgeError
from hgesim.experiment import Experiment
from hgesim.experiment.build import build_network, build_task, draw_start, make_loop
from hgesim.learning import averaged_run, judge_ends, proportion_interval, sort_starts, task_problem
from hgesim.learning.baselines import Gradient, Spsa, evolution, gradient_descent, random_search, spsa
from hgesim.loop import GATES, HomodyneLoop
from hgesim.network import Network

EXAMPLES = Path(__file__).parent
EXAMPLE_OF = {"sphere": "sphere", "ring": "ring", "curve": "curve"}
MOST_DRAWN = 1000
WITHIN = 5
LOOP = "averaged"
# Gains were chosen on other devices (network.seed 4, 7 and 8) than the tables are about.
BASELINES: dict[str, Callable[..., Any]] = {
    "random search": random_search,
    "evolution": evolution,
    "SPSA": lambda *given, **rest: spsa(*given, settings=Spsa(a=0.1), **rest),
    "gradient": lambda *given, **rest: gradient_descent(*given, settings=Gradient(0.05, "momentum", True), **rest),
}


class Trial(NamedTuple):
    """One start, one method: whether it learnt, and device evaluations to the first point that does the task."""

    device: int
    task: str
    loss: str
    method: str
    epochs: int | str
    start: int
    learnt: bool
    evaluations: int | str = ""
    note: str = ""
    verdict: str = "ok"


class Case(NamedTuple):
    """A task on a device with its random starts."""

    config: Config
    network: Network
    loop: HomodyneLoop
    seeds: list[int]
    starts: np.ndarray
    drawn: int
    over: int
    solved: int

    @property
    def name(self) -> str:
        """Return the task's name."""
        return self.loop.task.name

    def key(self) -> tuple[int, str, str]:
        """Return what tells rows of the tables apart."""
        return self.config.network.seed, self.name, self.loop.settings.loss


def settings(device: int, task: str, loss: str, epochs: int, **loop: Any) -> Config:
    """Return those of the example of the task, with another device, gate, loss or length."""
    example = EXAMPLES / f"{EXAMPLE_OF.get(task, 'xor')}.toml"
    with example.open("rb") as file:
        given = tomllib.load(file)
    del given["circuit"], given["loop"]["seed"]
    given["network"] = {"seed": device, "current": given["network"]["current"]}
    given["task"] |= {"gate": task} if task in GATES else {}
    given["loop"] |= {"loss": loss, "epochs": epochs, **loop}
    return parse_config(given)


def prepare(config: Config, count: int) -> Case:
    """Draw starts until so many are in range and wrong, or `MOST_DRAWN` were looked at."""
    task = build_task(config.task)
    network = build_network(config.network, n_inputs=task.n_inputs)
    loop = make_loop(config, network, task)
    seeds: list[int] = []
    starts: list[tuple[float, ...]] = []
    drawn = over_range = done = 0
    while drawn < MOST_DRAWN and len(seeds) < count:
        block = [draw_start(drawn + k, config.loop.start_range, len(network.controls)) for k in range(50)]
        for start, over, solved in zip(block, *sort_starts(network, loop, block), strict=True):
            if len(seeds) < count:
                if not (over or solved):
                    seeds.append(drawn)
                    starts.append(start)
                drawn, over_range, done = drawn + 1, over_range + int(over), done + int(solved)
    return Case(config, network, loop, seeds, np.array(starts), drawn, over_range, done)


def averaged(case: Case, lengths: list[int], budget: int) -> Iterator[Trial]:
    """Follow the averaged equations once, and judge them where a run of each length would end."""
    path = averaged_run(case.network, case.loop, case.starts).path
    first = first_epochs(case, path[:, : budget // len(case.loop.task.cases)])
    for epochs in lengths:
        scores = judge_ends(case.network, case.loop, path[:, epochs - 1], case.config.loop.control_range)
        for number, (seed, found) in enumerate(zip(case.seeds, scores, strict=True)):
            asked = first.get(number, "") if epochs == max(lengths) else ""
            yield Trial(*case.key(), LOOP, epochs, seed, not found.reason, asked, found.reason)


def first_epochs(case: Case, path: np.ndarray) -> dict[int, int]:
    """Return, by start, the device evaluations (windows) up to the first epoch at whose end the task is done."""
    problem = task_problem(case.network, case.loop, case.config.loop.control_range)
    first: dict[int, int] = {}
    block = 8
    for begin in range(0, path.shape[1], block):
        left = [number for number in range(len(path)) if number not in first]
        points = path[left, begin : begin + block]
        inside = (np.abs(points) <= case.config.loop.control_range).all(axis=-1)
        solved = problem.solved(points.reshape(-1, points.shape[-1])).reshape(inside.shape) & inside if left else []
        for number, row in zip(left, solved, strict=True):
            if row.any():
                first[number] = (begin + int(row.argmax()) + 1) * problem.evaluations
    return first


def baselines(case: Case, budget: int) -> Iterator[Trial]:
    """Let the other optimisers start from the same voltages on the exact twin."""
    problem = task_problem(case.network, case.loop, case.config.loop.control_range)
    for method, optimise in BASELINES.items():
        for seed, start in zip(case.seeds, case.starts, strict=True):
            found = optimise(problem, np.append(start, case.loop.threshold_start), seed=seed, budget=budget)
            asked = found.evaluations_to_solve
            yield Trial(*case.key(), method, "", seed, found.solved, "" if asked is None else asked)


def transients(case: Case, technology: str, epochs: int, count: int) -> Iterator[Trial]:
    """Simulate the whole circuit from the first starts; a run that is not valid has not learnt."""
    device, task, loss = case.key()
    for seed in case.seeds[:count]:
        began = time.monotonic()
        values = settings(device, task, loss, epochs, seed=seed).model_dump(exclude_unset=True)
        config = parse_config({**values, "circuit": {"technology": technology}})
        with tempfile.TemporaryDirectory() as folder:
            run = Experiment.from_config(config).run(Path(folder) / "run")
        note = run.result["reason" if run.verdict == "ok" else "message"]
        tell(f"{technology}, device {device}, {task}, {loss}, loop.seed {seed}: {note or 'learnt'}", began)
        yield Trial(device, task, loss, technology, epochs, seed, run.learnt, note=note, verdict=run.verdict)


def tell(text: str, began: float) -> None:
    print(f"{text} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)


def share(trials: list[Trial]) -> str:
    """Return successes with Wilson's 95 % interval."""
    if not trials:
        return ""
    learnt = sum(trial.learnt for trial in trials)
    low, high = proportion_interval(learnt, len(trials))
    return f"{learnt}/{len(trials)} ({low:.0%} - {high:.0%})".replace("%", " %")


def within(trials: list[Trial], starts: int = WITHIN) -> str:
    """Return the chance that one of so many such starts learns, at the share found and at the ends of its interval."""
    if not trials:
        return ""
    learnt = sum(trial.learnt for trial in trials)
    shares = learnt / len(trials), *proportion_interval(learnt, len(trials))
    chance, low, high = (1 - (1 - value) ** starts for value in shares)
    return f"{chance:.0%} ({low:.0%} - {high:.0%})".replace("%", " %")


def table(head: list[str], rows: Iterable[list[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def success_table(cases: list[Case], trials: list[Trial], lengths: list[int]) -> str:
    """Return one row for each device, task and loss."""
    circuits = [name for name in ("ideal", "gf180") if any(trial.method == name for trial in trials)]
    head = ["device", "task", "loss", "drawn: over range, done already"]
    for epochs in lengths:
        head += [f"averaged, {epochs} epochs", f"one of {WITHIN} starts"]
    rows = []
    for case in cases:
        mine = [trial for trial in trials if trial[:3] == case.key()]
        row: list[object] = [*case.key(), f"{case.drawn}: {case.over}, {case.solved}"]
        for epochs in lengths:
            ends = [trial for trial in mine if (trial.method, trial.epochs) == (LOOP, epochs)]
            row += [share(ends), within(ends)]
        rows.append(row + [share([trial for trial in mine if trial.method == name]) for name in circuits])
    return table([*head, *(f"{name} circuit, {lengths[0]} epochs" for name in circuits)], rows)


def baseline_table(cases: list[Case], trials: list[Trial]) -> str:
    """Return shares of starts solved within the budget, and the median of the device evaluations that took."""
    methods = [LOOP, *BASELINES]
    rows = []
    for case in cases:
        row: list[object] = [*case.key()]
        for method in methods:
            asked = [
                int(trial.evaluations)
                for trial in trials
                if trial[:3] == case.key() and trial.method == method and trial.evaluations != ""
            ]
            middle = f"{statistics.median(asked):.0f}" if asked else "-"
            row.append(f"{len(asked)}/{len(case.seeds)}, {middle}")
        rows.append(row)
    return table(["device", "task", "loss", "HGE (averaged)", *BASELINES], rows)


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="runs/success")
    parser.add_argument("--devices", type=int, nargs="+", default=[6, 112], help="network.seed")
    parser.add_argument("--tasks", nargs="+", choices=[*GATES, *EXAMPLE_OF], default=[*GATES, "sphere"])
    parser.add_argument("--losses", nargs="+", choices=["mse", "hinge"], default=["mse", "hinge"])
    parser.add_argument("--epochs", type=int, nargs="+", default=[40, 160], help="transients take the first")
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--budget", type=int, default=640, help="device evaluations of each optimiser; 0: none")
    parser.add_argument("--ideal", type=int, default=0, help="transients with ideal blocks, for each row")
    parser.add_argument("--gf180", type=int, default=0, help="transients with transistors, for each row")
    return parser.parse_args(words)


def trials_of(chosen: argparse.Namespace, cases: list[Case]) -> Iterator[Trial]:
    """Try everything, the quick parts first; `cases` gets those looked at."""
    began = time.monotonic()
    for device, task, loss in itertools.product(chosen.devices, chosen.tasks, chosen.losses):
        case = prepare(settings(device, task, loss, max(chosen.epochs)), chosen.starts)
        compared = chosen.budget > 0 and loss == chosen.losses[0]
        cases.append(case)
        if case.seeds:
            yield from averaged(case, chosen.epochs, chosen.budget if compared else 0)
        if case.seeds and compared:
            yield from baselines(case, chosen.budget)
        tell(f"device {device}, {task}, {loss}", began)
    for case, technology in itertools.product(cases, ("ideal", "gf180")):
        yield from transients(case, technology, chosen.epochs[0], getattr(chosen, technology))


def main(words: list[str] | None = None) -> None:
    """Try, keep every trial as it ends, and print the tables."""
    chosen = arguments(words)
    cases: list[Case] = []
    trials: list[Trial] = []
    Path(chosen.folder).mkdir(parents=True, exist_ok=True)
    with (Path(chosen.folder) / "success.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Trial._fields)
        for trial in trials_of(chosen, cases):
            trials.append(trial)
            writer.writerow(trial)
            file.flush()
    print("Starts that learn, of those in range and wrong at first, with 95 % intervals:\n")
    print(success_table(cases, trials, chosen.epochs))
    for trial in trials:
        if trial.verdict != "ok":
            where = f"{trial.method}, device {trial.device}, {trial.task}, {trial.loss}, loop.seed {trial.start}"
            print(f"\n{trial.verdict}, counted as not learnt: {where}: {trial.note}")
    if chosen.budget > 0:
        print(
            f"\nStarts that do the task at some point within {chosen.budget} device evaluations, and the median of the "
            "evaluations up to\nthe first such point. One evaluation is one input case at one setting of the controls; "
            "for HGE one window, in which\nall derivatives are measured at once. The gradient is exact but counted as "
            "finite differences.\n"
        )
        print(baseline_table([case for case in cases if case.loop.settings.loss == chosen.losses[0]], trials))


if __name__ == "__main__":
    try:
        main()
    except HgeError as error:
        raise SystemExit(f"success: {error}") from None
