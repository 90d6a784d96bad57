"""What an audit found against a package: findings, each with a file, what was expected and got."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from kata.datasets.types import PackageError
from kata.skills.contract.contract import Contract

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""What must not be used, what a person should look at, what is only told."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing that an audit found.

    Attributes:
        kind: a word for what it is about, such as `tensors`, `names` or `injection`.
        file: of the package; empty for what concerns the whole, or several skills.
        what: the problem in one clause.
    """

    severity: Severity
    kind: str
    file: str
    what: str
    expected: str = ""
    got: str = ""

    def __str__(self) -> str:
        told = f"{self.severity:<8}{self.kind}: {self.what}"
        told += f" (in {self.file})" if self.file else ""
        told += f"; expected {self.expected}" if self.expected else ""
        return told + (f"; got {self.got}" if self.got else "")

    def to_data(self) -> dict[str, str]:
        """Plain data for a file."""
        names = ("severity", "kind", "file", "what", "expected", "got")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was found in a package, worst first.

    Attributes:
        files: bytes and sha-256 of each file that was looked at, as it was read.
        contract: None where it could not be read, or must not be.
        identity: None likewise.
    """

    folder: Path
    findings: tuple[AuditFinding, ...] = ()
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    contract: Contract | None = None
    identity: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing was found that forbids using it."""
        return not self.of("error")

    def is_of(self, identity: str, files: Mapping[str, tuple[int, str]]) -> bool:
        """Whether this identity, made of exactly these bytes, is what was looked at."""
        known = {name: self.files.get(name) for name in files}
        return self.identity == identity and known == dict(files)

    def of(self, severity: Severity) -> tuple[AuditFinding, ...]:
        """The findings of one severity."""
        return tuple(each for each in self.findings if each.severity == severity)

    def with_findings(self, more: Iterable[AuditFinding]) -> AuditReport:
        """The report with more findings, such as those of rollouts."""
        return replace(self, findings=ranked((*self.findings, *more)))

    def require_ok(self) -> None:
        """Raise PackageError that names every error."""
        errors = self.of("error")
        if errors:
            raise PackageError(
                "a package that the audit forbids",
                where=str(self.folder),
                expected="no errors in kata library audit",
                got="; ".join(f"{e.kind}: {e.what}" + _in(e.file) for e in errors[:8]),
                hint="do not use it; whoever made it must mend it",
            )

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "folder": str(self.folder),
            "ok": self.ok,
            "identity": self.identity,
            "findings": [finding.to_data() for finding in self.findings],
        }


def ranked(findings: Sequence[AuditFinding]) -> tuple[AuditFinding, ...]:
    """Worst first, otherwise in the order in which they were found; each once."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda f: SEVERITIES.index(f.severity)))


def _in(file: str) -> str:
    return f" ({file})" if file else ""
