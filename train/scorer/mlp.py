"""VA-GPT's temporal classifier (supplement §2.3): three layers on each snippet by itself."""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class MlpSettings:
    """Sizes; the paper says three layers and no widths."""

    feature_dim: int = 1024
    hidden_dims: tuple[int, int] = (512, 128)


class Mlp(nn.Module):
    """Linear, ReLU, linear, ReLU, linear, sigmoid."""

    def __init__(self, settings: MlpSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or MlpSettings()
        first, second = self.settings.hidden_dims
        self.layers = nn.Sequential(
            nn.Linear(self.settings.feature_dim, first),
            nn.ReLU(),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Linear(second, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, D) float features, or (B, N, T, D) with N crops -> (B, T) scores in [0, 1]."""
        scores: Tensor = self.layers(features)[..., 0]
        return scores.mean(1) if features.dim() == 4 else scores
