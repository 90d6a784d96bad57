"""What corrections are worth: an advisor that learned from them, against nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import build
from ..advising import Together
from ..agents import Agent
from ..seeds import episode_seed
from .measure import Sample
from .registry import BenchContext
from .table import BenchResult, Bound, Row

if TYPE_CHECKING:
    from kata.skills.execution.advisor import Learned
    from kata.skills.execution.correcting import Corrector
    from kata.skills.execution.log import RunLog
    from kata.skills.execution.moments import Moment

SENTENCE = "put the red cube on the blue cube and the green cube on the red cube"
ROUNDS, EPISODES = 3, 30
LEAST_POINTS = 20.0
_TRIALS = 200
_NOTES = (
    (
        f"`{SENTENCE}`, four calls of scripted experts in simulation, without replanning. Each "
        "call sees its last thing 3 cm to the left of where it is if that is on the left half of "
        "the table, and within a few millimetres elsewhere (`kata.skills.testing.biased`). "
        "Success is the goal at the end. The skills stay as they are."
    ),
    (
        f"{ROUNDS} rounds of {EPISODES} episodes, in which a script that knows the true state says "
        "`3 cm to the right` or the like when the tool is low and at rest beside the thing, and "
        "nothing before. From the second round on the advisor of the round before speaks too, and "
        "what it says is no example. Each advisor is trained on all rounds so far, by "
        "`kata.skills.execution.advisor.learn` as `kata plan learn` does."
    ),
    "Then, on other scenes and equal seeds: the advisor alone, and nobody.",
)


def run(context: BenchContext) -> BenchResult:
    """Success with an advisor that learned from corrections and without, on the same seeds."""
    from kata.skills.evidence.paired import PairedOutcomes
    from kata.skills.execution.advisor import Advisor

    trials = 1 if context.quick else _TRIALS
    bench = _Bench(context.seed, *((2, 5) if context.quick else (ROUNDS, EPISODES)))
    advisor, corrected, said = bench.teach(context)
    with_it: list[bool] = []
    without: list[bool] = []
    for index in range(trials):
        seed = episode_seed(context.seed, "corrections alone", index)
        with_it.append(bench.go(seed, Advisor(advisor)).success)
        without.append(bench.go(seed, None).success)
        if index % 20 == 19:
            context.say(f"{index + 1} of {trials}: {sum(with_it)} and {sum(without)}")
    pairs = PairedOutcomes.of(with_it, without)
    low, high = (100.0 * bound for bound in pairs.newcombe())
    ours, baseline = (Sample.of([100.0 * sum(side) / trials]) for side in (with_it, without))
    note = (
        f"{trials} scenes. Paired difference, Newcombe's 95 % interval: {low:.1f} to {high:.1f} "
        f"points; McNemar's exact test p = {pairs.mcnemar():.2g}. The script said {said} things; "
        f"success while it spoke, by round: "
        f"{', '.join(f'{100 * share:.0f} %' for share in corrected)}."
    )
    return BenchResult(
        (
            Row("success, three stacked", "%", ours, baseline, better="higher", against="nobody"),
            Row("points gained by the advisor", "points",
                Sample.of([ours.median - baseline.median]),
                must=Bound(LEAST_POINTS, "ours"), better="higher"),
            Row("the same, lower 95 % bound", "points", Sample.of([low]),
                must=Bound(0.0, "ours"), better="higher"),
        ),
        notes=(*_NOTES, note),
    )  # fmt: skip


class _Bench:
    """One world and one set of biased skills for all trials."""

    def __init__(self, seed: int, rounds: int, episodes: int) -> None:
        from kata.sim.scene.config import TableWorldConfig
        from kata.sim.tasks import make_trial
        from kata.skills.testing.biased import biased

        self._seed, self._rounds, self._episodes = seed, rounds, episodes
        self._world: Any = make_trial("table", "nominal", TableWorldConfig.load())
        world: Any = self._world
        alone = [contract for contract in build.contracts() if contract.embodiment.arms == 1]
        self._skills = {c.name: biased(Agent(c).load(world)) for c in alone}

    def teach(self, context: BenchContext) -> tuple[Learned, list[float], int]:
        """The advisor after all rounds, success in each round, and how much was said."""
        from kata.skills.execution.advisor import Advisor, learn
        from kata.skills.execution.moments import Moment
        from kata.skills.testing.biased import LateTeacher

        advisor: Learned | None = None
        runs: list[list[Moment]] = []
        corrected: list[float] = []
        said = 0
        for number in range(self._rounds):
            wins = 0
            for index in range(self._episodes):
                seed = episode_seed(self._seed, f"corrections round {number}", index)
                speaking: list[Corrector] = [LateTeacher()]
                if advisor is not None:
                    speaking.append(Advisor(advisor))
                log = self.go(seed, Together(speaking))
                wins += log.success
                said += sum(bool(heard.text) and not heard.advised for heard in log.heard)
                runs.append([Moment.of_data(heard.to_data()) for heard in log.heard])
            fresh = [index >= number * self._episodes for index in range(len(runs))]
            advisor, report = learn(runs, fresh, self._seed)
            corrected.append(wins / self._episodes)
            context.say(
                f"round {number + 1}: {wins} of {self._episodes}, {said} things said so far, "
                f"held-out hits {100 * report.hits:.0f} %"
            )
        assert advisor is not None
        return advisor, corrected, said

    def go(self, seed: int, corrector: Corrector | None) -> RunLog:
        """Carry out the sentence in the scene of a seed."""
        from kata.skills.execution.options import ExecutorOptions
        from kata.skills.execution.runner import run as run_plan
        from kata.skills.planning.planner import SymbolicPlanner
        from kata.skills.planning.service import make_plan

        self._world.reset(seed)
        planner = SymbolicPlanner()
        contracts = [skill.contract for skill in self._skills.values()]
        answer = make_plan(SENTENCE, self._world.facts(), contracts, planner=planner)
        assert answer.plan is not None
        return run_plan(
            self._world, answer.plan, self._skills, planner, "full", seed,
            options=ExecutorOptions(replans=0), corrector=corrector,
        )  # fmt: skip
