"""Refit the constants of `ClickExtent` and print the comparison that engine/PROPOSALS.md shows.

In: the reference file with human clicks and human events (path as the only argument, or the one
under ../shared). Out: one line per rule: mean tIoU, recall@0.5, proposals per event, precision@0.5.
Run from the repository root: `python -m tests.benchmarks.fit_click_extent`.
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.intervals import Interval, merge_overlapping, tiou
from engine.proposals import ClickExtent, events_from_clicks

REFERENCE = (
    Path(__file__).parents[2].parent / "shared/data/clicks/ucf_train_click_vs_event_part.json"
)
SHIPPED = ClickExtent()
SHIPPED_FEATURES = ("before", "after", "far_edge", "far_click")
START_VALUES = {"before": -2.3, "after": -2.3}

Floats = NDArray[np.float64]
Proposals = Sequence[Interval]


@dataclass(frozen=True)
class LabelledVideo:
    """One video's clicks, ascending, and its human events, in seconds."""

    length_seconds: float
    category: str
    click_seconds: tuple[float, ...]
    events: tuple[Interval, ...]


@dataclass(frozen=True)
class Score:
    """`mean_tiou` and `recall` over human events; `precision` over proposals; both at tIoU 0.5."""

    mean_tiou: float
    recall: float
    proposals_per_event: float
    precision: float

    def __str__(self) -> str:
        return (
            f"{self.mean_tiou:.3f}  {self.recall:.3f}  "
            f"{self.proposals_per_event:.2f}  {self.precision:.3f}"
        )


@dataclass(frozen=True)
class Table:
    """All clicks as padded arrays (V, K); `log_features` is (V, K, 2 sides, F)."""

    length_seconds: Floats
    clicks: Floats
    is_click: NDArray[np.bool_]
    events: Floats
    is_event: NDArray[np.bool_]
    log_features: Floats


@dataclass(frozen=True)
class Matches:
    """Per video: best tIoU of each event (V, E), of each proposal (V, K)."""

    by_event: Floats
    by_proposal: Floats


def load_videos(path: Path) -> list[LabelledVideo]:
    """The reference file as records; clicks become seconds with each video's own frame rate."""
    entries = json.loads(path.read_text(encoding="utf-8")).values()
    return [
        LabelledVideo(
            length_seconds=entry["n_frames"] / entry["fps"],
            category=entry["label"][0],
            click_seconds=tuple(sorted(f / entry["fps"] for f in entry["glances_frames"])),
            events=tuple((start, end) for start, end in entry["events"]),
        )
        for entry in entries
    ]


def measure(
    videos: Sequence[LabelledVideo], propose: Callable[[LabelledVideo], Proposals]
) -> Score:
    """Each event counts with its best proposal, each proposal with its best event."""
    by_event: list[float] = []
    by_proposal: list[float] = []
    for video in videos:
        proposals = propose(video)
        by_event += [max((tiou(e, p) for p in proposals), default=0.0) for e in video.events]
        by_proposal += [max(tiou(e, p) for e in video.events) for p in proposals]
    return _score(np.array(by_event), np.array(by_proposal))


def fixed_rule(
    seconds: float = 0.0, share: float = 0.0, *, merge: bool
) -> Callable[..., Proposals]:
    """Click ± (seconds + share of the video), clipped to the video."""

    def propose(video: LabelledVideo) -> Proposals:
        reach = seconds + share * video.length_seconds
        raw = [(max(0.0, c - reach), c + reach) for c in video.click_seconds]
        clipped = [(start, min(video.length_seconds, end)) for start, end in raw]
        return merge_overlapping(clipped) if merge else clipped

    return propose


def shipped_rule(settings: ClickExtent = SHIPPED) -> Callable[[LabelledVideo], Proposals]:
    """The engine's own function with the given constants."""

    def propose(video: LabelledVideo) -> Proposals:
        events = events_from_clicks(
            video.click_seconds,
            start_seconds=0.0,
            end_seconds=video.length_seconds,
            settings=settings,
        )
        return [interval for interval, _ in events]

    return propose


