"""What a policy is to learn and how it is judged: the same demonstrations and scenes for all."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from kata.datasets.types import Policy

from ..recording import Recording, record
from .registry import BenchContext

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset
    from kata.skills.evidence.trials import TrialJob

SKILL = "pick"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Successes of the trials that were run; `passed` if they reach what is needed."""

    successes: int
    trials: int
    passed: bool


@dataclass(frozen=True)
class Course:
    """Demonstrations of a skill, and the trials that judge who learned it.

    Attributes:
        seeds: of the trials.
        need: share of successes that passes.
    """

    dataset: Dataset
    world: Any
    seeds: tuple[int, ...]
    need: float

    @classmethod
    def prepare(cls, context: BenchContext, episodes: int, trials: int, need: float) -> Course:
        """Record the demonstrations and choose the scenes."""
        from kata.datasets.dataset import Dataset
        from kata.sim.tasks import make_trial
        from kata.skills.evidence.seeds import trial_seeds

        make_world = functools.partial(make_trial, SKILL)
        context.say(f"recording {episodes} demonstrations")
        root = context.folder / "demonstrations"
        record(Recording(make_world, SKILL, episodes, context.seed, 0.0), root)  # type: ignore[arg-type]
        seeds = trial_seeds(context.seed, trials)
        return cls(Dataset.open(root), make_world(), seeds, need)

    def judge(self, policy: Policy, *, all_trials: bool = False) -> Verdict:
        """Run the trials, by default until it is clear that too many failed."""
        job = self._job(policy)
        allowed = len(self.seeds) - self.need * len(self.seeds)
        successes = 0
        for done, seed in enumerate(self.seeds, start=1):
            successes += bool(job(seed).success)
            if not all_trials and done - successes > allowed + 1e-9:
                return Verdict(successes, done, passed=False)
        passed = successes >= self.need * len(self.seeds) - 1e-9
        return Verdict(successes, len(self.seeds), passed)

    def _job(self, policy: Policy) -> TrialJob:
        from kata.launch.build import contract
        from kata.skills.evidence.trials import TrialJob
        from kata.skills.execution.messages import LoadedSkill
        from kata.skills.handover.boundary import FactBoundary

        return TrialJob(self.world, LoadedSkill(contract(SKILL), policy, FactBoundary()))


class Stopwatch:
    """CPU seconds of this process, without those spent in `pause`."""

    def __init__(self) -> None:
        self._begun, self._apart = time.process_time(), 0.0

    @property
    def seconds(self) -> float:
        """So far."""
        return time.process_time() - self._begun - self._apart

    def pause[T](self, call: Callable[[], T]) -> T:
        """Run a call off the watch."""
        begun = time.process_time()
        try:
            return call()
        finally:
            self._apart += time.process_time() - begun


class Marks:
    """The process's CPU clock before each step, read where a training asks whether to stop."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def __call__(self) -> bool:
        """Go on."""
        self._times.append(time.process_time())
        return False

    def each(self, warm_up: int) -> float:
        """Median seconds of a step; the first ones do not count, nor the last one."""
        steps = [after - before for before, after in pairwise(self._times)]
        return median(steps[warm_up:])

    @property
    def total(self) -> float:
        """Seconds from the first step on."""
        return time.process_time() - self._times[0]


def fresh(folder: Path, name: str) -> Path:
    """A folder that is not there yet, so that no training goes on from another one."""
    count = len(list(folder.glob(f"{name}-*")))
    return folder / f"{name}-{count}"
