"""Which literals exclude each other, whatever is done: two things in one hand, open and closed.

Source: Haslum and Geffner, "Admissible heuristics for optimal planning", AIPS (2000): the second
member of the h^m family, as reachability of pairs. Choices in conditions are ignored, which only
makes more pairs possible, so a pair that is reported never occurs.
"""

from __future__ import annotations

from collections.abc import Sequence

from .problem import Action, bits_of


class Pairs:
    """Pairs of literals that can hold together at some time after `state`."""

    def __init__(self, actions: Sequence[Action], state: int) -> None:
        self._with: dict[int, int] = dict.fromkeys(bits_of(state), state)
        variants = [variant for action in actions for variant in _variants(action)]
        grown = True
        while grown:
            grown = False
            for variant in variants:
                grown |= self._extend(*variant)

    def _extend(self, need: int, add: int, drop: int) -> bool:
        together = -1
        for index in bits_of(need):
            together &= self._with.get(index, 0)
        if need & ~together:
            return False
        if together == -1:
            together = sum(1 << index for index in self._with)
        new = together & ~drop | add
        changed = False
        for index in bits_of(add):
            fresh = new & ~self._with.get(index, 0)
            if fresh:
                changed = True
                self._with[index] = self._with.get(index, 0) | fresh
                for other in bits_of(fresh):
                    self._with[other] = self._with.get(other, 0) | 1 << index
        return changed

    def reachable(self, index: int) -> bool:
        """Whether the literal of this bit can ever hold."""
        return index in self._with

    def together(self, a: int, b: int) -> bool:
        """Whether two literals may hold at one time."""
        return bool(self._with.get(a, 0) >> b & 1)

    def clash(self, mask: int) -> tuple[int, int] | None:
        """The first pair of bits in `mask` that excludes each other."""
        indices = list(bits_of(mask))
        for position, a in enumerate(indices):
            for b in indices[position:]:
                if not self.together(a, b):
                    return a, b
        return None


def _variants(action: Action) -> list[tuple[int, int, int]]:
    """(needed, added, dropped) bits: as it is, and once for each thing that it may free."""
    add, drop = action.add, action.drop
    variants = []
    for clear in action.derived:
        if action.add & clear.on_true:
            add, drop = add | clear.no, drop | clear.yes
    variants.append((action.need.bits, add, drop))
    for clear in action.derived:
        if not action.add & clear.on_true:
            occupied = action.drop & clear.on_true
            freed = drop | clear.no | clear.on_true
            variants.append((action.need.bits | occupied, add | clear.yes, freed))
    return variants
