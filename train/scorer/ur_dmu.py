"""UR-DMU (Zhou et al., AAAI 2023): (B, T, D) snippet features -> (B, T) anomaly scores.

Attention with a fixed local kernel beside the learned one, then two memories: what abnormal
snippets look like, and what normal ones do. Parameter names are the published ones, so that
published checkpoints load.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.scorer.dropout import Dropout
from train.scorer.local_kernel import KernelNorm, spread_locally


@dataclass(frozen=True)
class UrDmuSettings:
    """Sizes; the defaults are the published ones, 6,492,929 parameters."""

    feature_dim: int = 1024
    hidden_dim: int = 512
    num_layers: int = 2
    num_heads: int = 4
    head_dim: int = 128
    num_slots: int = 60
    """Of each memory."""
    dropout: float = 0.5
    kernel_norm: KernelNorm = "official"


@dataclass(frozen=True)
class MemoryReading:
    """What a memory says of (N, T) snippets."""

    attention: Tensor
    """(N, T) in [0, 1]: how much a snippet resembles what the memory holds."""
    weights: Tensor
    """(N, T, slots) in [0, 1]: of each slot; the content is their sum, weighted by these."""


@dataclass(frozen=True)
class TrainingOutputs:
    """All that the losses look at; n = B / 2 normal videos come first, n abnormal ones follow."""

    scores: Tensor
    """(B, T)."""
    normal_features: Tensor
    """(n, T, hidden)."""
    abnormal_features: Tensor
    """(n, T, hidden)."""
    normal_by_normal: Tensor
    """(n, T): the normal memory's attention to normal videos (N_att)."""
    normal_by_abnormal: Tensor
    """(n, T): the abnormal memory's attention to normal videos (A_Natt)."""
    abnormal_by_abnormal: Tensor
    """(n, T): A_att."""
    abnormal_by_normal: Tensor
    """(n, T): N_Aatt."""
    normal_mean: Tensor
    """(n, T, hidden): mean of the distribution that normal content is drawn from."""
    normal_log_variance: Tensor
    """(n, T, hidden)."""
    normal_sample: Tensor
    """(n, T, hidden): a draw of it."""
    abnormal_mean: Tensor
    """(n, T, hidden)."""


def as_float32(outputs: TrainingOutputs) -> TrainingOutputs:
    """For the losses, whatever the network computed in."""
    return TrainingOutputs(**{name: value.float() for name, value in vars(outputs).items()})


class UrDmu(nn.Module):
    """The network; `forward` scores, `training_outputs` feeds the losses."""

    def __init__(self, settings: UrDmuSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or UrDmuSettings()
        hidden_dim = self.settings.hidden_dim
        self.embedding = _Embedding(self.settings.feature_dim, hidden_dim)
        self.selfatt = _Transformer(self.settings)
        self.Amemory = _Memory(self.settings.num_slots, hidden_dim)
        self.Nmemory = _Memory(self.settings.num_slots, hidden_dim)
        self.encoder_mu = nn.Sequential(nn.Linear(hidden_dim, hidden_dim))
        self.encoder_var = nn.Sequential(nn.Linear(hidden_dim, hidden_dim))
        self.cls_head = _Head(2 * hidden_dim)

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, D) float features, or (B, N, T, D) with N crops -> (B, T) scores in [0, 1].

        Crops are scored one by one and averaged.
        """
        if features.dim() == 4:
            num_crops = features.shape[1]
            of_crops: Tensor = self(features.flatten(0, 1))
            return of_crops.reshape(-1, num_crops, of_crops.shape[-1]).mean(1)
        hidden = self.selfatt(self.embedding(features))
        means = [
            memory.encoded(memory(hidden).weights, self.encoder_mu)
            for memory in (self.Amemory, self.Nmemory)
        ]
        scores: Tensor = self.cls_head(torch.cat([hidden, means[0] + means[1]], -1))
        return scores

    def training_outputs(self, features: Tensor, noise: Tensor | None = None) -> TrainingOutputs:
        """(B, T, D), the normal half first -> what the losses need.

        `noise`, (B / 2, T, hidden) standard normal, is drawn here unless given.
        """
        hidden = self.selfatt(self.embedding(features))
        normal, abnormal = hidden.chunk(2)
        by_abnormal_memory, by_normal_memory = self.Amemory(hidden), self.Nmemory(hidden)
        means_a = self.Amemory.encoded(by_abnormal_memory.weights, self.encoder_mu)
        means_n = self.Nmemory.encoded(by_normal_memory.weights, self.encoder_mu)
        normal_a_mean, abnormal_mean = means_a.chunk(2)
        mean, abnormal_n_mean = means_n.chunk(2)
        normal_weights = by_normal_memory.weights.chunk(2)[0]
        log_variance = self.Nmemory.encoded(normal_weights, self.encoder_var)
        noise = torch.randn_like(mean) if noise is None else noise
        sample = mean + noise * torch.exp(log_variance / 2)
        drawn = torch.cat([sample + normal_a_mean, abnormal_mean + abnormal_n_mean])
        normal_by_abnormal, abnormal_by_abnormal = by_abnormal_memory.attention.chunk(2)
        normal_by_normal, abnormal_by_normal = by_normal_memory.attention.chunk(2)
        return TrainingOutputs(
            scores=self.cls_head(torch.cat([hidden, drawn], -1)),
            normal_features=normal,
            abnormal_features=abnormal,
            normal_by_normal=normal_by_normal,
            normal_by_abnormal=normal_by_abnormal,
            abnormal_by_abnormal=abnormal_by_abnormal,
            abnormal_by_normal=abnormal_by_normal,
            normal_mean=mean,
            normal_log_variance=log_variance,
            normal_sample=sample,
            abnormal_mean=abnormal_mean,
        )


class _Embedding(nn.Module):
    def __init__(self, feature_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.conv_1 = nn.Sequential(nn.Conv1d(feature_dim, hidden_dim, 3, padding=1), nn.ReLU())

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, hidden)."""
        embedded: Tensor = self.conv_1(features.transpose(1, 2))
        return embedded.transpose(1, 2)


