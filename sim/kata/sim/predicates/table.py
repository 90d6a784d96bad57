"""The atoms that a scene can have facts about: only those that mean something by type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from kata.datasets.types import HAND_PREDICATES, Atom, AtomTable

_CARRIED, _FIXED = ("object",), ("fixture",)
_TAGS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "on": (_CARRIED, ("support",)),
    "in": (_CARRIED, ("container",)),
    "holding": (_CARRIED,),
    "open": (("openable", "container"),),
    "closed": (("openable", "container"),),
    "pressed": (("button",),),
    "clear": (_CARRIED,),
    "gripper_empty": (),
    "reachable": ((*_CARRIED, *_FIXED),),
    "near": (_CARRIED, _CARRIED),
    "upright": (_CARRIED,),
}
"""Of each predicate the tags that its arguments may bear, the hand aside."""


def atom_table(types: Mapping[str, frozenset[str]], hands: Sequence[str]) -> AtomTable:
    """Table over the names of a scene and the hands of its robot.

    `types` gives each name's tags in the scene's order. Tags that matter: `object` (can be
    carried), `support` (carries others), `container`, `openable`, `button`, `fixture`.
    """
    tagged = {name: frozenset(tags) for name, tags in types.items()}
    return AtomTable(tuple(_atoms(tagged, hands)), tagged)


def _atoms(types: Mapping[str, frozenset[str]], hands: Sequence[str]) -> Iterator[Atom]:
    for predicate, wanted in _TAGS.items():
        columns = [[n for n, own in types.items() if own & set(tags)] for tags in wanted]
        if predicate in HAND_PREDICATES:
            columns.insert(0, list(hands))
        for names in product(*columns):
            # A thing is neither on nor near itself.
            if len(set(names)) == len(names):
                yield Atom(predicate, names)
