"""`kata demo`: the whole loop once."""

from __future__ import annotations

import shlex

from kata.launch import build
from kata.launch.demo import stages
from kata.launch.demo.lessons import draft
from kata.launch.demo.report import write_report
from kata.launch.job import Done, Job
from kata.launch.progress import percent
from kata.launch.trials import chain_block


def run(job: Job) -> Done:
    """Every stage in order; what an earlier run finished is taken from its files."""
    config, folder = job.config, job.folder
    with build.workers(config, folder.path) as workers:
        taught = stages.demonstrations(job, workers)
        graph = stages.stones(job)
        learned = stages.training(job, workers)
        drafts = {skill: draft(folder.path, skill, block) for skill, block in learned.items()}
        rolled = stages.rollouts(job, workers, drafts)
        library = stages.learn_library(config, job, learned, rolled)
        asked, episodes = stages.chain(job, workers, library, graph)
    filmed = stages.film(job, asked)
    result = {
        "sentence": config.sentence,
        "skills": stages.skill_results(taught, learned, rolled),
        "chain": {mode: chain_block(runs) for mode, runs in episodes.items()},
        "report": "report.html",
        "video": stages.VIDEO,
    }
    report = write_report(job, result, episodes, filmed)
    lines = [f"{skill:<10}{percent(block)}" for skill, block in result["skills"].items()]
    lines += [f"{mode:<10}{stages.chain_line(block)}" for mode, block in result["chain"].items()]
    written = (report, folder / stages.VIDEO, library.root, folder / "demonstrations")
    lines += ["wrote:", *(f"  {path}" for path in written)]
    then = ["kata", "run", config.sentence, f"library={library.root}"]
    return Done(result, tuple(lines), f"open {report}, then {shlex.join(then)}")
