"""What every skill must hold to, learned, scripted or LeRobot's: inherit, and say how to make one.

    class TestMySkill(SkillContract):
        def make_world(self) -> TrialWorld: ...          # its reset poses the skill's task
        def make_skill(self, world: World) -> ReadySkill: ...

`check_skill` runs the same tests without pytest and tells which of them fail.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from kata.datasets.types import (
    ActionChunk,
    Atom,
    ChunkRequest,
    ConditionError,
    Facts,
    TrialWorld,
    World,
)
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import NUMBER
from kata.skills.evidence.audit_rollouts_use import moved_parts, tool_use
from kata.skills.evidence.witness import Witness
from kata.skills.execution.messages import ReadySkill

from .skill_course import Course, Pretend, Spoil, copied, drive


class SkillContract:
    """Laws of a skill, tried in the world of its task.

    Attributes:
        seeds: of the starts that it must succeed from.
        by_chance: facts that it may change without naming them, in roles, such as
            `near(?object, *)`: those that depend on where exactly a thing is put.
    """

    seeds: ClassVar[tuple[int, ...]] = (0, 1, 2)
    by_chance: ClassVar[frozenset[str]] = frozenset()

    def make_world(self) -> TrialWorld:
        """A world whose reset poses a task of the skill."""
        raise NotImplementedError

    def make_skill(self, world: World) -> ReadySkill:
        """The skill for this world; two calls give skills that behave alike."""
        raise NotImplementedError

    # ---------------------------------------------------------------- what the tests stand on

    _kept: ClassVar[dict[type, dict[Any, Any]]] = {}

    def _once(self, key: Any, make: Any) -> Any:
        """Made once for all tests of a class: worlds and executions are dear."""
        kept = SkillContract._kept.setdefault(type(self), {})
        if key not in kept:
            kept[key] = make()
        return kept[key]

    @property
    def world(self) -> TrialWorld:
        """One world for all tests."""
        found: TrialWorld = self._once("world", self.make_world)
        return found

    @property
    def skill(self) -> ReadySkill:
        """One skill for all tests."""
        found: ReadySkill = self._once("skill", lambda: self.make_skill(self.world))
        return found

    @property
    def contract(self) -> Contract:
        """What it promises."""
        return self.skill.contract

    def start(self, seed: int) -> Call:
        """Pose the task of a seed, and give the call that it is about."""
        self.world.reset(seed)
        episode = self.world.episode
        return Call.of(self.contract, dict(episode.arguments), episode.hand)

    def run(self, seed: int, **settings: Any) -> Course:
        """An execution with something special; see `drive`."""
        call = self.start(seed)
        return drive(self.world, self.skill, call, seed, **settings)

    def course(self, seed: int) -> Course:
        """An execution without anything special, remembered."""
        found: Course = self._once(("course", seed), lambda: self.run(seed))
        return found

    @property
    def courses(self) -> tuple[Course, ...]:
        """Of all seeds."""
        return tuple(map(self.course, self.seeds))

    # ---------------------------------------------------------------- what it says

    def test_contract_survives_a_file(self) -> None:
        """Written and read back, it is the same."""
        assert Contract.from_data(self.contract.to_data()) == self.contract

    def test_robot_has_what_it_needs(self) -> None:
        """Arms, grippers and rate are those of this robot."""
        lacks = self.contract.embodiment.lacks(self.world.robot, self.world.period_s)
        assert not lacks, f"it needs {', '.join(lacks)}"

    def test_calls_survive_as_text(self) -> None:
        """A call is read back from what a plan says."""
        call = self.start(self.seeds[0])
        assert Call.parse(str(call), [self.contract]) == call

    def test_wrong_arguments_are_refused(self) -> None:
        """Too few, too many, and names that it does not have."""
        given = self.start(self.seeds[0]).arguments
        needed = [p.name for p in self.contract.parameters if not p.default]
        wrong: list[Any] = [{**given, "no_such_parameter": "x"}, [*given.values(), "surplus"]]
        wrong += [{k: v for k, v in given.items() if k != name} for name in needed]
        for arguments in wrong:
            assert _refused(self.contract, arguments), f"{arguments} is taken"

    def test_numbers_out_of_range_are_refused(self) -> None:
        """Below, above, and what is no number."""
        given = self.start(self.seeds[0]).arguments
        for parameter in (p for p in self.contract.parameters if p.type == NUMBER):
            span = parameter.high - parameter.low
            for value in (parameter.low - span - 1.0, parameter.high + span + 1.0, math.nan, "x"):
                arguments = {**given, parameter.name: str(value)}
                assert _refused(self.contract, arguments), f"{parameter.name}={value} is taken"

    # ---------------------------------------------------------------- when it starts

    def test_its_tasks_begin_where_it_may(self) -> None:
        """`requires` holds at the starts, and `achieves` does not yet."""
        for course in self.courses:
            assert course.call.requires.evaluate(course.first).value, course.call.requires
            assert not course.call.achieves.evaluate(course.first).value, course.call.achieves

    def test_it_is_refused_where_a_precondition_is_false(self) -> None:
        """Not asked for a single chunk, and the robot does not move."""
        call = self.start(self.seeds[0])
        for atom in _deciding(call, self.world.facts()):
            course = self.run(self.seeds[0], pretend=_flipped(atom), limit_s=1.5)
            assert course.asked == 0, f"it begins although {atom} is wrong"
            assert np.ptp(course.position, axis=0).max() < 1e-9, f"moves although {atom} is wrong"

    def test_its_boundary_answers(self) -> None:
        """A chance to succeed and a reason; done exactly as the facts say at both ends."""
        call = self.start(self.seeds[0])
        seen = call.seen(self.world.observe())
        verdict = self.skill.boundary.may_start(call, seen)
        assert 0.0 <= verdict.probability <= 1.0
        assert verdict.reason
        assert not self.skill.boundary.is_done(call, seen, self.world.facts()).ok

    # ---------------------------------------------------------------- what it does

    def test_chunks_fit_their_specification(self) -> None:
        """Horizon, width, step and frame are those announced, all numbers finite."""
        policy, call = self.skill.policy, self.start(self.seeds[0])
        seen = call.seen(self.world.observe())
        policy.reset(self.seeds[0])
        chunk, spec = policy.chunk(seen, ChunkRequest(seen.time_s)), policy.chunk_spec
        assert chunk.values.shape == (spec.horizon, spec.width)
        assert (chunk.step_s, chunk.frame, chunk.start_s) == (spec.step_s, spec.frame, seen.time_s)
        assert chunk.finite

    def test_observations_are_not_written_to(self) -> None:
        """What it is shown stays as it was."""
        policy, call = self.skill.policy, self.start(self.seeds[0])
        seen = call.seen(self.world.observe())
        before = copied(seen)
        policy.reset(self.seeds[0])
        policy.chunk(seen, ChunkRequest(seen.time_s))
        after = copied(seen)
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))

    def test_it_ends_within_its_time(self) -> None:
        """And well: it is done, from every start."""
        for course in self.courses:
            assert course.seconds < self.contract.duration_s, f"{course.call} does not end"
            why = course.events[-1].reason if course.events else "nothing happened"
            assert course.outcome == "done", f"{course.call}: {why}"

    def test_what_it_achieves_holds_afterwards(self) -> None:
        """Also a while after it was called done."""
        for course in self.courses:
            unmet = course.call.achieves.unmet(course.last)
            assert not unmet, f"{course.call}: {' and '.join(unmet)} does not hold"

    def test_it_changes_nothing_that_it_does_not_name(self) -> None:
        """What a contract does not name persists: planners count on it."""
        for course in self.courses:
            told = Witness.of(course.call, course.first, course.last, claimed=True)
            changed = sorted({*told.lost, *told.gained} - self.by_chance)
            assert not changed, f"{course.call} changes {', '.join(changed)}"

    def test_no_chunk_of_it_is_refused(self) -> None:
        """All are finite, in time, and within what it declares."""
        for course in self.courses:
            refused = [event.reason for event in course.events if event.kind == "refused"]
            assert not refused, f"{course.call}: {refused[0]}"

    def test_commands_stay_inside_the_limits(self) -> None:
        """Finite, inside the joints' limits and no faster than they may be, at every period."""
        for course in self.courses:
            self._require_limits(course)

    def test_tool_keeps_to_its_speed_and_workspace(self) -> None:
        """Of the commanded tool, over a frame."""
        limits = self.contract.limits
        for course in self.courses:
            speed, outside = tool_use(course.call, course.position, self.world)
            assert speed.value <= 1.05 * limits.speed_m_s, f"{speed.value:.2f} m/s"
            assert outside.value <= 0.005, f"{outside.value:.3f} m outside its workspace"

    def test_only_what_it_claims_moves(self) -> None:
        """Other arms, grippers and bases stay where they are."""
        for course in self.courses:
            moved = moved_parts(course.call, course.position, self.world)
            assert not moved, f"moves {', '.join(moved)}"

    # ---------------------------------------------------------------- that it can be relied on

    def test_equal_seeds_give_equal_traces(self) -> None:
        """To the bit, in a skill that ran before and in a fresh one."""
        seed = self.seeds[0]
        again = self.run(seed)
        call = self.start(seed)
        fresh = drive(self.world, self.make_skill(self.world), call, seed)
        for other in (again, fresh):
            np.testing.assert_array_equal(self.course(seed).position, other.position)

    def test_a_broken_off_execution_leaves_no_trace(self) -> None:
        """The next one begins anew."""
        seed = self.seeds[0]
        self.run(self.seeds[-1], cancel_s=0.4, tail_s=0.1)
        np.testing.assert_array_equal(self.course(seed).position, self.run(seed).position)

    def test_a_cancel_leaves_a_safe_hold(self) -> None:
        """At rest, inside the limits, and so it stays; whenever it comes."""
        whole = self.course(self.seeds[0]).seconds
        for share in (0.2, 0.6):
            cancel_s = math.floor(share * whole / self.world.period_s) * self.world.period_s
            course = self.run(self.seeds[0], cancel_s=cancel_s, tail_s=1.0)
            assert course.outcome in ("cancelled", "done"), course.outcome
            assert course.at_rest(0.3)
            self._require_limits(course)
            self._require_standing(course)

    def test_a_chunk_of_nan_leads_to_a_hold(self) -> None:
        """One is asked for again; if nothing else comes it gives up, at rest."""
        course = self.run(self.seeds[0], spoil=_nan_from(1), limit_s=6.0)
        assert "refused" in course.kinds or course.asked < 2
        assert course.at_rest()
        self._require_limits(course)

    def test_late_chunks_are_refused_and_the_robot_holds(self) -> None:
        """Those that come when all of their actions have passed."""
        spec = self.skill.policy.chunk_spec
        late = FAR_TOO_LATE * spec.horizon * spec.step_s
        delay_s = math.ceil(late / self.world.period_s) * self.world.period_s
        course = self.run(self.seeds[0], spoil=_late(delay_s), limit_s=6.0)
        assert course.outcome == "failed"
        assert np.ptp(course.position, axis=0).max() < 1e-9

    def test_without_answers_it_holds(self) -> None:
        """A robot that is starved stays where it is."""
        course = self.run(self.seeds[0], spoil=_withheld, limit_s=1.0)
        assert np.ptp(course.position, axis=0).max() < 1e-9

    # ---------------------------------------------------------------- helpers

    def _require_limits(self, course: Course) -> None:
        limits, period = self.world.robot.limits, self.world.period_s
        assert np.isfinite(course.position).all()
        assert (course.position >= limits.lower - 1e-6).all()
        assert (course.position <= limits.upper + 1e-6).all()
        speed = np.abs(np.diff(course.position, axis=0)) / period
        assert (speed <= limits.velocity * (1.0 + 1e-6)).all(), "faster than a joint may be"

    def _require_standing(self, course: Course) -> None:
        """Hold the last command: the robot itself stays where it is, too."""
        before = self.world.observe().position
        for _ in range(round(0.2 / self.world.period_s)):
            self.world.apply(course.commands[-1])
        moved = float(np.abs(self.world.observe().position - before).max())
        assert moved < 0.02, f"the robot still moves by {moved:.3f}"


