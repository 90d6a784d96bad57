"""What `kata library audit` does: what speaks against a package, and how risky a call of it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import build
from .exporting import package_folder
from .job import Done, Job
from .risks import standing_of
from .rollouts import check_rollouts, with_rollouts

if TYPE_CHECKING:
    from kata.datasets.types import RobotSpec
    from kata.skills.library.audit import AuditReport
    from kata.skills.library.audit.risk import Risk
    from kata.skills.library.library import Library


def audited(job: Job, word: str) -> Done:
    """Audit a folder, a skill of the library, or every one; exit code 1 where one is forbidden."""
    from kata.sim.robots import load
    from kata.skills.library.audit import audit_package

    robot: RobotSpec = load(job.config.robot).spec
    library = build.library_of(job.config)
    check_rollouts(job.config)
    static = [audit_package(folder, robot=robot) for folder in _folders(library, word)]
    moved = [with_rollouts(job.config, library, report) for report in static]
    reports = [report for report, _ in moved]
    told = [{**_told(library, report), "rollouts": data} for report, data in moved]
    lines = [
        line for report, each in zip(reports, told, strict=True) for line in _lines(report, each)
    ]
    ok = all(report.ok for report in reports)
    then = f"kata library sign {word}".strip() if ok else "do not use what is forbidden"
    return Done({"ok": ok, "packages": told}, tuple(lines), then, code=0 if ok else 1)


def _folders(library: Library, word: str) -> list[Path]:
    if not word:
        entries, unreadable = library.survey()
        return [*(entry.folder for entry in entries), *unreadable]
    folder = package_folder(word)
    return [folder if folder.is_dir() else library.show(word).folder]


def _told(library: Library, report: AuditReport) -> dict[str, Any]:
    """The report, and the risk of a package that nothing forbids."""
    risk = prior_risk(library, report) if report.ok else None
    return {**report.to_data(), "risk": risk.to_data() if risk else None}


def prior_risk(library: Library, report: AuditReport) -> Risk:
    """The static risk of an audited package: its contract, its signature and its evidence here.

    Raises PackageError for one that was changed since.
    """
    from kata.skills.library.audit.risk import prior

    assert report.contract is not None
    return prior(report.contract, standing_of(library, report.folder))


def _lines(report: AuditReport, told: dict[str, Any]) -> list[str]:
    verdict = "passed" if report.ok else "FORBIDDEN"
    lines = [f"{verdict:<10}{report.folder.name}"]
    lines += [f"  {finding}" for finding in report.findings]
    if told["risk"]:
        lines.append(f"  {told['risk']['text']}")
    return lines
