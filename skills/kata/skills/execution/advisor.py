"""An advisor: says while a skill runs what people said in moments like this one.

It is a corrector like any other: what it says is read, bounded and logged as a person's words are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import DatasetError, Facts, Observation
from kata.policies.advisor import AdvisorNetwork, train_network
from kata.skills.contract.call import Call

from .correcting import QUIET_S, Advice, moment_data
from .moments import HISTORY, Examples, Moment, Vocabulary, examples_of

EVERY_S = 0.25
"""How often it looks."""

AGAIN_S = 0.5
"""How long it waits for what it said to show, before it says more in the same call."""

STEPS = 600
"""Batches of its training."""

FALSE_ALARMS = 0.02
"""Share of held-out silent moments in which it may speak, by which its threshold is set."""

_HELD_OUT = 5
Rows = NDArray[np.bool_]
_KEPT_S = QUIET_S


@dataclass(frozen=True, slots=True)
class Learned:
    """What an advisor knows.

    Attributes:
        threshold: chance of any correction from which on the likeliest one is said.
    """

    vocabulary: Vocabulary
    network: AdvisorNetwork
    threshold: float


@dataclass(frozen=True, slots=True)
class Report:
    """How the training went.

    Attributes:
        moments, corrections: examples, and those of them in which something was said.
        hits: share of held-out corrections that it would have given.
        false_alarms: share of held-out silent moments in which it would have spoken.
    """

    moments: int
    corrections: int
    hits: float
    false_alarms: float


def learn(
    runs: Sequence[Sequence[Moment]], newest: Sequence[bool], seed: int
) -> tuple[Learned, Report]:
    """Train an advisor on the moments of runs.

    Every fifth run is held out to set the threshold; the advisor that is given back has then been
    trained on all of them.

    Args:
        runs: each in the order of time.
        newest: of each run whether it is among the newest.
        seed: of the training.

    Raises DatasetError where nothing was said, or there are too few runs to hold some out.
    """
    vocabulary = Vocabulary.of(moment for run in runs for moment in run)
    if not vocabulary.commands or len(runs) < _HELD_OUT:
        raise DatasetError(
            "nothing to learn from",
            expected=f"corrections that were understood, in {_HELD_OUT} runs or more",
            got=f"{len(vocabulary.commands)} different corrections in {len(runs)} runs",
            hint="kata run TEXT correct=- or correct=FILE keeps what is said",
        )
    found = examples_of(runs, vocabulary)
    fresh = np.array(newest, dtype=bool)[found.runs]
    held = found.runs % _HELD_OUT == _HELD_OUT - 1
    classes = len(vocabulary.commands) + 1

    def trained(rows: Rows) -> AdvisorNetwork:
        return train_network(
            found.features[rows], found.labels[rows], fresh[rows], classes, STEPS, seed
        )

    threshold, hits, alarms = _threshold(trained(~held), found, held)
    learned = Learned(vocabulary, trained(np.ones(len(held), dtype=bool)), threshold)
    spoken = int((found.labels > 0).sum())
    return learned, Report(len(found.labels), spoken, hits, alarms)


def _threshold(network: AdvisorNetwork, found: Examples, held: Rows) -> tuple[float, float, float]:
    """The least threshold with few false alarms on held-out runs; hits and false alarms there."""
    chances = network.chances(found.features[held])
    labels = found.labels[held]
    best = chances[:, 1:].argmax(axis=1) + 1
    # Corrections that nearly mean the same share their chance; what counts is that one is due.
    sure = 1.0 - chances[:, 0]
    silent = labels == 0
    allowed = np.sort(sure[silent])[::-1]
    cut = int(FALSE_ALARMS * len(allowed))
    floor = float(allowed[cut]) if cut < len(allowed) else 0.0
    threshold = min(max(0.5, floor + 1e-6), 0.99)
    speaks = sure >= threshold
    hits = float((speaks & (best == labels))[~silent].mean()) if (~silent).any() else 0.0
    alarms = float(speaks[silent].mean()) if silent.any() else 0.0
    return threshold, hits, alarms


@dataclass(slots=True)
class Advisor:
    """Speaks where it is sure, each thing once a call. One for each run."""

    learned: Learned
    _recent: list[Moment] = field(default_factory=list)
    _said: list[str] = field(default_factory=list)
    _call: str = ""
    _since_s: float = 0.0
    _asked_s: float = float("-inf")
    _spoke_s: float = float("-inf")

    def says(self, observation: Observation, facts: Facts, call: Call | None) -> Sequence[str]:
        """What a person would say now; nothing between calls."""
        now, name = observation.time_s, "" if call is None else str(call)
        if name != self._call or now < self._asked_s:
            self._call, self._since_s, self._recent, self._said = name, now, [], []
            self._asked_s = self._spoke_s = float("-inf")
        if call is None or now - self._asked_s < EVERY_S - 1e-9:
            return ()
        self._asked_s = now
        data = moment_data(observation, facts, call, now, now - self._since_s)
        moment = Moment.of_data(data.to_data())
        meaning, text, chance = self._best(moment)
        self._keep(moment)
        if chance < self.learned.threshold or meaning in self._said:
            return ()
        if now - self._spoke_s < AGAIN_S - 1e-9:
            return ()
        self._said.append(meaning)
        self._spoke_s = now
        return (Advice(text),)

    def _best(self, moment: Moment) -> tuple[str, str, float]:
        vocabulary = self.learned.vocabulary
        features = vocabulary.features([*self._recent, moment], self._said)
        chances = self.learned.network.chances(features[None])[0]
        return (*vocabulary.commands[int(chances[1:].argmax())], float(1.0 - chances[0]))

    def _keep(self, moment: Moment) -> None:
        """Moments of its history lie as far apart as those that it was trained on."""
        if not self._recent or moment.time_s - self._recent[-1].time_s >= _KEPT_S - 1e-9:
            self._recent = [*self._recent, moment][-(HISTORY - 1) :]
