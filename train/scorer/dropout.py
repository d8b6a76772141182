"""Dropout whose masks are cheap: at a rate of 1/2 each random byte decides for eight numbers."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_BITS = (1, 2, 4, 8, 16, 32, 64, 128)


class Dropout(nn.Module):
    """`nn.Dropout`, which on a CPU draws its masks one number at a time in one thread.

    With `has_fast_masks` and a rate of 1/2 the masks come from the bits of random bytes: other
    masks for the same seed, of the same distribution.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.has_fast_masks = False

    def forward(self, values: Tensor) -> Tensor:
        """Any shape -> the same shape; outside training the values themselves."""
        if not self.training or self.rate == 0:
            return values
        if self.has_fast_masks and self.rate == 0.5:
            return values * (half_mask(values) * 2)
        return functional.dropout(values, self.rate)


def half_mask(like: Tensor) -> Tensor:
    """0 or 1, each with probability 1/2, in the shape and type of `like`."""
    num_words = -(-like.numel() // 64)
    words = torch.empty(num_words, dtype=torch.int64, device=like.device)
    words.random_(-(2**63), None)
    bits = torch.tensor(_BITS, dtype=torch.uint8, device=like.device)
    is_set = (words.view(torch.uint8)[:, None] & bits) != 0
    return is_set.flatten()[: like.numel()].view(like.shape).to(like.dtype)


def use_fast_masks(network: nn.Module) -> None:
    """For all dropout of a network."""
    for module in network.modules():
        if isinstance(module, Dropout):
            module.has_fast_masks = True
