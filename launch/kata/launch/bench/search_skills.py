"""Skills by template, for measuring a search: their words are those of real ones, their jobs not.

They count, photograph and weigh what others pick up, and so share nouns, places and turns of phrase
with the sentences that people say, without being what is meant.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from kata.datasets.types import Condition
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import Parameter

_JOBS = (
    ("photograph", "Take a picture of", "the camera is moved to three views and one frame is kept"),
    ("count", "Tell how many there are of", "each one is outlined and numbered"),
    ("weigh", "Measure the weight of", "the wrist's force is averaged over a second"),
    ("inspect", "Look for scratches on", "a light is moved along and the picture is compared"),
    (
        "disinfect",
        "Treat with ultraviolet light",
        "a lamp is held at a hand's breadth for a minute",
    ),
    ("label", "Stick a label on", "the printer's arm presses a sticker on for a second"),
    ("measure", "Gauge the size of", "a laser line is moved along two sides"),
    ("heat", "Warm with hot air", "a nozzle is kept at a distance until the sensor says enough"),
    ("polish", "Buff to a shine", "a felt disc is moved in small circles with paste"),
    ("sand", "Smooth the grain of", "an orbital sander is led in strokes along the grain"),
    ("locate", "Report the position of", "two views are matched and a pose is written to the log"),
    ("guard", "Watch over", "an alarm is raised when anything comes close"),
    ("engrave", "Cut letters into", "a spindle follows the outline at constant depth"),
    ("dust", "Blow dust from", "short bursts of air are given from above"),
    ("tap_test", "Listen to the sound of", "it is knocked at and the sound is compared"),
    ("cool", "Bring down the temperature of", "a fan is aimed until the sensor says enough"),
)
_NOUNS = (
    ("mug", "object"), ("glass", "vessel"), ("plate", "dish"), ("bottle", "vessel"),
    ("jar", "vessel"), ("lid", "lid"), ("drawer", "drawer"), ("door", "hinged"),
    ("screw", "fastener"), ("bolt", "fastener"), ("shirt", "textile"), ("towel", "textile"),
    ("parcel", "box"), ("brick", "object"), ("cable", "plug"), ("lamp", "switched"),
    ("valve", "valve"), ("plant", "plant"), ("key", "key"), ("bread", "food"),
    ("pancake", "food"), ("wrench", "object"), ("coat", "textile"), ("tray", "large"),
    ("crate", "large"), ("ball", "object"), ("book", "object"), ("paint", "vessel"),
)  # fmt: skip
_PLACES = (
    ("in the cupboard", "in"), ("on the table", "on"), ("on the bench", "on"),
    ("in the drawer", "in"), ("on the shelf", "on"), ("in the machine", "in"),
    ("on the counter", "on"), ("in the bin", "in"), ("by the door", "near"),
    ("next to the person", "near"), ("in the fridge", "in"), ("on the hook", "on"),
)  # fmt: skip
_TAGS = {"in": "container", "on": "surface", "near": "object"}
_TURNS = (
    "before it is put away", "so that it can be taken out", "after it was opened",
    "while the hand is empty", "before the lid goes on", "when it is turned on",
    "until it is closed again", "before it is handed over",
)  # fmt: skip


def templated(count: int, seed: int) -> Iterator[Contract]:
    """So many contracts by template, each with a name of its own; the seed gives which."""
    shuffle = random.Random(seed)
    every = list(itertools.product(_JOBS, _NOUNS, _PLACES, range(-(-count // 5376))))
    shuffle.shuffle(every)
    for (job, does, how), (noun, tag), (place, relation), again in every[:count]:
        turn, other = shuffle.choice(_TURNS), shuffle.choice(_TURNS)
        name = f"{job}_{noun}_{place.split()[-1]}" + (f"_{again}" if again else "")
        there = f"{relation}(?item, ?place)"
        yield Contract(
            name=name,
            version="1.0.0",
            summary=f"{does} the {noun} {place} {turn}.",
            parameters=(Parameter("item", tag), Parameter("place", _TAGS[relation])),
            requires=Condition.parse(f"gripper_empty() and {there}"),
            holds=Condition.parse(""),
            achieves=Condition.parse(""),
            duration_s=12.0,
            description=f"To {job.replace('_', ' ')} it, {how}.",
            examples=(f"{does.lower()} the {noun} {place}", f"{job.replace('_', ' ')} it {other}"),
        )
