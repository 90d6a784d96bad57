"""Every policy, with every network, holds to the contract."""

from kata.datasets.types import Observation
from kata.policies.fakes import fake_observation, fake_policy
from kata.policies.policy import ChunkPolicy
from kata.policies.testing import LearnedPolicyContract


class TestRegression(LearnedPolicyContract):
    def make_policy(self) -> ChunkPolicy:
        return fake_policy("regression")

    def make_observation(self, seed: int) -> Observation:
        return fake_observation(seed)


class TestDiffusion(TestRegression):
    def make_policy(self) -> ChunkPolicy:
        return fake_policy("diffusion")


class TestOneStepDiffusion(TestRegression):
    def make_policy(self) -> ChunkPolicy:
        return fake_policy("diffusion", steps=1)


class TestDiffusionUNet(TestRegression):
    def make_policy(self) -> ChunkPolicy:
        return fake_policy("diffusion", network="unet")


class TestDiffusionTransformer(TestRegression):
    def make_policy(self) -> ChunkPolicy:
        return fake_policy("diffusion", network="transformer")


class TestFlow(TestRegression):
    def make_policy(self) -> ChunkPolicy:
        return fake_policy("flow")


class TestFlowUNet(TestRegression):
    def make_policy(self) -> ChunkPolicy:
        return fake_policy("flow", network="unet", blocks=3)


class TestFlowTransformer(TestRegression):
    def make_policy(self) -> ChunkPolicy:
        return fake_policy("flow", network="transformer", steps=1)
