"""CPU seconds of training to a success rate, and of a step with the same network.

Ours: the default policy trains until the policy of a checkpoint passes its trials. LeRobot's ACT
and diffusion train on the same demonstrations for ten times as long, and are judged then by the
same trials. Reading the demonstrations counts; judging and imports do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .course import Course
from .lerobot_data import lerobot_datasets
from .measure import Sample
from .race import Ours, Theirs, train_ours, train_theirs
from .registry import BenchContext
from .table import BenchResult, Bound, Row
from .train_step import loader_seconds, same_network

FACTOR = 10.0
"""How many times our CPU time the others may take."""

_STEPS = 100

DEFAULT = "diffusion"
THEIRS = {"act": "ACT", "diffusion": "diffusion"}

OTHERS: Mapping[str, tuple[str, Mapping[str, Any], int]] = {
    "regression": ("regression", {}, 1),
    "flow": ("flow", {}, 3),
    "diffusion, U-Net": ("diffusion", {"network": "unet", "hidden": 64, "blocks": 2}, 2),
    "diffusion, transformer": ("diffusion", {"network": "transformer", "hidden": 64}, 1),
}
"""Our other policies and networks: name, settings, and how many times the budget they get."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything.

    Attributes:
        need: share of successes in the trials.
        steps, look: budget of a training of ours, and how often it is judged.
        runs: trainings of the default policy, each with another seed.
        cap_s: the most CPU time of a training of another policy of ours.
        channels, rounds: of the U-Net whose steps are compared, and how often.
    """

    episodes: int
    trials: int
    need: float
    steps: int
    look: int
    runs: int
    cap_s: float
    channels: tuple[int, ...]
    rounds: int


FULL = Sizes(100, 100, 0.9, 1000, 250, 3, 120.0, (128, 256, 512), 3)
QUICK = Sizes(2, 2, 0.0, 20, 10, 1, 1.0, (16, 32), 1)


def run(context: BenchContext) -> BenchResult:
    """The table of `train`. Raises MissingDependencyError without LeRobot."""
    sizes = QUICK if context.quick else FULL
    with lerobot_datasets(context.folder) as lerobot:
        course = Course.prepare(context, sizes.episodes, sizes.trials, sizes.need)
        rows, notes = _races(context, course, sizes)
        step, told = _step(context, course, sizes)
        others, looks = _others(context, course, sizes)
        context.say("LeRobot's own loader")
        loader = loader_seconds(course, lerobot, 2 if context.quick else 6)
        notes += [told, *looks, _LOADER.format(1e3 * loader.median), _FAIR]
    return BenchResult((*rows, step, *others), (), tuple(notes))


def _races(context: BenchContext, course: Course, sizes: Sizes) -> tuple[list[Row], list[str]]:
    """Time to the rate of the default policy, and whether LeRobot's get there in ten times it."""
    reached = []
    for run_number in range(sizes.runs):
        context.say(f"{DEFAULT}, training {run_number + 1} of {sizes.runs}")
        reached.append(_ours(context, course, sizes, DEFAULT, {}, run_number))
    ours = Sample.of([one.seconds for one in reached])
    passed = all(one.passed for one in reached)
    rows: list[Row] = []
    notes = [f"{DEFAULT}, ours: {one.told}." for one in reached]
    for kind, name in THEIRS.items():
        budget = FACTOR * ours.median
        context.say(f"LeRobot's {name} for {budget:.0f} CPU s")
        other = train_theirs(context, course, kind, budget)
        notes.append(f"{name} of LeRobot: {other.told}.")
        rows += _race(ours, other, name, sizes, passed)
    return rows, notes


def _race(ours: Sample, other: Theirs, name: str, sizes: Sizes, passed: bool) -> tuple[Row, Row]:
    """Our time beside that of fixed work of LeRobot's, and what LeRobot's policy came to."""
    steps = Sample.of([_STEPS * other.seconds / max(1, other.steps)])
    share = other.verdict.successes / max(1, other.verdict.trials)
    # Judged below the rate: fewer successes than it asks for, and only if ours came to it.
    least = sizes.need - 1.0 / sizes.trials if passed else -1.0
    return (
        Row(
            _race_name(sizes, f"beside {_STEPS} steps of {name}"), "CPU s", ours, steps,
            against=f"{_STEPS} steps of LeRobot's {name}",
        ),
        Row(
            f"LeRobot's {name} after {FACTOR:.0f} times our CPU time", "share of successes",
            Sample.of([share]), must=Bound(least, "ours"),
        ),
    )  # fmt: skip


def _step(context: BenchContext, course: Course, sizes: Sizes) -> tuple[Row, str]:
    context.say("a step with the same U-Net")
    ours, theirs, mine, others = same_network(context, course, sizes.channels, sizes.rounds)
    row = Row(
        "training step, the same U-Net and batch",
        "CPU ms",
        ours.scaled(1e3),
        theirs.scaled(1e3),
        Bound(1.0),
        against="LeRobot's diffusion, fed from our arrays",
    )
    channels = ", ".join(map(str, sizes.channels))
    return row, (
        f"The step's U-Net has channels {channels}: {mine:.2f} M weights in ours, {others:.2f} M "
        f"in LeRobot's. Ours also averages the weights."
    )


def _others(context: BenchContext, course: Course, sizes: Sizes) -> tuple[list[Row], list[str]]:
    """CPU time of our other policies, to the rate or until they were stopped."""
    rows, notes = [], []
    for name, (policy, settings, longer) in OTHERS.items():
        context.say(f"{name}, ours")
        seldom = replace(sizes, steps=longer * sizes.steps, look=sizes.steps // 2)
        one = _ours(context, course, seldom, policy, settings, 0, sizes.cap_s)
        # A time below the rate is no time to the rate.
        if one.passed:
            rows.append(Row(_race_name(sizes, name), "CPU s", Sample.of([one.seconds])))
        end = "" if one.passed else " It did not come to the rate."
        notes.append(f"{name}, ours: {one.told or 'stopped before the first look'}.{end}")
    return rows, notes


def _race_name(sizes: Sizes, name: str) -> str:
    return f"training of pick to {sizes.need:.0%}, {name}"


def _ours(
    context: BenchContext,
    course: Course,
    sizes: Sizes,
    policy: str,
    settings: Mapping[str, Any],
    seed: int,
    cap_s: float = float("inf"),
) -> Ours:
    return train_ours(
        context,
        course,
        policy,
        settings,
        steps=sizes.steps,
        look=sizes.look,
        seed=context.seed + seed,
        cap_s=cap_s,
    )


_LOADER = (
    "LeRobot's policies get their batches from our arrays here. Its own dataset and loader would "
    "add {:.0f} CPU ms to each of their steps."
)
_FAIR = (
    "Everyone learns from the same demonstrations and is judged on the same scenes by the same "
    "executor. LeRobot's policies see joints, tool pose and the entities of the call, and give "
    "absolute joint targets; ours see the same from the tool and give poses relative to it."
)
