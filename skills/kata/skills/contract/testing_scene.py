"""Facts of the default table without a simulator, for tests of plans and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from kata.datasets.types import DEFAULT_HAND, Atom, AtomTable, Facts

CUBES = ("red_cube", "blue_cube", "green_cube", "yellow_cube")
"""The objects of the default table, in the scene's order."""

TYPES: Mapping[str, frozenset[str]] = {
    **{cube: frozenset({"cube", "object", "support"}) for cube in CUBES},
    "table": frozenset({"support", "surface"}),
    "drawer": frozenset({"container", "openable", "fixture"}),
    "bin": frozenset({"container", "fixture"}),
    "button": frozenset({"button", "fixture"}),
    "shelf": frozenset({"support", "surface", "fixture"}),
}
"""The default table's names and tags."""


def table_of(
    types: Mapping[str, frozenset[str]] = TYPES, hands: Sequence[str] = (DEFAULT_HAND,)
) -> AtomTable:
    """Every atom that a scene of these names and hands can have, by their tags."""
    tags = {name: frozenset(of) for name, of in types.items()}

    def having(tag: str) -> list[str]:
        return [name for name, of in tags.items() if tag in of]

    objects, containers = having("object"), having("container")
    pairs: dict[str, list[tuple[str, ...]]] = {
        "on": [(x, s) for x in objects for s in having("support") if s != x],
        "in": [(x, c) for x in objects for c in containers],
        "holding": [(hand, x) for hand in hands for x in objects],
        "open": [(c,) for c in containers],
        "closed": [(c,) for c in containers],
        "pressed": [(b,) for b in having("button")],
        "clear": [(x,) for x in objects],
        "gripper_empty": [(hand,) for hand in hands],
        "reachable": [(hand, x) for hand in hands for x in [*objects, *having("fixture")]],
        "near": [(x, y) for x in objects for y in objects if x != y],
        "upright": [(x,) for x in objects],
    }
    atoms = [Atom(predicate, names) for predicate, all_ in pairs.items() for names in all_]
    return AtomTable(tuple(atoms), tags)


def facts_for(
    places: Mapping[str, str] | None = None,
    *,
    true: Iterable[str] = (),
    false: Iterable[str] = (),
    unknown: Iterable[str] = (),
    table: AtomTable | None = None,
) -> Facts:
    """Facts of a scene: every object on the table, the drawer closed, the hand empty.

    Args:
        places: by object the support, container or hand where it is instead.
        true: atoms as text, such as `open(drawer)`, which also makes `closed(drawer)` false.
        false: atoms as text that differ from what follows from the places.
        unknown: the same.
        table: of another scene; it must have a `table` unless every object has a place.
    """
    scene = table_of() if table is None else table
    where = dict.fromkeys(scene.names("object"), "table") | dict(places or {})
    on = {(x, s) for x, s in where.items() if "support" in scene.types.get(s, ())}
    opened = {Atom.parse(text).arguments[0] for text in true if text.startswith("open(")}
    opened |= {name for name in scene.names("container") if "openable" not in scene.types[name]}
    given = {Atom.parse(text): True for text in true} | {Atom.parse(text): False for text in false}
    hidden = {Atom.parse(text) for text in unknown}

    derived: dict[str, Callable[..., bool]] = {
        "on": lambda x, s: (x, s) in on,
        "in": lambda x, c: where[x] == c,
        "holding": lambda hand, x: where[x] == hand,
        "open": lambda c: c in opened,
        "closed": lambda c: c not in opened,
        "pressed": lambda _: False,
        "clear": lambda x: x not in {s for _, s in on},
        "gripper_empty": lambda hand: hand not in where.values(),
        "reachable": lambda *_: True,
        "near": lambda *_: False,
        "upright": lambda _: True,
    }

    def value(atom: Atom) -> int:
        if atom in hidden:
            return -1
        return given.get(atom, derived[atom.predicate](*atom.arguments))

    array = np.array([value(atom) for atom in scene.atoms], dtype=np.int8)
    margins = np.where(array > 0, 1.0, np.where(array < 0, 0.0, -1.0))
    return Facts(scene, array, margins, 0.0)
