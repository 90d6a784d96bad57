"""Blocks of rollouts: all of them come back, in the order in which they were asked for."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kata.launch.bench.blocks import Work, by_skill, run_blocks
from kata.launch.bench.registry import BenchContext
from kata.skills.evidence.workers import Workers


def block(number: int) -> dict[str, list[int]]:
    return {"numbers": [number, number + 1]}


WORK: Work = {f"{skill} {i}": (block, (i,)) for i in range(4) for skill in ("push", "pick")}


def context(folder: Path, said: list[str]) -> BenchContext:
    return BenchContext(folder, 0, workers=1, quick=True, say=said.append)


@pytest.mark.parametrize("backwards", [False, True])
def test_blocks_come_in_the_order_of_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backwards: bool
) -> None:
    """Also where the last one is ready first, as with several workers."""
    run = Workers.run

    def reversed_run(workers: Workers, work: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        yield from reversed(list(run(workers, work)))

    if backwards:
        monkeypatch.setattr(Workers, "run", reversed_run)
    said: list[str] = []
    found = run_blocks(context(tmp_path, said), WORK)
    assert list(found) == list(WORK)
    assert said[0] == ("1 of 8: pick 3" if backwards else "1 of 8: push 0")
    assert len(said) == 8
    numbers = [0, 1, 1, 2, 2, 3, 3, 4]
    assert list(by_skill(found, "numbers").items()) == [("push", numbers), ("pick", numbers)]


def test_what_a_block_raises_is_raised(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        run_blocks(context(tmp_path, []), {"push 0": (block, ("no number",))})
