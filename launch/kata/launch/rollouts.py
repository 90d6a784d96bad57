"""The part of `kata library audit` that moves: rollouts in simulation, alone and in pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError

from . import build
from .agents import Agent, library_agents
from .configuration import Config
from .knowledge import fitting_contracts
from .progress import bar

if TYPE_CHECKING:
    from kata.skills.evidence.audit_rollouts import Audit, Subject
    from kata.skills.library.audit import AuditReport
    from kata.skills.library.library import Library

SECONDS, MEMORY_GIB = 300.0, 16.0
"""Bounds of one part of an audit: the rollouts of a skill, or of a pair."""


def check_rollouts(config: Config) -> None:
    """Raise ConfigError for a negative number."""
    if config.rollouts < 0:
        got = str(config.rollouts)
        raise ConfigError("no number of rollouts", where="rollouts", expected="0 or more", got=got)


def with_rollouts(
    config: Config, library: Library, report: AuditReport
) -> tuple[AuditReport, dict[str, Any]]:
    """The report with what `rollouts` rollouts found, and what they measured, for a file.

    Without rollouts, and where something forbids to load the package, the report as it is. The
    package is loaded whoever signed it: inside the sandbox only. It is run beside the skills of
    the library, on each skill's own task, or on the default table where it has none.
    """
    from kata.sim.robots import load
    from kata.skills.evidence.audit_rollouts import audit_rollouts
    from kata.skills.evidence.audit_rollouts_findings import rollout_findings
    from kata.skills.evidence.audit_rollouts_sandbox import Bounds

    if not config.rollouts or not report.ok or report.contract is None:
        return report, {}
    fitting = fitting_contracts(library, load(config.robot).spec)
    others = [_subject(config, agent) for agent in library_agents(library, fitting)]
    bounds = Bounds(SECONDS, MEMORY_GIB)
    with bar(f"running {report.contract.name}", 1) as advance:
        found = audit_rollouts(
            _subject(config, _unvouched(report)), others, config.rollouts, config.seed, bounds,
            lambda done, of: advance(done / of),
        )  # fmt: skip
    told = [each.told() for each in rollout_findings(found)]
    return report.with_findings(told), audit_data(found)


def audit_data(found: Audit) -> dict[str, Any]:
    """What was run and measured, as plain data."""
    from kata.skills.evidence.audit_rollouts_findings import rollout_findings

    parts = (found.alone, *found.pairs)
    return {
        "enforced": dict(found.enforced),
        "findings": [each.to_data() for each in rollout_findings(found)],
        "parts": [
            {
                "skill": part.skill,
                "after": part.after,
                "asked": part.asked,
                "stopped": part.stopped,
                "error": part.error,
                "uses": [use.to_data() for use in part.uses],
            }
            for part in parts
        ],
    }


def _unvouched(report: AuditReport) -> Agent:
    """The agent of an audited package, which nobody needs to vouch for."""
    from kata.skills.library.signing import Keyring
    from kata.skills.library.trust import Trust

    assert report.contract is not None
    trust = Trust.of(Keyring(), allow_unsigned=True)
    return Agent(report.contract, report.folder, trust=trust)


def _subject(config: Config, agent: Agent) -> Subject:
    from kata.sim.tasks import names
    from kata.skills.evidence.audit_rollouts import Subject

    name = agent.contract.name
    make_world = build.make_trial(config, name if name in names() else "table", "perturbed")
    return Subject(agent.contract, agent.load, make_world)
