"""`kata run`: plan a sentence and carry it out."""

from __future__ import annotations

import itertools
from typing import Any

from kata.launch import build, sentences, showing
from kata.launch.correcting import LOG, keep_heard
from kata.launch.descriptors import predicted_words
from kata.launch.job import Done, Job
from kata.launch.linting import fidelity_of_runs
from kata.launch.planning import answer_lines
from kata.launch.progress import percent, say
from kata.launch.trials import chain_block, spans

VIDEO = "run.mp4"


def run(job: Job) -> Done:
    """Plan in the first scene and run every trial of every handover, or show a replay."""
    config = job.config
    if config.replay:
        return showing.show(job)
    modes = sentences.modes_of(config.handover)
    sentences.check_trials(config.trials)
    film = job.folder / VIDEO if sentences.wants_video(config) else None
    workers = build.workers(config, job.folder.path)
    asked = sentences.trials_of(config, build.library_of(config))
    answer = sentences.plan_first(asked)
    head = answer_lines(answer)
    if answer.plan is None:
        return Done(answer.to_json(), head, "say it in other words; see the message above", 1)
    for line in head:
        say(line)
    with workers:
        episodes = sentences.run_modes(asked, modes, spans(config.trials), workers, film)
    result: dict[str, Any] = answer.to_json()
    told = keep_heard(job.folder, itertools.chain(*episodes.values()))
    job.folder.write_json("episodes.json", episodes)
    result |= fidelity_of_runs(asked.agents, itertools.chain(*episodes.values()))
    result |= {mode: chain_block(runs) for mode, runs in episodes.items()}
    lines = []
    for mode in modes:
        block = result[mode]
        lines.append(
            f"{mode}: {block['successes']} of {block['trials']} succeeded, {percent(block)}; "
            f"{predicted_words(block['predicted'])}; "
            f"seam jerk {block['peak_jerk']:.0f} rad/s3"
        )
        lines += [
            f"  failed: seed {e['seed']}: {e['reason']}" for e in sentences.failed(episodes[mode])
        ]
    if told:
        result["corrections"] = told
        lines.append(f"corrections: {told}, in {job.folder / LOG}")
    if film is not None:
        result["video"] = VIDEO
        lines.append(f"video: {film}")
    return Done(result, tuple(lines), sentences.next_command(job))
