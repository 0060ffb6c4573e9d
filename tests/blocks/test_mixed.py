"""Technologies mixed in one chain."""

from __future__ import annotations

import numpy as np
import pytest
from block_bench import Bench, mean, use

from hgesim.blocks import TECHNOLOGIES, get_block
from hgesim.blocks.transfer import (
    coupler_output,
    coupler_response,
    hinge_loss,
    integrator_slope,
    loss_slope,
    mixer_mean,
)

CHAIN = ("readout", "loss", "coupler", "mixer", "lowpass", "integrator")
G, D, IDEAL = "gf180", "discrete", "ideal"


@pytest.mark.parametrize(
    "technologies",
    [(D, G, D, G, D, D), (G, D, G, D, G, G), (G, IDEAL, D, IDEAL, G, D), (IDEAL, G, IDEAL, D, IDEAL, IDEAL)],
    ids=lambda names: "-".join(names),
)
@pytest.mark.parametrize("error", [0.1, -0.1])
def test_mixed_chain_integrates_the_gradient(bench: Bench, technologies: tuple[str, ...], error: float) -> None:
    """A ripple on the output current, in phase with the reference, moves the control; the sign is that of the error."""
    block = {kind: get_block(kind, technology) for kind, technology in zip(CHAIN, technologies, strict=True)}
    ripple = 2e-3
    rails = TECHNOLOGIES[block["coupler"].technology]
    lines = [
        f"ii 0 i sin({-error / 2e6} {-ripple / 2e6} 20e3)",
        f"vl l 0 sin(0 0.3 20e3)\nvh h 0 {rails.negative}\nvhn hn 0 {rails.positive}",
        use(block["readout"], "x1", "i e"),
        use(block["loss"], "x2", "e qp qn"),
        use(block["coupler"], "x3", "qp qn cp cn h hn"),
        use(block["mixer"], "x4", "cp cn l mp mn"),
        use(block["lowpass"], "x5", "mp mn fp fn"),
        use(block["integrator"], "x6", "fp fn 0 out"),
        ".ic v(out)=0",
    ]
    saved = "v(e) v(out) v(mp) v(mn)"
    data = bench.run(block.values(), "\n".join(lines), ".tran 2e-6 4e-3 0 2e-6", saved)
    time, out = data["time"], data["v(out)"]
    assert mean(time, data["v(e)"], 2e-3, 4e-3) == pytest.approx(error, abs=2e-3)
    coupled = ripple * loss_slope(error) * coupler_response(20e3).real
    expected = float(integrator_slope(mixer_mean(float(coupler_output(coupled)))))
    slope = np.diff(np.interp([2e-3, 4e-3], time, out))[0] / 2e-3
    assert np.sign(slope) == -np.sign(error)
    assert slope == pytest.approx(expected, rel=0.35)  # three blocks within 15 % each


@pytest.mark.parametrize(("loss", "hinge"), [(D, G), (G, D), (IDEAL, G), (IDEAL, D), (D, IDEAL)])
@pytest.mark.parametrize("label", [1, -1])
def test_a_hinge_gates_the_loss_of_another_technology(bench: Bench, loss: str, hinge: str, label: int) -> None:
    """Up to the read-out's limit of 1.4 V, where an ideal loss gives 1.3 V."""
    blocks = get_block("loss", loss), get_block("hinge", hinge)
    lines = f"ve e 0 0\nvl l 0 {label}\n{use(blocks[0], 'x1', 'e p n')}\n{use(blocks[1], 'x2', 'e l p n a b')}"
    data = bench.run(blocks, lines, ".dc ve -1.4 1.4 0.1", "v(e) v(a) v(b) v(p) v(n)")
    error, output = data["v(e)"], data["v(a)"] - data["v(b)"]
    wrong = error * label > 0.01
    np.testing.assert_allclose(output[wrong], (data["v(p)"] - data["v(n)"])[wrong], atol=1e-6)
    assert np.abs(output[~wrong]).max() < 1e-6
    if loss == IDEAL:
        np.testing.assert_allclose(output[wrong], hinge_loss(error, label)[wrong], rtol=1e-4)
