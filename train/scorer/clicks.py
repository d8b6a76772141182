"""Clicks -> pseudo labels per snippet (Holmes-VAD §3.3, GlanceVAD): mined, then rendered.

Both work on whole batches and on whatever device their tensors are.
"""

from typing import Literal

import torch
from torch import Tensor

from engine.errors import UsageError

ALPHA = 0.9
"""A neighbour joins a click while its score is at least this share of the click's."""
SIGMA = 0.1
"""Width of a rendered point, of a video's length that counts as 2."""

Form = Literal["ours", "official", "paper"]


def mine(clicks: Tensor, scores: Tensor, *, alpha: float = ALPHA, form: Form = "ours") -> Tensor:
    """(B, T) clicks (> 0 where there is one), (B, T) scores -> (B, T) bool: points that count.

    From each click outwards while the score stays at or above `alpha` times the click's, stopping
    at the first that does not, never past the next click. `official`, as GlanceVAD's code: never
    the last snippet, unless it was clicked. `paper`, as Holmes-VAD's Alg. 1: the score must be
    strictly above.
    """
    if clicks.shape != scores.shape or clicks.dim() != 2:
        raise UsageError(
            f"clicks {tuple(clicks.shape)} and scores {tuple(scores.shape)} must both be (B, T)"
        )
    is_click = clicks > 0
    rows, places = is_click.nonzero(as_tuple=True)
    length = clicks.shape[1]
    indices = torch.arange(length, device=clicks.device)
    bound = alpha * scores[rows, places][:, None]
    is_like_click = scores[rows] > bound if form == "paper" else scores[rows] >= bound
    is_free = is_like_click & ~is_click[rows]
    if form == "official":
        is_free[:, length - 1] = False
    offsets = indices[None, :] - places[:, None]
    # A walk ends where the nearest snippet on its side that is not free lies.
    is_barred = ~is_free & (offsets != 0)
    far = length + 1
    right_end = torch.where(is_barred & (offsets > 0), offsets, far).amin(1, keepdim=True)
    left_end = torch.where(is_barred & (offsets < 0), -offsets, far).amin(1, keepdim=True)
    is_mined = (offsets < right_end) & (offsets > -left_end)
    mined = torch.zeros_like(clicks, dtype=torch.int64)
    return mined.index_add_(0, rows, is_mined.to(torch.int64)) > 0


def render(points: Tensor, *, sigma: float = SIGMA, form: Form = "ours") -> Tensor:
    """(B, T) bool points -> (B, T) float32 labels in [0, 1].

    A label is the highest of the Gaussians around the row's points. Rows without a point stay 0.
    `official` stretches each row to [0, 1] at the end, which pulls shallow gaps between points
    down to 0, and makes rows that are all points NaN. `paper` sums the Gaussians and divides by
    the row's highest sum (Holmes-VAD's Eq. 7): lone points weigh less than crowded ones.
    """
    length = points.shape[1]
    positions = torch.linspace(-1, 1, length, device=points.device, dtype=torch.float64)
    kernels = torch.exp(-((positions[:, None] - positions[None, :]) ** 2) / (2 * sigma**2))
    if form == "paper":
        sums = points.to(kernels.dtype) @ kernels
        return (sums / sums.amax(1, keepdim=True).clamp(min=1.0)).float()
    kernels = (_stretched(kernels) if length > 1 else kernels).float()
    labels = torch.where(points[:, :, None], kernels[None], 0.0).amax(1)
    if form == "ours":
        return labels
    has_points = points.any(1, keepdim=True)
    return torch.where(has_points, _stretched(labels), 0.0)


def _stretched(rows: Tensor) -> Tensor:
    """Each row moved and scaled to [0, 1]."""
    lowest, highest = rows.amin(1, keepdim=True), rows.amax(1, keepdim=True)
    return (rows - lowest) / (highest - lowest)
