"""Experiments: the one thin object that chains the stages, from settings to a folder that holds everything."""

from __future__ import annotations

from hgesim.experiment.build import build_design, build_network
from hgesim.experiment.experiment import Experiment, Status, learn
from hgesim.experiment.folder import netlist_folder
from hgesim.experiment.run import Run

__all__ = ["Experiment", "Run", "Status", "build_design", "build_network", "learn", "netlist_folder"]
