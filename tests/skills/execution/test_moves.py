"""A transition under way: aimed anew while things move, given up for a reason and judged anew."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from kata.datasets.types import Command
from kata.datasets.types.arguments import about
from kata.skills.execution.messages import LoadedSkill
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import run
from kata.skills.handover.boundary import FactBoundary
from kata.skills.handover.collision import SharedClearance
from kata.skills.handover.pursuit import Pursuit, PursuitOptions
from kata.skills.handover.transition import Mover
from kata.skills.handover.verdict import Verdict
from kata.skills.testing import FakeWorld, drawer_plan, good_skills

ABOVE = np.array([0.0, 0.0, 0.25])


class Above(FactBoundary):
    """Starts well above the cube only, wherever that is."""

    def may_start(self, call, observation):
        cube, tool = observation.entities["red_cube"].pose, observation.tool()
        off = np.linalg.norm(tool.position - cube.position - ABOVE)
        chance = 0.9 if off < 0.02 else 0.2
        return Verdict(chance > 0.5, chance, f"{off:.2f} m off")

    def starts(self, call, observation, count):
        cube = observation.entities["red_cube"].pose.position
        return [Command.hold(np.append(cube + ABOVE, np.nan))]


@dataclass
class Restless(FakeWorld):
    """A world in which something happens at a time: the cube drifts, vanishes, or a wall rises.

    Attributes:
        what: `drift`, `vanish`, `wall` or `stuck`.
        when_s: from when on.
    """

    what: str = "drift"
    when_s: float = 0.0
    until_s: float = 9.0

    def apply(self, command):
        now = self.when_s <= self.time_s < self.until_s
        if now and self.what == "stuck":
            command = replace(command, position=self._joints.copy())
        super().apply(command)
        if now and self.what == "drift" and not self._held:
            self._cube[0] += 0.0006

    def observe(self):
        seen = super().observe()
        if self.what == "vanish" and self.when_s <= self.time_s < self.until_s:
            cube = replace(seen.entities["red_cube"], valid=False)
            seen = replace(seen, entities={**seen.entities, "red_cube": cube})
        return seen

    def clearance_m(self, position_rad, carried=()):
        if self.what == "wall" and self.when_s <= self.time_s < self.until_s:
            return float(abs(position_rad[1] + 0.02) - 0.01)
        return super().clearance_m(position_rad, carried) + 0.5


def above_pick():
    skills = good_skills()
    pick = skills["pick"]
    return {**skills, "pick": LoadedSkill(pick.contract, pick.policy, Above())}


def moved(world):
    """The log of the drawer plan in a world, with the events of its transitions."""
    log = run(world, drawer_plan(), above_pick(), None, "full", 0)
    kinds = ("move", "aimed", "aborted", "arrived", "stays")
    return log, [event for event in log.events if event.kind in kinds and "pick" in event.call]


def begins():
    """When the move to the pick's start begins in a world where nothing happens."""
    _, events = moved(FakeWorld())
    assert [event.kind for event in events[:2]] == ["move", "arrived"]
    return events[0].time_s, events[1].time_s


def steps(log):
    """Greatest step of the commanded joints from tick to tick."""
    return np.abs(np.diff(log.commands[:, :3], axis=0)).max()


def test_a_move_follows_what_it_aims_at():
    begin_s, end_s = begins()
    still = Restless(what="drift", when_s=begin_s + 0.2, until_s=end_s - 0.1)
    log, events = moved(still)
    aimed = [event for event in events if event.kind == "aimed"]
    assert len(aimed) >= 2
    assert aimed[0].reason.startswith("red_cube has moved by ")
    arrived = next(event for event in events if event.kind == "arrived")
    after = next(
        event for event in events if event.time_s >= arrived.time_s and event.kind == "stays"
    )
    assert after.numbers["here"] == pytest.approx(0.9)
    assert steps(log) < 0.03
    assert log.success


