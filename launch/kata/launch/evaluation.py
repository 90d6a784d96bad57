"""What `kata evaluate` is made of: who is tried, the trials in blocks, and what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, get_args

from kata.datasets.types import ConfigError, UnknownNameError

from . import build
from .agents import Agent, find_agent
from .configuration import Config
from .descriptors import record_descriptor
from .job import Job
from .progress import bounds, percent
from .replays import keep_failures
from .trials import Block, SkillTrials, blocks, skill_block, spans
from .trusting import trust_of

if TYPE_CHECKING:
    from kata.skills.evidence.cells import Cell
    from kata.skills.library.library import Entry, Library

BOTH = "both"
"""The `start` for which every other trial begins near home and the others anywhere."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is tried; `entry` is its version in the library, None where it is of none."""

    agent: Agent
    library: Library | None = None
    entry: Entry | None = None

    @property
    def name(self) -> str:
        """Of the skill."""
        return self.agent.contract.name


def check(config: Config) -> None:
    """Raise ConfigError or UnknownNameError for what cannot be evaluated."""
    from kata.sim.tasks import Start
    from kata.skills.evidence.interval import Method
    from kata.skills.execution.guides import guide_names

    guides = guide_names(config.guide)
    if guides and config.policy == "expert":
        raise ConfigError(
            "scripted experts cannot be steered",
            where=f"guide={','.join(guides)}",
            expected="a learned policy",
            got="policy=expert",
        )
    for key, things in (("trials", "trials"), ("vector", "worlds")):
        if config[key] < 1:
            raise ConfigError(f"no {things}", where=key, expected="1 or more", got=str(config[key]))
    starts = (*get_args(Start), BOTH)
    if config.start not in starts:
        raise UnknownNameError("start", str(config.start), starts, where="start")
    if config.interval not in get_args(Method):
        raise UnknownNameError("interval", str(config.interval), get_args(Method), where="interval")


def subject(config: Config) -> Subject:
    """Who acts. Raises UnknownNameError, ConfigError or PackageError."""
    trust = trust_of(config)
    agent = find_agent(config.policy, config.skill, config.library, config.version, trust)
    agent = replace(agent, inference=config.inference)
    if config.policy != "library":
        return Subject(agent)
    library = build.library(config.library, trust)
    return Subject(agent, library, library.show(f"{agent.contract.name}@{agent.contract.version}"))


def episodes_of(job: Job, tried: Subject) -> list[Block]:
    """Every trial, by start and seed; blocks that are there from an earlier run are read.

    Raises ConfigError in the folder of another version or package, and what a trial raises.
    """
    from kata.skills.evidence.trials import block_size
    from kata.skills.execution.guides import guide_names

    config, name = job.config, tried.name
    job.folder.keep_subjects({f"{name}@{tried.agent.contract.version}": tried.agent.digest})
    purpose, work, units = f"evaluate {name}", {}, {}
    for start, trials in _starts(config).items():
        asked = SkillTrials(
            build.make_trial(config, name, start),
            tried.agent, config.seed, purpose, start, config.vector, replays=True,
            guide=guide_names(config.guide),
        )  # fmt: skip
        for first, count in spans(trials, block_size(config.trials)):
            work[f"{start}-{first:05d}"] = (skill_block, (asked, first, count))
            units[f"{start}-{first:05d}"] = count
    with build.workers(config, job.folder.path) as workers:
        done = blocks(
            job.folder, work, workers, f"evaluating {name}", units,
            arrived=lambda block: keep_failures(job.folder, block["episodes"]),
        )  # fmt: skip
    return [episode for block in done.values() for episode in block["episodes"]]


def _starts(config: Config) -> dict[str, int]:
    """How many trials begin how."""
    if config.start != BOTH:
        return {str(config.start): config.trials}
    half = config.trials // 2
    parts = {"nominal": config.trials - half, "perturbed": half}
    return {start: trials for start, trials in parts.items() if trials}


def summary(config: Config, tried: Subject, episodes: Sequence[Block]) -> dict[str, Any]:
    """What `result.json` says: the rate, what it cost, where it fails, and every failure."""
    from kata.skills.evidence.interval import Interval

    outcomes = [episode["success"] for episode in episodes]
    rate = Interval.of(sum(outcomes), len(outcomes), method=config.interval)
    failures = sorted((e for e in episodes if not e["success"]), key=_severity)
    shown = ("seed", "call", "kind", "reason", "predicted", "replay")
    return {
        "skill": tried.name,
        "policy": "expert" if tried.agent.folder is None else tried.agent.folder.name,
        "identity": tried.agent.identity,
        "start": config.start,
        "interval_method": config.interval,
        **rate.to_data(),
        **steering(config, episodes),
        "cost": cost(episodes),
        "cells": [cell.to_data() for cell in cells(config, tried, episodes)],
        "failures": [{key: episode[key] for key in shown} for episode in failures],
        **fidelity(tried, episodes),
        "seeds": [episode["seed"] for episode in episodes],
    }


def steering(config: Config, episodes: Sequence[Block]) -> dict[str, Any]:
    """What steered the chunks, and in how many trials an obstacle was touched; where there is."""
    from kata.skills.execution.guides import guide_names

    guides = guide_names(config.guide)
    bumped = sum(bool(episode.get("bumped")) for episode in episodes)
    told = {"guide": list(guides)} if guides else {}
    return told | ({"bumped": bumped} if bumped or config.world.get("obstacles") else {})


