"""What replanning is worth: three objects put away while one call in five fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import build
from ..agents import Agent
from ..seeds import episode_seed
from .measure import Sample
from .registry import BenchContext
from .table import BenchResult, Bound, Row

if TYPE_CHECKING:
    from kata.skills.contract.contract import Contract
    from kata.skills.execution.log import RunLog

SENTENCE = "put the red cube, the blue cube and the green cube in the bin"
RATE = 0.2
REPLANS = 6
LEAST_POINTS = 25.0
_TRIALS = 200
_NOTES = (
    (
        f"`{SENTENCE}`, six calls of scripted experts in simulation. A call fails with a chance of "
        f"{100 * RATE:.0f} %: it stops on the way, sees things 5 cm beside where they are, or lets "
        "go, a third each (`kata.skills.testing.injected`), drawn from the seed of the call. "
        "Success is the goal at the end."
    ),
    (
        f"Equal seeds for both ways: the same scenes, and the same first failure. Replanning plans "
        f"from the facts of that moment, at most {REPLANS} times; what failed twice in the same "
        "facts is not tried again."
    ),
)


def run(context: BenchContext) -> BenchResult:
    """Success with and without replanning on the same seeds, and the paired difference."""
    from kata.skills.evidence.paired import PairedOutcomes

    trials = 2 if context.quick else _TRIALS
    bench = _Bench()
    again: list[bool] = []
    once: list[bool] = []
    for index in range(trials):
        seed = episode_seed(context.seed, "replanning", index)
        again.append(bench.success(seed, REPLANS))
        once.append(bench.success(seed, 0))
        if index % 20 == 19:
            context.say(f"{index + 1} of {trials}")
    pairs = PairedOutcomes.of(again, once)
    low, high = (100.0 * bound for bound in pairs.newcombe())
    ours, baseline = (Sample.of([100.0 * sum(side) / trials]) for side in (again, once))
    note = (
        f"{trials} scenes. Paired difference, Newcombe's 95 % interval: {low:.1f} to {high:.1f} "
        f"points; McNemar's exact test p = {pairs.mcnemar():.2g}."
    )
    return BenchResult(
        (
            Row("success, three objects", "%", ours, baseline, better="higher",
                against="the first plan alone"),
            Row("points gained by replanning", "points", Sample.of([ours.median - baseline.median]),
                must=Bound(LEAST_POINTS, "ours"), better="higher"),
            Row("the same, lower 95 % bound", "points", Sample.of([low]),
                must=Bound(0.0, "ours"), better="higher"),
        ),
        notes=(*_NOTES, note),
    )  # fmt: skip


class _Bench:
    """One world and one set of unreliable skills for all trials."""

    def __init__(self) -> None:
        from kata.sim.scene.config import TableWorldConfig
        from kata.sim.tasks import make_trial
        from kata.skills.testing.injected import unreliable

        self._world: Any = make_trial("table", "nominal", TableWorldConfig.load())
        world: Any = self._world
        loaded = {c.name: Agent(c).load(world) for c in build.contracts() if not _two(c)}
        self._skills = {
            name: unreliable(skill, RATE, salt) for salt, (name, skill) in enumerate(loaded.items())
        }

    def success(self, seed: int, replans: int) -> bool:
        """Whether the sentence comes true in the scene of a seed."""
        return self._run(seed, replans).success

    def _run(self, seed: int, replans: int) -> RunLog:
        from kata.skills.execution.options import ExecutorOptions
        from kata.skills.execution.runner import run as run_plan
        from kata.skills.planning.planner import SymbolicPlanner
        from kata.skills.planning.service import make_plan

        self._world.reset(seed)
        planner = SymbolicPlanner()
        contracts = [skill.contract for skill in self._skills.values()]
        answer = make_plan(SENTENCE, self._world.facts(), contracts, planner=planner)
        assert answer.plan is not None
        options = ExecutorOptions(replans=replans)
        return run_plan(
            self._world, answer.plan, self._skills, planner, "full", seed, options=options
        )


def _two(contract: Contract) -> bool:
    return contract.embodiment.arms > 1
