"""Transitions in cluttered scenes: which way reaches a random start, what it touches and costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kata.datasets.types import Array, Command, Pose
from kata.datasets.types.pose import quat_exp, quat_multiply, yaw_quat

from ..seeds import episode_seed
from .measure import Sample
from .registry import BenchContext
from .table import BenchResult, Bound, Row

if TYPE_CHECKING:
    from kata.sim.world import TableWorld
    from kata.skills.handover.transition import Move, Mover

REACHED, TOUCHED_NOTHING = 95.0, 99.0
STRAIGHT_MS = 100.0
_TRIALS = 200
_CUBE = "red_cube"
_DOWN = np.array([0.0, 1.0, 0.0, 0.0])
_FREE_M, _APART_M = 0.012, 0.13
_SPEED_RAD_S = 0.3
_NOTES = (
    (
        "The default table with four obstacles more, at random: a wall 24 cm wide, 1 cm thick and "
        "34 cm high, and three pillars of 14 to 32 cm. The arm is anywhere free over the table, "
        "half the time in motion and a third of the time with a cube in the hand; the start to "
        "reach is another free pose. All drawn from the seed of the trial."
    ),
    (
        "`straight` has only that way; `over` may go up, over and down too; `around` is all of it, "
        "with the search by ompl. Each move that is found is driven in simulation: it has touched "
        "nothing if no contact of the robot had any force, or with a cube in the hand if neither "
        "the robot came to anything nor the cube to anything but the fingers."
    ),
    "Milliseconds are CPU time of this machine's core, for planning one move.",
)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A state and a start: what was found by each set of ways, and what came of the move."""

    carries: bool
    straight: bool
    over: bool
    way: str
    touched: bool
    cost_ms: float
    queries: int
    reason: str


def run(context: BenchContext) -> BenchResult:
    """Shares of random pairs that are reached, by which way, without contact, and the time."""
    trials = []
    count = 4 if context.quick else _TRIALS
    world = _world()
    for index in range(count):
        rng = np.random.default_rng(episode_seed(context.seed, "transitions", index))
        trials.append(_trial(world, rng, index))
        if index % 20 == 19:
            context.say(f"{index + 1} of {count}")
    reasons = [t.reason for t in trials if not t.way]
    touched = [t.way for t in trials if t.way and t.touched]
    data = {"trials": count, "refused": reasons, "touched": touched}
    return BenchResult(tuple(_rows(trials)), notes=_NOTES, data=data)


def _rows(trials: Sequence[_Trial]) -> list[Row]:
    found = [trial for trial in trials if trial.way]
    rows = [
        _share("reached, straight only", [t.straight for t in trials]),
        _share("reached, straight or over", [t.over for t in trials]),
        _share("reached, around too", [bool(t.way) for t in trials], REACHED),
        _share("of the moves: touched nothing", [not t.touched for t in found], TOUCHED_NOTHING),
    ]
    for way in ("straight", "over", "around"):
        times = [t.cost_ms for t in found if t.way == way]
        if times:
            must = Bound(STRAIGHT_MS, "ours") if way == "straight" else None
            rows.append(Row(f"planning {way}, median", "CPU ms", Sample.of(times), must=must))
            high = Sample.of([float(np.quantile(times, 0.95))])
            rows.append(Row(f"planning {way}, 95 of 100", "CPU ms", high))
    refused = [t.cost_ms for t in trials if not t.way]
    if refused:
        rows.append(Row("no way found, median", "CPU ms", Sample.of(refused)))
        rows.append(Row("no way found, worst", "CPU ms", Sample.of([max(refused)])))
    return rows


def _share(name: str, yes: list[bool], least: float | None = None) -> Row:
    must = None if least is None else Bound(least, "ours")
    share = Sample.of([100.0 * sum(yes) / max(1, len(yes))])
    return Row(name, "%", share, must=must, better="higher")


def _world() -> TableWorld:
    from kata.sim.scene.config import ObstacleConfig, TableWorldConfig
    from kata.sim.world import TableWorld

    obstacles = (
        ObstacleConfig("wall", half_m=(0.12, 0.005, 0.17)),
        *(ObstacleConfig(f"pillar_{k}", half_m=(0.02, 0.02, 0.07 + 0.045 * k)) for k in range(3)),
    )
    return TableWorld(replace(TableWorldConfig.load(), obstacles=obstacles))