def fidelity(tried: Subject, episodes: Sequence[Block]) -> dict[str, Any]:
    """What the trials say about the contract, by identity; nothing for what has no package."""
    from kata.skills.evidence.fidelity import fidelity_of
    from kata.skills.evidence.fidelity_records import FIELD

    identity = tried.agent.identity
    return {FIELD: {identity: fidelity_of(episodes).to_data()}} if identity else {}


def _severity(episode: Block) -> tuple[int, float, int]:
    from kata.skills.evidence.failures import severity

    return severity(episode["kind"], episode["predicted"], episode["seed"])


def cost(episodes: Sequence[Block]) -> dict[str, Any]:
    """What trials cost: time, way and jerk as medians of the successes; null without any.

    The greatest jerk and the limits that were hit are those of all trials.
    """
    good = [episode for episode in episodes if episode["success"]]
    hits: dict[str, dict[str, int]] = {}
    for episode in episodes:
        for kind, joints in episode["limits_hit"].items():
            for joint, count in joints.items():
                by_joint = hits.setdefault(kind, {})
                by_joint[joint] = by_joint.get(joint, 0) + count

    def middle(values: Sequence[float]) -> float | None:
        return round(median(values), 4) if values else None

    return {
        "duration_s": middle([e["duration_s"] for e in good]),
        "path_m": middle([e["path_m"] for e in good]),
        "jerk": middle([e["jerk"]["median"] for e in good]),
        "peak_jerk": middle([e["jerk"]["peak"] for e in good]),
        "greatest_jerk": max((e["jerk"]["peak"] for e in episodes), default=None),
        "limits_hit": hits,
    }


def cells(config: Config, tried: Subject, episodes: Sequence[Block]) -> list[Cell]:
    """Success by condition cell, worst first."""
    from kata.skills.evidence.cells import cells_of
    from kata.skills.evidence.start_cells import factors
    from kata.skills.evidence.trials import trial_of

    trials = [trial_of(episode) for episode in episodes]
    names = [parameter.name for parameter in tried.agent.contract.parameters]
    found = factors(trials, names)
    return cells_of(found, [trial.success for trial in trials], config.interval)


def record(
    config: Config, tried: Subject, result: Mapping[str, Any], episodes: Sequence[Block]
) -> bool:
    """Add descriptor and evidence to the library where the subject is of it; whether it was new.

    The same evidence is recorded once, however often it is measured again.
    """
    from kata.skills.evidence.fidelity_records import FIELD
    from kata.skills.evidence.software import software

    if tried.library is None or tried.entry is None:
        return False
    library, entry = tried.library, tried.entry
    kept = ("start", "interval_method", "trials", "successes", "rate", "interval", "cost", "seeds")
    world = build.world_config(config)
    data: dict[str, Any] = {
        "seed": config.seed,
        **{key: result[key] for key in kept},
        "worse": [c for c in result["cells"] if c["worse"]],
        "inference": config.inference,
        **steering(config, episodes),
        "robot": config.robot,
        "world": world.fingerprint(),
        "software": software(),
        FIELD: result[FIELD][tried.agent.identity],
    }
    trained = library.records(entry, "training")
    if trained and "dataset" in trained[-1].data:
        data["dataset"] = trained[-1].data["dataset"]
    if any(dict(old.data) == data for old in library.records(entry, "evidence")):
        return False
    # The evidence comes last: after a kill its absence says that both are still to be recorded.
    record_descriptor(config, library, entry, episodes)
    library.record(entry, "evidence", data)
    return True


def lines(tried: Subject, result: Mapping[str, Any], folder: str) -> list[str]:
    """The answer for a person: rate, cost, where it fails, and the worst failures."""
    version = f"@{tried.entry.version}" if tried.entry else ""
    used, rate = result["cost"], percent(result)
    told = [f"{tried.name}{version}: {rate} of {result['trials']} trials"]
    if used["duration_s"] is not None:
        told.append(
            f"a success takes {used['duration_s']:.1f} s and {used['path_m']:.2f} m; "
            f"jerk {used['jerk']:.0f}, peak {used['peak_jerk']:.0f} rad/s3 (medians)"
        )
    if "bumped" in result:
        told.append(f"touched an obstacle in {result['bumped']} of {result['trials']} trials")
    told += _cell_lines(result["cells"])
    failures = result["failures"]
    if failures:
        told.append("failures, worst first:")
    for episode in failures[:_SHOWN]:
        call = f"{episode['call']}: {episode['reason']}"
        told.append(f"  {episode['kind']:<11}{episode['replay']}  {call}")
    if len(failures) > _SHOWN:
        told.append(f"  and {len(failures) - _SHOWN} more, in {folder}/result.json")
    return told


def _cell_lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    worse = [cell for cell in found if cell["worse"]]
    looked = sum(cell["tested"] for cell in found)
    if not looked:
        return ["where it fails: too few trials to say"] if found else []
    if not worse:
        return [f"where it fails: of {looked} cells none is worse than the rest beyond chance"]
    told = [f"where it fails: of {looked} cells {len(worse)} worse than the rest beyond chance"]
    width = max(len(f"{c['factor']} {c['value']}") for c in worse[:_SHOWN]) + 2
    for cell in worse[:_SHOWN]:
        name = f"{cell['factor']} {cell['value']}"
        rate = f"{100 * cell['rate']:5.1f} % ({bounds(cell['interval'])})"
        told.append(f"  {name:<{width}}{rate} of {cell['trials']}, {_chance(cell['p_value'])}")
    return told


def _chance(p_value: float) -> str:
    return f"p = {p_value:.2g}" if p_value >= 1e-4 else "p < 0.0001"
