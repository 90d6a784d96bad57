"""Two ways to run a sentence on the same scenes, and which one comes true more often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import build
from ..agents import Agent
from .measure import Sample
from .table import Bound, Row

if TYPE_CHECKING:
    from kata.skills.execution.correcting import Corrector
    from kata.skills.execution.log import RunLog
    from kata.skills.execution.messages import LoadedSkill


class Scenes:
    """The default table and its scripted skills, each changed by `change(skill, number)`."""

    def __init__(self, change: Callable[[LoadedSkill, int], LoadedSkill]) -> None:
        from kata.sim.scene.config import TableWorldConfig
        from kata.sim.tasks import make_trial

        self._world: Any = make_trial("table", "nominal", TableWorldConfig.load())
        world: Any = self._world
        fitting = [c for c in build.contracts() if not c.embodiment.lacks(world.robot)]
        self._skills = {
            contract.name: change(Agent(contract).load(world), number)
            for number, contract in enumerate(fitting)
        }

    def run(
        self, sentence: str, seed: int, replans: int, corrector: Corrector | None = None
    ) -> RunLog:
        """A run of the sentence in the scene of a seed."""
        from kata.skills.execution.options import ExecutorOptions
        from kata.skills.execution.runner import run
        from kata.skills.planning.planner import SymbolicPlanner
        from kata.skills.planning.service import make_plan

        self._world.reset(seed)
        planner = SymbolicPlanner()
        contracts = [skill.contract for skill in self._skills.values()]
        answer = make_plan(sentence, self._world.facts(), contracts, planner=planner)
        assert answer.plan is not None
        return run(
            self._world, answer.plan, self._skills, planner, "full", seed,
            options=ExecutorOptions(replans=replans), corrector=corrector,
        )  # fmt: skip


def gain(
    ours: Sequence[bool], other: Sequence[bool], what: str, by: str, against: str, least: float
) -> tuple[tuple[Row, ...], str]:
    """Rows of the success of two ways on the same scenes, with a note.

    Args:
        ours: outcomes, scene after scene.
        other: those of the other way.
        what: was done.
        by: what gains the points.
        against: the other way, in words.
        least: points that must be gained.
    """
    from kata.skills.evidence.paired import PairedOutcomes

    pairs = PairedOutcomes.of(ours, other)
    low, high = (100.0 * bound for bound in pairs.newcombe())
    mine, baseline = (100.0 * sum(side) / len(side) for side in (ours, other))
    rows = (
        Row(f"success, {what}", "%", Sample.of([mine]), Sample.of([baseline]),
            better="higher", against=against),
        Row(f"points gained by {by}", "points", Sample.of([mine - baseline]),
            must=Bound(least, "ours"), better="higher"),
        Row("the same, lower 95 % bound", "points", Sample.of([low]),
            must=Bound(0.0, "ours"), better="higher"),
    )  # fmt: skip
    note = (
        f"{len(ours)} scenes. Paired difference, Newcombe's 95 % interval: {low:.1f} to {high:.1f} "
        f"points; McNemar's exact test p = {pairs.mcnemar():.2g}."
    )
    return rows, note
