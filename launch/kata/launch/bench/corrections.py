"""What corrections are worth: an advisor that learned from them, against nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..advising import Together
from ..seeds import episode_seed
from .paired import Scenes, gain
from .registry import BenchContext
from .table import BenchResult

if TYPE_CHECKING:
    from kata.skills.execution.advisor import Learned
    from kata.skills.execution.correcting import Corrector
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
    from kata.skills.execution.advisor import Advisor
    from kata.skills.testing.biased import biased

    trials = 1 if context.quick else _TRIALS
    scenes = Scenes(lambda skill, _: biased(skill))
    lesson = _teach(scenes, context, *((2, 5) if context.quick else (ROUNDS, EPISODES)))
    with_it: list[bool] = []
    without: list[bool] = []
    for index in range(trials):
        seed = episode_seed(context.seed, "corrections alone", index)
        with_it.append(scenes.run(SENTENCE, seed, 0, Advisor(lesson.advisor)).success)
        without.append(scenes.run(SENTENCE, seed, 0).success)
        if index % 20 == 19:
            context.say(f"{index + 1} of {trials}: {sum(with_it)} and {sum(without)}")
    rows, note = gain(with_it, without, "three stacked", "the advisor", "nobody", LEAST_POINTS)
    told = (
        f"The script said {lesson.said} things; success while it spoke, by round: "
        f"{', '.join(f'{100 * share:.0f} %' for share in lesson.corrected)}."
    )
    return BenchResult(rows, notes=(*_NOTES, note, told))


@dataclass(frozen=True, slots=True)
class _Lesson:
    """The advisor after all rounds, success in each round, and how much was said."""

    advisor: Learned
    corrected: Sequence[float]
    said: int


def _teach(scenes: Scenes, context: BenchContext, rounds: int, episodes: int) -> _Lesson:
    from kata.skills.execution.advisor import Advisor, learn
    from kata.skills.execution.moments import Moment
    from kata.skills.testing.biased import LateTeacher

    advisor: Learned | None = None
    runs: list[list[Moment]] = []
    corrected: list[float] = []
    said = 0
    for number in range(rounds):
        wins = 0
        for index in range(episodes):
            seed = episode_seed(context.seed, f"corrections round {number}", index)
            speaking: list[Corrector] = [LateTeacher()]
            if advisor is not None:
                speaking.append(Advisor(advisor))
            log = scenes.run(SENTENCE, seed, 0, Together(speaking))
            wins += log.success
            said += sum(bool(heard.text) and not heard.advised for heard in log.heard)
            runs.append([Moment.of_data(heard.to_data()) for heard in log.heard])
        fresh = [index >= number * episodes for index in range(len(runs))]
        advisor, report = learn(runs, fresh, context.seed)
        corrected.append(wins / episodes)
        context.say(
            f"round {number + 1}: {wins} of {episodes}, {said} things said so far, "
            f"held-out hits {100 * report.hits:.0f} %"
        )
    assert advisor is not None
    return _Lesson(advisor, corrected, said)
