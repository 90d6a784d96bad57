"""Two skills at once: the weighted sum of their clean estimates in every step of the sampler.

Each policy keeps a sample of its own, from the same noise; in each step their estimates of the
clean chunk are added in SI units, and every sample moves towards the sum. As a sample moves
along the difference of itself and the estimate, this adds denoising directions (Liu et al.,
"Compositional Visual Generation with Composable Diffusion Models", arXiv:2206.01714).
Legend: `B` batch, `F` features, `H` actions of a chunk, `A` width of an action.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from kata.datasets.types import (
    ConfigError,
    FeatureSpec,
    KataError,
    KeySpec,
    Observation,
    SpecError,
)

from .card import ComposedCard, PartCard, check_count, leading
from .guidance import Frozen, between, guided, strength
from .guidance_cost import Cost, Steering
from .policy import check_size, count_weights
from .registry import COMPOSED, POLICIES, make_policy, policy_class
from .sampling import SampledPolicy, Step

_FOCUS = "observation.focus"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the policies that are added.

    Attributes:
        weight: of its estimate; those of all parts sum to 1, single ones may be negative.
        focus: which of the call's things it is about, as places in the focus; None: all of them.
    """

    policy: SampledPolicy
    weight: float
    focus: tuple[int, ...] | None = None

    def view(self, observation: Observation) -> Observation:
        """The observation as this part reads it. Raises SpecError for a focus that is too short."""
        if self.focus is None:
            return observation
        names = observation.focus
        if max(self.focus, default=-1) >= len(names):
            raise SpecError(
                "too few things in focus for a part", where=self.policy.name,
                expected=f"at least {max(self.focus) + 1}", got=str(len(names)),
            )  # fmt: skip
        return replace(observation, focus=tuple(names[i] for i in self.focus))


