"""One episode of a sentence as an mp4: what the executor does, over what the world shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import FRAME_S, Atom, Condition

from .film import Caption, Film, drawn
from .trials import Block, SentenceTrials, sentence_episode

if TYPE_CHECKING:
    from kata.skills.execution.log import RunLog
    from kata.skills.execution.messages import ReadySkill
    from kata.skills.execution.options import Mode
    from kata.skills.execution.runner import OnFrame, RunFrame

SIZE = (800, 450)
_EVERY = 2
"""Pictures are drawn every other frame, 10 a second: half the time, and smooth enough to judge."""

_MOST = 3


def film_episode(
    asked: SentenceTrials, mode: Mode, seed: int, path: Path
) -> tuple[Block, RunLog | None]:
    """Run one episode and write its film; the episode is the same as without one.

    Raises StorageError where the disk refuses, SimulationError without OpenGL.
    """
    world: Any = asked.make_world()
    table = getattr(world, "world", world)
    skills, lanes = asked.load(world), asked.lanes(world)

    def go(on_frame: OnFrame) -> tuple[Block, RunLog | None]:
        return sentence_episode(asked, world, skills, mode, seed, on_frame, lanes)

    return filmed(table, asked.sentence, lambda frame: _aim(frame, skills), path, go)


def filmed[T](
    table: Any,
    title: str,
    aim: Callable[[RunFrame], Condition | None],
    path: Path,
    go: Callable[[OnFrame], T],
) -> T:
    """What `go` gives, and its film: it must call what it is given once a frame.

    Args:
        table: the world that draws itself; its renderers are closed afterwards.
        title: on top of every picture.
        aim: the condition whose facts are shown.
        path: of the mp4.
        go: runs the episode.

    Raises StorageError where the disk refuses, SimulationError without OpenGL.
    """
    count = 0
    with Film(path, round(1.0 / (FRAME_S * _EVERY))) as film:

        def on_frame(frame: RunFrame) -> None:
            nonlocal count
            if count % _EVERY == 0:
                image = table.render("view", *SIZE, shadows=False)
                film.add(drawn(image, _caption(frame, title, aim(frame))))
            count += 1

        try:
            return go(on_frame)
        finally:
            table.close()


def _caption(frame: RunFrame, title: str, aim: Condition | None) -> Caption:
    running = frame.plan.index(frame.call) if frame.call in frame.plan else len(frame.plan)
    return Caption(
        title=title,
        calls=frame.plan,
        current=running,
        state=frame.state,
        facts=[(str(atom), frame.facts.value(atom)) for atom in _atoms(frame, aim)],
        time_s=frame.observation.time_s,
    )


def _atoms(frame: RunFrame, aim: Condition | None) -> list[Atom]:
    """Those that a condition is about, what it makes true first."""
    if aim is None:
        return []
    literals = aim.literals(frame.facts.table)
    return sorted(literals, key=lambda atom: not literals[atom])[:_MOST]


def _aim(frame: RunFrame, skills: Mapping[str, ReadySkill]) -> Condition | None:
    """What the running call achieves."""
    call = frame.call or (frame.plan[-1] if frame.plan else "")
    name = call.partition("(")[0]
    if name not in skills:
        return None
    from kata.skills.contract.call import Call

    return Call.parse(call, [skills[name].contract]).achieves
