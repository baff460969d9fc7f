"""Attention maps, rollout and Grad-CAM of a vision transformer, against a forward pass by hand."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from interp import attention_maps, attention_rollout, saliency_map
from interp.saliency.attention import token_grid
from interp.saliency.cam import grad_cam, last_map_layer
from interp.saliency.targets import class_score
from styletransfer.errors import RequestError


@pytest.fixture(scope="module")
def vit() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.VisionTransformer(
        image_size=24, patch_size=8, num_layers=3, num_heads=2, hidden_dim=8, mlp_dim=16
    ).eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))


def by_hand(vit: nn.Module, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Softmax(QKᵀ/√d) of each layer, and the tokens that each attention gets."""
    x = vit.conv_proj(images).flatten(2).transpose(1, 2)
    x = torch.cat([vit.class_token.expand(len(x), -1, -1), x], 1) + vit.encoder.pos_embedding
    attentions, tokens = [], []
    for block in vit.encoder.layers:
        normed = block.ln_1(x)
        layer = block.self_attention
        q, k, v = (normed @ layer.in_proj_weight.T + layer.in_proj_bias).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in (q, k, v))
        attention = (q @ k.transpose(-1, -2) / 2).softmax(-1)
        mixed = (attention @ v).transpose(1, 2).flatten(2)
        x = x + layer.out_proj(mixed)
        x = x + block.mlp(block.ln_2(x))
        attentions.append(attention)
        tokens.append(normed)
    return attentions, tokens


def test_attention_is_the_softmax_of_queries_and_keys(vit: nn.Module, images: Tensor) -> None:
    before = vit(images)
    found = attention_maps(vit, images)
    assert list(found) == [
        f"encoder.layers.encoder_layer_{number}.self_attention" for number in range(3)
    ]
    for ours, expected in zip(found.values(), by_hand(vit, images)[0], strict=True):
        torch.testing.assert_close(ours, expected.detach(), rtol=1e-4, atol=1e-6)
    assert torch.equal(vit(images), before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in vit.modules())


def test_rollout_is_the_product_of_mixed_layers(vit: nn.Module, images: Tensor) -> None:
    flow = torch.eye(10)
    for attention in by_hand(vit, images)[0]:
        flow = (0.5 * attention.mean(1) + 0.5 * torch.eye(10)) @ flow
    torch.testing.assert_close(flow.sum(-1), torch.ones(2, 10))
    expected = F.interpolate(flow[:, None, 0, 1:].reshape(2, 1, 3, 3), (24, 24), mode="bilinear")
    found = attention_rollout(vit, images)
    torch.testing.assert_close(found, expected[:, 0].detach(), rtol=1e-4, atol=1e-6)
    drawn = saliency_map(vit, images, "attention-rollout")
    torch.testing.assert_close(torch.tensor(drawn.maps[1]), found[1])


def test_grad_cam_takes_the_tokens_of_the_last_attention(vit: nn.Module, images: Tensor) -> None:
    layer = "encoder.layers.encoder_layer_2.ln_1"
    assert last_map_layer(vit, images) == layer
    tokens: list[Tensor] = []
    handle = vit.get_submodule(layer).register_forward_hook(
        lambda _module, _given, made: tokens.append(made)
    )
    score = vit(images)[:, 5].sum()
    handle.remove()
    (slopes,) = torch.autograd.grad(score, tokens[0])
    weighted = slopes[:, 1:].mean(1, keepdim=True) * tokens[0][:, 1:]
    small = weighted.sum(-1).relu().reshape(2, 1, 3, 3)
    expected = F.interpolate(small, (24, 24), mode="bilinear")[:, 0]
    torch.testing.assert_close(grad_cam(vit, images, class_score(5)), expected.detach())


def test_a_grid_has_the_images_proportions() -> None:
    wide = torch.zeros(1, 3, 16, 32)
    assert token_grid(9, wide) == (2, 4, 1)
    assert token_grid(8, wide) == (2, 4, 0)
    with pytest.raises(RequestError, match="7 tokens of the model are no grid of patches of 32×16"):
        token_grid(7, wide)


def test_a_network_without_attention(images: Tensor) -> None:
    with pytest.raises(RequestError, match=r"no nn\.MultiheadAttention"):
        attention_rollout(nn.Conv2d(3, 2, 1), images)
