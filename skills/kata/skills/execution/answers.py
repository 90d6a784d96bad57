"""Who answers a run's requests for chunks: its own policies, one request at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

import numpy as np

from kata.datasets.types import KataError

from .log import RunLog
from .messages import ChunkQuery, ChunkReply, ReadySkill, ready

Steps = Generator[ChunkQuery, ChunkReply, RunLog]
"""A run that stops at each request for a chunk until it is sent the reply, and returns its log."""

Answer = Callable[[ChunkQuery], ChunkReply]


def call_seed(seed: int, begun: int) -> int:
    """Seed of a policy for the call that comes after `begun` others in a run of `seed`."""
    return int(np.random.SeedSequence([seed, begun]).generate_state(1)[0])


class PolicyAnswers:
    """Asks the policies of one run; each of its calls gets a seed of its own, in every mode.

    `skills_of` gives those of a lane, where several run at the same time.
    """

    def __init__(
        self,
        skills: Mapping[str, ReadySkill],
        seed: int,
        skills_of: Callable[[str], Mapping[str, ReadySkill]] | None = None,
    ) -> None:
        self._skills, self._seed, self._begun = skills, seed, 0
        self._skills_of = skills_of

    def __call__(self, query: ChunkQuery) -> ChunkReply:
        """The chunk, or why there is none."""
        skills = self._skills_of(query.lane) if self._skills_of and query.lane else self._skills
        skill = ready(skills, query.call.contract)
        if skill is None:
            return ChunkReply(query.id, None, f"there is no skill '{query.call.contract.key}'")
        policy = skill.policy
        try:
            if query.begin:
                policy.reset(call_seed(self._seed, self._begun))
                self._begun += 1
            return ChunkReply(query.id, policy.chunk(query.observation, query.request))
        except KataError as error:
            return ChunkReply(query.id, None, str(error))


def driven[T](steps: Generator[ChunkQuery, ChunkReply, T], answer: Answer) -> T:
    """Go through a run to its end, with an answer to each of its requests."""
    try:
        query = next(steps)
        while True:
            query = steps.send(answer(query))
    except StopIteration as end:
        result: T = end.value
        return result
