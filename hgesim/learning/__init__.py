"""Learning: what a run's waveforms and its network say about the task, and what a device shows at all."""

from __future__ import annotations

from hgesim.learning.averaged import AveragedRun, averaged_run
from hgesim.learning.dithered import dithered_gradient, dithered_loss_gradient
from hgesim.learning.gradient import (
    Comparison,
    Readings,
    best_range,
    branch_gains,
    calibrated_gradient,
    compare_gradients,
    counted_points,
    difference_voltages,
    exact_gradient,
    finite_difference,
    gradient_angle,
    gradient_error,
    read_means,
    uncalibrated_gradient,
)
from hgesim.learning.history import History, epoch_history
from hgesim.learning.perturbation import (
    Perturbation,
    code_interference,
    differences_in_turn,
    random_codes,
    simultaneous_signs,
    sines_in_turn,
    sines_together,
    walsh_codes,
)
from hgesim.learning.score import (
    Score,
    already_solved,
    case_voltages,
    correlation,
    correlation_loss,
    dither_curvature,
    goal_figure,
    network_outputs,
    score,
    separation,
)
from hgesim.learning.screening import Screened, does_task, judge_ends, proportion_interval, screen_starts, sort_starts
from hgesim.learning.signatures import Share, Sweep, gate_abundance, input_sweeps, negative_slopes, random_voltages
from hgesim.learning.task_problem import task_problem
from hgesim.learning.taylor import second_and_third_derivatives
from hgesim.learning.trajectory import Trajectory, channel_ends, descent_angle, learning_trajectory
from hgesim.learning.variable_range import HoppingExponent, hopping_exponent, hopping_film, zero_bias_conductance

__all__ = [
    "AveragedRun",
    "Comparison",
    "History",
    "HoppingExponent",
    "Perturbation",
    "Readings",
    "Score",
    "Screened",
    "Share",
    "Sweep",
    "Trajectory",
    "already_solved",
    "averaged_run",
    "best_range",
    "branch_gains",
    "calibrated_gradient",
    "case_voltages",
    "channel_ends",
    "code_interference",
    "compare_gradients",
    "correlation",
    "correlation_loss",
    "counted_points",
    "descent_angle",
    "difference_voltages",
    "differences_in_turn",
    "dither_curvature",
    "dithered_gradient",
    "dithered_loss_gradient",
    "does_task",
    "epoch_history",
    "exact_gradient",
    "finite_difference",
    "gate_abundance",
    "goal_figure",
    "gradient_angle",
    "gradient_error",
    "hopping_exponent",
    "hopping_film",
    "input_sweeps",
    "judge_ends",
    "learning_trajectory",
    "negative_slopes",
    "network_outputs",
    "proportion_interval",
    "random_codes",
    "random_voltages",
    "read_means",
    "score",
    "screen_starts",
    "second_and_third_derivatives",
    "separation",
    "simultaneous_signs",
    "sines_in_turn",
    "sines_together",
    "sort_starts",
    "task_problem",
    "uncalibrated_gradient",
    "walsh_codes",
    "zero_bias_conductance",
]
