"""One episode of a sentence as an mp4: what the executor does, over what the world shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import FRAME_S, Condition

from .film import Caption, Film, drawn
from .trials import Block, SentenceTrials, sentence_episode

if TYPE_CHECKING:
    from kata.skills.execution.log import RunLog
    from kata.skills.execution.options import Mode
    from kata.skills.execution.runner import RunFrame

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
    skills = {agent.contract.name: agent.load(world) for agent in asked.agents}
    count = 0
    with Film(path, round(1.0 / (FRAME_S * _EVERY))) as film:

        def on_frame(frame: RunFrame) -> None:
            nonlocal count
            if count % _EVERY == 0:
                image = table.render("view", *SIZE, shadows=False)
                film.add(drawn(image, _caption(frame, asked.sentence, skills)))
            count += 1

        try:
            return sentence_episode(asked, world, skills, mode, seed, on_frame)
        finally:
            table.close()


def _caption(frame: RunFrame, sentence: str, skills: dict[str, Any]) -> Caption:
    running = frame.plan.index(frame.call) if frame.call in frame.plan else len(frame.plan)
    facts = [(text, frame.facts) for text in _facts(frame, skills)]
    return Caption(
        title=sentence,
        calls=frame.plan,
        current=running,
        state=frame.state,
        facts=[(text, Condition.parse(text).evaluate(now).value) for text, now in facts],
        time_s=frame.observation.time_s,
    )


def _facts(frame: RunFrame, skills: dict[str, Any]) -> list[str]:
    """The atoms that the running call is about, those that it makes true first."""
    call = frame.call or (frame.plan[-1] if frame.plan else "")
    name, _, rest = call.partition("(")
    if name not in skills:
        return []
    from kata.skills.contract.call import Call

    values = [value.strip() for value in rest.rstrip(")").split(",")]
    achieved = Call.of(skills[name].contract, values).achieves
    literals = achieved.literals(frame.facts.table)
    return [str(atom) for atom in sorted(literals, key=lambda atom: not literals[atom])][:_MOST]
