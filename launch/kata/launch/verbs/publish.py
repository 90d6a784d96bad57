"""`kata publish`: a version of a skill becomes the one in use, if its trials say so."""

from __future__ import annotations

from kata.launch import build
from kata.launch.job import Done, Job
from kata.launch.publishing import (
    asked_entry,
    begin,
    candidates_of,
    check_settings,
    concluded,
    contest_of,
    overridden,
    rule,
    rule_on_words,
)


def run(job: Job) -> Done:
    """Record the attempt, try the version blind, rule, record the outcome."""
    from kata.launch.contests import hold, unseal
    from kata.skills.evidence.attempts import conclude, conclusion

    config = job.config
    check_settings(config)
    library = build.library_of(config)
    entry = asked_entry(job, library)
    if config.override:
        return overridden(library, entry, config.reason)
    attempt = begin(job, library, entry)
    candidates = candidates_of(library, attempt)
    contest = contest_of(config, candidates, attempt)
    with build.workers(config, job.folder.path) as workers:
        sealed = hold(contest, job.folder, workers, attempt.trials, f"trying {entry}")
    trials = unseal(contest, sealed)
    ruling, measured = rule(config, candidates, trials, attempt)
    known = conclusion(library, attempt)
    promise = candidates[0].agent.contract
    ruling = rule_on_words(library, attempt, promise, ruling, measured)
    told = known or conclude(library, attempt, ruling, measured)
    return concluded(library, attempt, told, ruling, trials)