class Composed(SampledPolicy):
    """A policy that samples from several at once.

    The part with the greatest weight leads: chunks are computed in its units, so that a part with
    the whole weight answers as it does alone, to the bit. The sum of the estimates is guided by a
    prefix, by the network of every part.

    Args:
        parts: two to `MOST_PARTS`, of equal chunks and equal sampler steps, on one device; none is
            a composition itself.

    It is saved and loaded as any policy, in one file, the weights of its parts side by side.

    Raises ConfigError for other parts, naming what differs, for weights that do not sum to 1, and
    for networks that are too large together.
    """

    name: ClassVar[str] = COMPOSED

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        _check(self.parts)
        self._lead = leading([part.weight for part in parts])
        lead = self.parts[self._lead].policy
        self.Settings = lead.Settings  # type: ignore[misc]
        self._leading = lead
        cards = [PartCard(part.weight, part.focus, part.policy.card) for part in parts]
        super().__init__(ComposedCard.of(cards), str(lead.device))
        self.spec = _spec(self.parts)

    @classmethod
    def of(cls, card: ComposedCard, device: str = "cpu") -> Composed:
        """A composition with fresh weights, from torch's global generator.

        Raises UnknownNameError for a part of a kind that does not exist, ConfigError as `Composed`.
        """
        parts, size = [], 0
        for i, one in enumerate(card.parts):
            try:
                policy = make_policy(one.card, device)
            except KataError as error:
                error.where = f"parts[{i}] {error.where}".strip()
                raise
            # Part by part: the file that would have to hold them all has not been looked at yet.
            size += count_weights(policy.network)
            check_size(size, f"parts[{i}]")
            parts.append(Part(_sampled(policy, f"parts[{i}]"), one.weight, one.focus))
        return cls(parts)

    @property
    def members(self) -> Sequence[SampledPolicy]:
        """The parts' policies."""
        return [part.policy for part in self.parts]

    def build(self) -> nn.Module:
        """The networks of the parts side by side, as they are; `answer` is asked of the parts."""
        return nn.ModuleDict({f"part{i}": one.network for i, one in enumerate(self.members)})

    def loss(self, network: nn.Module, features: Tensor, actions: Tensor, seed: int) -> Tensor:
        """Raises ConfigError: the parts are trained, one by one."""
        raise ConfigError("a composed policy is not trained", hint="train its parts")

    def plan(self) -> Sequence[Step]:
        """The steps that all parts share."""
        return self._leading.plan()

    def _features(self, observations: Sequence[Observation]) -> Tensor:
        """Features of all parts side by side."""
        each = [part.policy._features([part.view(o) for o in observations]) for part in self.parts]
        return torch.cat(each, dim=-1)

    def predict(
        self,
        features: Tensor,
        seeds: Sequence[int],
        frozen: Frozen | None = None,
        costs: Sequence[Cost | None] = (),
    ) -> Tensor:
        """Normalised chunks (B, H, A), in the leading part's units."""
        sizes = [part.policy.card.encoder.size for part in self.parts]
        seen = list(torch.split(features, sizes, dim=-1))
        noise, steer = self._noise(seeds), self.steering(costs, frozen)
        free = self._run(seen, noise, None, steer)
        if frozen is None:
            return free
        return between(free, self._run(seen, noise, frozen, steer), frozen)

    def _run(
        self, seen: Sequence[Tensor], noise: Tensor, frozen: Frozen | None, steer: Steering | None
    ) -> Tensor:
        """All steps: normalised chunks (B, H, A)."""
        samples = [noise] * len(self.parts)
        clean = noise
        for step in self._sampling.steps:
            if frozen is not None:
                known = [
                    step.signal * v + step.noise * noise for v in self._in_units(frozen.values)
                ]
                samples = [
                    torch.where(frozen.mask, k, x) for k, x in zip(known, samples, strict=True)
                ]
            clean = self._clean(step, seen, samples, frozen)
            if steer is not None:
                clean = steer(clean, step.noise)
            if frozen is not None:
                clean = torch.where(frozen.mask, frozen.values, clean)
            samples = [
                step.stay * x + step.pull * own
                for x, own in zip(samples, self._in_units(clean), strict=True)
            ]
        return clean

    def _clean(
        self, step: Step, seen: Sequence[Tensor], samples: Sequence[Tensor], frozen: Frozen | None
    ) -> Tensor:
        """The weighted clean estimate (B, H, A) in the leading part's units, guided by a prefix."""
        if frozen is None:
            return self._sum(step, seen, samples)
        lead = samples[self._lead]

        def estimate(x: Tensor) -> Tensor:
            moved = [
                own + (x - lead) * rate for own, rate in zip(samples, self._rates, strict=True)
            ]
            moved[self._lead] = x
            return self._sum(step, seen, moved, by_network=True)

        factor = strength(step.signal, step.noise, last=step.last)
        return guided(estimate, lead, frozen, factor, self._reach)

    def _sum(
        self,
        step: Step,
        seen: Sequence[Tensor],
        samples: Sequence[Tensor],
        *,
        by_network: bool = False,
    ) -> Tensor:
        """The weighted clean estimate (B, H, A) in the leading part's units."""
        own = out = self._estimate(self._lead, step, seen, samples, by_network)
        for i, part in enumerate(self.parts):
            if i != self._lead and part.weight:
                other = part.policy.decode(self._estimate(i, step, seen, samples, by_network))
                out = out + part.weight * ((other - self._center) / self._scale - own)
        return out

    def _estimate(
        self,
        i: int,
        step: Step,
        seen: Sequence[Tensor],
        samples: Sequence[Tensor],
        by_network: bool,
    ) -> Tensor:
        """The clean estimate (B, H, A) of one part in its own units; its network has gradients."""
        policy = self.parts[i].policy
        clip = policy.card.actions.clip
        answer = policy.network if by_network else policy.answer
        raw = step.estimate(answer, seen[i], samples[i])
        # The bound counts, its zero slope does not: what is beyond it can still be guided back.
        return raw.detach().clamp(-clip, clip) + (raw - raw.detach())

    @cached_property
    def _rates(self) -> list[Tensor]:
        """By how much (H, A) each part's units are finer than the leading one's."""
        return [self._scale / part.policy._scale for part in self.parts]

    @cached_property
    def _reach(self) -> Tensor:
        """The greatest (H, A) that the sum can be, in the leading part's units."""
        out = torch.zeros_like(self._scale)
        for i, part in enumerate(self.parts):
            policy, far = part.policy, torch.full_like(out, part.policy.card.actions.clip)
            if i != self._lead:
                apart = (policy._center - self._center).abs()
                far = (far * policy._scale + apart) / self._scale
            out = out + abs(part.weight) * far
        return out

    def _in_units(self, normal: Tensor) -> list[Tensor]:
        """Chunks (B, H, A) in the units of each part; the leading one's are left as they are."""
        values = self.decode(normal)
        return [
            normal if i == self._lead
            else (values - part.policy._center) / part.policy._scale
            for i, part in enumerate(self.parts)
        ]  # fmt: skip


