"""What `UrDmu.training_outputs` gives -> UR-DMU's losses."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from train.scorer.ur_dmu import TrainingOutputs

_DISTANCE = 100.0
_MARGIN = 1.0


@dataclass(frozen=True)
class UrDmuLosses:
    """Scalars; the published names in parentheses."""

    anomaly: Tensor
    """(att_loss) videos by their highest scores."""
    abnormal_by_normal: Tensor
    """(N_Aatt, panomaly)."""
    abnormal_by_abnormal: Tensor
    """(A_loss)."""
    normal_by_normal: Tensor
    """(N_loss)."""
    normal_by_abnormal: Tensor
    """(A_Nloss)."""
    triplet: Tensor
    divergence: Tensor
    """(kl_loss) summed over time, as published: its weight is tuned for T = 200."""
    distance: Tensor

    def weighted(self) -> dict[str, Tensor]:
        """What is summed, by name, each with its published weight."""
        memories = (
            self.abnormal_by_abnormal
            + self.abnormal_by_normal
            + self.normal_by_normal
            + self.normal_by_abnormal
        )
        return {
            "anomaly": self.anomaly,
            "memories": 0.1 * memories,
            "triplet": 0.1 * self.triplet,
            "divergence": 0.001 * self.divergence,
            "distance": 0.0001 * self.distance,
        }

    def total(self) -> Tensor:
        """The sum of `weighted`."""
        return torch.stack([*self.weighted().values()]).sum()


def num_highest(length: int) -> int:
    """Of T snippets, how many stand for the whole video: T // 16 + 1."""
    return length // 16 + 1


def highest_mean(values: Tensor) -> Tensor:
    """(N, T) -> (N,): mean of each row's highest T // 16 + 1."""
    return values.topk(num_highest(values.shape[-1]), dim=-1).values.mean(-1)


def ur_dmu_losses(outputs: TrainingOutputs) -> UrDmuLosses:
    """From one batch, the normal half first."""
    scores = highest_mean(outputs.scores)
    is_abnormal = torch.zeros_like(scores)
    is_abnormal[len(scores) // 2 :] = 1
    return UrDmuLosses(
        anomaly=functional.binary_cross_entropy(scores, is_abnormal),
        abnormal_by_normal=_towards(highest_mean(1 - outputs.abnormal_by_normal), 1.0),
        abnormal_by_abnormal=_towards(highest_mean(outputs.abnormal_by_abnormal), 1.0),
        normal_by_normal=_towards(outputs.normal_by_normal, 1.0),
        normal_by_abnormal=_towards(outputs.normal_by_abnormal, 0.0),
        triplet=_triplet(outputs),
        divergence=_divergence(outputs),
        distance=_distance(outputs),
    )


def _towards(values: Tensor, target: float) -> Tensor:
    return functional.binary_cross_entropy(values, torch.full_like(values, target))


def _triplet(outputs: TrainingOutputs) -> Tensor:
    """Normal moments of normal and of abnormal videos together, abnormal moments apart."""
    anchor = _mean_where_highest(outputs.normal_features, outputs.normal_by_normal)
    positive = _mean_where_highest(outputs.abnormal_features, outputs.abnormal_by_normal)
    negative = _mean_where_highest(outputs.abnormal_features, outputs.abnormal_by_abnormal)
    return functional.triplet_margin_loss(
        functional.normalize(anchor, dim=-1),
        functional.normalize(positive, dim=-1),
        functional.normalize(negative, dim=-1),
        margin=_MARGIN,
        p=2,
    )


def _divergence(outputs: TrainingOutputs) -> Tensor:
    mean, log_variance = outputs.normal_mean, outputs.normal_log_variance
    inner = 1 + log_variance - mean**2 - torch.exp(log_variance)
    return (-0.5 * inner.sum(1)).mean()


def _distance(outputs: TrainingOutputs) -> Tensor:
    abnormal = _mean_where_highest(outputs.abnormal_mean, outputs.abnormal_by_abnormal)
    normal = _mean_where_highest(outputs.normal_sample, outputs.normal_by_normal)
    apart = abnormal.norm(dim=-1) - normal.norm(dim=-1)
    return functional.relu(_DISTANCE - apart).mean()


def _mean_where_highest(features: Tensor, attention: Tensor) -> Tensor:
    """(n, T, dim), (n, T) -> (n, dim): mean of the features at the highest T // 16 + 1."""
    places = attention.topk(num_highest(attention.shape[-1]), dim=-1).indices
    chosen = features.gather(1, places[..., None].expand(-1, -1, features.shape[-1]))
    return chosen.mean(1)
