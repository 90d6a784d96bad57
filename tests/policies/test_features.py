"""Features: what they must not depend on, and that one equals many."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import ENTITY_WIDTH, EntityState, Observation, Pose, SpecError
from kata.datasets.types.pose import pose_compose, quat_multiply, quat_normalize, yaw_quat
from kata.policies.encoders import CompositeEncoder, encoder_from_json
from kata.policies.fakes import FAKE_ENCODER, fake_observation
from kata.policies.features import StateEncoder, canonical_heading

SEEDS = st.integers(0, 2**32 - 1)
X_AXIS, RING = slice(28, 31), 34
"""Where the first entity's x axis, and the cosine of its cycle, stand among the features."""
DOWN = np.array([0.0, 1.0, 0.0, 0.0])


def encoded(observation: Observation, encoder: StateEncoder = FAKE_ENCODER) -> np.ndarray:
    return encoder.encode({k: v[None] for k, v in observation.values().items()})[0]


def moved(entity: EntityState, motion: np.ndarray) -> EntityState:
    pose = Pose.from_array(pose_compose(motion, entity.pose.array()))
    return replace(entity, pose=pose, spot=Pose.from_array(motion).apply(entity.spot))


@given(SEEDS, st.sampled_from([1, 2, 3, 4, 6]), st.integers(-5, 5))
def test_symmetric_twins_look_alike(seed: int, symmetry: int, turns: int) -> None:
    observation = fake_observation(seed)
    name = observation.focus[0]
    entity = replace(observation.entities[name], symmetry=symmetry)
    turned = quat_multiply(entity.pose.quaternion, yaw_quat(2 * np.pi * turns / symmetry))
    twin = replace(entity, pose=Pose(entity.pose.position, turned))
    a, b = (
        encoded(replace(observation, entities={**observation.entities, name: e}))
        for e in (entity, twin)
    )
    # At the seam of the canonical range either side of it is right: the ring jumps nowhere.
    at_seam = a[RING] < -1.0 + 1e-6
    np.testing.assert_allclose(a[X_AXIS], b[X_AXIS], atol=10.0 if at_seam else 1e-4)
    rest = np.r_[0 : X_AXIS.start, X_AXIS.stop : len(a)]
    np.testing.assert_allclose(a[rest], b[rest], atol=1e-4)


@given(SEEDS, st.floats(-3.1, 3.1), st.floats(-0.3, 0.3))
def test_moving_all_together_changes_only_the_tools_own_pose(
    seed: int, yaw: float, shift: float
) -> None:
    observation = fake_observation(seed)
    motion = np.concatenate([[shift, -shift, 0.1], yaw_quat(yaw)])
    tool = Pose.from_array(pose_compose(motion, observation.tool().array()))
    entities = {n: moved(e, motion) for n, e in observation.entities.items()}
    other = replace(observation, tools={"hand": tool}, entities=entities)
    np.testing.assert_allclose(encoded(observation)[9:], encoded(other)[9:], atol=1e-4)


def test_a_cube_below_a_tool_looks_at_most_an_eighth_turn_away() -> None:
    for yaw in np.linspace(-3, 3, 50):
        observation = fake_observation(0, slots=1)
        cube = replace(
            observation.entities["thing_0"],
            pose=Pose(np.zeros(3), yaw_quat(float(yaw))),
            symmetry=4,
        )
        tool = Pose(np.array([0.0, 0.0, 0.2]), DOWN)
        seen = encoded(
            replace(observation, tools={"hand": tool}, entities={"thing_0": cube}),
            StateEncoder(8, 7, slots=1),
        )
        x_axis = seen[X_AXIS]
        assert abs(np.arctan2(x_axis[1], x_axis[0])) <= np.pi / 4 + 1e-6
        assert x_axis[2] == pytest.approx(0.0, abs=1e-6)


@given(st.floats(-20, 20), st.integers(1, 8))
def test_canonical_heading_is_in_range_and_an_equivalent(heading: float, symmetry: int) -> None:
    canon = float(canonical_heading(np.array(heading), np.array(float(symmetry))))
    turn = 2 * np.pi / symmetry
    assert -turn / 2 - 1e-9 <= canon < turn / 2 + 1e-9
    assert (heading - canon) / turn == pytest.approx(round((heading - canon) / turn), abs=1e-6)


def test_many_equal_one_by_one_and_inputs_stay() -> None:
    observations = [fake_observation(seed) for seed in range(20)]
    stacked = {k: np.stack([o.values()[k] for o in observations]) for k in FAKE_ENCODER.spec}
    before = {k: v.copy() for k, v in stacked.items()}
    together = FAKE_ENCODER.encode(stacked)
    assert together.shape == (20, FAKE_ENCODER.size)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together, [encoded(o) for o in observations])
    for key, value in before.items():
        np.testing.assert_array_equal(value, stacked[key])


def test_an_unseen_entity_is_zeros_and_never_nan() -> None:
    observation = fake_observation(0)
    nowhere = Pose(np.full(3, np.nan), np.full(4, np.nan))
    lost = replace(
        observation.entities["thing_1"], pose=nowhere, spot=np.full(3, np.nan), valid=False
    )
    seen = encoded(replace(observation, entities={**observation.entities, "thing_1": lost}))
    assert np.isfinite(seen).all()
    first = StateEncoder(8, 7, slots=1).size
    assert not seen[first:].any()
    assert seen[:first].any()


def test_encoders_survive_their_plain_data() -> None:
    both = CompositeEncoder((FAKE_ENCODER, StateEncoder(8, 7, slots=2, near_m=0.02)))
    for encoder in (FAKE_ENCODER, both):
        assert encoder_from_json(encoder.to_json()) == encoder
    assert both.size == 2 * FAKE_ENCODER.size
    assert both.spec == FAKE_ENCODER.spec
    with pytest.raises(SpecError, match="disagree"):
        _ = CompositeEncoder((FAKE_ENCODER, StateEncoder(8, 7, slots=1))).spec


@pytest.mark.parametrize(
    "wrong", [{"gripper": 8}, {"slots": -1}, {"near_m": 0.0}, {"fine_m": -1.0}, {"hand": 1}]
)
def test_impossible_encoders_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SpecError):
        StateEncoder(**{"joints": 8, "gripper": 7, "slots": 1, **wrong})  # type: ignore[arg-type]


def test_the_second_hand_is_found() -> None:
    rng = np.random.default_rng(0)
    poses = np.concatenate([rng.normal(size=3), quat_normalize(rng.normal(size=4))] * 2)
    poses[7:10] += 1.0
    values = {
        "observation.state": np.zeros((1, 9)),
        "observation.tool_pose": poses[None],
        "observation.focus": np.zeros((1, 0, ENTITY_WIDTH)),
    }
    first, second = (StateEncoder(9, 8, 0, hand=h, hands=2).encode(values) for h in (0, 1))
    np.testing.assert_allclose(second[:, :3] - first[:, :3], 1.0, rtol=1e-5)
