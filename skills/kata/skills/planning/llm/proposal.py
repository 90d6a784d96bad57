"""What a model answered, as typed calls and facts of this scene, or what is wrong with its form.

This validator, not the server's, decides what has the form of an answer: it accepts what the
schema accepts, and bounds the length of texts besides.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kata.datasets.types import DEFAULT_HAND, Atom, ConditionError, Place
from kata.datasets.types.arguments import free_text, number_text
from kata.skills.contract.call import Call
from kata.skills.contract.parameter import NUMBER, POSE, TEXT

from .offer import Offer, SkillOffer, Slot
from .said import tame
from .schema import MOST_CALLS, MOST_GOALS, MOST_OPTIONS, REACH_M
from .strict_json import MalformedError, one_object

_MOST_TEXT = 2000
_MOST_NAMES = 500
_COORDINATES = ("x_m", "y_m", "z_m", "yaw_rad")


@dataclass(frozen=True, slots=True)
class Proposal:
    """An answer of sound form; whether it is right is not said.

    Attributes:
        goal: what the model says should hold at the end.
        kind: `plan` with calls, `ask` with a question, `refuse` with what is missing.
        text: the question, or what is missing: in one line, for a person to read.
    """

    goal: Mapping[Atom, bool]
    kind: Literal["plan", "ask", "refuse"]
    calls: tuple[Call, ...] = ()
    text: str = ""
    options: tuple[str, ...] = ()


class FormError(Exception):
    """What is wrong with the form of an answer, and where; never leaves this folder.

    Attributes:
        call: the call that it is about, as far as it can be told.
        expected: what would have been right.
    """

    def __init__(self, what: str, call: str = "", expected: Iterable[str] = ()) -> None:
        super().__init__(what)
        self.call, self.expected = call, tuple(expected)


def read_proposal(text: str, offer: Offer) -> Proposal:
    """The proposal in a model's text. Raises FormError for anything else."""
    try:
        data = one_object(text)
    except MalformedError as error:
        raise FormError(str(error)) from None
    _keys(data, ("goal", "answer"), "the answer")
    goal = _goal(data["goal"], offer)
    answer = _mapping(data["answer"], "answer")
    kind = answer.get("kind")
    if kind == "plan" and offer.skills:
        _keys(answer, ("kind", "calls"), "a plan")
        return Proposal(goal, "plan", _calls(answer["calls"], offer))
    if kind == "ask":
        _keys(answer, ("kind", "question", "options"), "a question")
        options = [_text(each) for each in _list(answer["options"], "options", MOST_OPTIONS)]
        return Proposal(goal, "ask", (), _text(answer["question"]), tuple(options))
    if kind == "refuse":
        _keys(answer, ("kind", "missing"), "a refusal")
        return Proposal(goal, "refuse", (), _text(answer["missing"]))
    raise FormError(f"kind {_shown(kind)}", expected=("plan", "ask", "refuse"))


def _goal(data: Any, offer: Offer) -> dict[Atom, bool]:
    out: dict[Atom, bool] = {}
    for item in _list(data, "goal", MOST_GOALS):
        _keys(_mapping(item, "a goal"), ("fact", "holds"), "a goal")
        fact, holds = item["fact"], item["holds"]
        if not isinstance(holds, bool):
            raise FormError(f"holds is {_shown(holds)}", expected=("true", "false"))
        if not isinstance(fact, str) or fact not in offer.facts:
            near = _near(str(fact)[:200], offer.facts)
            raise FormError(f"{_shown(fact)} is no fact of this scene", expected=near)
        atom = offer.facts[fact]
        if out.setdefault(atom, holds) is not holds:
            raise FormError(f"{fact} should hold and not hold")
    return out


def _calls(data: Any, offer: Offer) -> tuple[Call, ...]:
    calls = []
    for number, item in enumerate(_list(data, "calls", MOST_CALLS), 1):
        where = f"call {number}"
        label = _mapping(item, where).get("skill")
        if not isinstance(label, str) or label not in offer.skills:
            near = _near(str(label)[:200], offer.skills)
            raise FormError(f"{_shown(label)} is no known skill", where, near)
        skill = offer.skills[label]
        where = f"{where}, {label}"
        keys = ("skill", "arguments", "hand") if skill.hands else ("skill", "arguments")
        _keys(item, keys, where)
        calls.append(_call(item, skill, where))
    return tuple(calls)


