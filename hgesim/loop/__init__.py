"""Learning loops: the task, the tone plan, the time line and how the blocks are wired."""

from __future__ import annotations

from hgesim.loop.homodyne import Channel, HomodyneLoop, LoopSettings
from hgesim.loop.task import GATES, GateTask
from hgesim.loop.timeline import Timeline
from hgesim.loop.tones import TonePlan, check_tones, plan_tones

__all__ = [
    "GATES",
    "Channel",
    "GateTask",
    "HomodyneLoop",
    "LoopSettings",
    "Timeline",
    "TonePlan",
    "check_tones",
    "plan_tones",
]
