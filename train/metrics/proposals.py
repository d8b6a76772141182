"""Proposed against true stretches of all videos -> average precision at several overlaps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.intervals import Interval, tiou

TIOUS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True)
class Proposal:
    """A stretch that may be an event."""

    interval: Interval
    confidence: float


@dataclass(frozen=True)
class ProposalFigures:
    """How well proposals meet the true stretches, whatever their category."""

    num_proposals: int
    num_events: int
    average_precision: dict[str, float | None]
    """Overlap `0.1` … -> average precision without interpolation; None: no true stretch."""
    mean: float | None
    """Over the overlaps: mAP@0.1:0.7."""


def proposal_figures(
    proposals: Mapping[str, Sequence[Proposal]], events: Mapping[str, Sequence[Interval]]
) -> ProposalFigures:
    """Video id -> proposals and true stretches, in any unit of time."""
    num_events = sum(map(len, events.values()))
    found = {
        f"{limit:.1f}": _average_precision(proposals, events, limit, num_events) for limit in TIOUS
    }
    return ProposalFigures(
        num_proposals=sum(map(len, proposals.values())),
        num_events=num_events,
        average_precision=found,
        mean=float(np.mean([*found.values()])) if num_events else None,  # type: ignore[arg-type]
    )


def _average_precision(
    proposals: Mapping[str, Sequence[Proposal]],
    events: Mapping[str, Sequence[Interval]],
    limit: float,
    num_events: int,
) -> float | None:
    """From the surest on, a proposal hits if it overlaps an event that none hit before."""
    if not num_events:
        return None
    ranked = sorted(
        ((proposal, video_id) for video_id, some in proposals.items() for proposal in some),
        key=lambda pair: -pair[0].confidence,
    )
    taken: set[tuple[str, int]] = set()
    total, num_hits = 0.0, 0
    for rank, (proposal, video_id) in enumerate(ranked, start=1):
        free = [
            (tiou(proposal.interval, event), number)
            for number, event in enumerate(events.get(video_id, ()))
            if (video_id, number) not in taken
        ]
        overlap, number = max(free, default=(0.0, -1))
        if overlap >= limit:
            taken.add((video_id, number))
            num_hits += 1
            total += num_hits / rank
    return total / num_events
