"""Reports: figures, block diagram and one HTML page, from what a run stored and nothing else."""

from __future__ import annotations

from hgesim.report.page import write_report
from hgesim.report.record import Record, read_record
from hgesim.report.sphere_figure import figure4
from hgesim.report.summary import summary_figure

__all__ = ["Record", "figure4", "read_record", "summary_figure", "write_report"]
