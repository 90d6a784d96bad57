"""`kata doctor`: what of this machine is ready, and how to mend the rest."""

from __future__ import annotations

from kata.launch.checks import CHECKS, Finding
from kata.launch.job import Done, Job

_MARKS = {True: "ok     ", False: "missing"}


def run(_job: Job) -> Done:
    """Every check in turn; the exit code is 1 only where something needed is missing."""
    findings = [check() for check in CHECKS]
    broken = [finding for finding in findings if finding.needed and not finding.ok]
    then = 'kata run "put the red cube in the drawer, then close it"'
    return Done(
        result={"ready": not broken, "findings": [finding.plain() for finding in findings]},
        lines=tuple(line for finding in findings for line in _lines(finding)),
        then=f"{broken[0].mend}" if broken else then,
        code=1 if broken else 0,
    )


def _lines(finding: Finding) -> list[str]:
    lines = [f"{_MARKS[finding.ok]}  {finding.name:<20}{finding.found}"]
    if not finding.ok:
        why = "" if finding.needed else f"  (optional: {finding.purpose})"
        lines.append(f"{'':<9}{'':<20}do: {finding.mend}{why}")
    return lines
