"""Several robots as one: each stands where its file says, and its names begin with its hand's.

    members:
      - {robot: panda, hand: left, position: [0.0, 0.38, 0.0]}
      - {robot: panda, hand: right, position: [0.0, -0.38, 0.0]}

gives the parts `left_arm`, `left_gripper`, `right_arm`, `right_gripper` and the hands `left` and
`right`. Each robot touches the scene and the others, never itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import mujoco
import numpy as np

from kata.datasets.types import ConfigError

from .description import Description, HandDescription, Member, PartDescription

_MOST = 8  # each has a bit of its own in the contact filter


def combine(description: Description, robots: Sequence[Description]) -> Description:
    """The description with the parts, hands and bodies of its members (`robots`, one each).

    Raises ConfigError for members that do not make one robot.
    """
    members = description.members
    hands = [member.hand for member in members]
    if not 1 < len(members) <= _MOST or len(set(hands)) < len(hands):
        raise ConfigError(
            "members that do not make one robot",
            where=description.name,
            expected=f"2 to {_MOST} members, each with a hand of its own name",
            got=", ".join(hands),
        )
    pairs = list(zip(members, robots, strict=True))
    for member, robot in pairs:
        if len(robot.hands) != 1 or robot.members:
            raise ConfigError(
                "only robots with one hand can be members",
                where=f"{description.name}.members",
                got=f"{member.robot} with {len(robot.hands)}",
            )
    return replace(
        description,
        parts=tuple(_part(m, part) for m, robot in pairs for part in robot.parts),
        hands=tuple(_hand(m, robot.hands[0]) for m, robot in pairs),
        touching=description.touching
        or tuple(m.prefix + body for m, robot in pairs for body in robot.touching),
    )


def _part(member: Member, part: PartDescription) -> PartDescription:
    joints = tuple(member.prefix + joint for joint in part.joints)
    return replace(part, name=member.prefix + part.name, joints=joints)


def _hand(member: Member, hand: HandDescription) -> HandDescription:
    prefix, drive = member.prefix, hand.drive
    if drive is not None:
        drive = replace(drive, joints=tuple(prefix + joint for joint in drive.joints))
    return replace(
        hand,
        name=member.hand,
        arm=prefix + hand.arm,
        gripper=prefix + hand.gripper if hand.gripper else "",
        tool_body=prefix + hand.tool_body,
        fingers={side: prefix + body for side, body in hand.fingers.items()},
        drive=drive,
    )


def make_several(
    members: Sequence[Member], sources: Sequence[Callable[[], mujoco.MjSpec]]
) -> mujoco.MjSpec:
    """A fresh MjSpec with the model of each member where it stands."""
    spec = mujoco.MjSpec()
    spec.modelname = "several"
    spec.compiler.degree = False
    for member, source in zip(members, sources, strict=True):
        turn = member.yaw_rad / 2
        frame = spec.worldbody.add_frame(
            pos=member.position, quat=(np.cos(turn), 0.0, 0.0, np.sin(turn))
        )
        spec.attach(source(), prefix=member.prefix, frame=frame)
    return spec


def base_of(description: Description, hand: str) -> tuple[float, float, float]:
    """Where the arm of a hand stands, in the world's frame; a single robot in its origin."""
    for member in description.members:
        if member.hand == hand:
            return member.position
    return (0.0, 0.0, 0.0)


def contact_bits(description: Description, body: str, robot_bit: int) -> tuple[int, int]:
    """`contype` and `conaffinity` of a solid geom of a body: `robot_bit` for all.

    Of several robots each has another bit beside, and accepts those of the robots after it.
    """
    bits = {m.prefix: robot_bit << (k + 1) for k, m in enumerate(description.members)}
    own = next((bit for prefix, bit in bits.items() if body.startswith(prefix)), 0)
    return robot_bit | own, sum(bit for bit in bits.values() if own and bit > own)
