"""How good a network is on held-out videos, by the best labels that they have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from engine.dataset import Dataset
from engine.features import SNIPPET_FRAMES, load_features
from train.metrics.detection import ScoredSnippets, detection_figures
from train.scorer.corpus import LabelledVideo
from train.scorer.losses import num_highest
from train.scorer.networks import Network

What = Literal["frames", "clicked snippets", "videos"]
SelectBy = Literal["roc_auc", "average_precision"]
Scores = NDArray[np.floating]


@dataclass(frozen=True)
class Yardstick:
    """What checkpoints are compared by."""

    what: What
    """Frames where all abnormal videos have boundaries; else clicked snippets against those of
    normal videos; else whole videos by their highest scores."""
    select_by: SelectBy
    videos: tuple[LabelledVideo, ...]

    @property
    def name(self) -> str:
        """`roc_auc of frames` …"""
        return f"{self.select_by} of {self.what}"


def yardstick(videos: Sequence[LabelledVideo], select_by: SelectBy) -> Yardstick | None:
    """None where normal or abnormal videos are missing, so that nothing can be compared."""
    abnormal = [video for video in videos if video.is_abnormal]
    if not abnormal or len(abnormal) == len(videos):
        return None
    what: What = "videos"
    if all(video.shares is not None for video in abnormal):
        what = "frames"
    elif any(video.click_places for video in abnormal):
        what = "clicked snippets"
    return Yardstick(what, select_by, tuple(videos))


def measure(dataset: Dataset, network: Network, by: Yardstick) -> float:
    """The figure, in [0, 1]; the network is in training mode again afterwards."""
    network.eval()
    parts = [_scored(video, score_video(dataset, network, video), by.what) for video in by.videos]
    network.train()
    figures = detection_figures(ScoredSnippets.joined(parts))
    value = figures.roc_auc if by.select_by == "roc_auc" else figures.average_precision
    assert value is not None, "a yardstick has positives and negatives"
    return value


def score_video(dataset: Dataset, network: Network, video: LabelledVideo) -> Scores:
    """(T,) scores at full length, crops averaged; the network must be in evaluation mode."""
    device = next(network.parameters()).device
    features = load_features(dataset, video.track)
    with torch.inference_mode():
        of_crops = [
            network(torch.from_numpy(np.array(crop)).to(device).float()[None])[0].float()
            for crop in features
        ]
    scores: Scores = torch.stack(of_crops).mean(0).cpu().numpy()
    return scores


def _scored(video: LabelledVideo, scores: Scores, what: What) -> ScoredSnippets:
    length = len(scores)
    if what == "frames":
        shares = np.zeros(length) if video.shares is None else video.shares
        num_positive = np.rint(shares * SNIPPET_FRAMES).astype(np.int64)
        return ScoredSnippets(scores, num_positive, SNIPPET_FRAMES - num_positive)
    if what == "clicked snippets":
        places = [int(place * length) for place in video.click_places]
        is_clicked = np.zeros(length, dtype=np.int64)
        is_clicked[places] = int(video.is_abnormal)
        is_normal = np.full(length, int(not video.is_abnormal))
        return ScoredSnippets(scores, is_clicked, is_normal)
    highest = np.sort(scores)[-num_highest(length) :].mean(keepdims=True)
    kinds = np.array([int(video.is_abnormal)])
    return ScoredSnippets(highest, kinds, 1 - kinds)
