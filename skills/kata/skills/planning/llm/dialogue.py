"""The rounds with a model: it proposes, hears what is wrong, and proposes again, at most k."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kata.datasets.types import Atom, Facts
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract

from ..language import UnboundError
from ..plan import Failure
from ..sentence import Objection
from .chat import Chat, Message, NoAnswerError
from .judge import objections_to_calls, objections_to_goal
from .offer import Offer
from .prompt import next_messages
from .proposal import FormError, Proposal, read_proposal
from .said import tame
from .schema import schema_of
from .stream import Reply
from .target import Target, without_needless

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scene:
    """What proposals are judged by."""

    facts: Facts
    contracts: Sequence[Contract]
    failures: Sequence[Failure]
    offer: Offer


@dataclass(slots=True)
class Outcome:
    """What came of the rounds.

    Attributes:
        rounds: how often the model was asked.
        objections: to all its proposals.
        calls: those that reach the target and are all needed; None if no proposal did.
        goal: of the last proposal of sound form.
        tried: calls of the last plan of sound form, right or not.
        spoken: a question or a refusal that stands.
        silent: why the endpoint gave no answer; empty if it did.
    """

    rounds: int = 0
    objections: list[Objection] = field(default_factory=list)
    calls: tuple[Call, ...] | None = None
    goal: Mapping[Atom, bool] = field(default_factory=dict)
    tried: tuple[Call, ...] = ()
    spoken: Proposal | None = None
    silent: str = ""


def hold(
    chat: Chat,
    messages: Sequence[Message],
    scene: Scene,
    aim: Callable[[Proposal], Target | None],
    *,
    rounds: int,
    clear: bool,
) -> Outcome:
    """Ask until a proposal passes, the rounds are over, or the endpoint is silent.

    Args:
        chat: who is asked.
        messages: the rules, the scene and the request.
        scene: what proposals are judged by.
        aim: what a proposal is held against; None if its goal leads nowhere.
        rounds: how often it is asked at most.
        clear: whether it is known what is wanted and that it can be done, so that neither a
            question nor a refusal is an answer.
    """
    schema = schema_of(scene.offer)
    said = list(messages)
    out = Outcome()
    while out.rounds < rounds:
        try:
            reply = chat.complete(said, schema)
        except NoAnswerError as error:
            out.silent = str(error)
            return out
        out.rounds += 1
        _log.info("round %d: %s", out.rounds, tame(reply.text or reply.refusal, 2000))
        objections = _judged(reply, scene, aim, out, clear)
        out.objections += objections
        for objection in objections:
            _log.info("round %d: %s", out.rounds, tame(str(objection), 500))
        if out.calls is not None or out.spoken is not None:
            return out
        said += next_messages(reply.text, objections)
    return out


def _judged(
    reply: Reply,
    scene: Scene,
    aim: Callable[[Proposal], Target | None],
    out: Outcome,
    clear: bool,
) -> tuple[Objection, ...]:
    """Objections to one reply; what stands of it goes to `out`."""
    number = out.rounds
    if reply.refusal:
        return (Objection(number, "refused", "", tame(reply.refusal)),)
    if reply.finish in ("length", "content_filter"):
        return (Objection(number, "form", "", f"cut off by the server: {reply.finish}"),)
    try:
        proposal = read_proposal(reply.text, scene.offer)
    except FormError as error:
        return (Objection(number, "form", error.call, str(error), error.expected),)
    out.goal = proposal.goal
    if proposal.kind != "plan":
        if not clear:
            out.spoken = proposal
            return ()
        what = "it is clear what is asked for" if proposal.kind == "ask" else "known skills do it"
        return (Objection(number, "refused", "", f"{what}; said: {proposal.text}"),)
    out.tried = proposal.calls
    target = aim(proposal)
    if target is None:
        return (Objection(number, "goal", "", "names nothing that should hold"),)
    found = objections_to_goal(proposal.goal, target, scene.facts, number)
    found += objections_to_calls(
        proposal.calls, target, scene.facts, scene.contracts, scene.failures, number
    )
    return found or _accepted(proposal.calls, target, scene, out)


def _accepted(
    calls: Sequence[Call], target: Target, scene: Scene, out: Outcome
) -> tuple[Objection, ...]:
    """Take sound calls that reach the target; what is changed about them is told."""
    needed = without_needless(calls, target, scene.facts)
    try:
        asked = target.as_asked(needed, scene.contracts)
    except UnboundError as error:
        return (Objection(out.rounds, "reading", "", tame(str(error))),)
    if not target.reached(asked, scene.facts):
        wanted = " and ".join(str(call) for call in asked if call not in needed)
        return (Objection(out.rounds, "reading", "", f"{wanted} is asked for, and cannot be so"),)
    out.calls = asked
    surplus = list(calls)
    for call in needed:
        surplus.remove(call)
    told = [Objection(out.rounds, "needless", str(call), "nothing needs it") for call in surplus]
    told += [
        Objection(
            out.rounds, "reading", str(call), "other numbers or hands are asked for", (str(new),)
        )
        for call, new in zip(needed, asked, strict=True)
        if call != new
    ]
    return tuple(told)
