"""Costs on chunks: what they count, that descent lowers them, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import ConfigError, Pose, SpecError
from kata.datasets.types.pose import pose_compose, quat_exp, yaw_quat
from kata.policies.costs import (
    HAND,
    Body,
    Box,
    KeepApart,
    KeepAway,
    KeepHeight,
    KeepUpright,
    Reach,
    Sphere,
    Term,
    ToolForward,
    Total,
    bind,
)
from kata.policies.fakes import fake_observation

H = 8
DOWN = np.array([0.0, 1.0, 0.0, 0.0])
AT = Pose(np.array([0.4, 0.0, 0.2]), DOWN)
FORWARD = ToolForward(AT)
PILLAR = Box(Pose(np.array([0.5, 0.01, 0.15]), yaw_quat(0.3)), np.array([0.03, 0.03, 0.15]))
TERMS: dict[str, Term] = {
    "away": KeepAway(PILLAR, HAND),
    "straight": KeepAway(PILLAR, HAND, around=False),
    "ball": KeepAway(Sphere(np.array([0.5, 0.0, 0.2]), 0.05)),
    "upright": KeepUpright(),
    "reach": Reach(np.array([0.6, 0.2, 0.1])),
    "height": KeepHeight(0.25, 0.3),
    "apart": KeepApart(np.array([[0.45, 0.0, 0.2], [0.5, 0.0, 0.2]])),
}


def _chunk(seed: int, size: float = 0.2) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    ends = rng.uniform(-size, size, 7)
    values = np.linspace(0.0, 1.0, H + 1)[1:, None] * ends + rng.normal(0.0, 0.01, (H, 7))
    return torch.tensor(values[None])


@pytest.fixture(params=sorted(TERMS))
def term(request: pytest.FixtureRequest) -> Term:
    return TERMS[str(request.param)]


def test_chunks_lead_where_the_kinematics_take_them() -> None:
    """The same composition as in `ActionChunk` and `follow`, by torch."""
    values = _chunk(0, 0.5)
    motion = FORWARD(values)
    relative = np.concatenate([values[0, :, :3], quat_exp(values[0, :, 3:6].numpy())], axis=1)
    poses = pose_compose(AT.array()[None], relative)
    np.testing.assert_allclose(motion.position[0], poses[:, :3], atol=1e-12)
    signs = np.sign((motion.quaternion[0].numpy() * poses[:, 3:]).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(motion.quaternion[0].numpy() * signs, poses[:, 3:], atol=1e-9)


@pytest.mark.parametrize("name", sorted(TERMS))
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.floats(0.0, 0.6))
def test_a_small_step_down_lowers_a_cost(name: str, seed: int, size: float) -> None:
    """Gradients are finite everywhere, and point uphill.

    Not in all places of a cost that leads around: its way, its side and who counts are held.
    """
    term = TERMS[name]
    values = _chunk(seed, size).requires_grad_()
    cost = term(FORWARD(values))
    (slope,) = torch.autograd.grad(cost.sum(), values, allow_unused=True, materialize_grads=True)
    assert torch.isfinite(slope).all()
    assert float(cost.detach()) >= 0.0
    steep = float((slope**2).sum())
    if steep > 1e-6 and not getattr(term, "around", False):
        after = term(FORWARD((values - 1e-7 * slope).detach()))
        assert float(after) < float(cost.detach())


def test_rows_are_rated_alone(term: Term) -> None:
    rows = torch.cat([_chunk(i) for i in range(3)])
    together = term(FORWARD(rows))
    alone = torch.cat([term(FORWARD(rows[i : i + 1])) for i in range(3)])
    torch.testing.assert_close(together, alone)


def test_a_contented_motion_costs_nothing() -> None:
    still = torch.zeros(1, H, 7, dtype=torch.float64)
    far = Box(Pose(np.array([0.4, 0.9, 0.1]), yaw_quat(0.0)), np.full(3, 0.02))
    for term in (
        KeepAway(far, HAND),
        KeepUpright(),
        Reach(AT.position),
        KeepHeight(0.1, 0.3),
        KeepApart(np.array([[0.4, 0.9, 0.1]])),
    ):
        assert float(term(FORWARD(still))) == 0.0


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_what_is_in_the_way_is_passed_on_the_nearer_side(side: float) -> None:
    """On the straight way through the middle, descent goes aside and not back."""
    way = torch.linspace(0.0, 0.3, H + 1, dtype=torch.float64)[1:]
    values = torch.zeros(1, H, 7, dtype=torch.float64)
    values[0, :, 0] = way
    # The tool is turned over: its y axis is the world's -y.
    values[0, :, 1] = -0.004 * side
    pillar = Box(Pose(np.array([0.5, 0.0, 0.2]), yaw_quat(0.0)), np.array([0.03, 0.03, 0.2]))
    values.requires_grad_()
    term = KeepAway(pillar, Body(np.zeros((1, 3)), np.array([0.03])))
    (slope,) = torch.autograd.grad(term(FORWARD(values)).sum(), values)
    aside = FORWARD((values - 1e-4 * slope).detach()).position - FORWARD(values.detach()).position
    assert side * float(aside[0, :, 1].sum()) > 3.0 * abs(float(aside[0, :, 0].sum()))


def test_the_distance_to_a_box_is_signed() -> None:
    box = Box(Pose(np.array([1.0, 0.0, 0.0]), yaw_quat(np.pi / 2)), np.array([0.1, 0.2, 0.3]))
    points = torch.tensor([[1.5, 0, 0], [1.0, 0.4, 0], [1.0, 0, 0], [1.0, 0.05, 0]])
    expected = torch.tensor([0.3, 0.3, -0.1, -0.05])
    torch.testing.assert_close(box.distance(points), expected, atol=1e-6, rtol=0)


def test_weights_and_sums() -> None:
    seen, values = fake_observation(0), _chunk(1)
    a, b = Total.of(TERMS["reach"]), Total.of(TERMS["height"])
    both = bind(a + 2.0 * b, seen)(values)
    torch.testing.assert_close(both, bind(a, seen)(values) + 2.0 * bind(b, seen)(values))
    assert float(bind(0.0 * a, seen)(values)) == 0.0
    with pytest.raises(ConfigError, match="not a weight"):
        a * float("nan")


def test_joint_chunks_need_to_know_where_they_lead() -> None:
    seen, reach = fake_observation(0), Reach(np.zeros(3))
    with pytest.raises(SpecError, match="where they lead"):
        bind(reach, seen, frame="joint")
    bound = bind(reach, seen, frame="joint", forward=lambda chunks: FORWARD(chunks[..., 1:]))
    assert bound.frame == "joint"
    assert bound(torch.zeros(2, H, 8)).shape == (2,)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Sphere(np.zeros(3), 0.0),
        lambda: Box(AT, np.array([0.1, -0.1, 0.1])),
        lambda: Body(np.zeros((2, 3)), np.ones(1)),
        lambda: KeepAway(PILLAR, tolerance_m=0.0),
        lambda: KeepUpright(axis=(0.0, 0.0, 2.0)),
        lambda: Reach(np.array([0.0, np.nan, 0.0])),
        lambda: KeepHeight(0.3, 0.1),
        lambda: KeepApart(np.zeros((0, 3))),
    ],
)
def test_impossible_costs_are_refused(wrong: object) -> None:
    with pytest.raises(ConfigError):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize("name", sorted(TERMS))
def test_a_cost_is_counted_where_the_chunk_is(name: str) -> None:
    """On the device of the chunk and in its type; `meta` holds no numbers, and mixes with none."""
    for dtype in (torch.float32, torch.float64):
        values = torch.empty((2, H, 7), device="meta", dtype=dtype)
        cost = TERMS[name](ToolForward(AT)(values))
        assert (cost.device.type, cost.dtype, cost.shape) == ("meta", dtype, (2,))
