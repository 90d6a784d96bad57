"""Search: the skills that a sentence means, best first, with what the present facts allow."""

from __future__ import annotations

from dataclasses import dataclass

from kata.datasets.types import Facts, RobotSpec
from kata.skills.contract.contract import Contract

from .document import TextEncoder
from .feasible import Fit, Scene, Status
from .index import SearchIndex

_RERANKED = 40
_GAINS: dict[Status, float] = {"now": 0.25, "later": 0.1, "done": -0.3, "unfit": -0.4}
_MISSING, _NAMED = 0.05, 0.2


@dataclass(frozen=True, slots=True)
class Hit:
    """A skill that was found.

    Attributes:
        score: the higher the likelier; comparable within one search only.
        fit: how it fits the facts; None where none were given.
    """

    key: str
    contract: Contract
    score: float
    fit: Fit | None = None


class SkillSearch:
    """Searches one index.

    Args:
        index: of the library.
        encoder: the one that the index was made with.
    """

    def __init__(self, index: SearchIndex, encoder: TextEncoder) -> None:
        self.index, self._encoder = index, encoder

    def search(
        self,
        text: str,
        *,
        top: int = 5,
        facts: Facts | None = None,
        robot: RobotSpec | None = None,
    ) -> tuple[Hit, ...]:
        """At most `top` skills that the text means, the likeliest first.

        With facts, those that could be called here and now go before others of like meaning, and
        those whose effect is so already or that fit nothing here go behind.
        """
        rows, scores = self.index.ranked(text, self._encoder.encode([text], keep=False)[0])
        if facts is None:
            return tuple(
                Hit(self.index.keys[row], self.index.contract(row), float(score))
                for row, score in zip(rows[:top].tolist(), scores[:top], strict=True)
            )
        scene = Scene(facts, text, self.index.reachable, robot)
        hits = []
        for row, score in zip(rows[: max(_RERANKED, top)].tolist(), scores, strict=False):
            contract = self.index.contract(row)
            fit = scene.fit(contract)
            hits.append(Hit(self.index.keys[row], contract, float(score) + _gain(fit), fit))
        return tuple(sorted(hits, key=lambda hit: -hit.score)[:top])


def _gain(fit: Fit) -> float:
    return _GAINS[fit.status] - _MISSING * min(len(fit.missing), 3) + _NAMED * fit.named
