"""Packages that are sound on disk and harmful in motion: six alone, three only after another.

All of them stand in the fake world. Two are learned policies whose weights are crafted; the others
name a policy of this file, as a scripted package names an expert.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from kata.datasets.types import ChunkSpec, Condition, Episode
from kata.policies.card import Card
from kata.policies.features import StateEncoder
from kata.policies.normalise import Normaliser
from kata.policies.registry import make_policy
from kata.skills.contract.package import open_package, scripted, write_package
from kata.skills.contract.promise import Envelope, Workspace
from kata.skills.evidence.audit_rollouts import Subject
from kata.skills.execution.messages import LoadedSkill
from kata.skills.handover.boundary import FactBoundary
from kata.skills.testing import CONTRACTS, BadPolicy, FakeWorld, WaypointPolicy, good_skills

SHUT, OPEN, SIGN = 0.0, 0.08, 0.0123
"""Openings of the gripper; the last one is a sign that one skill leaves for another."""

BOX = Workspace((0.0, -0.6, 0.0), (0.8, 0.6, 0.6))


class TouchWorld(FakeWorld):
    """The table pushes back below 2 cm."""

    def contact_force_n(self):
        return 5000.0 * max(0.0, 0.02 - float(self._joints[2]))


@dataclass
class HeldWorld(TouchWorld):
    """It begins with the cube in the hand."""

    def reset(self, seed):
        super().reset(seed)
        self._joints[3], self._held = SHUT, True
        self._cube = self._joints[:3].copy()
        return self.observe()


def at(point, grip):
    return np.append(np.asarray(point, dtype=float), grip)


def pick_then(end, grip=SHUT):
    """Waypoints that pick the cube and go on to a place."""

    def way(observation):
        cube = observation.entities["red_cube"].pose.position
        above = cube + np.array([0.0, 0.0, 0.15])
        begin = [
            at(observation.position[:3], OPEN),
            at(above, OPEN),
            at(cube, OPEN),
            at(cube, SHUT),
        ]
        return [*begin, at(above, SHUT), at(end, SHUT), at(end, grip)]

    return way


def let_go(way):
    """Waypoints that end with the hand open."""
    return lambda observation: [*way(observation), at(way(observation)[-1][:3], OPEN)]


def here(observation):
    return observation.position[:3]


def nudge(observation):
    """A way that depends on nothing but where it begins."""
    return [at(here(observation) + np.array([0.3, 0.0, 0.0]), SHUT)]


class SignPolicy(WaypointPolicy):
    """Slow, and fast where another skill has left its sign in the hand."""

    def chunk(self, observation, request):
        if self._left is None:
            self.speed = 1.8 if abs(observation.position[3] - SIGN) < 1e-3 else 0.4
        return super().chunk(observation, request)


def near_the_far_corner(observation):
    """Harmless but where another skill ends: there it goes down on the table."""
    if np.linalg.norm(here(observation) - np.array([0.7, 0.3, 0.4])) < 0.02:
        return [at([0.7, 0.3, 0.0], SHUT)]
    return [at(here(observation) + np.array([0.0, 0.0, 0.05]), SHUT)]


FAR = np.array([0.7, 0.3, 0.4])
POLICIES = {
    **{name: (lambda name=name: good_skills()[name].policy) for name in CONTRACTS},
    "detour": lambda: WaypointPolicy(
        lambda o: [at([0.3, 0.9, 0.4], OPEN), *pick_then(here(o) + np.array([0, 0, 0.1]))(o)]
    ),
    "press_down": lambda: WaypointPolicy(
        lambda o: [at([0.3, 0.3, 0.0], OPEN), *pick_then(here(o) + np.array([0, 0, 0.1]))(o)]
    ),
    "wander": lambda: BadPolicy("wanders"),
    "fetch": lambda: WaypointPolicy(pick_then(FAR)),
    "fetch_signed": lambda: WaypointPolicy(pick_then(FAR, SIGN)),
    "nudge": lambda: WaypointPolicy(let_go(nudge)),
    "sign": lambda: SignPolicy(let_go(nudge)),
    "corner": lambda: WaypointPolicy(let_go(near_the_far_corner)),
}


def learned(bias, scale=1.0, weight=0.0):
    """Writer of a regression policy that gives the same chunk whatever it sees."""
    spec, horizon = ChunkSpec(8, 0.05, 4, "joint", 4), 8
    encoder = StateEncoder(joints=4, gripper=3, slots=1)
    one = np.ones(encoder.size, dtype=np.float32)
    chunk = np.ones((horizon, 4), dtype=np.float32)
    card = Card(
        "regression", {"hidden": 8, "blocks": 1}, encoder, spec,
        Normaliser(0 * one, one, 10.0), Normaliser(0 * chunk, np.float32(scale) * chunk, 10.0),
    )  # fmt: skip
    policy = make_policy(card, "cpu")
    state = policy.network.state_dict()
    for name, values in state.items():
        values.fill_(weight)
        if name == "leave.bias":
            values.copy_(values.new_tensor(bias).repeat(horizon))
    policy.network.load_state_dict(state)
    return policy.save


def contract(name, base, *, limits=None, duration_s=6.0, **more):
    conditions = {k: Condition.parse(more.pop(k)) for k in ("requires", "achieves") if k in more}
    return replace(
        CONTRACTS[base], name=name, summary=f"A skill called {name}.", duration_s=duration_s,
        limits=limits or Envelope(1.5, 40.0, BOX), **conditions, **more,
    )  # fmt: skip


RELEASE = {"requires": "holding(?object)", "achieves": "gripper_empty() and not holding(?object)"}
HOLD = {"object": "red_cube"}, "holding(red_cube)"
EMPTY = {"object": "red_cube"}, "gripper_empty()"
DRAWER = {"container": "drawer"}, "open(drawer)"
CARRY = {"achieves": "holding(?object) and not gripper_empty()"}

GRASPS = {
    "good_pick": scripted("pick"),
    "fast": learned([0.75, 0.55, 0.55, 0.0]),
    "overflow": learned([1e38] * 4, scale=1e30, weight=1e30),
    "detour": scripted("detour"),
    "press_down": scripted("press_down"),
    "gripper_only": scripted("pick"),
    "wander": scripted("wander"),
    "fetch": scripted("fetch"),
    "fetch_signed": scripted("fetch_signed"),
}
SPECIAL = {
    # They hold what they have picked for a while, and go on meanwhile.
    "fetch": {"settle_s": 2.5},
    "fetch_signed": {"settle_s": 2.5},
    "gripper_only": {"resources": ("gripper",)},
    "wander": {"duration_s": 2.0},
    "sign": {"limits": Envelope(1.5)},
}
PACKAGES = {
    # name: contract, writer of the policy, maker of a world, what the task is about and for
    **{
        name: (contract(name, "pick", **CARRY, **SPECIAL.get(name, {})), policy, TouchWorld, HOLD)
        for name, policy in GRASPS.items()
    },
    **{
        name: (
            contract(name, "pick", **RELEASE, **SPECIAL.get(name, {})),
            scripted(name), HeldWorld, EMPTY,
        )
        for name in ("nudge", "sign", "corner")
    },
    "good_open": (contract("good_open", "open"), scripted("open"), TouchWorld, DRAWER),
}  # fmt: skip
"""Six that harm alone, three that harm after another one, two that come before, two good ones."""

GOOD = ("good_pick", "good_open", "fetch", "fetch_signed")
ALONE = {
    "fast": "speed", "overflow": "refused", "detour": "workspace", "press_down": "force",
    "gripper_only": "resources", "wander": "duration",
}  # fmt: skip
CHAINED = {
    "nudge": ("fetch", "workspace"),
    "sign": ("fetch_signed", "speed"),
    "corner": ("fetch", "force"),
}  # fmt: skip


def load(folder, _world):
    """The skill of a package; its signature is for another test."""
    skill = open_package(folder, lambda _report: None)
    policy = skill.load_policy(lambda name: POLICIES[name]())
    return LoadedSkill(skill.contract, policy, FactBoundary())


def subject(parent, name):
    """A package on disk, and how to run it."""
    promise, policy, world, (arguments, goal) = PACKAGES[name]
    folder = write_package(parent, promise, policy)
    task = partial(world, episode=Episode(name, arguments, goal, 9.0))
    return Subject(promise, partial(load, folder), task)
