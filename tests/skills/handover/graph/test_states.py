"""Laws of the similarity: between 0 and 1, the same both ways, 1 for a state and itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types.pose import quat_exp
from kata.skills.handover.graph import States, buffer_steps, similarity
from kata.skills.handover.graph.states import MOST_BUFFER_STEPS, nearest_things
from kata.skills.testing import FakeWorld

ARMS = (0, 1, 2, 3, 4, 5, 6)
SEEDS = st.integers(0, 2**32 - 1)


def draw(seed, count=5, spread=1.0):
    rng = np.random.default_rng(seed)
    tool = np.column_stack(
        [rng.uniform(-0.5, 0.5, (count, 3)), quat_exp(rng.normal(0.0, 1.0, (count, 3)))]
    )
    return States(
        spread * rng.normal(size=(count, 8)),
        rng.normal(size=(count, 8)),
        tool,
        tool[:, :3] + rng.normal(0.0, 0.1, (count, 3)),
        rng.normal(0.0, 0.2, (count, 3)),
    )


@given(SEEDS, SEEDS)
def test_it_is_symmetric_and_bounded(one, other):
    a, b = draw(one), draw(other)
    there, back = similarity(a, b, ARMS), similarity(b, a, ARMS)
    assert np.array_equal(there, back)
    assert ((there >= 0.0) & (there <= 1.0)).all()


@given(SEEDS)
def test_a_state_is_itself_whichever_way_its_turn_is_written(seed):
    a = draw(seed)
    tool = a.tool.copy()
    tool[:, 3:] *= -1.0
    assert similarity(a, replace(a, tool=tool), ARMS) == pytest.approx(np.ones(len(a)))


@given(SEEDS, st.floats(0.01, 0.5), st.floats(1.01, 3.0))
def test_what_is_farther_off_is_less_alike(seed, gap, more):
    a = draw(seed)
    near, far = (replace(a, position=a.position + step) for step in (gap, gap * more))
    assert (similarity(a, far, ARMS) < similarity(a, near, ARMS)).all()


def test_the_weights_are_those_of_the_source():
    a = draw(0, 1)
    moved = replace(a, position=a.position + 0.1)
    assert similarity(a, moved, ARMS)[0] == pytest.approx(np.exp(-20.0 * 0.01))
    faster = replace(a, velocity=a.velocity + 1.0)
    assert similarity(a, faster, ARMS)[0] == pytest.approx(np.exp(-0.1))


def test_the_gripper_does_not_count():
    a = draw(1)
    position = a.position.copy()
    position[:, 7] += 0.05
    assert similarity(a, replace(a, position=position), ARMS) == pytest.approx(np.ones(len(a)))


def test_things_count_near_the_hand_and_not_far_from_it():
    a = draw(2)
    step = np.array([0.03, 0.0, 0.0])
    near, moved = (replace(a, thing=a.tool[:, :3] + k * step) for k in (1.0, 2.0))
    assert (similarity(near, moved, ARMS) < 0.7).all()
    near, moved = (replace(a, thing=a.tool[:, :3] + 0.6 + k * step) for k in (1.0, 2.0))
    assert similarity(near, moved, ARMS) == pytest.approx(np.ones(len(a)))


def test_buffer_steps_grow_with_the_orders_of_magnitude_to_ten():
    alike = np.array([1.0, 0.51, 0.5, 0.09, 1e-3, 1e-9, 1e-30, 0.0])
    assert buffer_steps(alike).tolist() == [0, 0, 1, 2, 3, 9, MOST_BUFFER_STEPS, MOST_BUFFER_STEPS]


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_what_is_less_alike_needs_no_fewer_buffer_steps(a, b):
    fewer, more = buffer_steps(np.array([max(a, b), min(a, b)]))
    assert fewer <= more


def test_the_nearest_thing_is_no_table_and_was_seen():
    world = FakeWorld()
    rows = np.array([entity.row() for entity in world.observe().entities.values()])
    tool = np.zeros((1, 7))
    tool[0, :3] = rows[0, :3] + 0.01
    table, unseen = rows[0].copy(), rows[0].copy()
    table[10:13], unseen[15] = 0.5, 0.0
    place, column = nearest_things(tool, np.array([[table, unseen, *rows]]))
    assert column[0] == 2
    assert place[0] == pytest.approx(rows[0, :3])
    place, _ = nearest_things(tool, np.array([[table, unseen]]))
    assert np.linalg.norm(place - tool[:, :3]) > 1.0


def test_the_present_state_is_what_is_seen():
    seen = FakeWorld().observe()
    state = States.of(seen)
    assert len(state) == 1
    assert np.array_equal(state.position[0], seen.position)
    assert np.array_equal(state.tool[0], seen.tool().array())
    assert any(np.allclose(state.thing[0], e.pose.position) for e in seen.entities.values())
