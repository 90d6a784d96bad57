"""Unlabelled demonstrations of several skills in a row, and what was done when, kept aside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kata.datasets.types import Array, Episode, ExecutionError, Facts, Observation

from . import build
from .progress import Advance
from .seeds import episode_seed
from .workspace import write_text

if TYPE_CHECKING:
    from kata.sim.longer import Pauses, Stretch
    from kata.skills.contract.call import Call

TRUTH = "truth.json"
_UNDOES = {"open": "close", "close": "open"}
_RUN_UP_M, _FOOT_M, _REACH_M = 0.075, 0.32, 0.74
_MOST_FAILURES = 200


@dataclass(frozen=True, slots=True)
class Longer:
    """What to record.

    Attributes:
        noise_rad: standard deviation of the disturbance of the joint targets.
        purpose: tells folders of one seed apart.
        labelled: with the columns `skill`, `arguments` and `phase`, as a control.
    """

    episodes: int
    seed: int
    purpose: str = "longer"
    calls: int = 5
    noise_rad: float = 0.0025
    pauses: Pauses | None = None
    labelled: bool = False


def record_longer(
    asked: Longer, root: Path, advance: Advance | None = None
) -> dict[int, tuple[Stretch, ...]]:
    """Record episodes into `root`; the truth of each, also written to `root/../NAME-truth.json`.

    Raises ExecutionError where too many do not succeed.
    """
    from kata.datasets.recorder import EpisodeRecorder
    from kata.sim.collect import DartNoise
    from kata.sim.longer import Pauses, demonstrate_longer, unlabelled
    from kata.sim.tasks import make_trial

    world: Any = make_trial("table")
    chooser = Chooser(world.facts())
    noise, pauses = DartNoise(asked.noise_rad), asked.pauses or Pauses()
    truth: dict[int, tuple[Stretch, ...]] = {}
    names, attempt = tuple(world.observe().entities), 0
    with EpisodeRecorder(root, world.robot, world.facts().table, names) as recorder:
        while len(truth) < asked.episodes:
            seed = episode_seed(asked.seed, asked.purpose, attempt)
            attempt += 1
            frames, stretches, outcome = demonstrate_longer(
                world, chooser, asked.calls, seed, noise, pauses
            )
            if not outcome.success:
                if attempt - len(truth) > _MOST_FAILURES:
                    raise ExecutionError("the experts fail too often", got=outcome.reason)
                continue
            for frame in frames:
                recorder.add(frame if asked.labelled else unlabelled(frame))
            truth[recorder.save_episode(outcome)] = stretches
            if advance:
                advance(len(truth))
    text = json.dumps({str(k): [to_data(s) for s in v] for k, v in truth.items()})
    write_text(root.with_name(f"{root.name}-{TRUTH}"), text + "\n")
    return truth


def to_data(stretch: Stretch) -> dict[str, Any]:
    """Plain data for a file."""
    return {
        "start": stretch.start,
        "stop": stretch.stop,
        "skill": stretch.skill,
        "arguments": dict(stretch.arguments),
        "phases": [list(phase) for phase in stretch.phases],
    }


def read_truth(path: Path) -> dict[int, list[dict[str, Any]]]:
    """What `record_longer` wrote beside a dataset."""
    return {int(k): v for k, v in json.loads(path.read_text()).items()}


class Chooser:
    """Draws what to do next: any skill whose call may start now, each as likely as another.

    Args:
        facts: of the scene, for its names.
    """

    def __init__(self, facts: Facts) -> None:
        from kata.skills.planning.problem import grounded_calls

        contracts = [c for c in build.contracts() if c.embodiment.arms == 1]
        self._calls = [call for call, _ in grounded_calls(facts.table, contracts)]
        self._loose = facts.table.names("object")

    def __call__(
        self,
        facts: Facts,
        seen: Observation,
        done: tuple[Episode, ...],
        rng: np.random.Generator,
    ) -> Episode | None:
        """The next call as an episode; None where no call can start."""
        options: dict[str, list[Call]] = {}
        for call in self._calls:
            if may_start(call, facts) and self._sensible(call, seen, done):
                options.setdefault(call.contract.name, []).append(call)
        if not options:
            return None
        names = sorted(options)
        chosen = options[names[int(rng.integers(len(names)))]]
        call = chosen[int(rng.integers(len(chosen)))]
        contract = call.contract
        return Episode(
            contract.name, call.arguments, str(call.achieves), contract.duration_s, call.hand
        )

    def _sensible(self, call: Call, seen: Observation, done: tuple[Episode, ...]) -> bool:
        """Nothing is undone at once, and nothing is pushed through others."""
        if done and _UNDOES.get(call.contract.name) == done[-1].skill:
            return False
        if call.contract.name != "push":
            return True
        thing, target = call.values[:2]
        places = {name: seen.entities[name].pose.position[:2] for name in self._loose}
        rest = [place for name, place in places.items() if name not in (thing, target)]
        return _has_lane(places[thing], places[target], rest)


def may_start(call: Call, facts: Facts) -> bool:
    """Whether it could begin now and has something left to do."""
    return call.requires.evaluate(facts).value is True and not call.achieves.evaluate(facts).value


def _has_lane(start: Array, end: Array, others: list[Array]) -> bool:
    """Room to push: the places (2,) are some way apart, and nothing stands between or behind."""
    from kata.sim.tasks.starts import LANE_M, PUSH_FAR_M, PUSH_NEAR_M

    way = end - start
    length = float(np.hypot(*way))
    if not PUSH_NEAR_M <= length <= PUSH_FAR_M:
        return False
    first = start - way / length * _RUN_UP_M
    line = end - first
    if not _FOOT_M <= float(np.hypot(*first)) <= _REACH_M:
        return False
    for place in others:
        share = float(np.clip((place - first) @ line / (line @ line), 0.0, 1.0))
        if float(np.hypot(*(place - first - share * line))) <= LANE_M:
            return False
    return True
