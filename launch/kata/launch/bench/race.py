"""Trainings against the clock: ours until it passes, LeRobot's for a given time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from kata.launch.keys import config_root

from .course import SKILL, Course, Marks, Stopwatch, Verdict, fresh
from .registry import BenchContext

if TYPE_CHECKING:
    from kata.policies.policy import ChunkPolicy

_PROBE = 12
"""Steps by which the cost of one is known before a schedule over the whole time is made."""

_WARM_UP = 2
_SPARE = 1.05
"""More steps than should fit, so that the time is used up in any case."""

BATCH = 64


@dataclass(frozen=True, slots=True)
class Look:
    """One judging: at which step, after how many CPU seconds, and what came of it."""

    step: int
    seconds: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Ours:
    """A training of ours: its looks, and whether the last one passed."""

    looks: tuple[Look, ...]

    @property
    def passed(self) -> bool:
        """Whether it came to the rate at all."""
        return bool(self.looks) and self.looks[-1].verdict.passed

    @property
    def seconds(self) -> float:
        """CPU seconds to the last look."""
        return self.looks[-1].seconds if self.looks else 0.0

    @property
    def told(self) -> str:
        """All looks in a line; judging ends early where too many trials have failed."""
        parts = []
        for look in self.looks:
            tried = f"{look.verdict.successes} of {look.verdict.trials}"
            parts.append(f"step {look.step}, {look.seconds:.1f} s: {tried}")
        return "; ".join(parts)


def train_ours(
    context: BenchContext,
    course: Course,
    policy: str,
    settings: Mapping[str, Any],
    *,
    steps: int,
    look: int,
    seed: int,
    cap_s: float = float("inf"),
) -> Ours:
    """Train until the averaged policy of a checkpoint passes, or the time is up."""
    from kata.policies.config import TrainConfig
    from kata.policies.demonstrations import gather
    from kata.policies.training import train

    config = TrainConfig(
        policy, dict(settings), steps=steps, checkpoint_every=look, held_out=0.0, seed=seed
    )
    looks: list[Look] = []
    watch = Stopwatch()
    data = gather(course.dataset, SKILL)

    def judge(step: int, learner: ChunkPolicy) -> None:
        seconds = watch.seconds
        looks.append(Look(step, seconds, watch.pause(lambda: course.judge(learner))))

    def over() -> bool:
        passed = bool(looks) and looks[-1].verdict.passed
        return passed or watch.seconds > cap_s

    train(config, data, fresh(context.folder, policy), on_checkpoint=judge, stop=over)
    return Ours(tuple(looks))


@dataclass(frozen=True, slots=True)
class Theirs:
    """A training of LeRobot's: CPU seconds and steps it took, its weights, its trials."""

    seconds: float
    steps: int
    parameters: int
    verdict: Verdict

    @property
    def told(self) -> str:
        """In a line."""
        return (
            f"{self.verdict.successes} of {self.verdict.trials} after {self.steps} steps in "
            f"{self.seconds:.0f} CPU s ({self.parameters / 1e6:.1f} M weights, batch {BATCH})"
        )


def lerobot_settings(kind: str) -> dict[str, Any]:
    """The small configuration of `configs/policy/lerobot`, without its name."""
    path = config_root() / "policy" / "lerobot" / f"{kind}.yaml"
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {key: value for key, value in data.items() if key != "name"}


def train_theirs(context: BenchContext, course: Course, kind: str, budget_s: float) -> Theirs:
    """Train a policy of LeRobot's for so many CPU seconds, its schedule as long as that.

    Batches come from our arrays, which costs it next to nothing.
    """
    from kata.policies import lerobot
    from kata.policies.config import TrainConfig
    from kata.policies.lerobot.training import train

    settings = lerobot_settings(kind)

    def config(steps: int) -> TrainConfig:
        return TrainConfig(
            lerobot.NAME,
            settings,
            steps=steps,
            batch=BATCH,
            seed=context.seed,
            checkpoint_every=10**6,
        )

    watch, marks = Stopwatch(), Marks()
    train(config(_PROBE), course.dataset, SKILL, fresh(context.folder, kind), stop=marks)
    reading = watch.seconds - marks.total
    steps = max(1, int(_SPARE * (budget_s - reading) / marks.each(_WARM_UP)))
    watch = Stopwatch()
    trained = train(
        config(steps),
        course.dataset,
        SKILL,
        fresh(context.folder, kind),
        stop=lambda: watch.seconds > budget_s,
    )
    seconds = watch.seconds
    parameters = sum(p.numel() for p in trained.policy.module.parameters())
    verdict = course.judge(trained.policy, all_trials=True)
    return Theirs(seconds, trained.step, parameters, verdict)
