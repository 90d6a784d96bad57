"""What replanning is worth: three objects put away while one call in five fails."""

from __future__ import annotations

from ..seeds import episode_seed
from .paired import Scenes, gain
from .registry import BenchContext
from .table import BenchResult

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
    from kata.skills.testing.injected import unreliable

    trials = 2 if context.quick else _TRIALS
    scenes = Scenes(lambda skill, number: unreliable(skill, RATE, number))
    again: list[bool] = []
    once: list[bool] = []
    for index in range(trials):
        seed = episode_seed(context.seed, "replanning", index)
        again.append(scenes.run(SENTENCE, seed, REPLANS).success)
        once.append(scenes.run(SENTENCE, seed, 0).success)
        if index % 20 == 19:
            context.say(f"{index + 1} of {trials}")
    rows, note = gain(
        again, once, "three objects", "replanning", "the first plan alone", LEAST_POINTS
    )
    return BenchResult(rows, notes=(*_NOTES, note))
