import zlib

import pytest

from kata.skills.planning.descriptor import Prediction
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.testing_planner import DRAWER_SKILLS, PlannerContract


class OddPredictor:
    """Predicts each call by a number that has nothing to do with it, and some not at all."""

    def calls(self, calls, facts):
        numbers = [zlib.crc32(str(call).encode()) for call in calls]
        return [
            Prediction((n % 100) / 100, 0.0, 1.0, 1.0 + n % 7) if n % 5 else None for n in numbers
        ]


class TestSymbolicPlanner(PlannerContract):
    def make(self):
        return SymbolicPlanner()


class TestSymbolicPlannerWithAPredictor(PlannerContract):
    """What is predicted changes which plan is cheapest, never that it is sound."""

    def make(self):
        return SymbolicPlanner(predictor=OddPredictor())


def test_a_failed_attempt_costs_a_time_out():
    contract = DRAWER_SKILLS[0]
    sure, doubtful, hopeless = (Prediction(rate, 0.0, 1.0, 3.0) for rate in (1.0, 0.5, 0.0))
    assert sure.expected_time_s(contract) == 3.0
    assert doubtful.expected_time_s(contract) == 3.0 + contract.duration_s
    assert hopeless.expected_time_s(contract) == pytest.approx(3.0 + 19 * contract.duration_s)
