"""A depthwise convolution of stride two whose gradient is quick on processors.

oneDNN computes the input's gradient of such a convolution in bfloat16 some thirty times slower than
that of stride one. With zeros between the rows and columns of the output's gradient it is a
convolution of stride one with the turned kernel.

    python scripts/teachers/depthwise.py        # compares gradients, and times both
"""

import time

import torch
from torch import nn
from torch.nn.functional import conv2d


class _StrideTwo(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, padding):
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return conv2d(x, weight, None, 2, padding, groups=len(weight))

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        n, channels, height, width = x.shape
        kernel = weight.shape[-1]
        rows, columns = gradient.shape[-2:]
        back = kernel - 1 - ctx.padding  # zeros before the first gradient
        spread = x.new_zeros((n, height + kernel - 1, width + kernel - 1, channels))
        spread = spread.permute(0, 3, 1, 2)  # channels last in memory
        spread[..., back : back + 2 * rows : 2, back : back + 2 * columns : 2] = gradient
        dx = conv2d(spread, weight.flip(2, 3), groups=channels)
        dw = torch.ops.aten.convolution_backward(
            gradient.contiguous(memory_format=torch.channels_last),
            x,
            weight,
            None,
            [2, 2],
            [ctx.padding] * 2,
            [1, 1],
            False,
            [0, 0],
            channels,
            [False, True, False],
        )[1]
        return dx, dw, None


class StrideTwo(nn.Conv2d):
    """`torch.nn.Conv2d` for one group a channel and stride two, with the quick gradient."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve."""
        if not self.training:
            return super().forward(x)
        weight, bias = self.weight, self.bias
        if torch.is_autocast_enabled("cpu"):
            x, weight, bias = (v.to(torch.get_autocast_dtype("cpu")) for v in (x, weight, bias))
        return _StrideTwo.apply(x, weight, self.padding[0]) + bias.view(1, -1, 1, 1)


def depthwise(channels: int, kernel: int, stride: int, padding: int) -> nn.Conv2d:
    """Give a depthwise convolution."""
    kind = StrideTwo if stride == 2 else nn.Conv2d
    return kind(channels, channels, kernel, stride, padding, groups=channels)


def main() -> None:
    torch.set_num_threads(1)
    for padding, side in ((1, 56), (0, 57), (1, 7)):
        quick = depthwise(128, 3, 2, padding)
        plain = nn.Conv2d(128, 128, 3, 2, padding, groups=128)
        plain.load_state_dict(quick.state_dict())
        x = torch.randn(64, 128, side, side).contiguous(memory_format=torch.channels_last)
        found = []
        for net in (quick, plain):
            inside = x.clone(memory_format=torch.channels_last).requires_grad_()
            net(inside).pow(2).sum().backward()
            found.append((inside.grad, net.weight.grad, net.bias.grad))
        errors = [float((a - b).abs().max() / b.abs().max()) for a, b in zip(*found, strict=True)]
        times = []
        for net in (quick, plain):
            inside = x.clone(memory_format=torch.channels_last).requires_grad_()
            used = []
            for _ in range(3):
                start = time.process_time()
                with torch.autocast("cpu", torch.bfloat16):
                    y = net(inside)
                y.backward(torch.ones_like(y))
                used.append(time.process_time() - start)
            times.append(1000 * min(used))
        print(
            f"padding {padding}, side {side}: errors {errors}, {times[0]:.0f} / {times[1]:.0f} ms"
        )


if __name__ == "__main__":
    main()
