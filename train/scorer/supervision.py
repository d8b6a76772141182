"""What people said of a batch's videos -> losses by name, to be summed.

Video labels, clicks or boundaries. In batches for UR-DMU the normal half comes first.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from train.scorer.clicks import Form, mine, render
from train.scorer.losses import highest_mean, ur_dmu_losses
from train.scorer.ur_dmu import TrainingOutputs

Supervision = Literal["video", "clicks", "boundaries"]
Losses = dict[str, Tensor]
_LEAST = 1e-4
"""Scores are kept this far from 0 and 1, as in GlanceVAD's loss."""


@dataclass(frozen=True)
class ClickSettings:
    """From clicks to pseudo labels."""

    alpha: float = 0.9
    sigma: float = 0.1
    form: Form = "ours"
    mined_from_step: int = 50
    """Before it, labels are rendered from the clicks alone; GlanceVAD: 50 (UCF), 100 (XD)."""


def pseudo_labels(clicks: Tensor, scores: Tensor, settings: ClickSettings, *, step: int) -> Tensor:
    """(n, T) clicks and scores of abnormal videos -> (n, T) labels in [0, 1]; no gradient."""
    points = clicks > 0
    if step >= settings.mined_from_step:
        points = mine(clicks, scores.detach().float(), alpha=settings.alpha, form=settings.form)
    return render(points, sigma=settings.sigma, form=settings.form)


def by_videos(outputs: TrainingOutputs) -> Losses:
    """UR-DMU's own losses."""
    return ur_dmu_losses(outputs).weighted()


def by_clicks(outputs: TrainingOutputs, clicks: Tensor, labels: Tensor, *, form: Form) -> Losses:
    """(n, T) clicks and pseudo labels of the abnormal half (Holmes-VAD, GlanceVAD).

    Instead of the highest scores of abnormal videos, all of their scores are held against the
    labels. Videos without a click are held by their highest scores; in the `official` form their
    label is 0 throughout, which calls them normal.
    """
    normal, abnormal = outputs.scores.chunk(2)
    losses = ur_dmu_losses(outputs).weighted()
    del losses["anomaly"]
    losses["normal"] = _bce(highest_mean(normal), 0.0)
    of_clicked = clamped_bce(abnormal, labels).mean(1)
    if form != "official":
        of_unclicked = binary_cross_entropy(
            highest_mean(abnormal), torch.ones_like(of_clicked), reduction="none"
        )
        of_clicked = torch.where((clicks > 0).any(1), of_clicked, of_unclicked)
    losses["pseudo_labels"] = of_clicked.mean()
    return losses


def clamped_bce(scores: Tensor, labels: Tensor) -> Tensor:
    """Element by element; scores nearer than 1e-4 to 0 or 1 count as that near."""
    return binary_cross_entropy(scores.clamp(_LEAST, 1 - _LEAST), labels, reduction="none")


def by_boundaries(outputs: TrainingOutputs, labels: Tensor) -> Losses:
    """(B, T) shares of abnormal frames (Holmes-VAU): BCE of every score, triplet, divergence.

    The paper's Eq. 5 has score and label in each other's place; the other terms keep the weights
    that UR-DMU gives them.
    """
    losses = ur_dmu_losses(outputs).weighted()
    return {
        "frames": binary_cross_entropy(outputs.scores, labels),
        "triplet": losses["triplet"],
        "divergence": losses["divergence"],
    }


def _bce(values: Tensor, target: float) -> Tensor:
    return binary_cross_entropy(values, torch.full_like(values, target))
