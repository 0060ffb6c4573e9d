"""Reports: figures, block diagram and one HTML page, from what a run stored and nothing else."""

from __future__ import annotations

from hgesim.report.page import write_report
from hgesim.report.summary import summary_figure

__all__ = ["summary_figure", "write_report"]
