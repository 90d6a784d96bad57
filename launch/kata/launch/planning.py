"""`kata plan SENTENCE`: the scene that is planned in, the answer, and how it is shown."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import build
from .configuration import Config
from .descriptors import forecaster, predicted_data, predicted_words
from .job import Done, Job
from .knowledge import known_of
from .missing import advice
from .planners import PlannerChoice
from .risks import CallRisk, plan_risks, risk_lines
from .seeds import episode_seed

if TYPE_CHECKING:
    from kata.datasets.types import Facts
    from kata.skills.contract.contract import Contract
    from kata.skills.evidence.descriptor_forecast import Forecast
    from kata.skills.library.library import Library
    from kata.skills.planning.planner import SymbolicPlanner
    from kata.skills.planning.sentence import SentencePlanner
    from kata.skills.planning.service import PlanAnswer

    from .knowledge import Known

_NO_PLAN = "say it in other words; see the message above"
_SHOWN = 6
"""Objections that are shown; all of them are in the result."""

_TITLES = {
    "plan": "plan",
    "ambiguous": "ambiguous",
    "missing_skill": "no plan",
    "not_understood": "not understood",
}


def answer_lines(answer: PlanAnswer, predicted: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The answer in lines: status and message, goal, calls, prediction, options."""
    lines = [f"{_TITLES[answer.status]}: {answer.message}"]
    if answer.goal:
        lines.append(f"goal: {' and '.join(answer.goal)}")
    if answer.plan is not None:
        from kata.skills.planning.export.tree import tree_lines

        lines += [f"  {line}" for line in tree_lines(answer.plan)]
    if predicted is not None:
        lines.append(f"success: {predicted_words(predicted)}, without a new plan on the way")
    if answer.rounds:
        asked = f"{answer.rounds} round{'s' * (answer.rounds > 1)} with the language model"
        lines.append(f"planner: {answer.planner}; {asked}")
        lines += [
            f"  objected in round {each.round}: {each}" for each in answer.violations[:_SHOWN]
        ]
    if answer.status == "ambiguous":
        lines += [f"  could be: {option}" for option in answer.options]
    return tuple(lines)


def answered(
    planner: SentencePlanner, sentence: str, facts: Facts, contracts: Sequence[Contract]
) -> PlanAnswer:
    """The answer to a sentence; where all pass, that it was not understood, and why."""
    from kata.skills.planning.sentence import Passed
    from kata.skills.planning.service import PlanAnswer

    found = planner.answer(sentence, facts, contracts)
    if isinstance(found, Passed):
        return PlanAnswer("not_understood", (), (), found.reason, rounds=found.rounds)
    return found


@dataclass(frozen=True, slots=True)
class Scene:
    """What is planned in: the scene that the seed gives, and what is known of the skills."""

    facts: Facts
    known: Known
    planner: SymbolicPlanner
    forecast: Forecast
    choice: PlannerChoice
    library: Library

    @classmethod
    def of(cls, config: Config) -> Scene:
        """The scene, robot and library of a configuration."""
        choice = PlannerChoice.of(config)
        world = build.make_trial(config, "table")()
        world.reset(episode_seed(config.seed, "scene", 0))
        library = build.library_of(config)
        known = known_of(library, config.robot)
        planner, forecast = forecaster(known, world.observe)
        return cls(world.facts(), known, planner, forecast, choice, library)

    def answer(self, sentence: str) -> PlanAnswer:
        """The answer to a sentence in it."""
        return answered(
            self.choice.sentences(self.planner), sentence, self.facts, self.known.contracts
        )


def planned(job: Job) -> Done:
    """Plan in the scene that the seed gives; the exit code is 1 where there is no plan."""
    config = job.config
    scene = Scene.of(config)
    answer = scene.answer(config.text)
    found = None
    risks: tuple[CallRisk, ...] = ()
    if answer.plan is not None:
        calls = answer.plan.calls
        found = scene.forecast.chain(calls, moves=True)
        risks = plan_risks(scene.library, calls, scene.facts, scene.forecast)
    predicted = predicted_data(found)
    then = _NO_PLAN
    if answer.plan is not None:
        then = shlex.join(["kata", "run", config.text, *job.same_scene()])
    lacking = None
    if answer.status == "missing_skill":
        lacking = advice(job, answer.goal, scene.facts, scene.known.contracts)
        then = shlex.join(lacking.command) if lacking else then
    return Done(
        {
            **answer.to_json(),
            "predicted": predicted,
            "missing": lacking and lacking.to_data(),
            "risks": [risk.to_data() for risk in risks],
        },
        (
            *answer_lines(answer, predicted),
            *risk_lines(risks),
            *(lacking.lines() if lacking else ()),
        ),
        then,
        code=0 if answer.plan is not None else 1,
    )
