"""Experiments: the one thin object that chains the stages, from settings to a folder that holds everything."""

from __future__ import annotations

from hgesim.experiment.along import measure_along
from hgesim.experiment.build import build_design, build_network, build_task
from hgesim.experiment.experiment import Experiment, learn
from hgesim.experiment.folder import netlist_folder
from hgesim.experiment.gradient import Sampling, gradient, measure_gradients, random_points
from hgesim.experiment.instrument import Instrument, Measurement, Pace
from hgesim.experiment.plan import RunPlan, plan_run, wall_time
from hgesim.experiment.run import GradientRun, Run
from hgesim.experiment.screen import Finding, Search, screen
from hgesim.experiment.speed import PointCost, point_cost
from hgesim.experiment.watch import Status

__all__ = [
    "Experiment",
    "Finding",
    "GradientRun",
    "Instrument",
    "Measurement",
    "Pace",
    "PointCost",
    "Run",
    "RunPlan",
    "Sampling",
    "Search",
    "Status",
    "build_design",
    "build_network",
    "build_task",
    "gradient",
    "learn",
    "measure_along",
    "measure_gradients",
    "netlist_folder",
    "plan_run",
    "point_cost",
    "random_points",
    "screen",
    "wall_time",
]
