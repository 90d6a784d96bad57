"""What every policy must hold to: inherit `PolicyContract` in a test and give it your policy.

    class TestMine(PolicyContract):
        def make_policy(self) -> Policy: ...
        def make_observation(self, seed: int) -> Observation: ...

Experts, learned and wrapped policies alike; `LearnedPolicyContract` adds what learned ones do.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kata.datasets.types import (
    ActionChunk,
    Array,
    ChunkRequest,
    Observation,
    PackageError,
    Policy,
    SpecError,
)
from kata.datasets.types.overlap import overlap_weights

from .policy import ChunkPolicy
from .registry import load_policy
from .storage import CARD_NAME, WEIGHTS_NAME


class PolicyContract(ABC):
    """Laws of any policy."""

    @abstractmethod
    def make_policy(self) -> Policy:
        """A fresh policy; two calls give policies that behave alike."""

    @abstractmethod
    def make_observation(self, seed: int) -> Observation:
        """An observation that fits the policy, with its focus set."""

    def request(self, observation: Observation) -> ChunkRequest:
        """The plainest request."""
        return ChunkRequest(observation.time_s)

    def first(self, policy: Policy, seed: int = 0) -> ActionChunk:
        """The first chunk of an episode."""
        observation = self.make_observation(seed)
        policy.reset(seed)
        return policy.chunk(observation, self.request(observation))

    def test_chunk_fits_its_specification(self) -> None:
        """Horizon, width, step, frame and start are those announced, all numbers finite."""
        policy = self.make_policy()
        chunk, spec = self.first(policy), policy.chunk_spec
        assert chunk.values.shape == (spec.horizon, spec.width)
        assert (chunk.step_s, chunk.frame) == (spec.step_s, spec.frame)
        assert chunk.start_s == self.make_observation(0).time_s
        assert chunk.finite

    def test_chunk_refers_to_the_observed_tool(self) -> None:
        """A chunk in the tool's frame starts from the tool that was observed."""
        policy = self.make_policy()
        if policy.chunk_spec.frame == "tool":
            chunk, observation = self.first(policy), self.make_observation(0)
            assert chunk.reference is not None
            np.testing.assert_array_equal(
                chunk.reference.array(), observation.tool(chunk.hand).array()
            )

    def test_equal_seeds_give_equal_chunks(self) -> None:
        """To the bit, in one policy after `reset` and in two policies, call after call."""
        one, other = self.make_policy(), self.make_policy()
        observation = self.make_observation(3)
        request = self.request(observation)
        runs = []
        for policy in (one, one, other):
            policy.reset(5)
            runs.append([policy.chunk(observation, request).values for _ in range(3)])
        np.testing.assert_array_equal(runs[0], runs[1])
        np.testing.assert_array_equal(runs[0], runs[2])

    def test_missing_focus_is_refused(self) -> None:
        """An observation without what the policy reads raises SpecError."""
        policy, observation = self.make_policy(), self.make_observation(0)
        if "observation.focus" in policy.spec and policy.spec["observation.focus"].shape[0]:
            policy.reset(0)
            with pytest.raises(SpecError):
                policy.chunk(replace(observation, focus=()), self.request(observation))

    def test_wrong_robot_is_refused(self) -> None:
        """A state of another width raises SpecError."""
        policy, observation = self.make_policy(), self.make_observation(0)
        if "observation.state" in policy.spec:
            longer = np.zeros(len(observation.position) + 1)
            policy.reset(0)
            with pytest.raises(SpecError):
                policy.chunk(replace(observation, position=longer), self.request(observation))

    def test_missing_velocity_is_refused(self) -> None:
        """Where the policy reads it, SpecError says so."""
        policy, observation = self.make_policy(), self.make_observation(0)
        if "observation.velocity" in policy.spec:
            policy.reset(0)
            with pytest.raises(SpecError, match="velocity"):
                policy.chunk(replace(observation, velocity=np.zeros(0)), self.request(observation))

    def test_committed_actions_come_back(self) -> None:
        """To the bit, for prefixes of any length and size, with all after them finite."""
        policy, observation = self.make_policy(), self.make_observation(2)
        spec, rng = policy.chunk_spec, np.random.default_rng(0)
        for rows in sorted({1, 2, spec.horizon}):
            for size in (0.0, 0.01, 1.0):
                sure = int(rng.integers(0, rows, endpoint=True))
                prefix = size * rng.normal(size=(rows, spec.width))
                chunk = self.after(policy, observation, prefix, sure)
                np.testing.assert_array_equal(chunk.values[:sure], prefix[:sure])
                assert chunk.finite

    def test_a_prefix_that_agrees_changes_nothing(self) -> None:
        """A chunk that goes on as what runs is untouched."""
        policy, observation = self.make_policy(), self.make_observation(2)
        free = self.first(policy, 2).values
        for rows in sorted({1, len(free) // 2, len(free)} - {0}):
            policy.reset(2)
            request = replace(self.request(observation), prefix=free[:rows], committed=rows // 2)
            np.testing.assert_allclose(policy.chunk(observation, request).values, free, atol=1e-6)

    def test_what_runs_draws_the_chunk_to_it(self) -> None:
        """Actions that are not committed guide: the chunk goes towards a prefix that disagrees."""
        policy, shares = self.make_policy(), []
        for seed in range(4):
            observation = self.make_observation(seed)
            free = self.first(policy, seed).values
            for aside in (0.02, -0.02):
                policy.reset(seed)
                request = replace(self.request(observation), prefix=free + aside, committed=0)
                moved = policy.chunk(observation, request).values - free
                weights = overlap_weights(len(free), 0)[:, None]
                shares.append(float((weights * moved / aside).mean() / weights.mean()))
        assert 1e-4 < np.mean(shares) < 1.0

    def test_equal_prefixes_give_equal_chunks(self) -> None:
        """To the bit."""
        policy, observation = self.make_policy(), self.make_observation(2)
        prefix = 0.01 * np.ones((policy.chunk_spec.horizon, policy.chunk_spec.width))
        one, other = (self.after(policy, observation, prefix, 1).values for _ in range(2))
        np.testing.assert_array_equal(one, other)

    def test_a_prefix_that_does_not_fit_is_refused(self) -> None:
        """Too long, too wide, not finite, or with more committed actions than it has."""
        policy, observation = self.make_policy(), self.make_observation(2)
        width, horizon = policy.chunk_spec.width, policy.chunk_spec.horizon
        wrong = [
            (np.zeros((horizon + 1, width)), None),
            (np.zeros((1, width + 1)), None),
            (np.full((1, width), np.nan), None),
            (np.zeros((1, width)), 2),
        ]
        for prefix, sure in wrong:
            with pytest.raises(SpecError):
                self.after(policy, observation, prefix, sure)

    def after(
        self, policy: Policy, observation: Observation, prefix: Array, committed: int | None
    ) -> ActionChunk:
        """The first chunk of an episode, going on from a prefix."""
        policy.reset(0)
        request = self.request(observation)
        return policy.chunk(observation, replace(request, prefix=prefix, committed=committed))

    def test_inputs_are_not_written_to(self) -> None:
        """Observation and request are the same after a call."""
        policy, observation = self.make_policy(), self.make_observation(1)
        request = self.request(observation)
        before = copy.deepcopy((observation, request))
        policy.reset(0)
        policy.chunk(observation, request)
        _assert_same(before, (observation, request))


class LearnedPolicyContract(PolicyContract):
    """Laws of `ChunkPolicy` and its kinds, over those of any policy."""

    @abstractmethod
    def make_policy(self) -> ChunkPolicy:
        """A fresh policy; two calls give policies of equal weights."""

    def test_save_and_load_are_inverse(self, tmp_path: Path) -> None:
        """The loaded policy gives the same chunks, and saves to the same bytes."""
        policy = self.make_policy()
        policy.save(tmp_path / "a")
        loaded = load_policy(tmp_path / "a")
        loaded.save(tmp_path / "b")
        np.testing.assert_array_equal(self.first(policy).values, self.first(loaded).values)
        for name in (CARD_NAME, WEIGHTS_NAME):
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()

    def test_batched_equals_single(self) -> None:
        """Row i of a batch is what a policy with seed + i gives alone."""
        policy = self.make_policy()
        observations = [self.make_observation(i) for i in range(5)]
        requests = [self.request(o) for o in observations]
        policy.reset(10)
        policy.chunks(observations, requests)
        together = policy.chunks(observations, requests)
        for i, (observation, request) in enumerate(zip(observations, requests, strict=True)):
            policy.reset(10 + i)
            policy.chunk(observation, request)
            alone = policy.chunk(observation, request)
            np.testing.assert_allclose(together[i].values, alone.values, atol=1e-5)

    def test_later_start_leaves_out_what_has_passed(self) -> None:
        """A chunk from two steps later is the tail of the one from now."""
        policy, observation = self.make_policy(), self.make_observation(2)
        whole = self.first(policy, 2).values
        policy.reset(2)
        later = observation.time_s + 2 * policy.chunk_spec.step_s
        chunk = policy.chunk(observation, ChunkRequest(later))
        np.testing.assert_array_equal(chunk.values, whole[2:])
        assert chunk.start_s == later

    def test_request_out_of_reach_is_refused(self) -> None:
        """A delay beyond the chunk's end leaves nothing to act on."""
        policy, observation = self.make_policy(), self.make_observation(0)
        reach = policy.chunk_spec.horizon * policy.chunk_spec.step_s
        policy.reset(0)
        with pytest.raises(SpecError, match="out of the chunk's reach"):
            policy.chunk(observation, ChunkRequest(observation.time_s, delay_s=reach))

    def test_damaged_weights_are_refused(self, tmp_path: Path) -> None:
        """A cut file raises PackageError, whatever the cut."""
        self.make_policy().save(tmp_path)
        path = tmp_path / WEIGHTS_NAME
        data = path.read_bytes()
        for size in (0, 4, 100, len(data) // 2, len(data) - 1):
            path.write_bytes(data[:size])
            with pytest.raises(PackageError):
                load_policy(tmp_path)


def _assert_same(a: Any, b: Any) -> None:
    """Equal in all parts, arrays to the bit."""
    if isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b)
    elif isinstance(a, (tuple, list)):
        for x, y in zip(a, b, strict=True):
            _assert_same(x, y)
    elif isinstance(a, dict):
        _assert_same(list(a.items()), list(b.items()))
    elif hasattr(a, "__dataclass_fields__"):
        for field in fields(a):
            _assert_same(getattr(a, field.name), getattr(b, field.name))
    else:
        assert a == b
