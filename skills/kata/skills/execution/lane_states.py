"""States and events of an executor of several lanes; what each lane does follows `states.py`.

A failed call lets the others finish: a skill that is stopped in the middle leaves facts that no
contract speaks of, and calls at the same time do not need each other. Nothing new begins. When
all lanes rest, one new plan is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from .states import read_table


class LaneState(StrEnum):
    """What the whole is doing."""

    IDLE = "idle"
    RUNNING = "running"
    DRAINING = "draining"
    REPLANNING = "replanning"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class LaneSignal(StrEnum):
    """What may happen to it."""

    START = "start"
    """A plan has been given."""
    BEGIN = "begin"
    """A call begins in its lane."""
    OVER = "over"
    """A lane has done its call."""
    BROKEN = "broken"
    """A call, or the goal, has failed."""
    CORRECTED = "corrected"
    """Someone wants another thing: what is about the old one rests, the others finish."""
    ASK = "ask"
    """All lanes rest, and a new plan may help."""
    PLANNED = "planned"
    """A new plan has come."""
    FINISHED = "finished"
    """No call is left and the goal holds."""
    GIVE_UP = "give_up"
    """A call has failed and no new plan is to be had."""
    CANCEL = "cancel"
    """Someone wants it to stop."""


_TABLE = """
            idle  run   drain repl  done  fail  cancl
start       run   run   run   run   run   run   run
begin       .     run   .     .     .     .     .
over        .     run   drain .     .     .     .
broken      .     drain drain .     .     .     .
corrected   .     drain drain .     .     .     .
ask         .     .     repl  .     .     .     .
planned     .     .     .     run   .     .     .
finished    .     done  .     .     .     .     .
give_up     .     fail  fail  fail  .     .     .
cancel      cancl cancl cancl cancl .     .     .
"""

TRANSITIONS: Mapping[tuple[LaneState, LaneSignal], LaneState] = read_table(
    _TABLE, LaneState, LaneSignal
)
"""The next state for every state and signal."""

FINAL = frozenset({LaneState.DONE, LaneState.FAILED, LaneState.CANCELLED})
"""States that only a new plan ends."""
