"""From settings to a design: the device, the start and the circuit, all decided before anything runs."""

from __future__ import annotations

import functools
import math
from pathlib import Path

from hgesim.blocks import Block, block_from_file
from hgesim.blocks.transfer import CONTRACT
from hgesim.config import (
    CircuitConfig,
    Config,
    ConvertersConfig,
    EngineConfig,
    LoopConfig,
    NetworkConfig,
    NonidealConfig,
    TaskConfig,
    idle_keys,
    parse_config,
)
from hgesim.design import Design, block_set
from hgesim.errors import RequestError
from hgesim.loop import (
    Clock,
    Converter,
    Converters,
    DigitalLoop,
    DigitalSettings,
    Draw,
    HomodyneLoop,
    LoopSettings,
    Optimizer,
    Scales,
    Task,
    Timeline,
    TonePlan,
    check_tones,
    curve_task,
    gate_task,
    plan_tones,
    read_task,
    ring_task,
    sphere_task,
)
from hgesim.network import DiscParameters, Network, dopant_disc, read_network
from hgesim.nonideal import Nonideal, preset_sizes
from hgesim.seeds import generator

__all__ = [
    "build_design",
    "build_network",
    "build_task",
    "draw_redraw",
    "draw_start",
    "located",
    "make_converters",
    "make_loop",
]

_FILE_ENDINGS = (".sp", ".cir", ".sub", ".subckt", ".inc")
_DRAWN = ("training", "test", "seed")
_TASK_KEYS: dict[str, tuple[str, ...]] = {
    "gate": ("gate", "margin"),
    "sphere": (*_DRAWN, "radius", "gap", "accuracy"),
    "ring": (*_DRAWN, "accuracy"),
    "curve": (*_DRAWN, "curve", "file", "error"),
    "classes": ("file", "accuracy"),
}
_SLOWNESS_PER_CASE = 4.0
# Learning rates of a digital update, by whether the loss is the correlation's: on exact devices they learn gates.
_RATES = {
    False: {"gradient-descent": 0.05, "momentum": 0.02, "adam": 0.03},
    True: {"gradient-descent": 1e-3, "momentum": 1e-4, "adam": 0.03},
}
_STOP_CORRELATION = 0.1  # as in the laboratory: a correlation of 1 and a wide separation leave 0.095
_CONVERTER_RANGE = 1.65
_DISC_KEYS = (
    *(
        "dopants",
        "electrodes",
        "inputs",
        "radius",
        "localisation",
        "cutoff",
        "disorder",
        "current",
        "fastest",
        "site_leak",
    ),
    *("levers", "electrode_width", "coulomb", "permittivity", "screening", "counter_dopants"),
)


def build_task(config: TaskConfig, folder: Path = Path()) -> Task:
    """Make the task; `folder` is what a relative ``file`` refers to.

    Raises
    ------
    RequestError
        ``config.conflict`` for a key that another kind of task has; ``task.*``.
    """
    allowed = {"kind", "level", "offsets", "target", *_TASK_KEYS[config.kind]}
    if config.kind == "curve" and config.file is not None:
        allowed -= {*_DRAWN, "curve"}
    for key in sorted(config.model_fields_set - allowed):
        raise RequestError(
            "config.conflict",
            f'a task of kind "{config.kind}" has no {key}' + (" beside file" if config.file else ""),
            place=f"task.{key}",
            remedy="leave it out, or choose another task.kind",
        )
    scales = Scales(config.level, config.target, config.offsets)
    if config.kind == "gate":
        return gate_task(config.gate, scales, margin=config.margin)
    if config.kind == "classes" and config.file is None:
        raise RequestError("task.no-file", "no table of cases", place="task.file", remedy="give a CSV file")
    if config.file is not None:
        kind, goal = ("curve", config.error) if config.kind == "curve" else ("classes", config.accuracy)
        return read_task(folder / config.file, kind, goal, scales)  # type: ignore[arg-type]
    draw = Draw(config.training, config.test, config.seed, scales)
    if config.kind == "curve":
        return curve_task(config.curve, draw, error=config.error)
    if config.kind == "ring":
        return ring_task(draw, accuracy=config.accuracy)
    return sphere_task(draw, radius=config.radius, gap=config.gap, accuracy=config.accuracy)


