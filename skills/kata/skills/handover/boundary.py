"""The boundary of a skill: may it start here, is it done, and where would it start well.

Legend: `D` joints, `P` stored good starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self, runtime_checkable

import numpy as np

from kata.datasets.types import (
    Array,
    Command,
    Condition,
    Facts,
    Kinematics,
    Observation,
    PackageError,
    RobotSpec,
)
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import NUMBER, POSE

from .ending import Latest, ended
from .features import Start, StartSample
from .novelty import Novelty, fit_novelty
from .progress import Progress, ProgressModel
from .progress_frames import feature_count
from .sections import Fits, slots_of
from .start_model import StartModel, StartQuality, fit_start_model
from .start_pool import StartPool, make_pool, reached
from .verdict import Verdict

MAY_START = 0.5
"""Least predicted success at which a boundary says that a skill may start."""

UNUSUAL_P = 0.05
"""Novelty below which a verdict calls a start unlike the known ones; it decides nothing."""

_POOL = 64
_REACHED = 8
_TRAVEL_PER_RAD = 0.03
_MOVED_COSTS = 0.02  # what was never tried as it is must promise a little more


@runtime_checkable
class Boundary(Protocol):
    """What a skill knows about its own beginning and end."""

    @property
    def usual(self) -> float:
        """Success from its usual starts, as far as it is known; 1 where it is not."""

    def may_start(self, call: Call, observation: Observation) -> Verdict:
        """Predicted success from this state."""

    def is_done(self, call: Call, observation: Observation, facts: Facts) -> Verdict:
        """Whether what the call achieves holds now, and `stays`; the executor sees to how long."""

    def starts(self, call: Call, observation: Observation, count: int) -> Sequence[Command]:
        """At most `count` good states to start from, best first, at rest."""


class FactBoundary:
    """A boundary without a start model: it starts anywhere, and ends by its facts."""

    usual = 1.0

    def may_start(self, call: Call, observation: Observation) -> Verdict:
        """Always; nothing is known against it."""
        return Verdict(True, 1.0, "no start model")

    def is_done(self, call: Call, observation: Observation, facts: Facts) -> Verdict:
        """By `achieves`, as far as facts tell."""
        return ended(call, observation, facts)

    def starts(self, call: Call, observation: Observation, count: int) -> Sequence[Command]:
        """None are known."""
        return ()


@dataclass(frozen=True)
class LearnedBoundary:
    """A start model fitted to rollouts, and the starts from which they succeeded.

    Attributes:
        model: predicts success from a start.
        pool: good starts.
        novelty: how unlike all rollouts a start is; None where there were too few.
        progress: how far a call has come; None where it was not learned.
        fits: whose boundary it is; None in a file of format 1.
        kinematics: of the robot that it is used on; without it only stored starts are proposed.
    """

    model: StartModel
    pool: StartPool
    novelty: Novelty | None = None
    progress: ProgressModel | None = None
    fits: Fits | None = None
    kinematics: Kinematics | None = field(default=None, compare=False, repr=False)
    _latest: Latest = field(default_factory=Latest, init=False, compare=False, repr=False)

    @property
    def quality(self) -> StartQuality:
        """How good the start model is on held-out rollouts."""
        return self.model.quality

    @property
    def usual(self) -> float:
        """Success from its usual starts; 1 where none was seen to succeed."""
        return self.pool.rate

    def on(self, contract: Contract, robot: RobotSpec, kinematics: Kinematics, where: str) -> Self:
        """The same for use on a robot, whose kinematics then help to find good starts.

        Raises PackageError, with what does not fit, for another skill or robot.
        """
        if self.fits is not None:
            self.fits.check(contract, robot, where)
        joints = self.pool.position.shape[1]
        if joints not in (0, robot.size):
            raise PackageError(
                "a boundary of another robot",
                where=where,
                expected=f"{robot.size} joints of {robot.name}",
                got=f"{joints} joints",
                hint=f"measure the skill anew on robot={robot.name}",
            )
        self._check_features(contract, robot, where)
        return replace(self, kinematics=kinematics)

    def _check_features(self, contract: Contract, robot: RobotSpec, where: str) -> None:
        if any(column >= robot.size for column in self.model.grippers):
            raise PackageError(
                "a boundary of another robot",
                where=where,
                expected=f"grippers among the {robot.size} joints of {robot.name}",
                got=", ".join(map(str, self.model.grippers)),
                hint=f"measure the skill anew on robot={robot.name}",
            )
        numbers = sum(p.type == NUMBER for p in contract.parameters) + (len(robot.hands) > 1)
        names = self.model.names(robot.size, slots_of(contract), numbers)
        known = len(names) if self.novelty is None else self.novelty.known.shape[1]
        if self.model.widest() > len(names) or known != len(names):
            self._refuse(contract, where, len(names), max(known, self.model.widest()))
        seen = feature_count(robot.size, slots_of(contract))
        if self.progress is not None and self.progress.width != seen:
            self._refuse(contract, where, seen, self.progress.width, "progress: ")

    def _refuse(
        self, contract: Contract, where: str, wanted: int, got: int, part: str = ""
    ) -> None:
        raise PackageError(
            "a boundary of other arguments",
            where=where,
            expected=f"{part}{wanted} features of {contract.name}",
            got=str(got),
            hint="the contract's parameters have changed: measure the skill anew",
        )

    def may_start(self, call: Call, observation: Observation) -> Verdict:
        """Predicted success against `MAY_START`; how new the start is, is only told."""
        features = self.model.features([Start.of(call.seen(observation))])
        chance = float(self.model.of_features(features)[0])
        word = "at least" if chance >= MAY_START else "below"
        reason = f"predicted success {chance:.2f}, {word} {MAY_START:.2f}"
        numbers = {"brier_skill": self.quality.brier_skill}
        if self.novelty is not None:
            p = float(self.novelty.p_value(features)[0])
            numbers["novelty_p"] = p
            reason += f"; novelty p {p:.2f}"
            if p < UNUSUAL_P:
                reason += ", unlike the starts that it was measured from"
        return Verdict(chance >= MAY_START, chance, reason, numbers)

    def is_done(self, call: Call, observation: Observation, facts: Facts) -> Verdict:
        """By `achieves`, or by learned progress where facts are late or unknown."""
        return ended(call, observation, facts, self.progress, self.how_far(call, observation))

    def how_far(self, call: Call, observation: Observation) -> Progress | None:
        """Learned progress; None where it was not learned or cannot be seen."""
        if self.progress is None:
            return None
        return self._latest.get(call, observation, self.progress)

    def starts(self, call: Call, observation: Observation, count: int) -> Sequence[Command]:
        """Good starts in this scene, by predicted success less the cost of travel.

        Stored ones, and with kinematics stored ones moved to where the thing is that the call is
        about. What the call requires to be held moves along with the tool, and its gripper stays
        as it is; otherwise the gripper's opening is part of the start.
        """
        if not len(self.pool) or count < 1:
            return ()
        seen = call.seen(observation)
        now = Start.of(seen)
        carried = [i for i, name in enumerate(call.focus) if name in held(call)]
        position = self.pool.joints(observation.position, keep_grip=bool(carried))
        score = self._score(now, position, self.pool.tool, carried)
        hand = seen.hands[0] if seen.hands else ""
        position, tool = self._moved_along(now, position, carried, hand)
        if len(position) > len(score):
            own = slice(len(score), None)
            aside = self._score(now, position[own], tool, carried) - _MOVED_COSTS
            score = np.concatenate([score, aside])
        best = np.argsort(-score, kind="stable")[:count]
        return [Command.hold(position[i]) for i in best]

    def _score(self, now: Start, position: Array, tool: Array, carried: Sequence[int]) -> Array:
        moved = [now.moved(q, t, carried) for q, t in zip(position, tool, strict=True)]
        travel = np.abs(position - now.position).max(axis=1)
        return np.asarray(self.model.probability(moved) - _TRAVEL_PER_RAD * travel)

    def _moved_along(
        self, now: Start, position: Array, carried: Sequence[int], hand: str
    ) -> tuple[Array, Array]:
        """Stored joints (P, D), then those that are reached at the thing; tools of the latter."""
        tools = self.pool.tools(now)
        if self.kinematics is None or not len(tools):
            return position, np.zeros((0, 7))
        # Kinematics cost a millisecond each: only for the most promising ones.
        order = np.argsort(-self._score(now, position, tools, carried), kind="stable")[:_REACHED]
        found = [(reached(tools[i], position[i], self.kinematics, hand), tools[i]) for i in order]
        kept = [(joints, tool) for joints, tool in found if joints is not None]
        if not kept:
            return position, np.zeros((0, 7))
        joints, poses = zip(*kept, strict=True)
        return np.concatenate([position, np.array(joints)]), np.array(poses)


def fit_boundary(
    samples: Sequence[StartSample],
    grippers: Sequence[int],
    seed: int,
    *,
    usual: Sequence[StartSample] | None = None,
    contract: Contract | None = None,
    robot: RobotSpec | None = None,
) -> LearnedBoundary:
    """Boundary from rollouts.

    Args:
        samples: what the start model and the novelty learn from.
        grippers: columns of D that open and close, by hand.
        seed: of folds and trees.
        usual: among whose successes good starts are; without it, among all.
        contract: of the skill whose boundary it is.
        robot: that it was measured on.
    """
    known = samples if usual is None else usual
    good = [sample.start for sample in known if sample.success]
    rate = (len(good) + 1.0) / (len(known) + 1.0)
    model = fit_start_model(samples, seed, grippers)
    joints = len(samples[0].start.position) if samples else 0
    anchor = 0 if contract is None else anchor_of(contract)
    pool = make_pool(good, grippers, _POOL, joints=joints, anchor=anchor, rate=rate)
    starts = [sample.start for sample in samples]
    novelty = fit_novelty(model.features(starts), seed) if starts else None
    fits = None if contract is None or robot is None else Fits.of(contract, robot)
    return LearnedBoundary(model, pool, novelty, fits=fits)


def anchor_of(contract: Contract) -> int:
    """Slot of the first thing that a call is about and does not hold already; 0 without one."""
    names = [p.name for p in contract.parameters if p.entity or p.type == POSE]
    mine = set(_held(contract.requires))
    return next((i for i, name in enumerate(names) if f"?{name}" not in mine), 0)


def held(call: Call) -> frozenset[str]:
    """Names that the call requires to be in a hand."""
    return frozenset(_held(call.requires))


def _held(condition: Condition) -> Iterator[str]:
    if condition.atom is not None and condition.atom.predicate == "holding":
        yield condition.atom.arguments[-1]
    elif condition.kind == "and":
        for part in condition.parts:
            yield from _held(part)
