"""Where the calls of a plan stand in a picture: a column a resource, time downwards.

A row is a step: no call stands in a row above one that it must wait for. A call that claims
several resources spans their columns.
"""

from __future__ import annotations

from dataclasses import dataclass

from kata.skills.planning.ordering import closure
from kata.skills.planning.plan import Plan


@dataclass(frozen=True, slots=True)
class Cell:
    """Where one call stands: its row, its first column and its last, from 0."""

    row: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The cells of the calls, in the plan's order, and what the columns stand for."""

    cells: tuple[Cell, ...]
    columns: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return max((cell.row for cell in self.cells), default=-1) + 1


def layout_of(plan: Plan) -> Layout:
    """Cells that do not overlap, as high up as what must come before lets them be."""
    columns = tuple(dict.fromkeys(sorted({r for call in plan.calls for r in call.resources}))) or (
        "",
    )
    taken: set[tuple[int, int]] = set()
    rows: dict[int, int] = {}
    cells: dict[int, Cell] = {}
    before = closure(plan)
    for index in sorted(range(len(plan.calls)), key=lambda i: (len(before[i]), i)):
        places = [columns.index(r) for r in plan.calls[index].resources] or [0]
        span = range(min(places), max(places) + 1)
        row = max((rows[i] + 1 for i in plan.after[index]), default=0)
        while any((row, column) in taken for column in span):
            row += 1
        taken |= {(row, column) for column in span}
        rows[index] = row
        cells[index] = Cell(row, span[0], span[-1])
    return Layout(tuple(cells[i] for i in range(len(plan.calls))), columns)
