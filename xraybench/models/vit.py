"""Vision transformer (Dosovitskiy et al., ICLR 2021), torchvision's own: its blocks are modules, nothing in place."""

from __future__ import annotations

from torch import nn
from torchvision.models.vision_transformer import EncoderBlock, VisionTransformer

from xraybench.models._modular import check_size, modular, named, names_of

PATCH = 16


def build_b16(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """ViT-B/16 (Dosovitskiy et al., 2021): 12 blocks; sizes that 16 divides. No map of it is weighted by CAM."""
    check_size("vit-b-16", image_size, least=PATCH, multiple=PATCH)
    net = VisionTransformer(image_size, PATCH, 12, 12, hidden_dim=768, mlp_dim=3072, num_classes=num_outputs)
    net = modular(net, in_channels)
    return named(net, None, ["conv_proj", *names_of(net, EncoderBlock), "heads.head"])