def build_table(videos: Sequence[LabelledVideo], features: Sequence[str]) -> Table:
    """Pad to the most clicks and events; compute only the named features."""
    num_clicks = max(len(v.click_seconds) for v in videos)
    num_events = max(len(v.events) for v in videos)
    categories = sorted({v.category for v in videos})
    names = [n for f in features for n in (categories if f == "category" else [f])]
    clicks = np.full((len(videos), num_clicks), np.nan)
    events = np.full((len(videos), num_events, 2), np.nan)
    log_features = np.zeros((*clicks.shape, 2, len(names)))
    for row, video in enumerate(videos):
        clicks[row, : len(video.click_seconds)] = video.click_seconds
        events[row, : len(video.events)] = video.events
        for column in range(len(video.click_seconds)):
            for side in (0, 1):
                values = _features(video, column, side)
                log_features[row, column, side] = [values.get(name, 0.0) for name in names]
    lengths = np.array([v.length_seconds for v in videos])
    is_event = ~np.isnan(events[..., 0])
    return Table(lengths, clicks, ~np.isnan(clicks), events, is_event, log_features)


def match(table: Table, weights: Floats) -> Matches:
    """Reach = video length × exp(features · weights); overlaps cut as `events_from_clicks` does."""
    reach = table.length_seconds[:, None, None] * np.exp(table.log_features @ weights)
    starts = np.maximum(table.clicks - reach[..., 0], 0.0)
    ends = np.minimum(table.clicks + reach[..., 1], table.length_seconds[:, None])
    for left in range(table.clicks.shape[1] - 1):
        overlap = ends[:, left] > starts[:, left + 1]
        click, following = table.clicks[:, left], table.clicks[:, left + 1]
        after, before = ends[:, left] - click, following - starts[:, left + 1]
        cut = click + (following - click) * after / (after + before)
        ends[:, left] = np.where(overlap, cut, ends[:, left])
        starts[:, left + 1] = np.where(overlap, cut, starts[:, left + 1])
    event_starts, event_ends = table.events[:, :, None, 0], table.events[:, :, None, 1]
    common = np.minimum(event_ends, ends[:, None]) - np.maximum(event_starts, starts[:, None])
    common = np.maximum(common, 0.0)
    union = (event_ends - event_starts) + (ends - starts)[:, None] - common
    overlaps = np.nan_to_num(common / union)
    return Matches(by_event=overlaps.max(axis=2), by_proposal=overlaps.max(axis=1))


def fit(table: Table, chosen: NDArray[np.bool_], start: Floats) -> Floats:
    """Pattern search: try each weight up and down, halve the step when nothing helps."""
    weights, step = start.copy(), 0.16
    best = _objective(table, match(table, weights), chosen)
    while step > 0.004:
        improved = False
        for index in range(len(weights)):
            for change in (step, -step):
                trial = weights.copy()
                trial[index] += change
                value = _objective(table, match(table, trial), chosen)
                if value > best + 1e-6:
                    weights, best, improved = trial, value, True
        step = step if improved else step / 2.0
    return weights


def cross_validate(
    table: Table, start: Floats, *, repeats: int, folds: int = 10
) -> tuple[Score, list[float]]:
    """Refit on nine tenths of the videos, measure on the rest; also each fold's mean tIoU."""
    by_event: list[Floats] = []
    by_proposal: list[Floats] = []
    for repeat in range(repeats):
        fold_of = np.random.default_rng(repeat).permutation(len(table.clicks)) % folds
        for fold in range(folds):
            held_out = fold_of == fold
            matches = match(table, fit(table, ~held_out, start))
            by_event.append(matches.by_event[held_out][table.is_event[held_out]])
            by_proposal.append(matches.by_proposal[held_out][table.is_click[held_out]])
    score = _score(np.concatenate(by_event), np.concatenate(by_proposal))
    return score, [float(values.mean()) for values in by_event]


def start_weights(table: Table, features: Sequence[str]) -> Floats:
    """Where every fit begins: a tenth of the video on either side, no other influence."""
    known = [START_VALUES.get(name, 0.0) for name in features]
    return np.array(known + [0.0] * (table.log_features.shape[-1] - len(known)))


def print_fitted(videos: Sequence[LabelledVideo], name: str, features: Sequence[str]) -> None:
    """One cross-validated line for a rule, with the spread over folds and the whole-set weights."""
    table = build_table(videos, features)
    start = start_weights(table, features)
    score, folds = cross_validate(table, start, repeats=5)
    weights = fit(table, np.ones(len(videos), dtype=bool), start)
    shown = "" if len(weights) > 8 else " ".join(f"{w:.3f}" for w in weights)
    print(f"{name:44s} {score}  folds ±{np.std(folds):.3f} [{min(folds):.3f}]  {shown}", flush=True)


