"""Many runs side by side in one process, the chunks of all of them from shared passes of a policy.

A matrix product's last bits depend on how many rows it has, and so does what a vector unit leaves
over at the end of an array. So every pass has the same number of rows, however many runs there are,
and a run's result is the same to the bit whatever runs beside it; rows that nobody reads fill up.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, runtime_checkable

from kata.datasets.types import (
    ActionChunk,
    ChunkRequest,
    ExecutionError,
    KataError,
    Observation,
    Policy,
)

from .answers import Answer, PolicyAnswers, call_seed
from .messages import ChunkQuery, ChunkReply, ReadySkill

PASS_ROWS = 32
"""Rows of a pass. A multiple of what the widest vector units take at a time, or the last row would
be computed by other instructions than the first."""


@runtime_checkable
class BatchPolicy(Protocol):
    """A policy that answers several worlds in one pass and keeps nothing of them."""

    def chunks_of(
        self,
        draws: Sequence[tuple[int, int]],
        observations: Sequence[Observation],
        requests: Sequence[ChunkRequest],
        pass_rows: int = 1,
    ) -> list[ActionChunk]:
        """As `kata.policies.policy.ChunkPolicy.chunks_of`."""


class _Draws:
    """Which noise a run's next chunk draws: the seed of its call, and how many came before."""

    def __init__(self, seed: int) -> None:
        self._seed, self._begun, self._call, self._asked = seed, 0, 0, 0

    def take(self, query: ChunkQuery) -> tuple[int, int]:
        if query.begin:
            self._call, self._asked = call_seed(self._seed, self._begun), 0
            self._begun += 1
        return self._call, self._asked

    def taken(self) -> None:
        self._asked += 1


class _Run[T]:
    """One of the runs, and what it asks for; `over` once its result is there."""

    def __init__(
        self, steps: Generator[ChunkQuery, ChunkReply, T], alone: Answer, seed: int
    ) -> None:
        self.alone, self.draws = alone, _Draws(seed)
        self.over = False
        self.result: T
        self.query: ChunkQuery
        self._steps = steps
        self.go_on(None)

    def go_on(self, reply: ChunkReply | None) -> None:
        """To the next request, or to the end; the first time without a reply."""
        try:
            self.query = next(self._steps) if reply is None else self._steps.send(reply)
        except StopIteration as end:
            self.result, self.over = end.value, True


def side_by_side[T](
    begin: Callable[[int, int], Generator[ChunkQuery, ChunkReply, T]],
    skills: Sequence[ReadySkill],
    seeds: Sequence[int],
) -> list[T]:
    """The results of the runs of all seeds, in their order.

    Args:
        begin: makes the run of a lane's index and a seed; a lane runs one seed after the other.
        skills: the skill of each lane. A `BatchPolicy` may be the same object in all of them and
            answers all lanes at once; any other policy must be a lane's own and is asked alone.
        seeds: of the runs; each decides its run alone.

    Raises ExecutionError without a lane.
    """
    if not skills:
        raise ExecutionError("no lanes", expected="at least one")
    results: dict[int, T] = {}
    lanes: dict[int, tuple[int, _Run[T]]] = {}
    coming = enumerate(seeds)
    while True:
        for lane in set(range(len(skills))) - lanes.keys():
            index, seed = next(coming, (-1, 0))
            if index < 0:
                break
            own = skills[lane]
            alone = PolicyAnswers({own.contract.name: own}, seed)
            lanes[lane] = index, _Run(begin(lane, seed), alone, seed)
        asking = [run for _, run in lanes.values() if not run.over]
        if not lanes:
            return [results[i] for i in range(len(seeds))]
        for run, reply in zip(asking, _answers(skills[0].policy, asking), strict=True):
            run.go_on(reply)
        for lane, (index, run) in list(lanes.items()):
            if run.over:
                results[index] = run.result
                del lanes[lane]


def _answers[T](policy: Policy, asking: Sequence[_Run[T]]) -> list[ChunkReply]:
    if not isinstance(policy, BatchPolicy):
        return [run.alone(run.query) for run in asking]
    draws = [run.draws.take(run.query) for run in asking]
    replies: list[ChunkReply] = []
    for first in range(0, len(asking), PASS_ROWS):
        part = slice(first, first + PASS_ROWS)
        replies += _pass(policy, asking[part], draws[part])
    return replies


def _pass[T](
    policy: BatchPolicy, asking: Sequence[_Run[T]], draws: Sequence[tuple[int, int]]
) -> list[ChunkReply]:
    """Replies of one pass; where it fails, each row is asked alone, to find out which one it is."""
    queries = [run.query for run in asking]
    try:
        seen, wanted = [q.observation for q in queries], [q.request for q in queries]
        chunks = policy.chunks_of(draws, seen, wanted, PASS_ROWS)
    except KataError as error:
        if len(asking) == 1:
            return [ChunkReply(queries[0].id, None, str(error))]
        pairs = zip(asking, draws, strict=True)
        return [reply for run, draw in pairs for reply in _pass(policy, [run], [draw])]
    for run in asking:
        run.draws.taken()
    return [ChunkReply(q.id, chunk) for q, chunk in zip(queries, chunks, strict=True)]
