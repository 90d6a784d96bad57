"""The risk of the calls of a plan, as a note beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kata.datasets.types import Facts
    from kata.skills.contract.call import Call
    from kata.skills.library.audit.risk import Risk, Standing
    from kata.skills.library.library import Library
    from kata.skills.planning.descriptor import Predictor


@dataclass(frozen=True, slots=True)
class CallRisk:
    """The risk of one call of a plan."""

    call: str
    risk: Risk

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {"call": self.call, **self.risk.to_data()}


def standing_of(library: Library, folder: Path) -> Standing:
    """What the risk asks about a package: what it runs, who signed it, what was measured here.

    Raises PackageError for one that is not sound.
    """
    from kata.skills.contract.package import verify
    from kata.skills.contract.skill import read_settings
    from kata.skills.library.audit.risk import Standing

    report = verify(folder)
    settings = read_settings(folder, report.files)
    measured = [
        float(record.data["interval"][0])
        for record in library.sound_records(report.identity)
        if record.kind == "evidence" and "interval" in record.data
    ]
    return Standing(
        learned=settings.get("kind") != "scripted",
        signature=library.trust.judge(report).standing,
        least_success=measured[-1] if measured else None,
    )


def plan_risks(
    library: Library, calls: Sequence[Call], facts: Facts, predictor: Predictor
) -> tuple[CallRisk, ...]:
    """The risk of each call of a plan, as if it came next. Raises PackageError."""
    from kata.skills.library.audit.risk import invocation_risk

    predictions = predictor.calls(calls, facts)
    keys = {f"{call.contract.name}@{call.contract.version}" for call in calls}
    standings = {key: standing_of(library, library.show(key).folder) for key in keys}
    found = []
    for call, prediction in zip(calls, predictions, strict=True):
        standing = standings[f"{call.contract.name}@{call.contract.version}"]
        least = None if prediction is None else prediction.low
        found.append(
            CallRisk(str(call), invocation_risk(call, facts, standing, least_success=least))
        )
    return tuple(found)


def risk_lines(risks: Sequence[CallRisk]) -> tuple[str, ...]:
    """The riskiest call of a plan in a line."""
    if not risks:
        return ()
    worst = max(risks, key=lambda each: each.risk.score)
    return (f"{worst.call}: {worst.risk}",)