def _call(item: Mapping[str, Any], skill: SkillOffer, where: str) -> Call:
    given = _mapping(item["arguments"], where)
    _keys(given, [slot.parameter.name for slot in skill.slots], where)
    hand = item["hand"] if skill.hands else DEFAULT_HAND
    if skill.hands:
        _name(hand, skill.hands, "hand", where)
    values = {
        slot.parameter.name: _argument(given[slot.parameter.name], slot, where)
        for slot in skill.slots
    }
    try:
        return Call.of(skill.contract, values, hand)
    except ConditionError as error:
        raise FormError(error.what, where, filter(None, [error.expected])) from None


def _argument(value: Any, slot: Slot, where: str) -> str:
    parameter = slot.parameter
    if parameter.type == NUMBER:
        return number_text(_number(value, parameter.low, parameter.high, parameter.name, where))
    if parameter.type == TEXT:
        if not isinstance(value, str):
            raise FormError(f"{parameter.name} is {_shown(value)}", where, ("a text",))
        try:
            return free_text(value)
        except ConditionError as error:
            raise FormError(f"{parameter.name}: {error.what}", where, [error.expected]) from None
    if parameter.type != POSE:
        return _name(value, slot.names, parameter.name, where)
    pose = _mapping(value, f"{where}: {parameter.name}")
    _keys(pose, ("frame", *_COORDINATES), where)
    frame = _name(pose["frame"], slot.names, "frame", where)
    most = (REACH_M, REACH_M, REACH_M, math.pi)
    numbers = [
        _number(pose[name], -far, far, name, where)
        for name, far in zip(_COORDINATES, most, strict=True)
    ]
    return str(Place(frame, *numbers))


def _name(value: Any, names: Sequence[str], parameter: str, where: str) -> str:
    if not isinstance(value, str) or value not in names:
        near = _near(str(value)[:200], names)
        raise FormError(f"{_shown(value)} cannot be its {parameter}", where, near)
    return value


def _number(value: Any, low: float, high: float, parameter: str, where: str) -> float:
    expected = (f"{low:g} to {high:g}",)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormError(f"{parameter} is {_shown(value)}, no number", where, expected)
    if not low <= value <= high:
        raise FormError(f"{parameter} is out of its range", where, expected)
    return float(value)


def _mapping(data: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise FormError(f"{where} is {_shown(data)}", expected=("a JSON object",))
    return data


def _list(data: Any, where: str, most: int) -> list[Any]:
    if not isinstance(data, list):
        raise FormError(f"{where} is {_shown(data)}", expected=("a list",))
    if len(data) > most:
        raise FormError(f"{where} has {len(data)} entries", expected=(f"at most {most}",))
    return data


def _keys(data: Mapping[str, Any], wanted: Sequence[str], where: str) -> None:
    missing = [key for key in wanted if key not in data]
    surplus = [_shown(key) for key in data if key not in wanted]
    if missing or surplus:
        what = [f"lacks {', '.join(missing)}"] if missing else []
        what += [f"has {', '.join(surplus[:5])} too"] if surplus else []
        raise FormError(f"{where} {' and '.join(what)}", expected=(", ".join(wanted),))


def _text(data: Any) -> str:
    if not isinstance(data, str) or len(data) > _MOST_TEXT:
        raise FormError(f"{_shown(data)} is no short text")
    return tame(data)


def _shown(value: Any) -> str:
    """A stranger's value, short enough to be told."""
    return tame(repr(value) if isinstance(value, str) else f"{value}"[:200], 60)


def _near(text: str, names: Iterable[str], most: int = 6) -> tuple[str, ...]:
    """The names most like a text, else the first few."""
    known = list(names)[:_MOST_NAMES]
    return tuple(difflib.get_close_matches(text, known, n=most, cutoff=0.5) or known[:most])
