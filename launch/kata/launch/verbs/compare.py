"""`kata compare`: which of several candidates is better, and how sure that is."""

from __future__ import annotations

from kata.launch import build
from kata.launch.comparing import (
    Trials,
    asked_candidates,
    check_settings,
    paired_result,
    ranked_result,
    with_fidelity,
)
from kata.launch.contests import Contest, find_candidates, hold, unseal
from kata.launch.job import Done, Job
from kata.launch.seeds import episode_seed
from kata.launch.trusting import trust_of


def run(job: Job) -> Done:
    """Try all candidates on the same fresh scenes, in blocks that are kept, and tell who is who."""
    from kata.skills.evidence.compare import compare_sequentially

    config = job.config
    names = asked_candidates(config)
    check_settings(config, names)
    candidates = find_candidates(names, config.skill, config.library, trust_of(config))
    skill = candidates[0].agent.contract.name
    first_seed = episode_seed(config.seed, f"compare {skill}", 0)
    make_world = build.make_trial(config, skill, config.start)
    contest = Contest.of(make_world, candidates, config.seed, first_seed)
    one, other = contest.blinding.codes[:2]

    def enough(trials: Trials) -> bool:
        found = compare_sequentially(trials[one], trials[other], config.alpha, config.trials)
        return found is not None

    with build.workers(config, job.folder.path) as workers:
        trials = hold(
            contest,
            job.folder,
            workers,
            config.trials,
            f"comparing {skill}",
            enough if config.sequential else None,
        )
    named = unseal(contest, trials)
    told = paired_result if len(candidates) == 2 else ranked_result
    return with_fidelity(told(config, candidates, named), candidates, named)