def test_a_way_that_closes_is_left_with_a_reason_and_the_start_judged_anew():
    begin_s, _ = begins()
    world = Restless(what="wall", when_s=begin_s + 0.2, until_s=begin_s + 1.5)
    log, events = moved(world)
    kinds = [event.kind for event in events]
    assert kinds[:3] == ["move", "aborted", "stays"]
    assert "the way is not free any more" in events[1].reason
    assert "comes as near as" in events[2].reason
    assert steps(log) < 0.03


def test_a_robot_that_is_held_up_gives_up():
    begin_s, _ = begins()
    world = Restless(what="stuck", when_s=begin_s + 0.2, until_s=begin_s + 1.0)
    _, events = moved(world)
    aborted = next(event for event in events if event.kind == "aborted")
    assert "does not follow" in aborted.reason
    assert aborted.numbers["lag"] > 0.25


def test_an_aim_that_is_lost_ends_the_move():
    begin_s, _ = begins()
    world = Restless(what="vanish", when_s=begin_s + 0.2, until_s=begin_s + 0.3)
    _, events = moved(world)
    aborted = next(event for event in events if event.kind == "aborted")
    assert aborted.reason == "the aim is lost: red_cube is not seen"


class Sayings:
    """Someone who says texts at their times."""

    def __init__(self, said):
        self.said = list(said)

    def says(self, observation, facts, call):
        due = [text for time_s, text in self.said if time_s <= observation.time_s + 1e-9]
        self.said = self.said[len(due) :]
        return due


def speed(log, time_s):
    """Greatest speed of the commanded joints at a time."""
    k = round((time_s - log.start_s) / log.period_s)
    return np.abs(np.diff(log.commands[k - 1 : k + 1, :3], axis=0)).max() / log.period_s


@pytest.mark.parametrize("what", ["vanish", "stuck"])
def test_after_an_abort_it_rests_waits_and_only_then_judges_anew(what):
    begin_s, _ = begins()
    until_s = begin_s + 1.2
    log, events = moved(Restless(what=what, when_s=begin_s + 0.2, until_s=until_s))
    kinds = [event.kind for event in events]
    assert kinds == ["move", "aborted", "move", "arrived", "stays"]
    again = events[2]
    assert until_s - 1e-6 <= again.time_s <= until_s + 0.1
    assert speed(log, again.time_s) < 0.01
    assert log.success


def test_nothing_is_judged_while_an_aborted_move_still_comes_to_rest():
    begin_s, _ = begins()
    log, events = moved(Restless(what="vanish", when_s=begin_s + 0.5, until_s=begin_s + 0.54))
    assert [event.kind for event in events[:3]] == ["move", "aborted", "move"]
    assert events[2].time_s > events[1].time_s + 0.1
    assert speed(log, events[1].time_s) > 0.1
    assert speed(log, events[2].time_s) < 0.01


@pytest.mark.parametrize(
    ("what", "reason"),
    [("vanish", "does not see red_cube any more"), ("stuck", "y does not follow, 0.")],
)
def test_what_does_not_get_better_after_an_abort_is_a_failure(what, reason):
    begin_s, _ = begins()
    log, events = moved(Restless(what=what, when_s=begin_s + 0.2, until_s=begin_s + 30.0))
    assert [event.kind for event in events] == ["move", "aborted"]
    assert log.reason.startswith(reason)
    failed = next(event for event in log.events if event.kind == "give_up")
    assert 1.0 <= failed.time_s - events[1].time_s < 2.0


def test_what_is_in_focus_must_be_seen_before_a_call_begins():
    world = Restless(what="vanish", when_s=0.0, until_s=1.7)
    log = run(world, drawer_plan(), good_skills(), None, "blended", 0)
    ready = next(e for e in log.events if e.kind == "ready" and "pick" in e.call)
    assert ready.time_s >= 1.7 - 1e-6
    assert log.success


def test_facts_that_are_unknown_when_it_arrives_have_time_to_come():
    """They are asked for as if the call before it had just ended, since the move took its time."""
    begin_s, end_s = begins()
    assert end_s - begin_s > ExecutorOptions().patience_s

    class Doubtful(FakeWorld):
        def facts(self):
            facts = super().facts()
            if end_s - 0.02 <= self.time_s < end_s + 0.08:
                return replace(facts, truth=np.full_like(facts.truth, -1))
            return facts

    log, events = moved(Doubtful())
    assert [event.kind for event in events[:3]] == ["move", "arrived", "stays"]
    assert events[2].time_s > events[1].time_s
    assert log.success


