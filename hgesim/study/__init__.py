"""Studies: many runs of one settings file, with what varies, where they run, and what they say together."""

from __future__ import annotations

from hgesim.study.page import write_study_report
from hgesim.study.plan import Study, read_study
from hgesim.study.runner import Progress, run_study
from hgesim.study.store import StudyFolder
from hgesim.study.table import rows

__all__ = ["Progress", "Study", "StudyFolder", "read_study", "rows", "run_study", "write_study_report"]
