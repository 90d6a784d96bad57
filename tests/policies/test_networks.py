"""The networks of policies that sample: shapes, bounds, and what they must depend on."""

import numpy as np
import pytest
import torch

from kata.datasets.types import ChunkSpec, ConfigError, KataError, UnknownNameError
from kata.policies import make_policy, policy_settings
from kata.policies.card import Card
from kata.policies.denoisers import NETWORKS, DenoiserSettings, make_denoiser, unet_settings
from kata.policies.features import StateEncoder
from kata.policies.normalise import Normaliser
from kata.policies.unet import ChunkConv

FEATURES, WIDTH = 11, 7


def small(network: str, **changes: int) -> DenoiserSettings:
    return DenoiserSettings(**{"network": network, "hidden": 32, "blocks": 2, **changes})  # type: ignore[arg-type]


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("horizon", [1, 2, 5, 8, 13, 16])
@pytest.mark.parametrize("blocks", [1, 3])
def test_a_chunk_of_any_length_keeps_its_shape(network: str, horizon: int, blocks: int) -> None:
    denoiser = make_denoiser(small(network, blocks=blocks), FEATURES, horizon, WIDTH)
    chunk = torch.randn(3, horizon, WIDTH)
    assert denoiser(torch.randn(3, FEATURES), chunk, torch.rand(3)).shape == chunk.shape


def test_the_answer_depends_on_everything_that_is_given(network: str) -> None:
    torch.manual_seed(0)
    denoiser = make_denoiser(small(network), FEATURES, 8, WIDTH)
    given = [torch.randn(2, FEATURES), torch.randn(2, 8, WIDTH), torch.rand(2)]
    first = denoiser(*given)
    for i in range(3):
        other = [g + 0.5 if i == j else g for j, g in enumerate(given)]
        assert (denoiser(*other) - first).abs().max() > 1e-5


def test_rows_do_not_see_each_other(network: str) -> None:
    torch.manual_seed(0)
    denoiser = make_denoiser(small(network), FEATURES, 8, WIDTH)
    features, chunk, level = torch.randn(4, FEATURES), torch.randn(4, 8, WIDTH), torch.rand(4)
    together = denoiser(features, chunk, level)
    for i in range(4):
        row = slice(i, i + 1)
        torch.testing.assert_close(
            denoiser(features[row], chunk[row], level[row]), together[row], atol=1e-5, rtol=0
        )


def test_every_action_reaches_every_other(network: str) -> None:
    """What is known of the last action changes the first: a chunk is denoised as a whole."""
    torch.manual_seed(0)
    denoiser = make_denoiser(small(network, blocks=3), FEATURES, 16, WIDTH)
    chunk = torch.randn(1, 16, WIDTH, requires_grad=True)
    denoiser(torch.randn(1, FEATURES), chunk, torch.rand(1))[0, 0].sum().backward()
    assert chunk.grad is not None
    assert (chunk.grad[0].abs().sum(dim=-1) > 0).all()


@pytest.mark.parametrize("rows", [1, 4, 5])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 2), (5, 1), (7, 1)])
def test_a_convolution_of_few_rows_is_the_same(rows: int, kernel: int, stride: int) -> None:
    torch.manual_seed(0)
    convolution, x = ChunkConv(6, 9, kernel, stride), torch.randn(rows, 6, 8)
    learning = convolution(x)
    with torch.no_grad():
        answering = convolution(x)
    torch.testing.assert_close(answering, learning.detach())


def test_the_same_channels_give_the_unet_of_others() -> None:
    """As many weights as LeRobot 0.6.1's network has with 46 features and 7 numbers an action."""
    settings = DenoiserSettings(**unet_settings((128, 256, 512)))  # type: ignore[arg-type]
    assert settings.channels == (128, 256, 512)
    denoiser = make_denoiser(settings, 46, 16, 7)
    assert sum(w.numel() for w in denoiser.parameters()) == pytest.approx(16_653_447, rel=1e-3)


@pytest.mark.parametrize("channels", [(), (64, 64), (64, 192), (128, 64)])
def test_channels_that_do_not_double_are_refused(channels: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="twice the channels"):
        unet_settings(channels)


@pytest.mark.parametrize(
    ("network", "changes", "message"),
    [
        ("unet", {"hidden": 40}, "a multiple of 16"),
        ("unet", {"blocks": 4}, "a multiple of 64"),
        ("unet", {"kernel": 4}, "an odd number"),
        ("transformer", {"heads": 5}, "a multiple of heads=5"),
        ("mlp", {"hidden": 4096}, "8 to 2048"),
        ("mlp", {"blocks": 0}, "1 to 16"),
        ("mlp", {"embedding": 1}, "2 to 256"),
        ("mlp", {"kernel": 0}, "1 to 15"),
        ("mlp", {"groups": 0}, "1 to 64"),
        ("mlp", {"heads": 0}, "1 to 64"),
    ],
)
def test_settings_are_bounded(network: str, changes: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(network, **changes)


def test_an_unknown_network_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'unet'"):
        small("u-net")


def test_a_network_that_no_machine_should_hold_is_refused_before_it_is_made() -> None:
    settings = {"network": "transformer", "hidden": 2048, "blocks": 16}
    spec, encoder = ChunkSpec(16, 0.05, 4, "tool", 7), StateEncoder(8, 7, 1)
    one, chunk = np.ones(encoder.size, np.float32), np.ones((16, 7), np.float32)
    card = Card(
        "flow",
        policy_settings("flow", settings),
        encoder,
        spec,
        Normaliser(one, one, 5.0),
        Normaliser(chunk, chunk, 5.0),
    )
    with pytest.raises(KataError, match="network is too large") as caught:
        make_policy(card)
    assert "fewer blocks" in caught.value.hint
