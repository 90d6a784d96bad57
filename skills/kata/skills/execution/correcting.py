"""Who corrects a run, and what was heard: each correction with the state it was said in.

A person at a terminal, a script and a learned advisor come in by one door, as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from kata.datasets.types import Facts, Observation
from kata.skills.contract.call import Call
from kata.skills.planning.corrections import Unclear, read_correction

from .messages import Event
from .options import Executor

QUIET_S = 0.25
"""How often the state is kept while nobody says anything: what it looks like when all is well."""


class Advice(str):
    """What an advisor says; it is logged as such, so that no advisor learns from advice."""

    __slots__ = ()


class Corrector(Protocol):
    """Says something while a run goes on, or nothing."""

    def says(self, observation: Observation, facts: Facts, call: Call | None) -> Sequence[str]:
        """What is said now, about the call that runs; asked once a frame."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that was said, or a moment in which nothing was.

    Attributes:
        text: as it was said; empty for a quiet moment.
        meaning: what it changes; empty where it was not understood, or nothing was said.
        call: that ran, with `age_s` since it became the running one; empty between calls.
        facts: those that were true.
        tool: `pose_world_tool` (7,) of the call's hand.
        things: `pose_world_thing` (7,) of what the call is about, in order.
        advised: whether an advisor said it, and no person.
    """

    time_s: float
    text: str
    meaning: str
    call: str
    age_s: float
    facts: tuple[str, ...]
    tool: tuple[float, ...]
    things: tuple[tuple[float, ...], ...]
    advised: bool = False

    def to_data(self) -> dict[str, Any]:
        """Plain data for a line of a file."""
        return {
            "time_s": round(self.time_s, 4),
            "text": self.text,
            "meaning": self.meaning,
            "call": self.call,
            "age_s": round(self.age_s, 4),
            "facts": list(self.facts),
            "tool": list(self.tool),
            "things": [list(thing) for thing in self.things],
            "advised": self.advised,
        }


class Conversation:
    """Listens to a corrector during one run, and tells the executor."""

    def __init__(self, corrector: Corrector, executor: Executor) -> None:
        self._corrector, self._executor = corrector, executor
        self._call, self._since_s, self._quiet_s = "", 0.0, -QUIET_S
        self.heard: list[Heard] = []

    def listen(
        self, observation: Observation, facts: Facts, call: Call | None, now_s: float
    ) -> list[Event]:
        """Once a frame: pass on what is understood; events tell what is not."""
        name = "" if call is None else str(call)
        if name != self._call:
            self._call, self._since_s = name, now_s
        events = []
        texts = self._corrector.says(observation, facts, call)
        for text in texts:
            correction = read_correction(text, call, facts)
            if isinstance(correction, Unclear):
                events.append(Event(now_s, "not_understood", "", name, correction.message))
                self._keep(text, "", observation, facts, call, now_s)
            else:
                self._executor.correct(correction, text)
                self._keep(text, str(correction), observation, facts, call, now_s)
        if not texts and call is not None and now_s - self._quiet_s >= QUIET_S - 1e-9:
            self._quiet_s = now_s
            self._keep("", "", observation, facts, call, now_s)
        return events

    def _keep(
        self,
        text: str,
        meaning: str,
        seen: Observation,
        facts: Facts,
        call: Call | None,
        now_s: float,
    ) -> None:
        moment = moment_data(seen, facts, call, now_s, now_s - self._since_s)
        advised = isinstance(text, Advice)
        self.heard.append(replace(moment, text=text[:200], meaning=meaning, advised=advised))


def moment_data(
    seen: Observation, facts: Facts, call: Call | None, now_s: float, age_s: float
) -> Heard:
    """A quiet moment of a run: what it looks like while a call runs."""
    hands = () if call is None else call.hands
    hand = hands[0] if hands and hands[0] in seen.tools else ""
    about = () if call is None or call.unseen(seen) else call.seen(seen).focused()
    return Heard(
        now_s,
        "",
        "",
        "" if call is None else str(call),
        age_s,
        facts.true_texts(),
        tuple(seen.tool(hand).array().round(5).tolist()),
        tuple(tuple(thing.pose.array().round(5).tolist()) for thing in about),
    )
