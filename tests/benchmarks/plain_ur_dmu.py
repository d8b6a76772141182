"""UR-DMU written down formula by formula, with no thought of speed: what ours is measured against.

Attention with whole T × T matrices and a copy of the local kernel for every head of every video;
each memory read apart for normal and abnormal videos; masks one number at a time.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_HIDDEN, _HEADS, _HEAD, _SLOTS = 512, 4, 128, 60


class PlainAttention(nn.Module):
    """Softmax attention beside the kernel exp(-|i - j| / e), columns normalized."""

    def __init__(self) -> None:
        super().__init__()
        self.to_qkvt = nn.Linear(_HIDDEN, 4 * _HEADS * _HEAD, bias=False)
        self.to_out = nn.Sequential(nn.Linear(2 * _HEADS * _HEAD, _HIDDEN), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, hidden) -> the same shape."""
        batch, length, _ = x.shape
        q, k, v, t = (
            part.reshape(batch, length, _HEADS, _HEAD).permute(0, 2, 1, 3)
            for part in self.to_qkvt(x).chunk(4, dim=-1)
        )
        attention = (torch.matmul(q, k.transpose(-1, -2)) * _HEAD**-0.5).softmax(-1)
        places = torch.arange(length, dtype=torch.float32)
        kernel = torch.exp(-(places[None] - places[:, None]).abs() / math.e)
        kernel = (kernel / kernel.sum(-1)).repeat(batch, _HEADS, 1, 1)
        both = torch.cat([torch.matmul(attention, v), torch.matmul(kernel, t)], -1)
        out: Tensor = self.to_out(both.permute(0, 2, 1, 3).reshape(batch, length, -1))
        return out


class PlainUrDmu(nn.Module):
    """The network and its training pass."""

    def __init__(self, feature_dim: int = 1024) -> None:
        super().__init__()
        self.embed = nn.Conv1d(feature_dim, _HIDDEN, 3, padding=1)
        self.attentions = nn.ModuleList(PlainAttention() for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(_HIDDEN) for _ in range(4))
        self.feeds = nn.ModuleList(
            nn.Sequential(
                nn.Linear(_HIDDEN, _HIDDEN),
                nn.GELU(),
                nn.Dropout(0.5),
                nn.Linear(_HIDDEN, _HIDDEN),
                nn.Dropout(0.5),
            )
            for _ in range(2)
        )
        bound = 1 / math.sqrt(_HIDDEN)
        self.abnormal = nn.Parameter(torch.empty(_SLOTS, _HIDDEN).uniform_(-bound, bound))
        self.normal = nn.Parameter(torch.empty(_SLOTS, _HIDDEN).uniform_(-bound, bound))
        self.mu, self.var = nn.Linear(_HIDDEN, _HIDDEN), nn.Linear(_HIDDEN, _HIDDEN)
        self.head = nn.Sequential(
            nn.Linear(2 * _HIDDEN, 128), nn.ReLU(), nn.Linear(128, 1), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, D) -> (B, T) scores."""
        x = self._hidden(features)
        means = self.mu(self._read(x, self.abnormal)[1]) + self.mu(self._read(x, self.normal)[1])
        scores: Tensor = self.head(torch.cat([x, means], -1)).squeeze(-1)
        return scores

    def total_loss(self, features: Tensor) -> Tensor:
        """(2n, T, D), the normal half first -> UR-DMU's weighted sum."""
        x = self._hidden(features)
        half = len(x) // 2
        normal, abnormal = x[:half], x[half:]
        aa_att, aa = self._read(abnormal, self.abnormal)
        na_att, na = self._read(abnormal, self.normal)
        an_att, an = self._read(normal, self.abnormal)
        nn_att, nn_ = self._read(normal, self.normal)
        mean, log_variance = self.mu(nn_), self.var(nn_)
        sample = mean + torch.randn_like(mean) * torch.exp(log_variance / 2)
        aa_mean, na_mean, an_mean = self.mu(aa), self.mu(na), self.mu(an)
        drawn = torch.cat([sample + an_mean, aa_mean + na_mean])
        scores = self.head(torch.cat([x, drawn], -1)).squeeze(-1)
        labels = torch.cat([torch.zeros(half), torch.ones(half)])
        ones, zeros = torch.ones(half), torch.zeros_like(an_att)
        anchor, positive, negative = (
            functional.normalize(_top(feats, att), dim=-1)
            for feats, att in ((normal, nn_att), (abnormal, na_att), (abnormal, aa_att))
        )
        bce = functional.binary_cross_entropy
        memories = (
            bce(_top_mean(aa_att), ones)
            + bce(_top_mean(1 - na_att), ones)
            + bce(nn_att, torch.ones_like(nn_att))
            + bce(an_att, zeros)
        )
        divergence = (-0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1)).mean()
        far, near = _top(aa_mean, aa_att).norm(dim=-1), _top(sample, nn_att).norm(dim=-1)
        total: Tensor = (
            bce(_top_mean(scores), labels)
            + 0.1 * memories
            + 0.1 * functional.triplet_margin_loss(anchor, positive, negative)
            + 0.001 * divergence
            + 0.0001 * functional.relu(100 - far + near).mean()
        )
        return total

    def _hidden(self, features: Tensor) -> Tensor:
        x: Tensor = functional.relu(self.embed(features.permute(0, 2, 1))).permute(0, 2, 1)
        for layer in range(2):
            x = self.attentions[layer](self.norms[2 * layer](x)) + x
            x = self.feeds[layer](self.norms[2 * layer + 1](x)) + x
        return x

    def _read(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Attention (n, T) and content (n, T, hidden) of one memory."""
        weights = torch.sigmoid(torch.einsum("btd,kd->btk", x, memory) / math.sqrt(_HIDDEN))
        top = weights.topk(_SLOTS // 16 + 1, dim=-1).values.mean(-1)
        return top, torch.einsum("btk,kd->btd", weights, memory)


def _top_mean(values: Tensor) -> Tensor:
    return values.topk(values.shape[-1] // 16 + 1, dim=-1).values.mean(-1)


def _top(features: Tensor, attention: Tensor) -> Tensor:
    places = attention.topk(attention.shape[-1] // 16 + 1, dim=-1).indices
    return torch.gather(features, 1, places[..., None].repeat(1, 1, features.shape[-1])).mean(1)