def _trial(world: TableWorld, rng: np.random.Generator, index: int) -> _Trial:
    from kata.skills.handover.transition import Move, Mover, TransitionOptions

    world.reset(index)
    _clutter(world, rng)
    carries = _begin(world, rng, want=index % 3 == 0)
    goal = _free(world, rng, (_CUBE,) if carries else ())
    state = _state(world, rng, moves=index % 2 == 0)
    carried = (_CUBE,) if carries else ()
    mover = Mover(world.robot, world.kinematics, TransitionOptions(), world.clearance_m)
    begin = time.process_time()
    move = mover.to(state, goal, world.time_s, carried)
    cost_ms = 1000.0 * (time.process_time() - begin)
    if isinstance(move, Move):
        touched = _touches(world, move, state)
        way, queries, reason = move.way, move.queries, ""
    else:
        way, queries, reason, touched = "", 0, move, False
    straight, over = way == "straight", way in ("straight", "over")
    if way == "over":
        straight = _straight(mover, state, goal, world, carried)
    return _Trial(carries, straight, over, way, touched, cost_ms, queries, reason)


def _straight(
    mover: Mover, state: Command, goal: Array, world: TableWorld, carried: tuple[str, ...]
) -> bool:
    """Whether the straight way alone would have done: a low tool goes over first."""
    options = replace(mover.options, low_m=-1.0, checks=0)
    move = replace(mover, options=options).to(state, goal, world.time_s, carried)
    return not isinstance(move, str) and move.way == "straight"


def _clutter(world: TableWorld, rng: np.random.Generator) -> None:
    """Stand the obstacles on the table, apart from each other and from the robot's foot."""
    places: list[Array] = []
    names = [e.name for e in world.entities if "obstacle" in e.tags]
    while len(places) < len(names):
        place = rng.uniform([0.32, -0.28], [0.62, 0.32])
        if all(np.hypot(*(place - other)) > _APART_M for other in places):
            places.append(place)
    for name, place in zip(names, places, strict=True):
        world.stand(name, (*place, 0.0))


def _begin(world: TableWorld, rng: np.random.Generator, *, want: bool) -> bool:
    """Put the arm anywhere free, with a cube in the hand if wanted; whether it holds it."""
    for _ in range(20):
        world.set_joints(_free(world, rng))
        if not want:
            return False
        held = world.grasp(_CUBE)
        if held and world.clearance_m(world.observe().position, (_CUBE,)) > _FREE_M:
            return True
    return False


def _free(world: TableWorld, rng: np.random.Generator, carried: tuple[str, ...] = ()) -> Array:
    """Joints (D,) of a tool pose over the table that keeps its distance from everything."""
    while True:
        place = rng.uniform([0.30, -0.40, 0.06], [0.66, 0.42, 0.42])
        lean = quat_exp(np.array([*rng.normal(0.0, 0.15, 2), 0.0]))
        turn = quat_multiply(yaw_quat(rng.uniform(-1.5, 1.5)), _DOWN)
        seed = world.robot.home.copy()
        seed[0] += np.arctan2(place[1], place[0])
        joints = world.kinematics.solve(Pose(place, quat_multiply(lean, turn)), seed)
        if joints is None:
            continue
        joints[-1] = world.observe().position[-1] if carried else rng.uniform(0.0, 0.08)
        if world.clearance_m(joints, carried) > _FREE_M:
            return joints


def _state(world: TableWorld, rng: np.random.Generator, *, moves: bool) -> Command:
    """What is commanded now: at rest, or in motion that the arm really has."""
    world.begin()
    still = Command.hold(world.commanded)
    if not moves:
        return still
    velocity = rng.normal(0.0, _SPEED_RAD_S, world.robot.size)
    velocity[-1] = 0.0
    world.set_speeds("arm", velocity[:-1])
    return Command(still.position, velocity, still.acceleration)


def _touches(world: TableWorld, move: Move, state: Command) -> bool:
    """Drive the move; whether anything is touched on the way."""
    from kata.skills.handover.curve import sample

    path = move.trajectory
    ticks = int(np.ceil((path.end_s - path.start_s) / world.period_s)) + 10
    times: Array = path.start_s + world.period_s * np.arange(1, ticks + 1, dtype=float)
    samples = sample(path, times)
    grip = samples.position[:, -1]
    if move.carried:
        grip[:] = state.position[-1]
    for k in range(ticks):
        world.apply(samples.command(k))
        if not move.carried and world.contact_force_n() > 0.0:
            return True
        if move.carried and k % 5 == 0 and _bumps(world):
            return True
    return False


def _bumps(world: TableWorld) -> bool:
    """With the cube in the hand: whether cube or robot is at anything else."""
    if world.clearance_m(world.observe().position) <= 0.0:
        return True
    pairs = [pair for pair in world.view().touching if _CUBE in pair]
    return not pairs or any(not any("." in name for name in pair) for pair in pairs)
