"""Where calls run side by side: what `Workers` asks of processes here, or of a cluster."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

Answer = tuple[Exception | None, Any]
"""What became of a call: what it raised, or else what it gave."""

Ticket = Any
"""Names one call that was submitted; hashable."""


class WorkerLostError(Exception):
    """The worker of a call died before it answered; the text says how."""


class Pool(Protocol):
    """Workers that take one call each at a time.

    Attributes:
        size: calls that may be under way at once.
    """

    size: int

    def start(self) -> None:
        """Make ready, once; does nothing when it is."""

    def submit(self, call: Callable[..., Any], arguments: Sequence[Any]) -> Ticket:
        """Give a call to a free worker; never more than `size` of them."""

    def finished(self, tickets: Collection[Ticket], timeout_s: float) -> list[Ticket]:
        """Those that have ended, as soon as there is one, or none after the time."""

    def result(self, ticket: Ticket) -> Any:
        """What an ended call gave.

        Raises what the call raised, and WorkerLostError where its worker died; another worker
        has taken its place then.
        """

    def close(self) -> None:
        """End every worker at once; what they were doing is lost."""


def answer(call: Callable[..., Any], arguments: Sequence[Any]) -> Answer:
    """In a worker: make a call and keep what it raises, with its trace as a note."""
    try:
        return None, call(*arguments)
    except Exception as error:  # noqa: BLE001  # it is raised where the call came from
        error.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
        return error, None


def given(answer: Answer) -> Any:
    """The value of an answer. Raises its error."""
    error, value = answer
    if error is not None:
        raise error
    return value
