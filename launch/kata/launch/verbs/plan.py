"""`kata plan`: from a sentence to a checked plan, or why there is none."""

from __future__ import annotations

import shlex

from kata.launch import build
from kata.launch.descriptors import forecaster, predicted_data
from kata.launch.job import Done, Job
from kata.launch.planning import answer_lines
from kata.launch.seeds import episode_seed


def run(job: Job) -> Done:
    """Plan in the scene that the seed gives; the exit code is 1 where there is no plan."""
    from kata.skills.planning.service import make_plan

    config = job.config
    world = build.make_trial(config, "table")()
    world.reset(episode_seed(config.seed, "scene", 0))
    known = build.contracts_of(build.library(config.library), config.robot)
    planner, forecast = forecaster(known.success, known.descriptors, world.observe)
    answer = make_plan(config.text, world.facts(), known.contracts, planner=planner)
    planned = answer.plan is not None
    found = forecast.chain(answer.plan.calls, moves=True) if answer.plan is not None else None
    predicted = predicted_data(found)
    command = ["kata", "run", config.text, *job.same_scene()]
    return Done(
        {**answer.to_json(), "predicted": predicted},
        answer_lines(answer, predicted),
        shlex.join(command) if planned else "say it in other words; see the message above",
        code=0 if planned else 1,
    )