def build_network(config: NetworkConfig, folder: Path = Path(), n_inputs: int = 2) -> Network:
    """Draw or read the device.

    Parameters
    ----------
    config : NetworkConfig
        Section ``[network]``.
    folder : Path
        What a relative ``file`` refers to.
    n_inputs : int
        How many input electrodes a device that is drawn gets, unless the section names them.
    """
    if config.file is not None:
        drawn = sorted(config.model_fields_set & {"seed", *_DISC_KEYS})
        if drawn:
            raise RequestError(
                "config.conflict",
                "a network from a file is not drawn",
                place=f"network.{drawn[0]}",
                remedy="leave it out, or leave out network.file",
            )
        temperature = {} if config.temperature is None else {"temperature": config.temperature}
        return read_network(folder / config.file, **temperature)
    _refuse_idle("network", config)
    values = {key: getattr(config, key) for key in _DISC_KEYS}
    if config.temperature is not None:
        values["temperature"] = config.temperature
    if config.inputs is None:
        values["inputs"] = _spread(n_inputs, config.electrodes)
    return _drawn(config.seed, DiscParameters(**values))


@functools.lru_cache(maxsize=4)  # networks never change, and a study runs the same device again and again
def _drawn(seed: int, parameters: DiscParameters) -> Network:
    return dopant_disc(seed, parameters)


def _refuse_idle(section: str, config: NetworkConfig | LoopConfig | ConvertersConfig | EngineConfig) -> None:
    """Refuse a key that is given and does nothing."""
    for key, needed in idle_keys(section, config.model_dump()).items():
        if key in config.model_fields_set and getattr(config, key) is not None:
            raise RequestError(
                "config.conflict",
                f"does nothing: it needs {needed}",
                place=f"{section}.{key}",
                remedy="leave it out",
            )


def _spread(inputs: int, electrodes: int) -> tuple[int, ...]:
    """Return input electrodes evenly around the rim, away from the output: 2 and 5 of 8."""
    if inputs >= electrodes - 1:
        raise RequestError(
            "task.input-count",
            f"{inputs} inputs and an output leave no control among {electrodes} electrodes",
            place="network.electrodes",
            remedy=f"at least {inputs + 2}",
        )
    return tuple(int(electrodes * (k + 1) / (inputs + 1)) for k in range(inputs))


def build_design(config: Config, folder: Path = Path()) -> Design:
    """Build the whole design from settings; `folder` is what relative file names refer to."""
    task = build_task(config.task, folder)
    network = build_network(config.network, folder, task.n_inputs)
    if config.circuit.hinge is not None and config.loop.loss != "hinge":
        raise RequestError(
            "config.conflict",
            f'the loss "{config.loop.loss}" needs no hinge',
            place="circuit.hinge",
            remedy='leave it out, or set loop.loss to "hinge"',
        )
    _refuse_idle("engine", config.engine)
    return Design(
        network,
        make_loop(config, network, task),
        _blocks(config.circuit, folder),
        site_capacitance=config.network.site_capacitance,
        temperature=config.circuit.temperature,
        nonideal=_chip(config.nonideal),
    )


def located(config: Config, folder: Path) -> Config:
    """Return the same settings with the files they name as absolute paths: for use from any other folder."""
    data = config.model_dump(exclude_unset=True)
    for section in ("task", "network"):
        if data.get(section, {}).get("file") is not None:
            data[section]["file"] = str((folder / data[section]["file"]).resolve())
    for kind, value in config.circuit.choices.items():
        if value.lower().endswith(_FILE_ENDINGS):
            data["circuit"][kind] = str((folder / value).resolve())
    return parse_config(data)


def _chip(values: NonidealConfig) -> Nonideal:
    sizes = preset_sizes(values.preset) if values.preset is not None else {}
    return Nonideal({**sizes, **values.sizes}, values.seed, values.corner, values.distribution, values.run, values.lost)


