"""The ways to get past an obstacle that `kata bench steer` compares, and trials of each."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kata.datasets.types import ActionChunk, Array, ChunkRequest, Observation, Pose

from ..agents import Agent
from ..seeds import episode_seed
from .steer_aside import AWAY, pillar_of, place_beside

if TYPE_CHECKING:
    from kata.policies.policy import ChunkPolicy
    from kata.skills.execution.log import RunLog
    from kata.skills.execution.messages import ChunkQuery, ChunkReply, LoadedSkill

SAMPLES = 8
"""Chunks that re-ranking chooses from."""

_LANES = 32


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run the skill.

    Attributes:
        aside: whether the pillar stands beside the way, in place of on it.
        guided: whether the executor asks for the cost of `keep_clear`.
        samples: chunks to choose the one of least cost from, in place of steering; 0: no choice.
        guide: fields of `KeepClear` that differ; `options`: of `SteeringOptions`.
        ablation: whether it is the guided way less one thing.
    """

    name: str
    aside: bool = False
    guided: bool = True
    samples: int = 0
    guide: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    ablation: bool = False


WAYS = (
    Way("unguided", guided=False),
    Way("re-ranked", samples=SAMPLES),
    Way("guided"),
    Way("unguided, pillar aside", aside=True, guided=False),
    Way("guided, pillar aside", aside=True),
    Way("around", guide={"around": False}, ablation=True),
    Way("spread", options={"spread": False}, ablation=True),
    Way("fading", options={"half": 10.0}, ablation=True),
)
"""The last ones are named by what is taken from the guided way."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended, and the way of the tool (T, 3) in m, once a frame."""

    success: bool
    bumped: bool
    duration_s: float
    way: Any
    pillar: Any

    @property
    def clean(self) -> bool:
        """Whether the goal was reached and nothing touched."""
        return self.success and not self.bumped


class ReRanked:
    """Samples several chunks and gives the one of least cost; nothing is steered."""

    def __init__(self, policy: ChunkPolicy, samples: int) -> None:
        self.spec, self.chunk_spec = policy.spec, policy.chunk_spec
        self._policy, self._samples = policy, samples

    def reset(self, seed: int) -> None:
        """Begin an episode."""
        self._policy.reset(seed)

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        """The best of several; the first noise is that of the policy alone."""
        return self.chunks_of([(0, 0)], [observation], [request])[0]

    def chunks_of(
        self,
        draws: Sequence[tuple[int, int]],
        observations: Sequence[Observation],
        requests: Sequence[ChunkRequest],
        pass_rows: int = 1,
    ) -> list[ActionChunk]:
        """As `ChunkPolicy.chunks_of`, each the best of several passes."""
        plain = [replace(request, cost=None) for request in requests]
        best: list[tuple[float, ActionChunk]] = []
        for sample in range(self._samples):
            seeds = [(seed + sample * 2**40, call) for seed, call in draws]
            chunks = self._policy.chunks_of(seeds, observations, plain, pass_rows)
            rated = [
                (_price(r.cost, chunk), chunk) for r, chunk in zip(requests, chunks, strict=True)
            ]
            best = [min(pair, key=_first) for pair in zip(best or rated, rated, strict=True)]
        return [chunk for _, chunk in best]


def _first(rated: tuple[float, ActionChunk]) -> float:
    return rated[0]


def _price(cost: Any, chunk: ActionChunk) -> float:
    import torch

    if cost is None:
        return 0.0
    with torch.no_grad():
        return float(cost(torch.as_tensor(chunk.values, dtype=torch.float32)[None])[0])


def outcomes_of(seed: int, agent: Agent, way: Way, trials: int) -> list[Outcome]:
    """Outcomes of the scenes of `seed`, in order; they depend on nothing else.

    Of ways with the pillar aside, those of the scenes that have room for it there.
    """
    from kata.sim.scene.config import TableWorldConfig
    from kata.sim.tasks import make_trial
    from kata.skills.execution.passes import side_by_side

    name, scene = agent.contract.name, TableWorldConfig.load("obstacle")
    worlds: list[Any] = [make_trial(name, "nominal", scene) for _ in range(min(_LANES, trials))]
    skill = _skill(agent, worlds[0], way)
    seeds = [episode_seed(seed, f"steer {name}", index) for index in range(trials)]
    places: dict[int, Any] = {}
    if way.aside:
        found = side_by_side(
            lambda lane, own: _place(worlds[lane], skill, own), [skill] * len(worlds), seeds
        )
        places = {own: place for own, place in zip(seeds, found, strict=True) if place is not None}
        seeds = list(places)
    return side_by_side(
        lambda lane, own: _trial(worlds[lane], skill, own, way, places.get(own)),
        [skill] * len(worlds),
        seeds,
    )


def _skill(agent: Agent, world: Any, way: Way) -> LoadedSkill:
    from kata.policies.policy import ChunkPolicy

    skill = agent.load(world)
    policy = skill.policy
    assert isinstance(policy, ChunkPolicy)
    policy.steering_options = replace(policy.steering_options, **way.options)
    return replace(skill, policy=ReRanked(policy, way.samples)) if way.samples else skill


def _place(
    world: Any, skill: LoadedSkill, seed: int
) -> Generator[ChunkQuery, ChunkReply, Array | None]:
    """Where beside the unguided way there is room for the pillar; None for nowhere."""
    world.reset(seed)
    _stand(world, AWAY)
    _, poses = yield from _run(world, skill, seed, None)
    world.reset(seed)
    return place_beside(world, poses, seed)


def _trial(
    world: Any, skill: LoadedSkill, seed: int, way: Way, place: Array | None = None
) -> Generator[ChunkQuery, ChunkReply, Outcome]:
    from kata.skills.execution.guides import Guides, KeepClear

    seen = world.reset(seed)
    if place is not None:
        seen = _stand(world, place)
    guide = Guides((KeepClear(**way.guide),)) if way.guided else None
    log, poses = yield from _run(world, skill, seed, guide)
    pillar = seen.entities[pillar_of(seen)].pose.position
    positions = np.array([pose.position for pose in poses])
    return Outcome(log.success, bool(world.bumped), log.duration_s, positions, pillar[None])


def _stand(world: Any, place: Sequence[float] | Array) -> Observation:
    """Move the pillar of a posed trial, and begin it there."""
    world.world.stand(pillar_of(world.observe()), (*place, 0.0))
    world.world.begin()
    seen: Observation = world.observe()
    return seen


def _run(
    world: Any, skill: LoadedSkill, seed: int, guide: Any
) -> Generator[ChunkQuery, ChunkReply, tuple[RunLog, list[Pose]]]:
    """The log of a posed trial, and the tool's way, a pose a frame."""
    from kata.datasets.types import Condition
    from kata.skills.contract.call import Call
    from kata.skills.execution.options import ExecutorOptions
    from kata.skills.execution.runner import steps
    from kata.skills.planning.plan import Plan

    episode = world.episode
    call = Call.of(skill.contract, dict(episode.arguments), episode.hand)
    plan = Plan.sequence(Condition.parse(episode.goal), [call])
    poses: list[Pose] = []
    log = yield from steps(
        world, plan, {skill.contract.name: skill}, None, "naive", seed,
        on_frame=lambda frame: poses.append(frame.observation.tool()),
        options=ExecutorOptions(replans=0, guide=guide), tail_s=0.2,
    )  # fmt: skip
    return log, poses
