"""`kata evaluate`: how often a skill succeeds."""

from __future__ import annotations

from kata.datasets.types import ConfigError
from kata.launch import build
from kata.launch.agents import find_agent
from kata.launch.job import Done, Job
from kata.launch.progress import percent
from kata.launch.trials import SkillTrials, blocks, rate_block, skill_block, spans


def run(job: Job) -> Done:
    """Try the skill on fresh seeds, in blocks that are kept."""
    config = job.config
    if config.trials < 1:
        raise ConfigError("no trials", where="trials", expected="1 or more", got=str(config.trials))
    agent = find_agent(config.policy, config.skill, config.library)
    name = agent.contract.name
    asked = SkillTrials(
        build.make_trial(config, name, config.start), agent, config.seed, f"evaluate {name}"
    )
    parts = spans(config.trials)
    work = {f"{first:05d}": (skill_block, (asked, first, count)) for first, count in parts}
    units = {f"{first:05d}": count for first, count in parts}
    with build.workers(config, job.folder.path) as workers:
        done = blocks(job.folder, work, workers, f"evaluating {name}", units)
    episodes = [episode for block in done.values() for episode in block["episodes"]]
    failures = [episode for episode in episodes if not episode["success"]]
    result = {
        "skill": name,
        "policy": "expert" if agent.folder is None else agent.folder.name,
        **rate_block(episodes),
        "failures": [{key: e[key] for key in ("seed", "call", "reason")} for e in failures],
    }
    lines = [f"{name}: {percent(result)} of {len(episodes)} trials"]
    lines += [f"  failed: {e['call']}, seed {e['seed']}: {e['reason']}" for e in failures[:5]]
    if len(failures) > 5:
        lines.append(f"  and {len(failures) - 5} more, in result.json")
    return Done(result, tuple(lines), "kata library list")
