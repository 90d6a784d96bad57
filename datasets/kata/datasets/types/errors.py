"""The one exception tree. A message says what, where, expected, got, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class KataError(Exception):
    """Base of every error that Kata raises on purpose.

    Args:
        what: the problem in one clause.
        where: the file, key, call or frame that it concerns.
        expected: what would have been right.
        got: what was found.
        hint: what the user can do next.
    """

    def __init__(
        self, what: str, *, where: str = "", expected: str = "", got: str = "", hint: str = ""
    ) -> None:
        self.what, self.where, self.expected, self.got, self.hint = what, where, expected, got, hint
        super().__init__(self._message())

    def _message(self) -> str:
        lines = [self.what + (f" (in {self.where})" if self.where else "")]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.got:
            lines.append(f"  got:      {self.got}")
        if self.hint:
            lines.append(f"  do:       {self.hint}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self._message()

    def __reduce__(self) -> tuple[object, ...]:
        # An error crosses process borders (worker pools); rebuild it from its parts.
        return (
            _rebuild,
            (type(self), self.what, self.where, self.expected, self.got, self.hint),
        )


def _rebuild(
    kind: type[KataError], what: str, where: str, expected: str, got: str, hint: str
) -> KataError:
    error = kind.__new__(kind)
    KataError.__init__(error, what, where=where, expected=expected, got=got, hint=hint)
    return error


class UnknownNameError(KataError, KeyError):
    """A name that is not registered; the message offers the nearest ones.

    It is a KeyError too, so that a mapping that raises it keeps its `get`.
    """

    def __init__(self, kind: str, name: str, available: Iterable[str], *, where: str = "") -> None:
        known = sorted(available)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        super().__init__(
            f"unknown {kind} '{name}'",
            where=where,
            expected="one of " + ", ".join(known) if known else f"a known {kind} (there is none)",
            got=repr(name),
            hint=f"did you mean {' or '.join(repr(n) for n in near)}?" if near else "",
        )


class ConfigError(KataError):
    """A configuration value or command line argument that cannot be used."""


class SpecError(KataError):
    """Data whose keys, shapes, dtypes or robot do not fit a specification."""


class ConditionError(KataError):
    """A condition, atom or call text that cannot be parsed or grounded."""


class DatasetError(KataError):
    """A dataset that cannot be read, resumed or used for this purpose."""


class StorageError(KataError):
    """The disk refused: full, read-only, or gone. Names what was kept."""


class PackageError(KataError):
    """A skill package that is incomplete, altered or unsafe."""


class SignatureError(KataError):
    """A key that cannot be used, or records that are not as they were signed."""


class ContractError(KataError):
    """A contract that contradicts itself or its robot."""


class PlanError(KataError):
    """A plan that breaks a precondition, or a goal that cannot be planned for."""


class SimulationError(KataError):
    """The simulation diverged, or a scene cannot be built."""


class ExecutionError(KataError):
    """A run that cannot go on; the robot holds."""


class MissingDependencyError(KataError):
    """An optional package is needed; the message gives the install command."""

    def __init__(self, package: str, extra: str, *, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}'",
            hint=f"pip install 'kata-robotics[{extra}]'",
        )
