"""From settings to a design: the device, the start and the circuit, all decided before anything runs."""

from __future__ import annotations

from pathlib import Path

from hgesim.blocks import Block, block_from_file
from hgesim.config import CircuitConfig, Config, LoopConfig, NetworkConfig
from hgesim.design import Design, block_set
from hgesim.errors import RequestError
from hgesim.loop import GateTask, HomodyneLoop, LoopSettings, Timeline, TonePlan, check_tones, plan_tones
from hgesim.network import DiscParameters, Network, dopant_disc, read_network
from hgesim.seeds import generator

__all__ = ["build_design", "build_network"]

_FILE_ENDINGS = (".sp", ".cir", ".sub", ".subckt", ".inc")
_DISC_KEYS = ("dopants", "electrodes", "inputs", "radius", "localisation", "cutoff", "disorder", "current", "site_leak")


def build_network(config: NetworkConfig, folder: Path = Path()) -> Network:
    """Draw or read the device.

    Parameters
    ----------
    config : NetworkConfig
        Section ``[network]``.
    folder : Path
        What a relative ``file`` refers to.
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
    values = {key: getattr(config, key) for key in _DISC_KEYS}
    if config.temperature is not None:
        values["temperature"] = config.temperature
    return dopant_disc(config.seed, DiscParameters(**values))


def build_design(config: Config, folder: Path = Path()) -> Design:
    """Build the whole design from settings; `folder` is what relative file names refer to."""
    network = build_network(config.network, folder)
    task = GateTask(config.task.gate, config.task.level, config.task.target, config.task.margin)
    if config.circuit.hinge is not None and config.loop.loss != "hinge":
        raise RequestError(
            "config.conflict",
            f'the loss "{config.loop.loss}" needs no hinge',
            place="circuit.hinge",
            remedy='leave it out, or set loop.loss to "hinge"',
        )
    return Design(
        network,
        _loop(config, network, task),
        _blocks(config.circuit, folder),
        site_capacitance=config.network.site_capacitance,
        temperature=config.circuit.temperature,
    )


def _loop(config: Config, network: Network, task: GateTask) -> HomodyneLoop:
    values = config.loop
    plan = _plan(values, len(network.controls) + 1, config.engine.steps_per_cycle)
    timeline = Timeline(values.ramp, values.settle, values.beats * plan.beat, len(task.cases), values.epochs)
    settings = LoopSettings(
        loss=values.loss,
        dither=values.dither,
        threshold_dither=values.threshold_dither,
        reference=values.reference,
        rate=values.rate,
        slowness=values.slowness,
        transimpedance=values.transimpedance,
        threshold_resistance=values.threshold_resistance,
    )
    return HomodyneLoop(task, plan, timeline, settings, _start(values, len(network.controls)))


def _plan(values: LoopConfig, channels: int, steps_per_cycle: float) -> TonePlan:
    if values.carriers is None:
        return plan_tones(channels, values.base, steps_per_cycle)
    return check_tones(values.carriers, steps_per_cycle)


def _start(values: LoopConfig, controls: int) -> tuple[float, ...]:
    if values.start is not None:
        return values.start
    return tuple(
        generator(values.seed, "loop", "start").uniform(-values.start_range, values.start_range, controls).tolist()
    )


def _blocks(config: CircuitConfig, folder: Path) -> dict[str, Block]:
    choices = {kind: _block(kind, value, folder) for kind, value in config.choices.items()}
    return block_set(config.technology, **choices)


def _block(kind: str, value: str, folder: Path) -> Block | str:
    return block_from_file(folder / value, kind) if value.lower().endswith(_FILE_ENDINGS) else value
