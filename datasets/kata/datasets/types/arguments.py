"""Arguments of a call as text, each in one canonical form: names, numbers, places and free text.

    red_cube                    a name: an entity of the scene, or a hand
    0.08                        a number, in the SI unit that its parameter's name bears
    table@0.45,0.1,0.02         a place: x, y, z in m in the frame of an entity
    table@0.45,0.1,0.02,1.57    the same, turned by a yaw in rad about the frame's z axis
    "gently"                    free text, in quotation marks

The forms exclude each other, so that data can be read without the contract that it was made by.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .errors import ConditionError, DatasetError, UnknownNameError
from .pose import Array, Pose, yaw_quat
from .signals import EntityState, Observation

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_NAME = re.compile(r"[A-Za-z_]\w*")
_MOST_TEXT = 200
_STORED = re.compile(r"""\s*(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|[^=]*?)\s*(?:,(?=\s*\w+\s*=)|$)""")
"""A name with its value, up to the next name: places and quoted texts have commas in them."""


@dataclass(frozen=True, slots=True)
class Place:
    """A pose in the frame of an entity: position (x, y, z) in m, and a turn about z."""

    frame: str
    x: float
    y: float
    z: float
    yaw_rad: float = 0.0

    def __str__(self) -> str:
        numbers = [self.x, self.y, self.z, *([self.yaw_rad] if self.yaw_rad else [])]
        return f"{self.frame}@{','.join(map(number_text, numbers))}"

    @property
    def pose(self) -> Pose:
        """`pose_frame_place`."""
        return Pose(np.array([self.x, self.y, self.z]), yaw_quat(self.yaw_rad))

    def entity(self, frame: Pose) -> EntityState:
        """The place as a thing without extent, where its frame is at `pose_world_frame`."""
        pose = frame @ self.pose
        return EntityState(str(self), pose, pose.position.copy(), np.zeros(3))

    @classmethod
    def parse(cls, text: str) -> Place:
        """Place of its text. Raises ConditionError."""
        frame, sign, rest = text.strip().partition("@")
        numbers = [part.strip() for part in rest.split(",")]
        fits = bool(sign) and _NAME.fullmatch(frame.strip()) and len(numbers) in (3, 4)
        if not fits or not all(map(is_number, numbers)):
            raise ConditionError("not a place", expected="FRAME@x,y,z[,yaw_rad]", got=text[:80])
        return cls(frame.strip(), *map(parse_number, numbers))


def is_number(text: str) -> bool:
    """Whether text is a finite number."""
    return _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def is_place(text: str) -> bool:
    """Whether text has the form of a place."""
    try:
        Place.parse(text)
    except ConditionError:
        return False
    return True


def is_name(text: str) -> bool:
    """Whether text has the form of a name."""
    return _NAME.fullmatch(text) is not None


def parse_number(text: str) -> float:
    """Number of its text. Raises ConditionError for anything else, infinity and NaN included."""
    if not is_number(text.strip()):
        raise ConditionError("not a number", expected="a finite decimal number", got=text[:80])
    return float(text)


def number_text(value: float) -> str:
    """The shortest text that reads back to an equal number."""
    text = repr(float(value) + 0.0)
    return text.removesuffix(".0")


def free_text(text: str) -> str:
    """Free text in its quotation marks. Raises ConditionError where it is too long to say."""
    if len(text) > _MOST_TEXT or not text.isprintable():
        raise ConditionError(
            "not a text to give to a skill",
            expected=f"at most {_MOST_TEXT} printable characters",
            got=f"{len(text)} characters",
        )
    return json.dumps(text, ensure_ascii=False)


def parse_text(text: str) -> str:
    """What stands between the quotation marks. Raises ConditionError."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, str):
        raise ConditionError("not a text", expected='"..."', got=text[:80])
    return found


def numbers_of(texts: Sequence[str]) -> Array:
    """The numbers (P,) among arguments, in their order."""
    return np.array([float(text) for text in texts if is_number(text)], dtype=float)


def names_in(texts: Iterable[str]) -> list[str]:
    """The names among arguments, and the frames of their places."""
    places = (Place.parse(text).frame if is_place(text) else text for text in texts)
    return [text for text in places if is_name(text)]


def about(observation: Observation, texts: Sequence[str], hand: str = "") -> Observation:
    """The observation about a call by `hand` with these arguments: things, places, numbers, hands.

    Free text is nothing to look at. Raises UnknownNameError for a thing, or a place's frame, that
    is not there.
    """
    focus: list[str] = []
    targets: dict[str, EntityState] = {}
    for text in texts:
        if is_place(text):
            place = Place.parse(text)
            if place.frame not in observation.entities:
                raise UnknownNameError("entity", place.frame, observation.entities, where="focus")
            focus.append(str(place))
            targets[str(place)] = place.entity(observation.entities[place.frame].pose)
        elif is_name(text) and (text in observation.entities or text not in observation.tools):
            focus.append(text)
    named = [text for text in (hand, *texts) if text in observation.tools]
    hands = [name for name in named if name not in observation.entities]
    return observation.with_focus(focus, targets, numbers_of(texts), hands)


def arguments_text(arguments: Mapping[str, str]) -> str:
    """Arguments as stored text, in their order."""
    return ", ".join(f"{name}={value}" for name, value in arguments.items())


def parse_arguments(text: str) -> dict[str, str]:
    """Inverse of `arguments_text`. Raises DatasetError."""
    if not text.strip():
        return {}
    out: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _STORED.match(text, at)
        if match is None:
            raise DatasetError("not arguments", expected="name=value, name=value", got=repr(text))
        out[match[1]] = match[2].strip()
        at = match.end()
    return out
