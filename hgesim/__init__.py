"""hgesim: SPICE-level co-simulation of learning in physical networks.

>>> import hgesim as hg
>>> run = hg.learn("examples/and.toml", "runs/and")      # doctest: +SKIP
>>> run.learnt, run.outputs, run.loss, run.report()      # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hgesim._version import __version__

# Where each public name lives; loaded on first use, so that `import hgesim` stays quick.
_HOMES = {
    "Design": "hgesim.design",
    "DigitalLoop": "hgesim.loop",
    "DigitalSettings": "hgesim.loop",
    "Draw": "hgesim.loop",
    "Experiment": "hgesim.experiment",
    "GradientRun": "hgesim.experiment",
    "HgeError": "hgesim.errors",
    "HomodyneLoop": "hgesim.loop",
    "Listener": "hgesim.cosim",
    "LoopSettings": "hgesim.loop",
    "Network": "hgesim.network",
    "Nonideal": "hgesim.nonideal",
    "OpenLoop": "hgesim.loop",
    "OperatingPoints": "hgesim.loop",
    "Optimizer": "hgesim.loop",
    "PythonSource": "hgesim.cosim",
    "Run": "hgesim.experiment",
    "Sampling": "hgesim.experiment",
    "Scales": "hgesim.loop",
    "Session": "hgesim.cosim",
    "Task": "hgesim.loop",
    "Timeline": "hgesim.loop",
    "Transient": "hgesim.design",
    "block_from_file": "hgesim.blocks",
    "block_from_pyspice": "hgesim.blocks",
    "block_set": "hgesim.design",
    "complete": "hgesim.network",
    "curve_task": "hgesim.loop",
    "dithered_gradient": "hgesim.learning",
    "dopant_disc": "hgesim.network",
    "from_graph": "hgesim.network",
    "gate_task": "hgesim.loop",
    "gradient": "hgesim.experiment",
    "lattice": "hgesim.network",
    "learn": "hgesim.experiment",
    "load_config": "hgesim.config",
    "measure_gradients": "hgesim.experiment",
    "network_bench": "hgesim.design",
    "plan_tones": "hgesim.loop",
    "random_geometric": "hgesim.network",
    "read_network": "hgesim.network",
    "read_task": "hgesim.loop",
    "ring_task": "hgesim.loop",
    "sphere_task": "hgesim.loop",
    "to_pyspice": "hgesim.netlist",
    "write_network": "hgesim.network",
}
__all__ = [
    "Design",
    "DigitalLoop",
    "DigitalSettings",
    "Draw",
    "Experiment",
    "GradientRun",
    "HgeError",
    "HomodyneLoop",
    "Listener",
    "LoopSettings",
    "Network",
    "Nonideal",
    "OpenLoop",
    "OperatingPoints",
    "Optimizer",
    "PythonSource",
    "Run",
    "Sampling",
    "Scales",
    "Session",
    "Task",
    "Timeline",
    "Transient",
    "__version__",
    "block_from_file",
    "block_from_pyspice",
    "block_set",
    "complete",
    "curve_task",
    "dithered_gradient",
    "dopant_disc",
    "from_graph",
    "gate_task",
    "gradient",
    "lattice",
    "learn",
    "load_config",
    "measure_gradients",
    "network_bench",
    "plan_tones",
    "random_geometric",
    "read_network",
    "read_task",
    "ring_task",
    "sphere_task",
    "to_pyspice",
    "write_network",
]

if TYPE_CHECKING:
    from hgesim.blocks import block_from_file, block_from_pyspice
    from hgesim.config import load_config
    from hgesim.cosim import Listener, PythonSource, Session
    from hgesim.design import Design, Transient, block_set, network_bench
    from hgesim.errors import HgeError
    from hgesim.experiment import Experiment, GradientRun, Run, Sampling, gradient, learn, measure_gradients
    from hgesim.learning import dithered_gradient
    from hgesim.loop import (
        DigitalLoop,
        DigitalSettings,
        Draw,
        HomodyneLoop,
        LoopSettings,
        OpenLoop,
        OperatingPoints,
        Optimizer,
        Scales,
        Task,
        Timeline,
        curve_task,
        gate_task,
        plan_tones,
        read_task,
        ring_task,
        sphere_task,
    )
    from hgesim.netlist import to_pyspice
    from hgesim.network import (
        Network,
        complete,
        dopant_disc,
        from_graph,
        lattice,
        random_geometric,
        read_network,
        write_network,
    )
    from hgesim.nonideal import Nonideal


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hgesim' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
