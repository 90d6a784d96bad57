"""Small made-up observations, policies and demonstrations, for tests of whoever uses policies."""

from __future__ import annotations

import numpy as np
import torch

from kata.datasets.types import ChunkSpec, EntityState, Observation, Pose
from kata.datasets.types.pose import quat_normalize

from .card import Card
from .demonstrations import Demonstrations
from .denoisers import MLPDenoiser
from .features import StateEncoder
from .normalise import Normaliser
from .policy import ChunkPolicy
from .registry import make_policy, policy_settings

FAKE_CHUNK = ChunkSpec(horizon=8, step_s=0.05, execute=4, frame="tool", width=7)
FAKE_ENCODER = StateEncoder(joints=8, gripper=7, slots=2)


def fake_observation(seed: int, joints: int = 8, slots: int = 2) -> Observation:
    """A random but legal observation of one hand and `slots` entities, all in focus."""
    rng = np.random.default_rng(seed)
    names = tuple(f"thing_{i}" for i in range(slots))
    entities = {
        name: EntityState(
            name,
            _fake_pose(rng),
            rng.normal(size=3),
            rng.uniform(0.01, 0.1, 3),
            articulation=float(rng.uniform()),
            symmetry=int(rng.choice([1, 2, 4])),
        )
        for name in names
    }
    zero = np.zeros(joints)
    tools = {"hand": _fake_pose(rng)}
    return Observation(1.0, rng.uniform(0, 1, joints), zero, zero, tools, entities, names)


def _fake_pose(rng: np.random.Generator) -> Pose:
    return Pose(rng.uniform(-0.5, 0.5, 3), quat_normalize(rng.normal(size=4)))


def fake_policy(name: str, **settings: int | str) -> ChunkPolicy:
    """A small policy of a registered kind, for `fake_observation`; the same at each call."""
    rng = np.random.default_rng(0)
    features = rng.normal(0.1, 0.5, (50, FAKE_ENCODER.size)).astype(np.float32)
    shape = (50, FAKE_CHUNK.horizon, FAKE_CHUNK.width)
    actions = rng.normal(0.02, 0.1, shape).astype(np.float32)
    card = Card(
        name,
        policy_settings(name, {"hidden": 32, "blocks": 2, **settings}),
        FAKE_ENCODER,
        FAKE_CHUNK,
        Normaliser.fit(features, floor=0.01, clip=5.0),
        Normaliser.fit(actions, floor=0.001, clip=5.0),
    )
    policy = make_policy(card)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in policy.network.parameters():
            weight.copy_(0.2 * torch.randn(weight.shape, generator=generator))
        if isinstance(policy.network, MLPDenoiser):
            _look_at_the_sample(policy.network)
    return policy


def _look_at_the_sample(network: MLPDenoiser) -> None:
    """Let the answer follow the sample, as a trained denoiser's does and a random one's does not.

    What guides it acts through that slope.
    """
    body, chunk = network.body, network.body.leave.out_features
    first = body.enter.in_features - network.embedding - chunk
    body.leave.weight.copy_(body.enter.weight[:, first : first + chunk].T)


def fake_demonstrations(episodes: int = 12, frames: int = 40) -> Demonstrations:
    """Demonstrations whose chunks follow smoothly from a few of the features: learnable."""
    rng = np.random.default_rng(7)
    count, spec = episodes * frames, FAKE_CHUNK
    features = rng.normal(size=(count, FAKE_ENCODER.size)).astype(np.float32)
    mix = rng.normal(size=(4, spec.horizon * spec.width))
    actions = 0.1 * np.tanh(features[:, :4] @ mix / 2.0)
    return Demonstrations(
        features,
        actions.astype(np.float32).reshape(count, spec.horizon, spec.width),
        np.repeat(np.arange(episodes), frames),
        FAKE_ENCODER,
        spec,
        robot="0123456789abcdef",
    )
