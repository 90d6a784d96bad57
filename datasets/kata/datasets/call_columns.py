"""What a dataset's calls are about, as arrays: entities and places in focus, and numbers.

Legend: `F` frames, `N` entities, `S` slots of focus, `K` numbers an entity, `P` numbers a call,
`B` rows asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .columns import TextColumn
from .types import DatasetError, Place
from .types.arguments import is_name, is_place, numbers_of, parse_arguments
from .types.pose import pose_compose

Slot = tuple[int, Place | None]
"""The index of an entity, and the place in its frame if it is one; -1 for no entity."""


@dataclass(frozen=True)
class CallColumns:
    """The arguments of every frame's call, read together with the state of the scene.

    Attributes:
        labels: the arguments' text of each frame, (F,) codes.
        state: (F, N, K) rows of the entities.
        entities: their names, N; `hands` those of the robot, which are never in focus.
        where: the dataset's folder, for messages.
    """

    labels: TextColumn
    state: NDArray[np.float32]
    entities: tuple[str, ...]
    hands: tuple[str, ...]
    where: str

    def focus(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Dataset.focus`."""
        rows = np.asarray(rows)
        codes = self.labels.codes[rows]
        wanted = np.unique(codes)
        width = self._width([len(self._slots[code]) for code in wanted])
        index = np.zeros((len(self._slots), width), dtype=np.int64)
        for code in wanted:
            slots = self._slots[code]
            if any(entity < 0 for entity, _ in slots):
                raise DatasetError(
                    "an argument that is no entity",
                    where=self.where,
                    expected=", ".join(self.entities),
                    got=self.labels.names[code],
                )
            index[code] = [entity for entity, _ in slots]
        found = np.asarray(self.state[rows[:, None], index[codes]])
        for code in wanted:
            for slot, (_, place) in enumerate(self._slots[code]):
                if place is not None:
                    mine = codes == code
                    found[mine, slot] = _at_place(found[mine, slot], place)
        return found

    def numbers(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Dataset.arguments`."""
        codes = self.labels.codes[np.asarray(rows)]
        wanted = np.unique(codes)
        width = self._width([len(self._numbers[code]) for code in wanted])
        table = np.zeros((len(self._numbers), width), dtype=np.float32)
        for code in wanted:
            table[code] = self._numbers[code]
        return table[codes]

    def widths(self, rows: NDArray[np.int64], whose: str) -> tuple[int, int]:
        """S and P of the calls of these rows. Raises DatasetError where they differ."""
        wanted = np.unique(self.labels.codes[rows])
        slots = self._width([len(self._slots[code]) for code in wanted], whose)
        return slots, self._width([len(self._numbers[code]) for code in wanted], whose)

    @cached_property
    def _texts(self) -> list[tuple[str, ...]]:
        return [tuple(parse_arguments(text).values()) for text in self.labels.names]

    @cached_property
    def _slots(self) -> list[tuple[Slot, ...]]:
        return [tuple(map(self._slot, filter(self._seen, texts))) for texts in self._texts]

    @cached_property
    def _numbers(self) -> list[NDArray[np.float64]]:
        return [numbers_of(texts) for texts in self._texts]

    def _seen(self, text: str) -> bool:
        """Whether an argument is something to look at: neither number, free text nor hand."""
        return is_place(text) or (is_name(text) and text not in self.hands)

    def _slot(self, text: str) -> Slot:
        place = Place.parse(text) if is_place(text) else None
        name = text if place is None else place.frame
        return (self.entities.index(name) if name in self.entities else -1), place

    def _width(self, sizes: list[int], whose: str = "calls") -> int:
        if len(set(sizes)) > 1:
            raise DatasetError(
                f"{whose} with different numbers of arguments",
                where=self.where,
                hint="select the rows of one skill",
            )
        return sizes[0] if sizes else 0


def _at_place(rows: NDArray[np.float32], place: Place) -> NDArray[np.float32]:
    """Rows (B, K) of the places in the frames of the entities with these rows."""
    pose = pose_compose(rows[:, :7].astype(float), place.pose.array())
    out = np.zeros_like(rows)
    out[:, :7], out[:, 7:10] = pose, pose[:, :3]
    out[:, -2:] = 1.0  # no symmetry but the full turn; as valid as its frame
    out[:, -1] = rows[:, -1]
    return out