def make_loop(config: Config, network: Network, task: Task) -> HomodyneLoop:
    """Make the loop of a device and a task from section ``[loop]``."""
    values = config.loop
    if values.start is not None and values.restarts:
        raise RequestError(
            "config.conflict",
            "a start that is given cannot be drawn anew",
            place="loop.restarts",
            remedy="leave it out, or give loop.seed instead of loop.start",
        )
    _refuse_idle("loop", values)
    if values.start_range > CONTRACT.integrator_limit:
        raise RequestError(
            "loop.out-of-range",
            f"{values.start_range:g} V",
            place="loop.start_range",
            remedy=f"at most {CONTRACT.integrator_limit:g} V, which is what the integrators reach",
        )
    digital = values.update == "digital"
    plan = _plan(values, len(network.controls) + (not digital), config.engine.steps_per_cycle)
    timeline = Timeline(values.ramp, values.settle, values.beats * plan.beat, len(task.cases), values.epochs)
    settings = LoopSettings(
        loss=values.loss,
        dither=values.dither,
        threshold_dither=values.threshold_dither,
        reference=values.reference,
        reference_shape=values.reference_shape,
        reference_phase=values.reference_phase,
        rate=values.rate,
        slowness=_SLOWNESS_PER_CASE * len(task.cases) if values.slowness is None else values.slowness,
        transimpedance=values.transimpedance,
        threshold_resistance=values.threshold_resistance,
        decay=values.decay,
    )
    start = draw_start(values.seed, values.start_range, len(network.controls)) if values.start is None else values.start
    crossings = make_converters(config.converters)
    if not (crossings.ideal or config.has_python):
        raise RequestError(
            "config.conflict",
            "nothing crosses between the circuit and Python",
            place="converters",
            remedy='leave it out, or set loop.update to "digital" or a block to "python"',
        )
    made = (task, plan, timeline, settings, start, values.threshold_start, crossings)
    return DigitalLoop(*made, _digital(values)) if digital else HomodyneLoop(*made)


def _digital(values: LoopConfig) -> DigitalSettings:
    rate, stop = values.learning_rate, values.stop_loss
    correlation = values.loss == "correlation"
    return DigitalSettings(
        Optimizer(
            values.optimizer,
            _RATES[correlation][values.optimizer] if rate is None else rate,
            values.momentum,
            values.betas,  # type: ignore[arg-type]
        ),
        values.lock_in,
        _STOP_CORRELATION if correlation and stop is None else stop,
        values.clip,
        values.control_range,
    )


def make_converters(values: ConvertersConfig) -> Converters:
    """Make the converters of section ``[converters]``."""

    def one(bits: int | None, reach: float | None) -> Converter:
        return Converter(bits, (math.inf if bits is None else _CONVERTER_RANGE) if reach is None else reach)

    _refuse_idle("converters", values)
    adc, dac = one(values.adc_bits, values.adc_range), one(values.dac_bits, values.dac_range)
    return Converters(adc, dac, Clock(values.rate, values.jitter), values.seed)


def _plan(values: LoopConfig, channels: int, steps_per_cycle: float) -> TonePlan:
    if values.carriers is None:
        return plan_tones(channels, values.base, steps_per_cycle)
    return check_tones(values.carriers, steps_per_cycle)


def draw_start(seed: int, span: float, controls: int, number: int = 0) -> tuple[float, ...]:
    """Draw the start voltages of the controls, in volt, uniform within plus and minus `span`.

    Number 0 is the first start of a seed, the others are what a restart draws.
    """
    path = ("loop", "start") if number == 0 else ("loop", "start", number)
    return tuple(generator(seed, *path).uniform(-span, span, controls).tolist())


def draw_redraw(seed: int, span: float, controls: int, number: int) -> tuple[float, ...]:
    """Draw the controls that a digital update goes on with after an output over range, for the draw's number from 1."""
    return tuple(generator(seed, "loop", "redraw", number).uniform(-span, span, controls).tolist())


def _blocks(config: CircuitConfig, folder: Path) -> dict[str, Block]:
    choices = {kind: _block(kind, value, folder) for kind, value in config.choices.items()}
    return block_set(config.technology, area=config.area, **choices)


def _block(kind: str, value: str, folder: Path) -> Block | str:
    return block_from_file(folder / value, kind) if value.lower().endswith(_FILE_ENDINGS) else value
