"""All margins of a scene at once; the tables' rows are looked up once a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import HAND_PREDICATES, Atom, AtomTable, SpecError
from kata.datasets.types.pose import Array
from kata.sim.scene.view import SceneView

from .rules import CERTAIN, RULES, Atoms, Geometry, Index, Rule

_KEPT_TABLES = 16


@dataclass(frozen=True, slots=True)
class _Group:
    """One predicate's rule, its atoms, and where their margins go."""

    rule: Rule
    atoms: Atoms
    where: Index


# By identity, because a table is costly to hash at every call; the table is kept with it, so that
# its identity cannot be given to another one meanwhile.
_groups: dict[tuple[int, tuple[str, ...]], tuple[AtomTable, tuple[_Group, ...]]] = {}


def margins(view: SceneView, table: AtomTable) -> Array:
    """Signed margins (M,) of the table's atoms, in units of hysteresis, at most `CERTAIN`.

    Raises SpecError if the view lacks a name of the table.
    """
    key = (id(table), view.names)
    kept = _groups.get(key)
    if kept is None:
        if len(_groups) >= _KEPT_TABLES:
            _groups.clear()
        kept = _groups[key] = (table, _group(view.names, table))
    geometry = Geometry.of(view)
    out = np.empty(len(table.atoms))
    for group in kept[1]:
        out[group.where] = group.rule(geometry, group.atoms)
    np.minimum(out, CERTAIN, out=out)
    return np.maximum(out, -CERTAIN, out=out)


def _group(names: tuple[str, ...], table: AtomTable) -> tuple[_Group, ...]:
    missing = [name for name in table.types if name not in names]
    if missing:
        raise SpecError(
            "the view lacks names of the atom table",
            expected=", ".join(table.types),
            got="no " + ", ".join(missing),
        )
    groups = []
    for predicate, rule in RULES.items():
        own = [i for i, atom in enumerate(table.atoms) if atom.predicate == predicate]
        if own:
            atoms = _rows(names, table, [table.atoms[i] for i in own])
            groups.append(_Group(rule, atoms, np.array(own, dtype=np.intp)))
    return tuple(groups)


def _rows(names: tuple[str, ...], table: AtomTable, atoms: Sequence[Atom]) -> Atoms:
    row = {name: i for i, name in enumerate(names)}
    handed = atoms[0].predicate in HAND_PREDICATES
    places = [atom.arguments[1:] if handed else atom.arguments for atom in atoms]

    def column(k: int) -> Index:
        return np.array([row[p[k]] if len(p) > k else -1 for p in places], dtype=np.intp)

    def tagged(tag: str) -> NDArray[np.bool_]:
        return np.array([tag in table.types.get(name, ()) for name in names])

    first, second, objects = column(0), column(1), np.flatnonzero(tagged("object"))
    return Atoms(
        first=first,
        second=second,
        hands=tuple(atom.arguments[0] if handed else "" for atom in atoms),
        names=names,
        objects=objects,
        handles=np.flatnonzero(tagged("openable")),
        patch=np.flatnonzero(~tagged("object")[second]),
        pairs=(np.tile(objects, len(first)), np.repeat(first, len(objects))),
        openable=tagged("openable"),
    )
