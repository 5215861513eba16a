"""Networks that may become a student, and what they start from.

Every builder gives a module with ``width`` features from RGB pixels (n, 3, h, w), 0 to 255. Padding
is TensorFlow's, so that Keras can hold the same weights.
"""

from pathlib import Path

import numpy as np
import torch
from converted import MEANS, SamePad
from depthwise import depthwise
from torch import nn

# (channels, stride) after the first convolution: MobileNet (Howard et al., 2017)
MOBILE_STAGES = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)
# (filters, blocks, stride of the first block) of agr's face_resnet
RES_STAGES = ((32, 3, 1), (64, 4, 2), (128, 3, 2), (256, 3, 2), (256, 1, 2))
RES_MEAN = (122.782, 117.001, 104.298)


def conv(
    n_in: int, n_out: int, kernel: int = 3, stride: int = 1, *, groups: int = 1, bias: bool = True
) -> list[nn.Module]:
    """Give a convolution that pads as TensorFlow does."""
    padding = kernel // 2 if stride == 1 else 0
    if groups == n_in == n_out:
        layer = depthwise(groups, kernel, stride, padding)
    else:
        layer = nn.Conv2d(n_in, n_out, kernel, stride, padding, groups=groups, bias=bias)
    return [layer] if stride == 1 else [SamePad(kernel, stride), layer]


class MobileNet(nn.Module):
    """MobileNet without batch normalizations: they are part of the convolutions.

    Parameters
    ----------
    share : float, default=1
        Of the channels of every layer.
    """

    def __init__(self, share: float = 1.0) -> None:
        super().__init__()
        blue, green, red = MEANS["faceres_deep"]
        self.register_buffer("mean", torch.tensor([red, green, blue]).view(1, 3, 1, 1))
        channels = round(32 * share)
        parts = [*conv(3, channels, 3, 2), nn.ReLU6(inplace=True)]
        for full, stride in MOBILE_STAGES:
            after = round(full * share)
            parts += [*conv(channels, channels, 3, stride, groups=channels), nn.ReLU6(inplace=True)]
            parts += [nn.Conv2d(channels, after, 1), nn.ReLU6(inplace=True)]
            channels = after
        self.body, self.width = nn.Sequential(*parts), channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the features."""
        return self.body(x - self.mean).mean((2, 3))

    def start(self, weights: Path) -> None:
        """Start from what ``read_package.py`` or ``write_weights.py`` wrote."""
        arrays = np.load(weights)
        names = [k[: -len("/kernel")] for k in arrays if k.endswith("/kernel") and k[0] != "l"]
        convs = [m for m in self.body if isinstance(m, nn.Conv2d)]
        for layer, name in zip(convs, names, strict=True):
            order = (2, 3, 0, 1) if name.startswith("depthwise") else (3, 2, 0, 1)
            layer.weight.data = torch.tensor(arrays[f"{name}/kernel"].transpose(order)).contiguous()
            layer.bias.data = torch.tensor(arrays[f"{name}/bias"])


class ResBlock(nn.Module):
    """Two convolutions and a shortcut without weights.

    Parameters
    ----------
    n_in, n_out, stride : int
        Channels, and the stride of the first convolution.
    """

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        norm = nn.BatchNorm2d
        self.body = nn.Sequential(
            *conv(n_in, n_out, 3, stride, bias=False),
            norm(n_out, eps=1e-3),
            nn.ReLU(inplace=True),
            *conv(n_out, n_out, bias=False),
            norm(n_out, eps=1e-3),
        )
        self.stride, self.missing = stride, n_out - n_in

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the features of the block."""
        short = x
        if self.stride == 2:  # a repeated edge is what an average without the padding gives
            edges = (0, int(x.shape[-1]) % 2, 0, int(x.shape[-2]) % 2)
            short = nn.functional.avg_pool2d(nn.functional.pad(x, edges, "replicate"), 2)
        if self.missing:
            short = nn.functional.pad(short, (0, 0, 0, 0, 0, self.missing))
        return torch.relu(self.body(x) + short)


class FaceResNet(nn.Module):
    """The package's dense residual network with 29 convolutions.

    Parameters
    ----------
    share : float, default=1
        Of the channels of every layer.
    """

    def __init__(self, share: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(RES_MEAN).view(1, 3, 1, 1))
        channels = round(32 * share)
        parts = [
            *conv(3, channels, 7, 2, bias=False),
            nn.BatchNorm2d(channels, eps=1e-3),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        ]
        for filters, blocks, stride in RES_STAGES:
            for block in range(blocks):
                after = round(filters * share)
                parts.append(ResBlock(channels, after, stride if block == 0 else 1))
                channels = after
        self.body, self.width = nn.Sequential(*parts), channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the features."""
        return self.body((x - self.mean) / 256).mean((2, 3))

    def start(self, weights: Path) -> None:
        """Start from ``face_resnet.npz``."""
        arrays = np.load(weights)
        kernels = [arrays[k] for k in arrays if k.endswith("kernel")]
        norms = [k[: -len("gamma")] for k in arrays if k.endswith("gamma")]
        convs = [m for m in self.modules() if isinstance(m, nn.Conv2d)]
        batch_norms = [m for m in self.modules() if isinstance(m, nn.BatchNorm2d)]
        for layer, kernel in zip(convs, kernels, strict=True):
            layer.weight.data = torch.tensor(kernel.transpose(3, 2, 0, 1)).float()
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        for layer, name in zip(batch_norms, norms, strict=True):
            parts = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
            for tensor, part in zip(parts, names, strict=True):
                tensor.data = torch.tensor(arrays[name + part]).float()


STUDENTS = {
    "mobile": MobileNet,
    "mobile_half": lambda: MobileNet(0.5),
    "resnet": FaceResNet,
    "resnet_half": lambda: FaceResNet(0.5),
}
