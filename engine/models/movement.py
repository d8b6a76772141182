"""Changes of motion in a clip: onsets, stops, regions that meet, restless regions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.models.pictures import THRESHOLDS, Happening, Pictures, pairs
from engine.models.regions import Blob, find_meetings, is_at_edge, is_restless, path_length, side_of


def motion_changes(pictures: Pictures, blobs: Sequence[Sequence[Blob]]) -> list[Happening]:
    """A sudden rise of the change from frame to frame, and a sudden end of it."""
    if len(pictures.greys) < 6:
        return []
    limit = max(THRESHOLDS["change_min_levels"], THRESHOLDS["change_noise_factor"] * pictures.noise)
    energy = np.array(
        [float((np.abs(b - a - np.median(b - a)) > limit).mean()) for a, b in pairs(pictures.greys)]
    )
    return [*_onset(energy, pictures, blobs), *_stop(energy, pictures, blobs)]


def _onset(
    energy: NDArray[np.float64], pictures: Pictures, blobs: Sequence[Sequence[Blob]]
) -> list[Happening]:
    for index in range(2, len(energy) - 1):
        before = max(float(np.median(energy[max(0, index - 4) : index])), 0.002)
        if energy[index] > THRESHOLDS["onset_factor"] * before + THRESHOLDS["onset_share"]:
            side = side_of(blobs[index + 1][0].x) if blobs[index + 1] else None
            time = pictures.times[index + 1]
            return [Happening("motion_onset", time, time, side, float(energy[index]))]
    return []


def _stop(
    energy: NDArray[np.float64], pictures: Pictures, blobs: Sequence[Sequence[Blob]]
) -> list[Happening]:
    """An abrupt end of motion; a region that leaves over the picture's edge has not stopped."""
    for index in range(3, len(energy) - 2):
        before = float(np.median(energy[max(0, index - 3) : index]))
        after = float(energy[index:].max())
        if before > 2 * THRESHOLDS["onset_share"] and after < before / 5:
            seen = [*blobs[index - 1][:1], *blobs[index][:1]]
            if any(is_at_edge(blob) for blob in seen):
                return []
            side = side_of(seen[0].x) if seen else None
            time = pictures.times[index]
            return [Happening("motion_stop", time, time, side, before)]
    return []


def meetings(chains: Sequence[Sequence[Blob]], times: Sequence[float]) -> list[Happening]:
    """The fastest coming together of two regions, if there is any."""
    found = find_meetings(chains, times)
    if not found:
        return []
    fastest = max(found, key=lambda meeting: meeting.speed)
    time = times[fastest.frame]
    return [Happening("meeting", time, time, fastest.side, fastest.speed)]


def agitation(chains: Sequence[Sequence[Blob]], times: Sequence[float]) -> list[Happening]:
    """The largest region that changes its outline and place quickly without getting anywhere."""
    restless = [chain for chain in chains if is_restless(chain, num_frames=len(times))]
    if not restless:
        return []
    chain = max(restless, key=lambda chain: sum(blob.area for blob in chain))
    side = side_of(float(np.median([blob.x for blob in chain])))
    start, end = times[chain[0].frame], times[chain[-1].frame]
    return [Happening("agitation", start, end, side, path_length(chain))]
