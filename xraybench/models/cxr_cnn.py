"""The customised network of a study of tuberculosis on chest radiographs (Sivaramakrishnan et al., EMBC 2018)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from xraybench.models._modular import check_size

DEVIATION = 0.01  # of the Gaussian that weights are drawn from


class CxrCnn5(nn.Sequential):
    """Five convolutions, three linear layers: [B,C,H,W] -> logits [B,K]; the study's own size is 227 pixels, RGB.

    Two things the study leaves open: no padding (the default of the library it used), and the pooling after the fifth
    convolution. Local response normalisation is that of AlexNet (5 channels, alpha 1e-4, beta .75, k 2).
    """

    cam_layer: str | None = "relu5"
    layers: tuple[str, ...] = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")

    def __init__(self, num_outputs: int, in_channels: int, image_size: int) -> None:
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, 96, kernel_size=7, stride=2),
                relu1=nn.ReLU(),
                norm1=nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2),
                pool1=nn.MaxPool2d(kernel_size=3, stride=2),
                conv2=nn.Conv2d(96, 128, kernel_size=3),
                relu2=nn.ReLU(),
                norm2=nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2),
                pool2=nn.MaxPool2d(kernel_size=3, stride=2),
                conv3=nn.Conv2d(128, 256, kernel_size=3),
                relu3=nn.ReLU(),
                conv4=nn.Conv2d(256, 256, kernel_size=3),
                relu4=nn.ReLU(),
                conv5=nn.Conv2d(256, 256, kernel_size=3),
                relu5=nn.ReLU(),
                pool5=nn.MaxPool2d(kernel_size=3, stride=2),
                flatten=nn.Flatten(),
                fc6=nn.Linear(256 * _side(image_size) ** 2, 4096),
                relu6=nn.ReLU(),
                dropout6=nn.Dropout(0.5),
                fc7=nn.Linear(4096, 4096),
                relu7=nn.ReLU(),
                dropout7=nn.Dropout(0.5),
                fc8=nn.Linear(4096, num_outputs),
            )
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.normal_(module.weight, std=DEVIATION)
                nn.init.zeros_(module.bias)


def _side(image_size: int) -> int:
    """The side of the maps that the first linear layer sees."""
    halved = ((image_size - 7) // 2 + 1 - 3) // 2 + 1
    quartered = (halved - 2 - 3) // 2 + 1
    return (quartered - 6 - 3) // 2 + 1


def build(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """Five convolutions, two of them normalised, three linear layers (EMBC 2018); any size from 91 pixels."""
    check_size("cxr-cnn5", image_size, least=91)
    return CxrCnn5(num_outputs, in_channels, image_size)
