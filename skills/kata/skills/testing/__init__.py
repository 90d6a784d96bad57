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
from .fake_world import FakeTrial, FakeWorld, PointKinematics, point_robot
from .pool_contract import PoolContract
from .skill_contract import SkillContract, check_skill
from .skill_course import Course, drive
from .skill_gallery import BROKEN_SKILLS, GOOD_SKILLS, Exhibit

__all__ = [
    "BlendContract",
    "BoundaryContract",
    "ExecutorContract",
    "PlannerContract",
    "PoolContract",
    "SkillContract",
    "BROKEN_SKILLS",
    "CONTRACTS",
    "TWO_HAND_CONTRACTS",
    "BadPolicy",
    "Course",
    "Exhibit",
    "FakePlanner",
    "FakeTrial",
    "FakeWorld",
    "GOOD_SKILLS",
    "PointKinematics",
    "TwoHandWorld",
    "UnreliablePolicy",
    "WaypointPolicy",
    "check_skill",
    "drawer_plan",
    "drive",
    "facts_for",
    "fake_skill",
    "good_skills",
    "point_robot",
    "table_of",
    "two_hand_skills",
    "two_point_robot",
    "with_fault",
]
