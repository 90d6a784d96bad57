"""Blocks of rollouts by skill, over the workers of a bench; none is kept for a later run.

What goes on after a kill is `kata.launch.trials.blocks`, which needs a run's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..trials import Block
from .registry import BenchContext

Work = dict[str, tuple[Callable[..., Block], Sequence[Any]]]
"""Call and arguments of each block; the first word of its name is the skill."""


def run_blocks(context: BenchContext, work: Work) -> dict[str, Block]:
    """The result of every block by name, in the order of `work` whichever came first.

    Raises what a block raises.
    """
    from kata.skills.evidence.workers import Workers

    found: dict[str, Block] = {}
    with Workers(context.workers) as workers:
        for name, block in workers.run(work):
            found[name] = block
            context.say(f"{len(found)} of {len(work)}: {name}")
    return {name: found[name] for name in work}


def by_skill(blocks: Mapping[str, Block], part: str) -> dict[str, list[Block]]:
    """The lists that blocks hold under `part`, one after the other for each skill."""
    found: dict[str, list[Block]] = {}
    for name, block in blocks.items():
        found.setdefault(name.partition(" ")[0], []).extend(block[part])
    return found
