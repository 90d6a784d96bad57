"""Stepping stones: demonstrated states from here to a start, around what bars the way."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import Command
from kata.skills.contract.call import Call
from kata.skills.handover.graph import StonePath, Stones, shaken
from kata.skills.handover.graph.stones import StoneOptions, essential
from kata.skills.handover.transition import Move, Mover, TransitionOptions
from kata.skills.testing import FakeWorld
from kata.skills.testing.fake_skills import CONTRACTS

from .conftest import ARMS, graph_of, line

PICK, OPEN = Call(CONTRACTS["pick"], ("red_cube",)), Call(CONTRACTS["open"], ("drawer",))
NOW = np.array([0.3, -0.3, 0.3, 0.05])
BEYOND = np.array([0.3, 0.3, 0.3, 0.08])


def seen(position=NOW):
    world = FakeWorld()
    world.apply(Command.hold(position))
    return world.observe()


def wall(position, carried=()):
    """A wall at y = 0 as high as the world, open beyond x = 0.65."""
    x, y = position[0], position[1]
    return float(abs(y)) if x < 0.65 else 0.5


def stones(graph, clearance=None, **options):
    fine = {"step_m": 0.003, "checks": 100_000, **options}
    return Stones(graph, FakeWorld().kinematics, clearance, StoneOptions(**fine))


def test_the_way_leads_over_what_another_skill_showed(detour):
    found = stones(detour, wall).path(seen(), PICK, BEYOND)
    assert isinstance(found, StonePath)
    assert found.skills[0] == "open"
    assert max(stone[0] for stone in found.stones) > 0.65
    assert np.array_equal(found.stones[-1][:3], BEYOND[:3])


def test_no_part_of_it_comes_near_to_what_bars_the_straight_way(detour):
    way = [NOW, *stones(detour, wall)(seen(), PICK, BEYOND)]
    shares = np.linspace(0.0, 1.0, 200)[:, None]
    for here, there in itertools.pairwise(way):
        assert min(wall(q) for q in here + shares * (there - here)) >= 0.01 - 1e-3


def test_grippers_stay_as_they_are(detour):
    assert {stone[3] for stone in stones(detour, wall)(seen(), PICK, BEYOND)} == {NOW[3]}


def test_without_a_goal_any_start_of_the_skill_will_do(detour):
    found = stones(detour).path(seen(), PICK)
    assert isinstance(found, StonePath)
    assert found.nodes[-1] in detour.starts("pick").tolist()


def test_without_distances_the_shortest_way_is_taken(detour):
    near = stones(detour)(seen(), PICK, BEYOND)
    assert max(stone[0] for stone in near) < 0.65


def test_equal_questions_have_equal_answers(detour):
    one, other = (stones(detour, wall)(seen(), PICK, BEYOND) for _ in range(2))
    assert np.array_equal(np.array(one), np.array(other))


def test_why_there_is_no_way_is_told(detour):
    barred = stones(detour, lambda position, carried=(): float(abs(position[1])), tries=500)
    assert barred.path(seen(), PICK, BEYOND) == "every way over demonstrated states is barred"
    few = stones(detour, lambda position, carried=(): float(abs(position[1])), tries=1)
    assert few.path(seen(), PICK, BEYOND) == "no free way among 1"
    assert barred(seen(), PICK, BEYOND) == ()
    far = seen(np.array([-0.9, 0.9, 0.9, 0.05]))
    assert stones(detour, least=0.01).path(far, PICK) == "no demonstrated state is near this one"
    away = np.array([-0.9, 0.9, 0.9, 0.08])
    assert (
        stones(detour, least=0.01).path(seen(), PICK, away)
        == "no demonstrated state is near the start"
    )


def test_a_hand_that_carries_does_not_go_where_only_empty_hands_went(detour):
    place = Call(CONTRACTS["place_in"], ("red_cube", "drawer"))
    assert stones(detour).path(seen(), place) == "no demonstrated state is near this one"


def test_a_mover_takes_the_stones_where_other_ways_are_barred(detour):
    world = FakeWorld()
    mover = Mover(world.robot, world.kinematics, TransitionOptions(checks=0, longest_s=20.0), wall)
    asked = []

    def via():
        asked.append(1)
        return stones(detour, wall)(seen(), PICK, BEYOND)

    assert isinstance(mover.to(Command.hold(NOW), BEYOND, 0.0), str)
    move = mover.to(Command.hold(NOW), BEYOND, 0.0, via=via)
    assert isinstance(move, Move)
    assert move.way == "stones"
    assert move.clearance_m >= 0.008
    assert np.allclose(move.trajectory.position[-1][:3], BEYOND[:3])
    assert asked == [1]
    free = mover.to(Command.hold(NOW), np.array([0.5, -0.3, 0.3, 0.08]), 0.0, via=via)
    assert isinstance(free, Move)
    assert (free.way, asked) == ("straight", [1])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_paths_are_continuous(seed):
    """Each state follows the one before it on an edge of the graph."""
    rng = np.random.default_rng(seed)
    paths = [line(*rng.uniform(0.2, 0.8, (3, 3)), steps=5) for _ in range(4)]
    bridges = {tuple(sorted(rng.integers(0, 44, 2).tolist())) for _ in range(12)}
    graph = graph_of(paths, ["open", "pick", "open", "pick"], [b for b in bridges if b[0] != b[1]])
    edges = {tuple(edge) for edge in graph.edges.tolist()}
    found = graph.path([(0, 0.0)], [(node, 0.0) for node in graph.starts("pick").tolist()])
    assert all(pair in edges for pair in itertools.pairwise(found))
    if found:
        assert found[0] == 0
        assert found[-1] in graph.starts("pick").tolist()
        usable = np.ones(len(graph), dtype=bool)
        usable[found[-1]] = False
        again = graph.path([(0, 0.0)], [(found[-1], 0.0)], usable)
        assert again == ()


def test_the_shortest_of_two_ways_is_found():
    short, long = line((0.3, 0.0, 0.3), (0.5, 0.0, 0.3)), line((0.3, 0.0, 0.3), (0.3, 0.9, 0.3))
    graph = graph_of([short, long], ["open", "pick"], [(0, 9), (8, 17)])
    assert graph.path([(0, 0.0), (9, 0.0)], [(8, 0.0), (17, 5.0)]) == tuple(range(9))
    assert graph.path([(0, 9.0), (9, 0.0)], [(8, 9.0), (17, 0.0)]) == tuple(range(9, 18))


@given(st.integers(0, 2**32 - 1))
def test_stones_that_are_left_out_lie_on_the_way(seed):
    points = list(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.05, (12, 4)), axis=0))
    kept = essential(points, 0.1, lambda *_: True)
    assert np.array_equal(kept[-1], points[-1])
    rows = [0, *(next(i for i, p in enumerate(points) if p is stone) for stone in kept)]
    for first, last in itertools.pairwise(rows):
        way = points[last] - points[first]
        for point in points[first + 1 : last]:
            share = np.clip((point - points[first]) @ way / max(way @ way, 1e-12), 0.0, 1.0)
            assert np.abs(point - points[first] - share * way).max() <= 0.1 + 1e-9


def test_noise_is_aligned_to_the_nearest_state_of_the_same_skill(detour):
    kinematics = FakeWorld().kinematics
    found = [shaken(detour, 3, kinematics, np.random.default_rng(seed), 0.02) for seed in range(20)]
    assert {detour.skill[each.node] for each in found} == {detour.skill[3]}
    for each in found:
        gaps = np.linalg.norm((detour.states.position - each.position)[:17, :3], axis=1)
        assert each.node == gaps.argmin()
        assert each.position[3] == detour.states.position[3, 3]
    still = shaken(detour, 3, kinematics, np.random.default_rng(0), 0.0)
    assert (still.node, still.similarity) == (3, pytest.approx(1.0))
    assert np.std([each.position[:3] for each in found], axis=0).max() < 0.05
    assert detour.arms == ARMS


def test_a_shortcut_between_stones_is_looked_at_too():
    """The demonstration bows around a post that its chord comes too near to."""
    bow = line((0.3, 0.0, 0.3), (0.5, 0.08, 0.3), (0.7, 0.0, 0.3), steps=12)
    graph = graph_of([bow, line((0.7, 0.0, 0.3), (0.9, 0.0, 0.3))], ["open", "pick"], [(24, 25)])

    def post(position, carried=()):
        return float(np.hypot(position[0] - 0.5, position[1] - 0.02)) - 0.03

    here, there = np.array([0.3, 0.0, 0.3, 0.05]), np.array([0.7, 0.0, 0.3, 0.05])
    way = [here, *stones(graph, post)(seen(here), PICK, there)]
    assert len(way) > 2
    shares = np.linspace(0.0, 1.0, 200)[:, None]
    for start, end in itertools.pairwise(way):
        assert min(post(q) for q in start + shares * (end - start)) >= 0.01


def test_a_start_that_touches_something_is_no_goal(detour):
    """With the gripper as it is, not as it was in the demonstration."""

    def post(position, carried=()):
        return 0.02 - position[3] if position[1] > 0.25 else 0.5

    closed = np.array([*BEYOND[:3], 0.0])
    assert post(closed) > 0.01
    found = stones(detour, post).path(seen(), PICK, closed)
    assert found == "the start is as near as -30 mm to something"


def test_a_search_asks_for_no_more_distances_than_it_may(detour):
    asked = []

    def nowhere(position, carried=()):
        asked.append(1)
        return -1.0 if abs(position[1]) < 0.2 else 1.0

    found = stones(detour, nowhere, checks=60, tries=500).path(seen(), PICK, BEYOND)
    assert found == "no free way found with 60 distances"
    assert len(asked) == 60


def test_what_is_near_at_first_must_be_left(detour):
    """A hand that stands 1 mm off a thing may go away from it, and not along it."""

    def floor(position, carried=()):
        return float(position[2]) - 0.299

    along = graph_of([line((0.3, -0.3, 0.3), (0.3, 0.3, 0.3), (0.3, 0.3, 0.5))], ["open"])
    high = np.array([0.3, 0.3, 0.5, 0.05])
    assert isinstance(stones(along, floor).path(seen(), OPEN, high), str)
    up = line((0.3, -0.3, 0.3), (0.3, -0.3, 0.5), (0.3, 0.3, 0.5))
    found = stones(graph_of([up], ["open"]), floor).path(seen(), OPEN, up[-1])
    assert isinstance(found, StonePath)
