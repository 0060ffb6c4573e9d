"""A piece of a run is what the whole transient does there: begun with the integrators' voltages and phases alone."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from small_designs import simulate, small_loop

from hgesim.circuit import CurrentSource, Sine, Square
from hgesim.design import Design, Transient, block_set, piece_of_run
from hgesim.engine import Engine
from hgesim.errors import RequestError
from hgesim.learning import learning_trajectory
from hgesim.netlist import deck_text
from hgesim.network import dopant_disc
from hgesim.nonideal import Nonideal

DISC = dopant_disc(2, dopants=5, electrodes=5, inputs=(1, 3))


def design(epochs: int = 4, chip: Nonideal | None = None, **settings: float | str) -> Design:
    return Design(DISC, small_loop(DISC, epochs=epochs, **settings), block_set("ideal"), nonideal=chip or Nonideal())  # type: ignore[arg-type]


def tones(parts: tuple[object, ...]) -> dict[str, Sine | Square]:
    return {p.name: p.wave for p in parts if isinstance(p, CurrentSource) and isinstance(p.wave, Sine | Square)}


def test_the_first_piece_is_the_begin_of_the_deck() -> None:
    whole = design()
    start = [*whole.loop.start, whole.loop.threshold_start]
    part, circuit = piece_of_run(whole, start, 0, 2)
    line = whole.loop.timeline
    assert part.loop.start == whole.loop.start and part.loop.timeline == dataclasses.replace(line, epochs=2)
    assert circuit.analysis == Transient(2 * line.epoch + line.pause, whole.loop.plan.step)
    assert "* A piece of a run: epochs 1 to 2 of 4.\n" in deck_text(circuit, "osdi")
    same = [part.elements for part in (whole.circuit, circuit)]
    assert [e for e in same[0] if "start" not in e.name] == [e for e in same[1] if "start" not in e.name]


@pytest.mark.parametrize("shape", ["sine", "square"])
def test_carriers_go_on_in_phase(shape: str) -> None:
    whole = design(reference_shape=shape, reference_phase=30.0)
    _, circuit = piece_of_run(whole, [0.1, -0.2, 0.05], 3)
    before, after, begin = tones(whole.circuit.elements), tones(circuit.elements), 3 * whole.loop.timeline.epoch
    assert before.keys() == after.keys() and len(after) == 6
    for name, wave in after.items():
        there = 2 * math.pi * before[name].frequency * begin + before[name].phase
        assert abs(wave.phase) <= math.pi
        assert math.remainder(wave.phase - there, 2 * math.pi) == pytest.approx(0, abs=1e-9)
        assert dataclasses.replace(wave, phase=before[name].phase) == before[name]


def test_starts_have_the_dither_of_the_moment() -> None:
    whole = design(chip=Nonideal({"dither_spread": 0.2}, seed=1))
    part, _ = piece_of_run(whole, [0.1, -0.2, 0.05], 2)
    begin, shifts = 2 * whole.loop.timeline.epoch, []
    for channel, volts in zip(part.loop.channels(DISC), (0.1, -0.2, 0.05), strict=True):
        wave = tones(whole.circuit.elements)[f"i_dither_{channel.name}"]
        dither = wave.amplitude * math.sin(2 * math.pi * wave.frequency * begin)
        assert channel.start == pytest.approx(volts + dither, abs=1e-12)
        shifts.append(abs(dither))
    assert max(shifts) > 5e-3
    assert part.loop.start_voltages(DISC)[DISC.controls[0]] == part.loop.start[0]
    far, _ = piece_of_run(whole, [1.4, -1.4, 1.4], 2)  # a start is within what integrators reach
    assert max(abs(v) for v in far.loop.start) <= 1.4


@pytest.mark.parametrize(
    ("channels", "epoch", "epochs"),
    [([0.1, 0.2], 0, 1), ([0.1, 0.2, 0.0], -1, 1), ([0.1, 0.2, 0.0], 3, 2), ([0.1, 0.2, 0.0], 0, 0)],
)
def test_what_is_no_piece_is_refused(channels: list[float], epoch: int, epochs: int) -> None:
    with pytest.raises(RequestError, match=r"design\.bad-value"):
        piece_of_run(design(), channels, epoch, epochs)


def test_a_piece_moves_as_the_whole_transient_does_there(tmp_path: Path, osdi_engine: Engine) -> None:
    """All epochs in one transient against each from its own begin; cases and beats are not in step."""
    whole = design(epochs=3, rate=0.3)
    line = whole.loop.timeline
    assert (line.epoch / line.window) % 1 > 0.01
    circuit = dataclasses.replace(whole.circuit, analysis=Transient(line.stop + line.pause, whole.loop.plan.step))
    nets = [channel.net for channel in whole.loop.channels(DISC)]

    def moves(name: str, made: Design, what: object) -> tuple[np.ndarray, np.ndarray]:
        raw = simulate(what, tmp_path / name, osdi_engine)  # type: ignore[arg-type]
        found = learning_trajectory(np.array(raw["time"]), {n: raw[f"v({n})"] for n in nets}, made.loop, DISC)
        return found.begins[:, 0], found.epoch_moves

    begins, expected = moves("whole", whole, circuit)
    assert np.abs(expected).max() > 1e-3
    for epoch in (1, 2):
        part, piece = piece_of_run(whole, begins[epoch], epoch)
        begin, found = moves(str(epoch), part, piece)
        np.testing.assert_allclose(begin[0], begins[epoch], atol=1e-4)
        np.testing.assert_allclose(found[0], expected[epoch], atol=0.01 * np.abs(expected[epoch]).max())
    out_of_phase, piece = piece_of_run(whole, begins[1], 0)  # the test can tell
    assert np.abs(moves("0", out_of_phase, piece)[1][0] - expected[1]).max() > 0.02 * np.abs(expected[1]).max()