def print_bootstrap(videos: Sequence[LabelledVideo]) -> None:
    """How far the shipped rule's figures move when the videos are drawn again."""
    rng = np.random.default_rng(0)
    draws = [
        measure([videos[i] for i in rng.integers(0, len(videos), len(videos))], shipped_rule())
        for _ in range(200)
    ]
    for name in ("mean_tiou", "recall"):
        low, high = np.percentile([getattr(draw, name) for draw in draws], [2.5, 97.5])
        print(f"shipped, 95 % bootstrap interval of {name}: {low:.3f}–{high:.3f}")


def main(path: Path) -> None:
    """Print fixed rules, then cross-validated ones, then the shipped constants."""
    videos = load_videos(path)
    print(f"{'rule':44s} tIoU   R@.5   n/ev  P@.5")
    for name, rule in {
        "click ± 6 s": fixed_rule(6.0, merge=False),
        "click ± 5 % of length": fixed_rule(share=0.05, merge=False),
        "click ± 5 % of length, merged": fixed_rule(share=0.05, merge=True),
        "click ± 7 % of length, merged": fixed_rule(share=0.07, merge=True),
    }.items():
        print(f"{name:44s} {measure(videos, rule)}")
    base = ("before", "after")
    for name, features in {
        "A share of length per side, overlaps cut": base,
        "B A + length exponent": (*base, "length"),
        "C A + both gaps, one exponent": (*base, "own_any", "far_any"),
        "D A + all gaps, edges apart": (*base, "any_edge", "any_click"),
        "E A + far gap, one exponent": (*base, "far_any"),
        "F A + far gap to clicks only": (*base, "far_click"),
        "G A + far gap, edges apart (shipped)": SHIPPED_FEATURES,
        "H G + own gap": (*SHIPPED_FEATURES, "own_edge", "own_click"),
        "I G + length exponent": (*SHIPPED_FEATURES, "length"),
        "J G + number of clicks": (*SHIPPED_FEATURES, "count"),
        "K G + category": (*SHIPPED_FEATURES, "category"),
    }.items():
        print_fitted(videos, name, features)
    for share in (0.0, 0.07, 0.09, 0.11, 0.13):
        settings = replace(SHIPPED, merge_gap_share=share, merge_gap_seconds=math.inf)
        print(
            f"{f'shipped, clicks within {share:.0%} merged':44s} "
            f"{measure(videos, shipped_rule(settings))}"
        )
    print(f"{'shipped constants, not cross-validated':44s} {measure(videos, shipped_rule())}")
    print_bootstrap(videos)


def _score(by_event: Floats, by_proposal: Floats) -> Score:
    return Score(
        mean_tiou=float(by_event.mean()),
        recall=float((by_event >= 0.5).mean()),
        proposals_per_event=len(by_proposal) / len(by_event),
        precision=float((by_proposal >= 0.5).mean()),
    )


def _objective(table: Table, matches: Matches, chosen: NDArray[np.bool_]) -> float:
    """Mean tIoU plus half a recall@0.5 whose step is softened, so that the search sees a slope."""
    best = matches.by_event[chosen][table.is_event[chosen]]
    softened = 1.0 / (1.0 + np.exp((0.5 - best) / 0.06))
    return float(best.mean() + 0.5 * softened.mean())


def _features(video: LabelledVideo, column: int, side: int) -> dict[str, float]:
    """Logarithms that multiply the reach of one side (0 before, 1 after) of one click."""
    clicks = video.click_seconds
    is_first, is_last = column == 0, column == len(clicks) - 1
    gap_before = clicks[column] - (0.0 if is_first else clicks[column - 1])
    gap_after = (video.length_seconds if is_last else clicks[column + 1]) - clicks[column]
    floor = SHIPPED.gap_floor_share
    before, after = (math.log(g / video.length_seconds + floor) for g in (gap_before, gap_after))
    own, far = (before, after) if side == 0 else (after, before)
    own_edge, far_edge = (is_first, is_last) if side == 0 else (is_last, is_first)
    return {
        "before": float(side == 0),
        "after": float(side == 1),
        "own_any": own,
        "far_any": far,
        "own_edge": own * own_edge,
        "own_click": own * (not own_edge),
        "far_edge": far * far_edge,
        "far_click": far * (not far_edge),
        "any_edge": own * own_edge + far * far_edge,
        "any_click": own * (not own_edge) + far * (not far_edge),
        "length": math.log(video.length_seconds / 60.0),
        "count": math.log(len(clicks)),
        video.category: 1.0,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REFERENCE)