class _Transformer(nn.Module):
    def __init__(self, settings: UrDmuSettings) -> None:
        super().__init__()
        hidden_dim = settings.hidden_dim
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    _PreNorm(hidden_dim, _Attention(settings)),
                    _PreNorm(hidden_dim, _FeedForward(hidden_dim, settings.dropout)),
                ]
            )
            for _ in range(settings.num_layers)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, T, hidden) -> the same shape."""
        for layer in self.layers:
            for part in layer:  # type: ignore[attr-defined]
                hidden = hidden + part(hidden)
        return hidden


class _PreNorm(nn.Module):
    def __init__(self, dim: int, inner: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fn = inner

    def forward(self, hidden: Tensor) -> Tensor:
        """(…, dim) -> the same shape."""
        out: Tensor = self.fn(self.norm(hidden))
        return out


class _Attention(nn.Module):
    """Each head: softmax attention over values, beside a fixed local kernel over a fourth part."""

    def __init__(self, settings: UrDmuSettings) -> None:
        super().__init__()
        inner_dim = settings.num_heads * settings.head_dim
        self._num_heads = settings.num_heads
        self._kernel_norm = settings.kernel_norm
        self.to_qkv = nn.Linear(settings.hidden_dim, 4 * inner_dim, bias=False)
        self.to_out = nn.Sequential(
            nn.Linear(2 * inner_dim, settings.hidden_dim), Dropout(settings.dropout)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, T, hidden) -> the same shape."""
        parts = self.to_qkv(hidden).chunk(4, -1)
        query, key, value, local = (
            part.unflatten(-1, (self._num_heads, -1)).transpose(1, 2) for part in parts
        )
        attended = functional.scaled_dot_product_attention(query, key, value)
        spread = spread_locally(local, norm=self._kernel_norm)
        both = torch.cat([attended, spread], -1)
        out: Tensor = self.to_out(both.transpose(1, 2).flatten(2))
        return out


class _FeedForward(nn.Module):
    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(dim, dim),
            nn.GELU(),
            Dropout(dropout),
            nn.Linear(dim, dim),
            Dropout(dropout),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """(…, dim) -> the same shape."""
        out: Tensor = self.net(hidden)
        return out


class _Memory(nn.Module):
    def __init__(self, num_slots: int, dim: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(dim)
        self.memory_block = nn.Parameter(torch.empty(num_slots, dim).uniform_(-bound, bound))
        self._num_top = num_slots // 16 + 1

    def forward(self, hidden: Tensor) -> MemoryReading:
        """(N, T, dim) -> attention (N, T) and weights (N, T, slots)."""
        scale = 1 / math.sqrt(hidden.shape[-1])
        weights = torch.sigmoid(hidden @ (self.memory_block * scale).T)
        attention = weights.topk(self._num_top, dim=-1).values.mean(-1)
        return MemoryReading(attention, weights)

    def encoded(self, weights: Tensor, encoder: nn.Sequential) -> Tensor:
        """(N, T, slots) -> (N, T, dim): a linear encoder's view of the weighted slots.

        The slots are encoded before they are weighted: 60 rows, not N × T.
        """
        linear = encoder[0]
        assert isinstance(linear, nn.Linear)
        return functional.linear(weights, linear.weight @ self.memory_block.T, linear.bias)


class _Head(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(dim, 128), nn.ReLU(), nn.Linear(128, 1), nn.Sigmoid())

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, T, dim) -> (B, T), in float32: near 0 and 1 the losses need its digits."""
        with torch.autocast(hidden.device.type, enabled=False):
            scores: Tensor = self.mlp(hidden.float())
        return scores.squeeze(-1)
