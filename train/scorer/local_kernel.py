"""UR-DMU's fixed kernel exp(-|i - j| / e) over time; where T is long, without a T × T matrix."""

import math
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

KernelNorm = Literal["official", "row"]
"""`official`: each column sums to 1, as the published code has it; `row`: each row does."""

RADIUS = 48
"""Beyond it a weight is below 2.2e-8 of the center's: less than float32 can add."""
_LONGEST_DENSE = 768
_BLOCK = 256


def spread_locally(values: Tensor, *, norm: KernelNorm = "official") -> Tensor:
    """(B, heads, T, dim) -> the same shape: each moment a weighted sum of its neighbours."""
    length = values.shape[-2]
    if length <= _LONGEST_DENSE:
        return _dense_kernel(length, norm, values.device, values.dtype) @ values
    sums = _sums(length, values.device).to(values.dtype)[:, None]
    if norm == "official":
        return _banded(values / sums)
    return _banded(values) / sums


@lru_cache(maxsize=16)
def _dense_kernel(
    length: int, norm: KernelNorm, device: torch.device, dtype: torch.dtype
) -> Tensor:
    positions = torch.arange(length, device=device, dtype=torch.float32)
    kernel = torch.exp(-(positions[:, None] - positions[None, :]).abs() / math.e)
    sums = kernel.sum(-1)
    kernel = kernel / (sums[None, :] if norm == "official" else sums[:, None])
    return kernel.to(dtype)


def _sums(length: int, device: torch.device) -> Tensor:
    """(T,): the sum of each row of the kernel, which near the ends is less; a geometric series."""
    ratio = math.exp(-1 / math.e)
    positions = torch.arange(length, device=device, dtype=torch.float64)
    before = (1 - ratio ** (positions + 1)) / (1 - ratio)
    return (before + before.flip(0) - 1).to(torch.float32)


def _banded(values: Tensor) -> Tensor:
    """The kernel without its norm, block by block: T × (block + 2 radius) products, not T × T."""
    length = values.shape[-2]
    num_blocks = -(-length // _BLOCK)
    padded = functional.pad(values, (0, 0, RADIUS, num_blocks * _BLOCK - length + RADIUS))
    blocks = padded.unfold(-2, _BLOCK + 2 * RADIUS, _BLOCK)
    kernel = _block_kernel(values.device, values.dtype)
    out = (blocks @ kernel.T).transpose(-1, -2)
    return out.flatten(-3, -2)[..., :length, :]


@lru_cache(maxsize=8)
def _block_kernel(device: torch.device, dtype: torch.dtype) -> Tensor:
    """(block, block + 2 radius)."""
    rows = torch.arange(_BLOCK, device=device, dtype=torch.float32)[:, None] + RADIUS
    columns = torch.arange(_BLOCK + 2 * RADIUS, device=device, dtype=torch.float32)[None, :]
    distances = (rows - columns).abs()
    return torch.where(distances <= RADIUS, torch.exp(-distances / math.e), 0.0).to(dtype)