@pytest.mark.parametrize("mode", ["transition", "full"])
@pytest.mark.parametrize("how", ["vanish", "stop"])
def test_a_move_that_ends_early_stops_with_bounded_jerk_in_both_modes(mode, how):
    """`transition` holds the last command where a skill ends; amid a move that would be a blow."""
    log = run(FakeWorld(), drawer_plan(), above_pick(), None, mode, 0)
    begin_s = next(e.time_s for e in log.events if e.kind == "move" and "pick" in e.call)
    end_s = begin_s + 0.4
    world = Restless(what="vanish", when_s=end_s if how == "vanish" else 99.0, until_s=99.0)
    said = [(end_s, "stop")] if how == "stop" else []
    options = ExecutorOptions(mode=mode, replans=0)
    log = run(
        world, drawer_plan(), above_pick(), None, mode, 0, options=options, corrector=Sayings(said)
    )
    assert any(e.kind == {"vanish": "aborted", "stop": "cancel"}[how] for e in log.events)
    k = [round((t - log.start_s) / log.period_s) for t in (begin_s + 0.05, end_s + 0.9)]
    speeds = np.diff(log.commands[k[0] : k[1], :3], axis=0) / log.period_s
    assert np.abs(speeds).max() > 0.2
    assert np.abs(speeds[-1]).max() < 1e-6
    limits = world.robot.limits
    assert np.abs(np.diff(speeds, axis=0)).max() / log.period_s <= limits.acceleration.max()
    jerk = np.abs(np.diff(speeds, n=2, axis=0)).max() / log.period_s**2
    assert jerk <= 0.15 * limits.jerk.max()


def test_moves_before_one_call_are_counted():
    begin_s, _ = begins()
    world = Restless(what="stuck", when_s=begin_s + 0.2, until_s=begin_s + 30.0)
    log = run(world, drawer_plan(), above_pick(), None, "full", 0, options=ExecutorOptions(moves=2))
    moves = [e for e in log.events if e.kind == "move" and "pick" in e.call]
    assert len(moves) <= 2


def pursuit(**options):
    world = FakeWorld()
    mover = Mover(world.robot, world.kinematics)
    seen = world.reset(0).with_focus(("red_cube",))
    move = mover.to(Command.hold(seen.position), np.array([0.3, -0.4, 0.4, 0.08]), 0.0)
    watch = Pursuit(mover, PursuitOptions(**options))
    watch.begin(move, seen, 0.0)
    return watch, move, seen


def at(seen, move, time_s, off=0.0):
    position = move.trajectory.at(time_s).position + np.array([off, 0.0, 0.0, 0.0])
    return replace(seen, position=position, time_s=time_s)


def test_small_movements_of_the_aim_are_let_be():
    watch, move, seen = pursuit()
    cube = seen.entities["red_cube"]
    for way_m, kind in ((0.004, "going"), (0.006, "moved")):
        pose = replace(cube.pose, position=cube.pose.position + np.array([way_m, 0.0, 0.0]))
        now = replace(at(seen, move, 0.2), entities={"red_cube": replace(cube, pose=pose)})
        assert watch.look(now, 0.2).kind == kind
    turned = np.array([np.cos(0.03), 0.0, 0.0, np.sin(0.03)])
    pose = replace(cube.pose, quaternion=turned)
    now = replace(at(seen, move, 0.2), entities={"red_cube": replace(cube, pose=pose)})
    assert watch.look(now, 0.2).reason == "red_cube has moved by 0 mm, 3 deg"


def test_what_is_carried_is_no_aim():
    watch, move, seen = pursuit()
    watch.begin(replace(move, carried=("red_cube",)), seen, 0.0)
    cube = replace(seen.entities["red_cube"], valid=False)
    now = replace(at(seen, move, 0.2), entities={"red_cube": cube})
    assert watch.look(now, 0.2).kind == "going"


