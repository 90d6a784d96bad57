from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.testing_planner import PlannerContract


class TestSymbolicPlanner(PlannerContract):
    def make(self):
        return SymbolicPlanner()
