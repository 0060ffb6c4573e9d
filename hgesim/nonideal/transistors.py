"""Mismatch of the foundry's transistors, drawn here and put on a wrapper of our own around the foundry's model.

The foundry's subcircuits draw their own deviations, in the order in which a deck is read: one device more is another
chip. The wrapper has the foundry's law and coefficients and takes the two standard normal numbers as parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from hgesim.blocks import Cell

__all__ = ["PELGROM", "Pelgrom", "wrapper"]


@dataclass(frozen=True)
class Pelgrom:
    """Coefficients of a transistor in section ``fets_mm`` of the foundry's model file.

    Parameters
    ----------
    threshold : float
        ``par_vth``, standard deviation of the difference of two threshold voltages times the root of the area, V um.
    gain : float
        ``par_k``, the same of the relative difference of two current factors, um.
    less_length, less_width : float
        ``par_l`` and ``par_w``: what is taken off the drawn length and width, m.
    """

    threshold: float
    gain: float
    less_length: float
    less_width: float


PELGROM = {
    "nfet_03v3": Pelgrom(0.007148, 0.007008, 1.5e-7, -1e-7),
    "pfet_03v3": Pelgrom(0.00666, 0.002833, 1.5e-7, -1e-7),
    "nfet_06v0": Pelgrom(0.01155, 0.0, 4e-7, -5e-7),
    "pfet_06v0": Pelgrom(0.01051, 0.00517, 3e-7, -4e-7),
}

# One device has 1/sqrt(2) of the deviation of a difference of two. The foundry's file gives all m units of a device
# one draw, which overrates wide devices; m units side by side have m times the area.
_WRAPPER = """\
* {model} with given mismatch: law and coefficients of the foundry's section fets_mm, but m units average
.subckt {name} d g s b w=1e-5 l=2.8e-7 as=0 ad=0 ps=0 pd=0 nrd=0 nrs=0 sa=0 sb=0 nf=1 sd=0 m=1 zvth=0 zk=0
.param root_area={{sqrt((l-({less_length:g}))*(w-({less_width:g}))*m)}}
m0 d g s b {model} w={{w}} l={{l}} as={{as}} ad={{ad}} ps={{ps}} pd={{pd}} nrd={{nrd}} nrs={{nrs}} sa={{sa}} sb={{sb}}
+ nf={{nf}} sd={{sd}} m={{m}} delvto={{zvth*0.7071*{threshold:g}*1e-06/root_area}}
+ mulu0={{1-zk*0.7071*{gain:g}*1e-06/root_area}}
.ends {name}
"""


def wrapper(model: str) -> Cell:
    """Return the wrapper of a transistor: the foundry's ports and parameters, and the draws ``zvth`` and ``zk``.

    Parameters
    ----------
    model : str
        A key of `PELGROM`.
    """
    name, law = f"drawn_{model}", PELGROM[model]
    text = _WRAPPER.format(
        model=model,
        name=name,
        threshold=law.threshold,
        gain=law.gain,
        less_length=law.less_length,
        less_width=law.less_width,
    )
    return Cell(name, text, (), ((name, 1),), "gf180")
