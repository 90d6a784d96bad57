"""Progress alone does not end a call that has only begun, unless it was seen undone before."""

import pytest

from kata.skills.contract.call import Call
from kata.skills.execution.entering import SURE_S, Entering
from kata.skills.execution.runner import run
from kata.skills.handover.boundary import FactBoundary
from kata.skills.handover.verdict import Verdict
from kata.skills.testing import CONTRACTS, FakePlanner, FakeWorld, drawer_plan, good_skills

PICK = Call(CONTRACTS["pick"], ("red_cube",))
THERE = Verdict(True, 1.0, "there", stays=True, learned=True)
BETWEEN = Verdict(False, 0.5, "between", stays=True, learned=True)
AWAY = Verdict(False, 0.0, "away", learned=True)
KNOWN = Verdict(True, 1.0, "by facts", stays=True)


def judged(verdicts, entering=None, call=PICK, every_s=0.05):
    """Which of these verdicts, one a frame from the begin of a call on, say done."""
    entering = entering or Entering()
    return [entering.judged(call, v, every_s * i).ok for i, v in enumerate(verdicts)]


def test_what_looks_done_from_the_begin_is_believed_late():
    first = round(SURE_S / 0.05)
    assert judged([THERE] * (first + 3)) == [False] * first + [True] * 3
    assert judged([THERE, BETWEEN, THERE]) == [False] * 3


def test_what_was_seen_undone_is_believed_at_once():
    assert judged([THERE, AWAY, BETWEEN, THERE]) == [False, False, False, True]


def test_facts_are_believed_always():
    assert judged([KNOWN, THERE, KNOWN]) == [True, False, True]


@pytest.mark.parametrize("following", [PICK, Call(CONTRACTS["pick"], ("blue_cube",))])
def test_each_call_begins_anew(following):
    entering = Entering()
    assert judged([AWAY, THERE], entering) == [False, True]
    assert judged([THERE, THERE], entering, following) == [False, False]


class _Mistaken(FactBoundary):
    """Goes by progress, and takes the first half second of a call for its end."""

    def __init__(self):
        self.begun_s = None

    def is_done(self, call, observation, facts):
        self.begun_s = observation.time_s if self.begun_s is None else self.begun_s
        if observation.time_s - self.begun_s < 0.5:
            return THERE
        return KNOWN if call.achieves.evaluate(facts).value else AWAY


def test_an_entering_state_that_looks_done_does_not_end_a_call():
    skills = good_skills()
    skills["pick"] = type(skills["pick"])(
        skills["pick"].contract, skills["pick"].policy, _Mistaken()
    )
    log = run(FakeWorld(), drawer_plan(), skills, FakePlanner(), "blended", 0)
    assert log.success
    assert log.replans == 0
