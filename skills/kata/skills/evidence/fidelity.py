"""How true a contract is, counted over executions of one version.

The counts of two sets of executions add up, so that each evaluation records its own and
`kata library lint` reads them together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kata.datasets.types import PackageError

from .interval import Interval
from .witness import Witness

Counts = Mapping[str, int]
_NUMBERS = ("executions", "required", "failed", "claimed", "broken")
_COUNTS = ("promised", "before", "missed", "held", "lost", "gained")


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What executions of one version say about its contract.

    Attributes:
        executions: all of them.
        required: those that began while `requires` held.
        failed: those of `required` that did not end with `achieves`.
        claimed: those that the executor called done.
        broken: those of `claimed` after which `achieves` did not hold.
        promised, before: parts of `achieves`: how often they were promised, of `required`, and how
            often they held at the start already.
        missed: of `claimed`, how often a part of `achieves` did not hold afterwards.
        held, lost, gained: of `claimed`, facts that the contract does not name: how often one was
            true at the start, became false, became true.
        tags: of facts with a `*`, the tag of the names it stands for.
        starts: of `required`, by what held at the start: [held and failed, held, did not hold and
            failed, did not hold].
    """

    executions: int = 0
    required: int = 0
    failed: int = 0
    claimed: int = 0
    broken: int = 0
    promised: Counts = field(default_factory=dict)
    before: Counts = field(default_factory=dict)
    missed: Counts = field(default_factory=dict)
    held: Counts = field(default_factory=dict)
    lost: Counts = field(default_factory=dict)
    gained: Counts = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    starts: Mapping[str, tuple[int, int, int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, witnesses: Iterable[Witness]) -> Fidelity:
        """Counts of these executions."""
        found = list(witnesses)
        began = [each for each in found if each.required]
        done = [each for each in found if each.claimed]
        return cls(
            executions=len(found),
            required=len(began),
            failed=sum(_failed(each) for each in began),
            claimed=len(done),
            broken=sum(not each.reached for each in done),
            promised=_counted(each.promised for each in began),
            before=_counted(each.before for each in began),
            missed=_counted(each.missed for each in done),
            held=_counted(each.held for each in done),
            lost=_counted(each.lost for each in done),
            gained=_counted(each.gained for each in done),
            tags={fact: tag for each in done for fact, tag in sorted(each.tags.items())},
            starts=_starts(began),
        )

    def __add__(self, other: Fidelity) -> Fidelity:
        """Counts of both."""
        numbers = {name: getattr(self, name) + getattr(other, name) for name in _NUMBERS}
        counts: dict[str, Any] = {
            name: _sorted(Counter(getattr(self, name)) + Counter(getattr(other, name)))
            for name in _COUNTS
        }
        starts: dict[str, tuple[int, int, int, int]] = dict(self.starts)
        for name, row in other.starts.items():
            mine = starts.get(name, (0, 0, 0, 0))
            starts[name] = _row(a + b for a, b in zip(mine, row, strict=True))
        tags = {**self.tags, **other.tags}
        return Fidelity(**numbers, **counts, tags=tags, starts=dict(sorted(starts.items())))

    @property
    def failures(self) -> Interval:
        """How often it failed although `requires` held."""
        return Interval.of(self.failed, self.required)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a record; `from_data` reads it back to an equal one."""
        return {
            **{name: getattr(self, name) for name in _NUMBERS},
            **{name: dict(getattr(self, name)) for name in _COUNTS},
            "tags": dict(self.tags),
            "starts": {name: list(row) for name, row in self.starts.items()},
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Fidelity:
        """Inverse of `to_data`. Raises PackageError for data of another form."""
        try:
            numbers: dict[str, Any] = {name: int(data[name]) for name in _NUMBERS}
            counts: dict[str, Any] = {
                name: {str(key): int(count) for key, count in data[name].items()}
                for name in _COUNTS
            }
            return cls(
                **numbers,
                **counts,
                tags={str(key): str(tag) for key, tag in data["tags"].items()},
                starts={str(key): _row(map(int, row)) for key, row in data["starts"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PackageError("not counts of executions", got=repr(error)) from None


def fidelity_of(trials: Sequence[Mapping[str, Any]]) -> Fidelity:
    """Of trials as plain data; those that were kept before executions told are left out."""
    told = [trial["witness"] for trial in trials if trial.get("witness")]
    return Fidelity.of(map(Witness.from_data, told))


def _failed(witness: Witness) -> bool:
    return not (witness.claimed and witness.reached)


def _counted(found: Iterable[Sequence[str]]) -> dict[str, int]:
    return _sorted(Counter(text for texts in found for text in texts))


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _starts(began: Sequence[Witness]) -> dict[str, tuple[int, int, int, int]]:
    rows: dict[str, list[int]] = {}
    for each in began:
        for name, held in each.conditions.items():
            row = rows.setdefault(name, [0, 0, 0, 0])
            row[0 if held else 2] += _failed(each)
            row[1 if held else 3] += 1
    return {name: _row(row) for name, row in sorted(rows.items())}


def _row(numbers: Iterable[int]) -> tuple[int, int, int, int]:
    a, b, c, d = numbers
    return a, b, c, d