def _sampled(policy: object, where: str) -> SampledPolicy:
    """The policy. Raises ConfigError for one that has no sampler of its own."""
    if isinstance(policy, Composed) or not isinstance(policy, SampledPolicy):
        got = getattr(policy, "name", type(policy).__name__)
        hint = "compose all parts at once" if got == COMPOSED else "train it with policy=diffusion"
        raise ConfigError(
            "a part that has no sampler of its own", where=where,
            expected=", ".join(n for n in POLICIES if issubclass(policy_class(n), SampledPolicy)),
            got=got, hint=hint,
        )  # fmt: skip
    return policy


def _check(parts: Sequence[Part]) -> None:
    check_count(len(parts))
    for i, part in enumerate(parts):
        _sampled(part.policy, f"parts[{i}]")
        if part.focus is not None and min(part.focus, default=0) < 0:
            raise ConfigError(
                "not places in the focus", where=f"parts[{i}]",
                expected="counted from 0", got=str(list(part.focus)),
            )  # fmt: skip
    total = sum(part.weight for part in parts)
    if not all(math.isfinite(part.weight) for part in parts) or abs(total - 1.0) > 1e-6:
        raise ConfigError(
            "weights do not sum to 1", where="composed", expected="finite ones with the sum 1",
            got=f"{total:g}", hint="divide each by their sum",
        )  # fmt: skip
    first = parts[0].policy
    for part in parts[1:]:
        other = part.policy
        for what, mine, its in (
            *((f"chunks, {name}", getattr(first.chunk_spec, name), getattr(other.chunk_spec, name))
              for name in ("horizon", "step_s", "execute", "frame", "width")),
            ("sampler steps", list(first.plan()), list(other.plan())),
            ("hand", first.card.hand, other.card.hand),
            ("robot", first.card.robot, other.card.robot),
            ("device", str(first.device), str(other.device)),
        ):  # fmt: skip
            if mine != its:
                shown = (len(mine), len(its)) if isinstance(mine, list) else (mine, its)
                raise ConfigError(
                    f"parts with different {what}", where="composed",
                    expected=str(shown[0]), got=str(shown[1]),
                    hint="train the parts for one robot, with equal chunks and steps",
                )  # fmt: skip


def _spec(parts: Sequence[Part]) -> FeatureSpec:
    """The keys of all parts; the focus is as long as the part that looks farthest."""
    keys: dict[str, KeySpec] = {}
    slots = 0
    for part in parts:
        for key, spec in part.policy.spec.items():
            if key == _FOCUS:
                own = spec.shape[0] if part.focus is None else max(part.focus, default=-1) + 1
                slots = max(slots, own)
                keys[key] = replace(spec, shape=(slots, *spec.shape[1:]))
            elif keys.setdefault(key, spec) != spec:
                raise ConfigError(f"parts that read different {key}", where="composed")
    return FeatureSpec.of(keys)