FAR_TOO_LATE = 1.5
"""Chunks' lengths after which a chunk comes, where it shall be too late."""


def check_skill(kit: SkillContract) -> Mapping[str, str]:
    """The tests of a kit that fail, by name, with the reason; nothing for a sound skill."""
    failed = {}
    for name in sorted(name for name in dir(kit) if name.startswith("test_")):
        try:
            getattr(kit, name)()
        except Exception as error:  # noqa: BLE001  # whatever it is, the skill has not passed
            failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    SkillContract._kept.pop(type(kit), None)
    return failed


def _refused(contract: Contract, arguments: Any) -> bool:
    try:
        Call.of(contract, arguments)
    except ConditionError:
        return True
    return False


def _deciding(call: Call, facts: Facts) -> list[Atom]:
    """Atoms of this scene without which `requires` would not hold, one by one."""
    atoms = dict.fromkeys(call.requires.ground(facts.table).atoms())
    return [
        atom
        for atom in atoms
        if atom in facts and not call.requires.evaluate(_flipped(atom)(facts)).value
    ]


def _flipped(atom: Atom) -> Pretend:
    return lambda facts: facts.flipped({atom: not facts.value(atom)})


def _nan_from(first: int) -> Spoil:
    """All chunks from this one on have a NaN in them."""

    def spoil(number: int, chunk: ActionChunk) -> ActionChunk:
        if number < first:
            return chunk
        values = chunk.values.copy()
        values[len(values) // 2] = np.nan
        return replace(chunk, values=values)

    return spoil


def _withheld(_number: int, _chunk: ActionChunk) -> None:
    """No chunk comes."""


def _late(seconds: float) -> Spoil:
    """All chunks are of so long ago."""
    return lambda _, chunk: replace(chunk, start_s=chunk.start_s - seconds)
