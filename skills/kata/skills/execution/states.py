"""The executor's states and events: every pair has its entry here, and nothing else decides.

Where the state stays the event is legal and changes nothing by itself; a late chunk that arrives
after a failure, for example.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from .log import SEAM_S

Place = Literal["seam", "near", "amid"]
"""Where a chunk comes in its call: the first, close to a seam, or in the middle of the work."""


class State(StrEnum):
    """What the executor is doing."""

    IDLE = "idle"
    CHECKING = "checking"
    MOVING = "moving"
    WAITING = "waiting"
    RUNNING = "running"
    SETTLING = "settling"
    REPLANNING = "replanning"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Signal(StrEnum):
    """What may happen to it."""

    START = "start"
    """A plan has been given."""
    READY = "ready"
    """The next call's `requires` hold and it starts from here."""
    MOVE = "move"
    """It starts better from elsewhere: a transition begins."""
    ARRIVED = "arrived"
    """The transition is over."""
    AIMED = "aimed"
    """What the transition aims at has moved: it goes elsewhere, without a stop."""
    ABORTED = "aborted"
    """The transition cannot go on: it rests, and the start is judged anew."""
    CHUNK = "chunk"
    """A usable chunk has come."""
    REFUSED = "refused"
    """A chunk was missing, not finite, too late or out of limits."""
    ACHIEVED = "achieved"
    """What the call achieves began to hold."""
    LOST = "lost"
    """It does not hold any more."""
    NEXT = "next"
    """The call is over; there may be another one."""
    FINISHED = "finished"
    """No call is left and the goal holds."""
    BROKEN = "broken"
    """The call has failed and a new plan may help."""
    PLANNED = "planned"
    """A new plan has come."""
    GIVE_UP = "give_up"
    """The call has failed and no new plan is to be had."""
    CORRECTED = "corrected"
    """Someone wants something else: it rests until there is a plan for it."""
    CANCEL = "cancel"
    """Someone wants it to stop."""


_TABLE = """
            idle  check move  wait  run   settl repl  done  fail  cancl
start       check check check check check check check check check check
ready       .     wait  .     .     .     .     .     .     .     .
move        .     move  .     .     .     .     .     .     .     .
arrived     .     .     check .     .     .     .     .     .     .
aimed       .     .     move  .     .     .     .     .     .     .
aborted     .     .     check .     .     .     .     .     .     .
chunk       .     .     .     run   run   settl .     .     .     .
refused     .     .     .     wait  wait  settl .     .     .     .
achieved    .     .     .     settl settl .     .     .     .     .
lost        .     .     .     .     .     run   .     .     .     .
next        .     check .     .     .     check .     .     .     .
finished    .     done  .     .     .     .     .     .     .     .
broken      .     repl  repl  repl  repl  repl  .     .     .     .
planned     .     .     .     .     .     .     check .     .     .
corrected   .     repl  repl  repl  repl  repl  repl  .     .     .
give_up     .     fail  fail  fail  fail  fail  fail  .     .     .
cancel      cancl cancl cancl cancl cancl cancl cancl .     .     .
"""


def read_table[S: StrEnum, E: StrEnum](
    text: str, states: type[S], signals: type[E]
) -> Mapping[tuple[S, E], S]:
    """A table as text: a column a state in their order, a row a signal, a dot for no change."""
    header, *rows = [line.split() for line in text.strip().splitlines()]
    named = dict(zip(header, states, strict=True))
    table = {}
    for name, *cells in rows:
        for short, cell in zip(header, cells, strict=True):
            table[named[short], signals(name)] = named[short if cell == "." else cell]
    return table


TRANSITIONS: Mapping[tuple[State, Signal], State] = read_table(_TABLE, State, Signal)
"""The next state for every state and signal."""

FINAL = frozenset({State.DONE, State.FAILED, State.CANCELLED})
"""States that only a new plan ends."""

ACTIVE = frozenset({State.WAITING, State.RUNNING, State.SETTLING})
"""States in which a skill has the robot."""


def place_of(state: State, began_s: float, *, first: bool = False) -> Place:
    """The place of a chunk in a state, so long after its call began.

    A skill does its fine work neither at its very beginning nor when it has achieved. There is no
    seam before the `first` call, which begins from rest as it was shown.
    """
    if state is State.SETTLING:
        return "near"
    if first:
        return "amid"
    if state is State.WAITING:
        return "seam"
    return "near" if began_s < SEAM_S else "amid"
