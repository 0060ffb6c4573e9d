"""Engines: give them a folder with a deck, get a verdict and waveforms; what the circuit means is not known here."""

from hgesim.engine.bond import compile_bond, openvaf
from hgesim.engine.engines import Engine, find_engines, select_engine
from hgesim.engine.fill import fill_folder
from hgesim.engine.models import gf180_models
from hgesim.engine.raw import RawData, read_raw, row_blocks
from hgesim.engine.run import LOG_NAME, RAW_NAME, Ended, Progress, conclude, run_deck
from hgesim.engine.simulators import usage
from hgesim.engine.verdict import RunResult, Verdict

__all__ = [
    "LOG_NAME",
    "RAW_NAME",
    "Ended",
    "Engine",
    "Progress",
    "RawData",
    "RunResult",
    "Verdict",
    "compile_bond",
    "conclude",
    "fill_folder",
    "find_engines",
    "gf180_models",
    "openvaf",
    "read_raw",
    "row_blocks",
    "run_deck",
    "select_engine",
    "usage",
]
