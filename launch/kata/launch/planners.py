"""Who plans: the embedded planner, the symbolic one, or a language model backed by both."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kata.datasets.types import ConfigError, UnknownNameError

from .configuration import Config

if TYPE_CHECKING:
    from kata.skills.planning.llm import Endpoint, LanguageModelPlanner, RememberedChat
    from kata.skills.planning.plan import Planner
    from kata.skills.planning.planner import SymbolicPlanner
    from kata.skills.planning.sentence import SentencePlanner

PLANNERS = ("auto", "llm", "embedded", "symbolic")
_MOST_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class PlannerChoice:
    """Which planner a configuration asks for; picklable, and without a key.

    Attributes:
        how: `llm`, `embedded`, or `symbolic`, for which a sentence is a condition.
        endpoint: of the language model; None unless it is asked.
        rounds: how often the model may propose.
        confirm: whether a goal that only the model understood is asked back.
        given: text of a plan that was made before, which is taken instead.
    """

    how: str = "embedded"
    endpoint: Endpoint | None = None
    rounds: int = 3
    confirm: bool = True
    given: str = ""

    @classmethod
    def of(cls, config: Config) -> PlannerChoice:
        """What `planner` and `llm` say; `auto` is the model where an address or a model is given.

        Raises UnknownNameError for another planner, ConfigError for an endpoint that cannot be.
        """
        how, llm = config.planner, config.llm
        if how not in PLANNERS:
            raise UnknownNameError("planner", str(how), PLANNERS, where="planner")
        if how == "auto":
            how = "llm" if llm.base_url or llm.model else "embedded"
        if how != "llm":
            return cls(how)
        if not llm.base_url:
            raise ConfigError(
                "where is the language model?",
                where="llm.base_url",
                expected="the address of an endpoint, such as http://127.0.0.1:8000/v1",
                hint="llm=vllm, llm=ollama, llm=llamacpp and llm=openai know theirs",
            )
        if not 1 <= llm.rounds <= _MOST_ROUNDS:
            raise ConfigError(
                "impossible number of rounds",
                where="llm.rounds",
                expected=f"1 to {_MOST_ROUNDS}",
                got=str(llm.rounds),
            )
        from kata.skills.planning.llm import Endpoint

        endpoint = Endpoint(
            str(llm.base_url),
            "" if llm.model is None else str(llm.model),
            str(llm.key_env),
            float(llm.timeout_s),
            int(config.seed),
            bool(llm.allow_http),
        )
        return cls(how, endpoint, llm.rounds, llm.confirm)

    def sentences(self, planner: SymbolicPlanner) -> SentencePlanner:
        """Who answers sentences; the embedded planner stands behind a language model."""
        from kata.skills.planning.sentence import Chain, ConditionPlanner, EmbeddedPlanner

        if self.given:
            from kata.skills.planning.export.given import GivenPlan

            return GivenPlan(self.given)
        if self.endpoint is not None:
            return Chain((self._model(planner), EmbeddedPlanner(planner)))
        return ConditionPlanner(planner) if self.how == "symbolic" else EmbeddedPlanner(planner)

    def goals(self, planner: SymbolicPlanner) -> Planner:
        """Who plans anew when a call has failed."""
        return planner if self.endpoint is None else self._model(planner)

    def _model(self, planner: SymbolicPlanner) -> LanguageModelPlanner:
        from kata.skills.planning.llm import LanguageModelPlanner

        assert self.endpoint is not None
        chat = _chat_with(self.endpoint)
        return LanguageModelPlanner(chat, planner, self.rounds, self.confirm, planner.success)


@functools.cache
def _chat_with(endpoint: Endpoint) -> RememberedChat:
    """The one chat of this process with an endpoint, so that what was shown is what runs."""
    from kata.skills.planning.llm import OpenAIChat, RememberedChat

    return RememberedChat(OpenAIChat(endpoint))


EMBEDDED = PlannerChoice()
"""What everything uses that is not told otherwise."""


def check_secrets(config: Config) -> None:
    """Raise ConfigError for a secret among the settings, before anything is written down."""
    llm = config.get("llm")
    if llm is None:
        return
    from kata.skills.planning.llm.endpoint import check_secretless

    check_secretless(str(llm["base_url"] or ""), str(llm["key_env"]))
