"""A contract out of segments of one skill: what all of them need, and what all of them change.

What segments happen to share is far more than what a skill promises. So each condition comes from
a rule that says why it would matter, and stands only where nearly all segments bear it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from kata.datasets.types import DEFAULT_HAND, HAND_PREDICATES, Atom, Condition, DatasetError
from kata.skills.contract.contract import ARM, Contract
from kata.skills.contract.parameter import Parameter

from .naming import Deed, Evidence, deed, parameter_type

_MOST = 0.8
"""Share of the segments in which a condition must hold: cuts are not perfect."""

_USUALLY = 0.5
"""Share of the segments that must bring an effect about, rather than find it there by chance."""

_SLACK, _LEAST_S = 2.0, 6.0
"""A skill may take so many times as long as a long segment, and this long in s at least."""

_LONG = 0.95
_LASTING = ("open", "closed", "pressed")
"""States that a thing stays in: who brings one about finds it otherwise."""

_SIDE = ("holding", "gripper_empty", "open", "closed", "pressed", "on", "in", "near")
_AFTER_HANDS = ("reachable", "upright")
_LEFT = {"on": ("s", "support"), "in": ("c", "container"), "near": ("o", "object")}

Lifted = Mapping[Atom, bool]


def proposed(name: str, evidence: Sequence[Evidence], version: str = "0.1.0") -> Contract:
    """The contract of a skill that these segments have in common, as a draft for a person.

    Raises DatasetError where there are none, or they change nothing that facts can tell.
    """
    if not evidence:
        raise DatasetError(f"no segments of '{name}'", expected="one or more")
    shape = Counter(tuple(each.arguments) for each in evidence).most_common(1)[0][0]
    same = [each for each in evidence if tuple(each.arguments) == shape]
    deeds = [found for each in same if (found := deed(each)) is not None]
    main = Counter(_main(found) for found in deeds)
    effect = main.most_common(1)[0][0] if main else ()
    achieves = [*_made(same, effect), *_left(same, effect)]
    if not achieves:
        raise DatasetError(
            f"the segments of '{name}' have no effect in common",
            expected="something that is held, put down, opened, closed, pressed or brought near",
            got=f"{len(evidence)} segments",
            hint="correct their cuts, or write a contract of your own: contracts=FOLDER",
        )
    verb = deeds[0].name if deeds else name
    longest = sorted(each.seconds for each in same)[int(_LONG * (len(same) - 1))]
    parameters = tuple(_parameter(role, verb, same) for role in shape)
    promise = Condition.every(achieves)
    hands = tuple(f"?{p.name}" for p in parameters if p.type == "hand")
    return Contract(
        name=name,
        version=version,
        summary=f"Proposed from {len(evidence)} segments: {promise}.",
        parameters=parameters,
        requires=Condition.every(_needs(same, effect)),
        holds=Condition("true"),
        achieves=promise,
        duration_s=round(max(_SLACK * longest, _LEAST_S), 1),
        cost=round(max(longest, 0.1), 1),
        resources=hands or (ARM,),
    )


def _main(found: Deed) -> tuple[Atom, ...]:
    """The facts that a deed is named after, over its roles."""
    variables = {value: f"?{role}" for role, value in found.arguments.items()}
    return tuple(bound for atom in found.main if (bound := _bound(atom, variables, "")) is not None)


def _bound(atom: Atom, variables: Mapping[str, str], hand: str) -> Atom | None:
    """An atom over variables; None if it is about something else or another hand."""
    names = list(atom.arguments)
    if atom.predicate in HAND_PREDICATES:
        own = names.pop(0)
        if hand and own != hand and own not in variables:
            return None
        names.insert(0, variables.get(own, DEFAULT_HAND))
        names[1:] = [variables.get(each, each) for each in names[1:]]
        strange = any(not each.startswith("?") for each in names[1:])
    else:
        names = [variables.get(each, each) for each in names]
        strange = any(not each.startswith("?") for each in names)
    return None if strange else Atom(atom.predicate, tuple(names))


def _lifted(facts: Lifted, of: Evidence) -> dict[Atom, bool]:
    variables = {value: f"?{role}" for role, value in of.arguments.items()}
    found = {}
    for atom, value in facts.items():
        bound = _bound(atom, variables, of.hand)
        if bound is not None:
            found[bound] = value
    return found


def _common(many: Iterable[Lifted], share: float = _MOST) -> dict[Atom, bool]:
    """What this share of these say alike, nearly all unless told otherwise."""
    each = list(many)
    counts = Counter(item for facts in each for item in facts.items())
    return {a: v for (a, v), n in sorted(counts.items()) if n >= share * len(each)}


def _made(evidence: Sequence[Evidence], effect: Sequence[Atom]) -> list[Condition]:
    """What nearly all segments end with and most change, the effect first.

    A few may begin with it by chance. What follows from the effect is left out.
    """
    flips = _common((_lifted(each.flips, each) for each in evidence), _USUALLY)
    ends = _common(_lifted(each.end, each) for each in evidence)
    flips = {atom: value for atom, value in flips.items() if ends.get(atom) is value}
    handed = any(p.predicate == "holding" and p.arguments[0] != DEFAULT_HAND for p in effect)
    told = (*_SIDE, *_AFTER_HANDS) if handed else _SIDE
    kept: dict[Atom, bool] = {atom: True for atom in effect if flips.get(atom)}
    for atom, value in sorted(flips.items(), key=lambda item: _rank(item[0])):
        mirror = Atom(atom.predicate, atom.arguments[::-1])
        if atom.predicate not in told or (atom.predicate == "near" and mirror in kept):
            continue
        kept.setdefault(atom, value)
    return [Condition.of({atom: value}) for atom, value in kept.items()]


def _rank(atom: Atom) -> tuple[int, Atom]:
    order = (*_SIDE, *_AFTER_HANDS)
    return (order.index(atom.predicate) if atom.predicate in order else len(order), atom)


def _left(evidence: Sequence[Evidence], effect: Sequence[Atom]) -> list[Condition]:
    """What is held after it was taken from somewhere is on, in and near nothing any more."""
    out: list[Condition] = []
    for atom in effect:
        if atom.predicate != "holding":
            continue
        role = atom.arguments[1]
        thing = [each.arguments[role.removeprefix("?")] for each in evidence]
        gone = [_gone(each, name) for each, name in zip(evidence, thing, strict=True)]
        if sum(gone) < _MOST * len(gone):
            continue
        for predicate, (letter, tag) in _LEFT.items():
            nowhere = [
                not any(
                    v and a.predicate == predicate and a.arguments[0] == name
                    for a, v in each.end.items()
                )
                for each, name in zip(evidence, thing, strict=True)
            ]
            known = any(tag in tags for tags in evidence[0].types.values())
            if known and sum(nowhere) >= _MOST * len(nowhere):
                text = f"forall ?{letter}: {tag}. not {predicate}({role}, ?{letter})"
                out.append(Condition.parse(text))
    return out


def _gone(evidence: Evidence, thing: str) -> bool:
    """Whether a thing left what it was on or in."""
    return any(
        not v and a.predicate in ("on", "in") and a.arguments[0] == thing
        for a, v in evidence.flips.items()
    )


def _needs(evidence: Sequence[Evidence], effect: Sequence[Atom]) -> list[Condition]:
    """What nearly all segments begin with and the effect depends on."""
    starts = _common(_lifted(each.start, each) for each in evidence)
    hands: dict[Atom, bool] = {a: v for a, v in starts.items() if v and a.predicate == "holding"}
    hands |= {
        a: v
        for a, v in starts.items()
        if v and a.predicate == "gripper_empty" and _unheld(a, hands)
    }
    wanted: dict[Atom, bool] = dict(
        sorted(hands.items(), key=lambda item: item[0].predicate != "holding")
    )
    for atom in effect:
        if atom.predicate in _LASTING and starts.get(atom) is False:
            wanted[atom] = False
    held = {atom.arguments[1] for atom in hands if atom.predicate == "holding"}
    for atom in _conditions_of_reach(effect, held, evidence):
        if starts.get(atom):
            wanted[atom] = True
    parts = [Condition.of({atom: value}) for atom, value in wanted.items()]
    return [*parts, *_supports(evidence, effect), *_freed(evidence, effect)]


def _unheld(empty: Atom, holding: Iterable[Atom]) -> bool:
    return all(atom.arguments[0] != empty.arguments[0] for atom in holding)


def _conditions_of_reach(
    effect: Sequence[Atom], held: Iterable[str], evidence: Sequence[Evidence]
) -> Iterable[Atom]:
    """What may have to be clear, within reach, open or upright for an effect."""
    for main in effect:
        things = [name for name in main.arguments if name.startswith("?") and name not in held]
        hands = main.arguments[:1] if main.predicate == "holding" else ()
        for place, thing in enumerate(name for name in things if name not in hands):
            if main.predicate == "near" and place:
                continue
            if main.predicate in ("holding", "near", "on") and not _is(thing, "surface", evidence):
                yield Atom("clear", (thing,))
            if main.predicate == "in":
                yield Atom("open", (thing,))
            if not _is(thing, "surface", evidence):
                yield Atom("reachable", (DEFAULT_HAND, thing))
        if hands and hands[0].startswith("?"):
            yield Atom("upright", (main.arguments[1],))


def _is(thing: str, tag: str, evidence: Sequence[Evidence]) -> bool:
    role = thing.removeprefix("?")
    return any(tag in each.types.get(each.arguments.get(role, ""), ()) for each in evidence)


def _supports(evidence: Sequence[Evidence], effect: Sequence[Atom]) -> list[Condition]:
    """What is moved without being lifted stays on what it is on; so does where it goes."""
    out = []
    for main in effect:
        if main.predicate != "near":
            continue
        for role in main.arguments:
            found = Counter(
                a.arguments[1]
                for each in evidence
                for a in each.stayed
                if a.predicate == "on" and a.arguments[0] == each.arguments[role.removeprefix("?")]
            )
            out += [
                Condition.of({Atom("on", (role, name)): True})
                for name, count in sorted(found.items())
                if count >= _MOST * len(evidence)
            ]
    return out


def _freed(evidence: Sequence[Evidence], effect: Sequence[Atom]) -> list[Condition]:
    """What lies in something that closes can be taken only while that is open."""
    openable = [name for name, tags in evidence[0].types.items() if "openable" in tags]
    out = []
    for main in effect:
        if main.predicate != "holding" or main.arguments[0] != DEFAULT_HAND or not openable:
            continue
        role = main.arguments[1].removeprefix("?")
        fine = [
            not each.start.get(Atom("in", (each.arguments[role], name)))
            or each.start.get(Atom("open", (name,)), True)
            for each in evidence
            for name in openable
        ]
        if sum(fine) >= _MOST * len(fine):
            text = f"forall ?c: openable. (not in(?{role}, ?c) or open(?c))"
            out.append(Condition.parse(text))
    return out


def _parameter(role: str, verb: str, evidence: Sequence[Evidence]) -> Parameter:
    tags = [each.types.get(each.arguments[role], frozenset()) for each in evidence]
    return Parameter(role, parameter_type(verb, role, tags))
