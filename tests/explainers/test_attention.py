"""Attention rollout against its matrix form, written out for a small vision transformer."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate
from torchvision.models.vision_transformer import VisionTransformer

from xraybench.errors import NotApplicableError
from xraybench.explainers.attention import AttentionRollout
from xraybench.models._modular import modular

HEADS, WIDTH, PATCH, LAYERS = 2, 8, 8, 3


@pytest.fixture
def transformer() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = VisionTransformer(32, PATCH, LAYERS, HEADS, WIDTH, 16, num_classes=3)
        for parameter in net.parameters():
            nn.init.normal_(parameter, std=0.4)
    return modular(net, 1).eval()


def norm(tokens: np.ndarray, layer: nn.LayerNorm) -> np.ndarray:
    weight, bias = (value.detach().double().numpy() for value in (layer.weight, layer.bias))
    centred = tokens - tokens.mean(-1, keepdims=True)
    return centred / np.sqrt(tokens.var(-1, keepdims=True) + layer.eps) * weight + bias


def attention(tokens: np.ndarray, layer: nn.MultiheadAttention) -> tuple[np.ndarray, np.ndarray]:
    """softmax(Q K' / sqrt d) of each head [heads,T,T], and the layer's output [T,width]."""
    weight, bias = layer.in_proj_weight.detach().double().numpy(), layer.in_proj_bias.detach().double().numpy()
    query, key, value = np.split(tokens @ weight.T + bias, 3, axis=1)
    heads = [np.split(part, HEADS, axis=1) for part in (query, key, value)]
    shares = []
    for q, k in zip(heads[0], heads[1], strict=True):
        powers = np.exp(q @ k.T / np.sqrt(WIDTH / HEADS))
        shares.append(powers / powers.sum(1, keepdims=True))
    mixed = np.concatenate([share @ v for share, v in zip(shares, heads[2], strict=True)], axis=1)
    out = layer.out_proj
    return np.stack(shares), mixed @ out.weight.detach().double().numpy().T + out.bias.detach().double().numpy()


def by_matrices(net: VisionTransformer, image: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The rollout's row of the class token [h,w], and the logits [K]."""
    with torch.no_grad():
        patches = net.conv_proj(image[None])[0].flatten(1).T
        tokens = (torch.cat([net.class_token[0], patches]) + net.encoder.pos_embedding[0]).double().numpy()
    rollout = np.eye(len(tokens))
    for block in net.encoder.layers:
        shares, change = attention(norm(tokens, block.ln_1), block.self_attention)
        rollout = (0.5 * shares.mean(0) + 0.5 * np.eye(len(tokens))) @ rollout
        tokens = tokens + change
        with torch.no_grad():
            tokens = tokens + block.mlp(torch.from_numpy(norm(tokens, block.ln_2)).float()).double().numpy()
    last = torch.from_numpy(norm(tokens, net.encoder.ln)[0]).float()
    return rollout[0, 1:].reshape(32 // PATCH, -1), net.heads(last).detach().numpy()


def test_it_is_the_product_of_the_attention_matrices(transformer, images, targets, context_of):
    maps = AttentionRollout()(transformer, images, targets, context_of(images, batch_size=3))
    for image, found in zip(images, maps, strict=True):
        coarse, logits = by_matrices(transformer, image)
        np.testing.assert_allclose(logits, transformer(image[None])[0].detach().numpy(), rtol=1e-4, atol=1e-5)
        expected = interpolate(torch.from_numpy(coarse)[None, None], size=(32, 32), mode="bilinear")[0, 0]
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-7)


def test_patches_and_the_class_token_share_one(transformer, images, context_of):
    from xraybench.explainers._attention import rolled_out

    with torch.no_grad():
        mixed = rolled_out(transformer, images)
    torch.testing.assert_close(mixed.sum(2), torch.ones(4, 17))
    assert (mixed[:, 0, 0] > 0.5**LAYERS).all()


def test_no_attention_is_a_reason_to_skip(build, images, targets, context_of):
    with pytest.raises(NotApplicableError, match="attention"):
        AttentionRollout()(build("small-cnn"), images, targets, context_of(images))
