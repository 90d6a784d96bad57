"""Is it done? Facts decide where they are known and fresh, learned progress where they are not.

| `achieves` by the facts | fresh | late, or without a model |
|---|---|---|
| true | done | progress, from `leave` on; without a model done |
| false | not done, whatever progress says | progress, from `enter` on; without a model not done |
| unknown | progress, from `enter` on | progress, from `enter` on; without a model not done |
"""

from __future__ import annotations

from kata.datasets.types import Facts, Observation, Truth
from kata.skills.contract.call import Call

from .progress import Progress, ProgressModel
from .progress_frames import Frames
from .verdict import Verdict

LATE_S = 0.12
"""Facts that are older than what is seen, by more than this, are not of now: two frames."""


def ended(
    call: Call,
    observation: Observation,
    facts: Facts,
    model: ProgressModel | None = None,
    read: Progress | None = None,
) -> Verdict:
    """Whether what a call achieves holds now; its reason says who decided.

    `read` is how far the call is by the model, where that was asked already. `numbers` hold
    `progress`, `there` and `facts_age_s`, the first two with a model only.
    """
    truth = call.achieves.evaluate(facts)
    if model is not None and read is None:
        read = how_far(call, observation, model)
    age = observation.time_s - facts.time_s
    numbers = {"facts_age_s": age}
    if read is not None:
        numbers |= {"progress": read.value, "there": read.there}
    fresh = age <= LATE_S + 1e-9
    if model is None or read is None or (fresh and truth.value is not None):
        return _by_facts(call, facts, truth, numbers)
    # An old yes is kept as long as what is seen does not speak against it.
    least = model.leave if truth.value else model.enter
    done = read.there >= least
    why = f"facts {age:.2f} s late" if not fresh else _unknown(call, facts)
    word = "at least" if done else "below"
    reason = f"by progress {read.value:.2f}, there {read.there:.2f}, {word} {least:.2f}; {why}"
    return Verdict(done, read.there, reason, numbers, read.there >= model.leave, learned=True)


def how_far(call: Call, observation: Observation, model: ProgressModel) -> Progress | None:
    """Learned progress; None where something is not seen, or the robot is another one."""
    if call.unseen(observation):
        return None
    return model.at(Frames.of(call.seen(observation)).features())


class Latest:
    """The last reading: who asks whether a call is done also watches it, in the same frame."""

    def __init__(self) -> None:
        self._kept: tuple[Call, Observation, Progress | None] | None = None

    def get(self, call: Call, observation: Observation, model: ProgressModel) -> Progress | None:
        """As `how_far`, computed once for the same call and observation."""
        kept = self._kept
        if kept is None or kept[0] is not call or kept[1] is not observation:
            kept = self._kept = (call, observation, how_far(call, observation, model))
        return kept[2]


def _by_facts(call: Call, facts: Facts, truth: Truth, numbers: dict[str, float]) -> Verdict:
    if truth.value:
        return Verdict(True, 1.0, f"by facts: achieved {call.achieves}", numbers, True)
    if truth.value is None:
        return Verdict(False, 0.0, f"{_unknown(call, facts)}, and no progress is known", numbers)
    # A margin that a contract asks for is for getting there; the facts' own hysteresis keeps it.
    stays = call.achieves.plain().evaluate(facts).value is True
    return Verdict(False, 0.0, _missing(call, facts), numbers, stays)


def _missing(call: Call, facts: Facts) -> str:
    return "missing " + " and ".join(call.achieves.unmet(facts))


def _unknown(call: Call, facts: Facts) -> str:
    return "not known: " + " and ".join(call.achieves.unmet(facts))
