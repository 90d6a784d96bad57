"""Contract tests to inherit, and a world in miniature with good and bad skills.

A test of one's own planner, executor, boundary or blend is a subclass with a `make` method.
"""

from kata.skills.contract.testing_scene import facts_for, table_of
from kata.skills.planning.testing_planner import PlannerContract

from .contracts import BlendContract, BoundaryContract, ExecutorContract
from .fake_skills import (
    CONTRACTS,
    BadPolicy,
    FakePlanner,
    UnreliablePolicy,
    WaypointPolicy,
    drawer_plan,
    fake_skill,
    good_skills,
    with_fault,
)
from .fake_two_hands import TWO_HAND_CONTRACTS, TwoHandWorld, two_hand_skills, two_point_robot
from .fake_world import FakeWorld, PointKinematics, point_robot
from .pool_contract import PoolContract

__all__ = [
    "BlendContract",
    "BoundaryContract",
    "ExecutorContract",
    "PlannerContract",
    "PoolContract",
    "CONTRACTS",
    "TWO_HAND_CONTRACTS",
    "BadPolicy",
    "FakePlanner",
    "FakeWorld",
    "PointKinematics",
    "TwoHandWorld",
    "UnreliablePolicy",
    "WaypointPolicy",
    "drawer_plan",
    "facts_for",
    "fake_skill",
    "good_skills",
    "point_robot",
    "table_of",
    "two_hand_skills",
    "two_point_robot",
    "with_fault",
]
