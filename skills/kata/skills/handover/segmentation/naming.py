"""What a segment did, as a call: the name of the effect and what it was done to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kata.datasets.types import Atom

from .seen import Seen, Types

USUAL = ("object", "openable", "container", "surface", "button", "support")
"""Tags that parameters are usually typed by, the first that fits counts."""

_TYPES: Mapping[str, tuple[str, ...]] = {
    "object": ("object",),
    "base": ("cube", "object"),
    "target": ("object",),
    "surface": ("surface", "support"),
    "container": ("container",),
    "button": ("button",),
    "giver": ("hand",),
    "taker": ("hand",),
}
_OPENABLE = ("openable", "container")

Flips = Mapping[Atom, bool]


@dataclass(frozen=True, slots=True)
class Deed:
    """A segment's call: the verb of its effect, and by role what it was done to.

    Attributes:
        main: the facts that its name stands for.
    """

    name: str
    arguments: Mapping[str, str]
    main: tuple[Atom, ...] = ()

    @property
    def shape(self) -> tuple[str, tuple[str, ...]]:
        """What calls of one skill have in common: name and roles."""
        return self.name, tuple(self.arguments)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What held about one segment.

    Attributes:
        start, end: known facts when it had begun, and when all it brought about had happened.
        stayed: facts that were true in every frame of it.
        types: tags of each name.
        hand: whose doing it was; "" where there is one only, or nobody knows.
        moved_m: how far each thing went, where that is known.
    """

    arguments: Mapping[str, str]
    start: Flips
    end: Flips
    stayed: frozenset[Atom]
    seconds: float
    types: Types
    hand: str = ""
    moved_m: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        seen: Seen,
        span: tuple[int, int],
        fps: float,
        arguments: Mapping[str, str],
        hand: str = "",
    ) -> Evidence:
        """Evidence of a span of frames, half open, of an episode."""
        start, stop = span
        begin = 0 if start == 0 else seen.settled(start)
        end = max(seen.settled(stop), begin)
        rows = seen.truth[begin : end + 1]
        stayed = frozenset(seen.atoms[i] for i in (rows == 1).all(axis=0).nonzero()[0].tolist())
        seconds = (stop - start) / fps
        moved = {
            name: float(np.linalg.norm(place[end] - place[begin]))
            for name, place in seen.places.items()
        }
        begun, ended = seen.at(begin), seen.at(end)
        return cls(dict(arguments), begun, ended, stayed, seconds, seen.types, hand, moved)

    @property
    def flips(self) -> dict[Atom, bool]:
        """Facts that changed, with what they became."""
        return {a: v for a, v in self.end.items() if self.start.get(a, v) is not v}


def deed(evidence: Evidence) -> Deed | None:
    """What a segment did, by the first effect of the table that it had; None for none."""
    made = [atom for atom, value in sorted(evidence.flips.items()) if value]
    for predicate, name in _VERBS:
        for atom in made:
            if atom.predicate == predicate:
                found = name(atom, evidence)
                if found is not None:
                    return found
    return None


def _held(atom: Atom, evidence: Evidence) -> Deed:
    taker, thing = atom.arguments
    for other, value in evidence.flips.items():
        if other.predicate == "holding" and not value and other.arguments[1] == thing:
            giver = other.arguments[0]
            return Deed("handover", {"object": thing, "giver": giver, "taker": taker}, (atom,))
    return Deed("pick", {"object": thing}, (atom,))


def _put_on(atom: Atom, evidence: Evidence) -> Deed | None:
    thing, support = atom.arguments
    if "object" in evidence.types.get(support, ()):
        return Deed("stack", {"object": thing, "base": support}, (atom,))
    name = "place" if _was_held(thing, evidence.start) else "move"
    return Deed(name, {"object": thing, "surface": support}, (atom,))


def _put_in(atom: Atom, evidence: Evidence) -> Deed | None:
    thing, container = atom.arguments
    name = "place_in" if _was_held(thing, evidence.start) else "move_in"
    return Deed(name, {"object": thing, "container": container}, (atom,))


def _brought_near(atom: Atom, evidence: Evidence) -> Deed | None:
    """Pushed, where nothing was held; `near` goes both ways, and who was pushed went farther.

    What is pushed may come near several things: the target is the one that the segment is about.
    """
    pairs = [a for a, v in sorted(evidence.flips.items()) if v and a.predicate == "near"]
    named = set(evidence.arguments.values())
    one, other = max(pairs or [atom], key=lambda pair: len(named & {*pair.arguments})).arguments
    if _was_held(one, evidence.start) or _was_held(other, evidence.start):
        return None
    told = [value for value in evidence.arguments.values() if value in (one, other)]
    far = sorted((one, other), key=lambda name: -evidence.moved_m.get(name, 0.0))
    pushed = told[0] if told and not evidence.moved_m else far[0]
    target = other if pushed == one else one
    return Deed("push", {"object": pushed, "target": target}, (Atom("near", (pushed, target)),))


def _was_held(thing: str, facts: Flips) -> bool:
    return any(v and a.predicate == "holding" and a.arguments[1] == thing for a, v in facts.items())


def _single(verb: str, role: str) -> Callable[[Atom, Evidence], Deed | None]:
    return lambda atom, _evidence: Deed(verb, {role: atom.arguments[0]}, (atom,))


_VERBS: Sequence[tuple[str, Callable[[Atom, Evidence], Deed | None]]] = (
    ("in", _put_in),
    ("on", _put_on),
    ("holding", _held),
    ("open", _single("open", "container")),
    ("closed", _single("close", "container")),
    ("pressed", _single("press", "button")),
    ("near", _brought_near),
)
"""The table of verbs: an effect, and the call that it is the doing of; the first one counts."""


def parameter_type(name: str, role: str, tags: Iterable[frozenset[str]]) -> str:
    """The type of a role: its usual one if all that was given for it has it."""
    common = frozenset.intersection(*tags) if (tags := list(tags)) else frozenset()
    usual = _OPENABLE if name in ("open", "close") else _TYPES.get(role, ())
    if "hand" in usual:
        return "hand"
    return next((tag for tag in (*usual, *USUAL) if tag in common), min(common, default="object"))
