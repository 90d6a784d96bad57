"""All margins of a scene at once; the tables' rows are looked up once a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import HAND_PREDICATES, Atom, AtomTable, SpecError
from kata.datasets.types.pose import Array
from kata.sim.scene.view import SceneView

from .rules import CERTAIN, RULES, TOUCH_PREDICATES, Atoms, Geometry, Index, Rule

_KEPT_TABLES = 1024  # more worlds than one process steps side by side


@dataclass(frozen=True, slots=True)
class _Group:
    """One predicate's rule, its atoms, and where their margins go."""

    predicate: str
    rule: Rule
    atoms: Atoms
    where: Index


@dataclass(slots=True)
class _Compiled:
    """A table's groups, apart by whether touch and grippers matter, and the last outcome.

    What lies still has the same bits in every frame, and most things lie still most of the time:
    then only the rules of touch are worked out.
    """

    table: AtomTable
    still: tuple[_Group, ...]
    touch: tuple[_Group, ...]
    seen: bytes = b""
    geometry: Geometry | None = None
    margins: Array = field(default_factory=lambda: np.empty(0))


# By identity, because a table is costly to hash at every call; the table is kept with it, so that
# its identity cannot be given to another one meanwhile.
_compiled: dict[tuple[int, tuple[str, ...]], _Compiled] = {}


def margins(view: SceneView, table: AtomTable) -> Array:
    """Signed margins (M,) of the table's atoms, in units of hysteresis, at most `CERTAIN`.

    Raises SpecError if the view lacks a name of the table.
    """
    key = (id(table), view.names)
    kept = _compiled.get(key)
    if kept is None:
        if len(_compiled) >= _KEPT_TABLES:
            _compiled.clear()
        kept = _compiled[key] = _compile(view.names, table)
    arrays = (view.poses, view.half, view.articulation, view.region_pose, view.region_half)
    seen = b"".join([array.tobytes() for array in (*arrays, *view.bases.values())])
    groups = kept.touch
    if kept.geometry is None or seen != kept.seen:
        kept.seen, kept.geometry = seen, Geometry.of(view)
        kept.margins = np.empty(len(table.atoms))
        groups = (*kept.still, *kept.touch)
    geometry, out = replace(kept.geometry, view=view), kept.margins
    for group in groups:
        out[group.where] = group.rule(geometry, group.atoms)
    np.minimum(out, CERTAIN, out=out)
    np.maximum(out, -CERTAIN, out=out)
    return out.copy()


def _compile(names: tuple[str, ...], table: AtomTable) -> _Compiled:
    groups = _group(names, table)
    return _Compiled(
        table,
        tuple(group for group in groups if group.predicate not in TOUCH_PREDICATES),
        tuple(group for group in groups if group.predicate in TOUCH_PREDICATES),
    )


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
            groups.append(_Group(predicate, rule, atoms, np.array(own, dtype=np.intp)))
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
