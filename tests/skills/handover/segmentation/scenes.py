"""Demonstrations in miniature: a hand that is led about, and what it does to things."""

import numpy as np

from kata.datasets.types.pose import Array
from kata.skills.handover.segmentation.tracks import Track

UP = 0.2
OPEN, GRASP, SHUT = 0.08, 0.04, 0.0
DOWN = np.array([0.0, 1.0, 0.0, 0.0])


class Scene:
    """A hand that is led from place to place; what it holds or pushes comes along."""

    def __init__(self, rng: np.random.Generator) -> None:
        spread = rng.uniform(-0.03, 0.03, (3, 2))
        self.rng = rng
        self.tool, self.opening = np.array([0.4, 0.0, UP]), OPEN
        self.places = {
            "cube": np.array([0.5, 0.1, 0.02]) + np.pad(spread[0], (0, 1)),
            "block": np.array([0.5, -0.1, 0.02]) + np.pad(spread[1], (0, 1)),
            "tray": np.array([0.3, 0.3, 0.0]),
            "handle": np.array([0.3, -0.3, 0.1]),
        }
        self.share = 0.0
        self.rows: list[tuple[Array, float, dict[str, Array], float]] = []
        self.true: list[int] = []

    def go(self, place: Array, frames: int = 10, along: str = "", slide: float = 0.0) -> None:
        """Smoothly to a place; a thing comes along, or the handle slides by a share."""
        start, share = self.tool.copy(), self.share
        carried = self.places[along].copy() if along else None
        for k in range(1, frames + 1):
            part = 0.5 - 0.5 * np.cos(np.pi * k / frames)
            self.tool = start + (place - start) * part
            if carried is not None:
                self.places[along] = carried + self.tool - start
            self.share = share + slide * part
            self.record()

    def grip(self, opening: float, frames: int = 4) -> None:
        for part in np.linspace(self.opening, opening, frames):
            self.opening = float(part)
            self.record()

    def record(self) -> None:
        noise = self.rng.normal(0.0, 2e-4, 3)
        places = {name: place.copy() for name, place in self.places.items()}
        self.rows.append((self.tool + noise, self.opening, places, self.share))

    def above(self, place: Array) -> Array:
        return np.array([place[0], place[1], UP])

    def take(self, name: str) -> None:
        self.go(self.above(self.places[name]), 14)
        self.go(self.places[name])
        self.grip(GRASP)
        self.go(self.above(self.tool), along=name)
        self.true.append(len(self.rows))

    def put(self, name: str) -> None:
        spot = self.places["tray"] + [0.0, 0.0, 0.02]
        self.go(self.above(spot), 14, along=name)
        self.go(spot, along=name)
        self.grip(OPEN)
        self.go(self.above(self.tool))
        self.true.append(len(self.rows))

    def shove(self, name: str, other: str) -> None:
        self.grip(SHUT)
        way = self.places[other] - self.places[name]
        way = way / np.linalg.norm(way)
        behind = self.places[name] - 0.04 * way
        end = self.places[other] - 0.085 * way
        self.go(self.above(behind), 14)
        self.go(behind)
        self.go(end, 12, along=name)
        self.go(self.above(self.tool))
        self.true.append(len(self.rows))

    def slide(self, by: float) -> None:
        self.go(self.above(self.places["handle"]), 14)
        self.go(self.places["handle"])
        self.go(self.places["handle"] + [0.0, 0.15 * by, 0.0], 12, "handle", by)
        self.go(self.above(self.tool))
        self.true.append(len(self.rows))

    def track(self, episode: int) -> Track:
        tools = np.stack([row[0] for row in self.rows])
        opening = np.array([[row[1]] for row in self.rows])
        position = np.concatenate([tools, opening], axis=1)
        action = np.concatenate([position[1:], position[-1:]])
        count = len(tools)
        names = list(self.places)
        turned = np.tile(np.concatenate([[0.0] * 3, DOWN]), (count, 1))
        flat = np.tile([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], (count, 1))
        at = {n: np.stack([row[2][n] for row in self.rows]) for n in names}
        half = {n: np.full(3, 0.02) for n in names} | {"tray": np.array([0.1, 0.1, 0.01])}
        return Track(
            episode,
            20,
            position,
            np.gradient(position, axis=0) * 20,
            action,
            ("hand",),
            (turned + np.pad(tools, ((0, 0), (0, 4))))[:, None],
            opening,
            {n: flat + np.pad(at[n], ((0, 0), (0, 4))) for n in names},
            {n: np.array([row[3] * (n == "handle") for row in self.rows]) for n in names},
            half,
            {n: at[n] + [0.0, 0.0, 0.0 if n == "tray" else 0.02] for n in names},
        )


def demonstration(episode: int) -> tuple[Track, list[int]]:
    """Slide out, shove, take, put, slide back, in two orders; and when each of them ended."""
    scene = Scene(np.random.default_rng(episode))
    scene.slide(0.9)
    if episode % 2:
        scene.shove("cube", "block")
    scene.take("cube")
    scene.put("cube")
    scene.slide(-0.9)
    return scene.track(episode), scene.true[:-1]
