"""VADor (VAD-LLaMA §3): (B, T, D) snippet features -> (B, T) anomaly scores, with context.

A predictor of two layers. With long-term context (LTC) each snippet also sees the most normal and
the most abnormal snippets before it; with long- and short-term context (LSTC) the last few, too.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import binary_cross_entropy as _bce

Context = Literal["none", "ltc", "lstc"]
Variant = Literal["paper", "code"]
_BLOCK = 256
_GATE = 0.5


@dataclass(frozen=True)
class VadorSettings:
    """Sizes; the paper names neither the predictor's width nor a dropout."""

    feature_dim: int = 768
    hidden_dim: int = 512
    context: Context = "lstc"
    list_length: int = 4
    """K, of each list."""
    variant: Variant = "paper"
    """`code`: lists of at most K - 1, entered only beyond 0.5 and merged into one; attention by
    cosine without softmax; losses on three predictions instead of one."""


@dataclass(frozen=True)
class VadorOutputs:
    """What the losses look at."""

    predictions: tuple[Tensor, ...]
    """Each (B, T) scores; the last is what the network says. `code` has three: of the snippets
    alone, of their context alone, of both."""


@dataclass(frozen=True)
class Remembered:
    """Per snippet, which earlier ones its list holds."""

    indices: Tensor
    """(B, rows, K) int64; 0 where there is none."""
    is_there: Tensor
    """(B, rows, K) bool."""


class Vador(nn.Module):
    """The network; `forward` scores, `training_outputs` feeds the losses."""

    def __init__(self, settings: VadorSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or VadorSettings()
        dim = self.settings.feature_dim
        self.predictor = nn.Sequential(
            nn.Linear(dim, self.settings.hidden_dim),
            nn.ReLU(),
            nn.Linear(self.settings.hidden_dim, 2),
        )
        self.balance = nn.ModuleList(nn.Linear(dim, 1) for _ in range(self._num_lists()))
        self.is_contextual = self.settings.context != "none"
        """False in the paper's first phase, in which the predictor learns alone."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, D) float features, or (B, N, T, D) with N crops -> (B, T) scores in [0, 1].

        A snippet's score looks at no later snippet. Crops are scored one by one and averaged.
        """
        if features.dim() == 4:
            of_crops: Tensor = self(features.flatten(0, 1))
            return of_crops.unflatten(0, features.shape[:2]).mean(1)
        return self.training_outputs(features).predictions[-1]

    def training_outputs(self, features: Tensor) -> VadorOutputs:
        """(B, T, D) -> scores of every prediction that is trained."""
        alone = self._predict(features)
        if not self.is_contextual:
            return VadorOutputs((alone,))
        context = self._context(features, alone.detach())
        both = self._predict(features + context)
        if self.settings.variant == "code":
            return VadorOutputs((alone, self._predict(context), both))
        return VadorOutputs((both,))

    def _num_lists(self) -> int:
        num_long_term = 1 if self.settings.variant == "code" else 2
        return {"none": 0, "ltc": num_long_term, "lstc": num_long_term + 1}[self.settings.context]

    def _predict(self, features: Tensor) -> Tensor:
        """(B, T, D) -> (B, T): the abnormal one of two probabilities."""
        logits: Tensor = self.predictor(features)
        return logits.softmax(-1)[..., 1]

    def _context(self, features: Tensor, scores: Tensor) -> Tensor:
        """(B, T, D), (B, T) -> (B, T, D): what the lists add, a block of rows at a time."""
        length = features.shape[1]
        blocks = [
            self._context_of_rows(features, scores, start, min(start + _BLOCK, length))
            for start in range(0, length, _BLOCK)
        ]
        return torch.cat(blocks, 1)

    def _context_of_rows(self, features: Tensor, scores: Tensor, start: int, end: int) -> Tensor:
        rows = features[:, start:end]
        total = torch.zeros_like(rows)
        for remembered, balance in zip(self._lists(scores, start, end), self.balance, strict=True):
            retrieved = self._attend(rows, features, remembered)
            total = total + torch.sigmoid(balance(retrieved)) * retrieved
        return total

    def _lists(self, scores: Tensor, start: int, end: int) -> list[Remembered]:
        num = self.settings.list_length
        if self.settings.variant == "code":
            normal = highest_before(-scores, start, end, num - 1, above=-_GATE)
            abnormal = highest_before(scores, start, end, num - 1, above=_GATE)
            lists = [_merged(normal, abnormal)]
        else:
            lists = [
                highest_before(-scores, start, end, num),
                highest_before(scores, start, end, num),
            ]
        if self.settings.context == "lstc":
            lists.append(_last_before(scores, start, end, num))
        return lists

    def _attend(self, rows: Tensor, features: Tensor, remembered: Remembered) -> Tensor:
        """(B, rows, D) queries; keys and values are the remembered features -> (B, rows, D)."""
        batch = torch.arange(len(features), device=features.device)[:, None, None]
        values = features[batch, remembered.indices]
        if self.settings.variant == "code":
            weights = functional.cosine_similarity(rows[:, :, None], values, dim=-1)
        else:
            alike = (values @ rows[..., None])[..., 0] / math.sqrt(rows.shape[-1])
            weights = alike.masked_fill(~remembered.is_there, -1e30).softmax(-1)
        weights = torch.where(remembered.is_there, weights, 0.0)
        retrieved: Tensor = (weights[:, :, None] @ values)[:, :, 0]
        return retrieved


def highest_before(
    scores: Tensor, start: int, end: int, num: int, *, above: float = -math.inf
) -> Remembered:
    """(B, T) -> for each of the rows [start, end) the `num` highest scores strictly before it.

    Only scores greater than `above` count.
    """
    width = max(end - 1, num)
    seen = functional.pad(scores[:, : end - 1], (0, width - (end - 1)), value=-math.inf)
    rows = torch.arange(start, end, device=scores.device)[:, None]
    is_later = torch.arange(width, device=scores.device)[None, :] >= rows
    visible = seen[:, None].masked_fill(is_later | (seen[:, None] <= above), -math.inf)
    found = visible.topk(num, dim=-1)
    is_there = found.values > -math.inf
    return Remembered(torch.where(is_there, found.indices, 0), is_there)


def _last_before(scores: Tensor, start: int, end: int, num: int) -> Remembered:
    """The `num` snippets just before each row."""
    rows = torch.arange(start, end, device=scores.device)[:, None]
    indices = rows - 1 - torch.arange(num, device=scores.device)
    indices = indices.expand(len(scores), -1, -1)
    return Remembered(indices.clamp(min=0), indices >= 0)


def _merged(one: Remembered, other: Remembered) -> Remembered:
    return Remembered(
        torch.cat([one.indices, other.indices], -1), torch.cat([one.is_there, other.is_there], -1)
    )


def mil_losses(outputs: VadorOutputs, is_abnormal: Tensor) -> dict[str, Tensor]:
    """(B,) labels 0 or 1 -> losses by name, to be summed (Eq. 1 on maximum and on margin).

    A video's highest score, and how far it stands above its lowest, are each held against the
    video's label; summed over the predictions.
    """
    highest = [scores.amax(-1) for scores in outputs.predictions]
    margins = [scores.amax(-1) - scores.amin(-1) for scores in outputs.predictions]
    return {
        "maximum": torch.stack([_bce(one, is_abnormal) for one in highest]).sum(),
        "margin": torch.stack([_bce(one, is_abnormal) for one in margins]).sum(),
    }
