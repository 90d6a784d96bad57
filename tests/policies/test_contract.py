"""Both policies hold to the contract."""

from kata.datasets.types import Observation
from kata.policies.fakes import fake_observation, fake_policy
from kata.policies.policy import ChunkPolicy
from kata.policies.testing import LearnedPolicyContract


class TestRegression(LearnedPolicyContract):
    def make_policy(self) -> ChunkPolicy:
        return fake_policy("regression")

    def make_observation(self, seed: int) -> Observation:
        return fake_observation(seed)


class TestDiffusion(LearnedPolicyContract):
    def make_policy(self) -> ChunkPolicy:
        return fake_policy("diffusion")

    def make_observation(self, seed: int) -> Observation:
        return fake_observation(seed)


class TestOneStepDiffusion(TestDiffusion):
    def make_policy(self) -> ChunkPolicy:
        return fake_policy("diffusion", steps=1)
