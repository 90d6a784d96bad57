"""An exported skill behind LeRobot's policy: chunks of tool poses become joint targets.

Legend: `B` batch, `D` joints, `S` slots of focus, `K` numbers an entity, `A` actions.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import torch
from lerobot.policies.pretrained import PreTrainedPolicy
from torch import Tensor

from kata.datasets.types import ChunkRequest, Command, ConfigError, SpecError
from kata.policies.card import card_from_json
from kata.policies.registry import make_policy
from kata.sim.robots import load
from kata.sim.robots.kinematics import ToolKinematics

from .configuration_kata import KataConfig
from .observation import Reader


class KataPolicy(PreTrainedPolicy):
    """A skill of Kata; each action is the absolute joint targets of the next frame.

    Observations bear `observation.state` (B, D) and `observation.focus` (B, S, K), or instead of
    the latter `observation.environment_state` with a `task` that names the call's entities;
    without `observation.tool_pose` it follows from the joints. Rows begin together, at `reset`.
    """

    config_class = KataConfig
    name = "kata"

    def __init__(self, config: KataConfig, **_: Any) -> None:
        """Raises ConfigError for a configuration that no export wrote, or another robot's."""
        super().__init__(config)
        config.validate_features()
        card = card_from_json(json.loads(config.card), where="config.json: card")
        robot = load(config.robot)
        if card.robot not in ("", robot.spec.fingerprint()):
            raise ConfigError(
                "a skill of another robot",
                where=f"robot={config.robot}",
                expected=card.robot,
                got=robot.spec.fingerprint(),
            )
        self.policy = make_policy(card, str(config.device))
        self.network = self.policy.network
        self.kinematics = ToolKinematics(robot)
        self._reader = Reader(robot.spec, self.kinematics, tuple(config.entities))
        self._seed = config.seed
        self._begin()

    def _begin(self) -> None:
        self._actions: deque[Tensor] = deque()
        self._now: list[Command] = []
        self._time_s = 0.0
        self.policy.reset(self._seed)

    def reset(self) -> None:
        """Begin episodes, with noise of their own."""
        # Row i of a batch draws the noise of seed + i; the next episodes begin after them.
        self._seed += max(1, len(self._now))
        self._begin()

    @torch.no_grad()
    def select_action(self, batch: dict[str, Tensor], **_: Any) -> Tensor:
        """Joint targets (B, D) of the next frame. Raises SpecError for a batch that lacks a key."""
        if not self._actions:
            self._actions.extend(self.predict_action_chunk(batch).unbind(1))
        return self._actions.popleft()

    @torch.no_grad()
    def predict_action_chunk(self, batch: dict[str, Tensor], **_: Any) -> Tensor:
        """Joint targets (B, A, D) of the frames until the skill looks again."""
        observations = self._reader.read(batch, self._time_s)
        if len(self._now) not in (0, len(observations)):
            raise SpecError(
                "a batch of another size within an episode",
                expected=str(len(self._now)),
                got=str(len(observations)),
                hint="call reset() first",
            )
        # Motion goes on from what was asked for, as on the servo; at first from where it stands.
        now = self._now or [Command.hold(o.position) for o in observations]
        spec = self.policy.chunk_spec
        request = ChunkRequest(self._time_s)
        chunks = self.policy.chunks(observations, [request] * len(observations))
        paths = [self.kinematics.follow(c, n) for c, n in zip(chunks, now, strict=True)]
        count = max(1, round(spec.execute * spec.step_s * self.config.fps))
        times = [self._time_s + (k + 1) / self.config.fps for k in range(count)]
        self._now = [path.at(times[-1]) for path in paths]
        self._time_s = times[-1]
        targets = [[torch.as_tensor(p.at(t).position) for t in times] for p in paths]
        stacked = torch.stack([torch.stack(rows) for rows in targets])
        return stacked.to(batch["observation.state"].device, torch.float32)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Any] | None]:
        """Raises ConfigError: a skill is trained by Kata."""
        raise ConfigError(
            "a skill of Kata is not trained by LeRobot",
            hint="kata train skill=NAME data=DIR, then kata library export",
        )

    def get_optim_params(self) -> Any:
        """The network's weights."""
        return self.network.parameters()