def test_what_is_carried_is_no_aim_without_a_clearance_either():
    world = FakeWorld()
    mover = Mover(world.robot, world.kinematics)
    seen = world.reset(0).with_focus(("red_cube", "drawer"))
    move = mover.to(
        Command.hold(seen.position), np.array([0.3, -0.4, 0.4, 0.08]), 0.0, ("red_cube",)
    )
    watch = Pursuit(mover)
    watch.begin(move, seen, 0.0)
    cube = seen.entities["red_cube"]
    pose = replace(cube.pose, position=cube.pose.position + 0.3)
    entities = {**seen.entities, "red_cube": replace(cube, pose=pose)}
    assert watch.look(replace(at(seen, move, 0.2), entities=entities), 0.2).kind == "going"


def test_a_place_that_it_aims_at_moves_with_what_it_is_given_by():
    world, place = FakeWorld(), "drawer@0.1,0,0.05"
    mover = Mover(world.robot, world.kinematics)

    def seen(off=0.0, **changed):
        now = world.reset(0)
        drawer = now.entities["drawer"]
        pose = replace(drawer.pose, position=drawer.pose.position + np.array([off, 0.0, 0.0]))
        entities = {**now.entities, "drawer": replace(drawer, pose=pose, **changed)}
        return about(replace(now, entities=entities), (place,))

    move = mover.to(Command.hold(seen().position), np.array([0.3, -0.4, 0.4, 0.08]), 0.0)
    watch = Pursuit(mover)
    watch.begin(move, seen(), 0.0)
    assert watch.look(at(seen(0.003), move, 0.2), 0.2).kind == "going"
    found = watch.look(at(seen(0.02), move, 0.2), 0.2)
    assert (found.kind, found.reason) == (
        "moved",
        f"{about(world.reset(0), (place,)).focus[0]} has moved by 20 mm, 0 deg",
    )
    for lost, word in (({"valid": False}, "is not seen"), ({"age_s": 0.7}, "was seen 0.7 s ago")):
        found = watch.look(at(seen(**lost), move, 0.2), 0.2)
        assert (found.kind, found.reason) == ("aborted", f"the aim is lost: drawer {word}")


def test_it_is_there_when_it_is_there_and_not_when_it_should_be():
    watch, move, seen = pursuit()
    end_s = move.trajectory.end_s
    assert watch.look(at(seen, move, end_s), end_s).kind == "arrived"
    assert watch.look(at(seen, move, end_s, 0.1), end_s).kind == "going"
    late = watch.look(at(seen, move, end_s + 0.6, 0.1), end_s + 0.6)
    assert late.kind == "aborted"
    assert late.reason == "not there 0.6 s after its time, x 0.10 away"


def test_new_aims_do_not_put_off_the_time_limit():
    watch, move, seen = pursuit()
    limit_s = watch.mover.options.longest_s + watch.options.slack_s
    later = replace(
        move, trajectory=replace(move.trajectory, times_s=move.trajectory.times_s + 6.0)
    )
    watch.aim(later, seen, 6.0)
    found = watch.look(at(seen, later, limit_s + 0.1), limit_s + 0.1)
    assert found.reason == "takes longer than a transition may"


def test_joints_that_the_move_leaves_alone_may_be_elsewhere():
    watch, move, seen = pursuit()
    still = replace(move.trajectory, position=move.trajectory.position * [0, 1, 1, 1])
    watch.aim(replace(move, trajectory=still), seen, 0.0)
    now = replace(
        at(seen, move, 0.2), position=still.at(0.2).position + np.array([0.9, 0.0, 0.0, 0.0])
    )
    assert watch.look(now, 0.2).kind == "going"


def test_a_shared_clearance_is_one():
    shared = SharedClearance(lambda q, carried=(): q[0] - 0.1 * len(carried), lambda q, t: q)
    assert shared(np.ones(4), ("red_cube",)) == pytest.approx(0.9)
