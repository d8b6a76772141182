"""The embedded extractor: what its vectors know, on pictures made for the purpose."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.media.frames import Frame, RgbImage
from engine.models.baseline_features import BaselineFeatures
from engine.models.features import SnippetFeatures
from engine.models.flow_statistics import SCALARS

EXTRACTOR = BaselineFeatures()
TEXTURE = np.random.default_rng(5).integers(0, 255, (60, 80), dtype=np.uint8)


def picture(x: float, *, scale: int = 4, camera: int = 0) -> RgbImage:
    """A textured square on textured ground; `scale` 4 is 320 pixels wide."""
    ground = np.roll(np.kron(TEXTURE // 2 + 60, np.ones((scale, scale), np.uint8)), camera, axis=1)
    size, left = 15 * scale, int(x * scale)
    square = np.kron(TEXTURE[:15, :15], np.ones((scale, scale), np.uint8))
    ground[20 * scale : 20 * scale + size, left : left + size] = square
    return np.repeat(ground[:, :, None], 3, axis=2)


def moving(
    step: float, *, num_frames: int = 48, fps: float = 25.0, scale: int = 4, camera: int = 0
) -> list[Frame]:
    return [
        Frame(picture(5 + step * n, scale=scale, camera=camera * n), n / fps)
        for n in range(num_frames)
    ]


def vectors(frames: Sequence[Frame]) -> list[SnippetFeatures]:
    return list(EXTRACTOR.snippets(frames))


def scalar(vector: NDArray[np.float32], name: str) -> float:
    """Its mean over the snippet."""
    return float(vector[SCALARS.index(name)])


def test_every_16_frames_are_a_snippet_and_the_rest_is_a_shorter_one() -> None:
    found = vectors(moving(0.5, num_frames=40))
    assert [one.num_frames for one in found] == [16, 16, 8]
    assert [one.start_seconds for one in found] == pytest.approx([0, 0.64, 1.28])
    assert found[-1].last_seconds == pytest.approx(39 / 25)
    assert {one.vector.shape for one in found} == {(EXTRACTOR.width,)}
    assert all(np.isfinite(one.vector).all() for one in found)


def test_one_frame_alone_has_a_look_and_no_movement() -> None:
    [only] = vectors(moving(0.5, num_frames=1))
    assert scalar(only.vector, "speed_mean") == 0
    assert only.vector[-42:].any()


def test_what_moves_faster_has_greater_speeds() -> None:
    slow, fast = (vectors(moving(step))[1].vector for step in (0.25, 1.0))
    assert scalar(fast, "speed_p99") > 1.5 * scalar(slow, "speed_p99") > 0


def test_the_same_movement_at_another_rate_or_size_has_like_speeds() -> None:
    usual = scalar(vectors(moving(0.5))[1].vector, "speed_p99")
    rare = scalar(vectors(moving(1.0, num_frames=32, fps=12.5))[1].vector, "speed_p99")
    small = scalar(vectors(moving(0.5, scale=2))[1].vector, "speed_p99")
    assert rare == pytest.approx(usual, rel=0.25)
    assert small == pytest.approx(usual, rel=0.25)


def test_a_camera_that_pans_is_told_from_things_that_move() -> None:
    panning = vectors(moving(0.5, camera=2))[1].vector
    assert scalar(panning, "camera_speed") > 0.7
    assert scalar(vectors(moving(0.5))[1].vector, "camera_speed") < 0.1


def test_another_scene_is_a_cut_and_not_a_movement() -> None:
    before = moving(0, num_frames=8)
    other = np.rot90(picture(40), 2).copy()
    after = [Frame(255 - other, (8 + n) / 25) for n in range(8)]
    [found] = vectors([*before, *after])
    assert scalar(found.vector, "speed_p99") == pytest.approx(0, abs=0.01)
    cut_share = found.vector[EXTRACTOR.width - 42 - 2]
    assert cut_share == pytest.approx(1 / 15)


def test_a_stream_that_changes_its_size_goes_on() -> None:
    frames = [*moving(0.5, num_frames=10), *moving(0.5, num_frames=22, scale=2)]
    assert len(vectors(frames)) == 2


def test_snippets_come_while_frames_still_arrive() -> None:
    """A live stream must not be waited for."""
    seen = 0

    def arriving() -> object:
        nonlocal seen
        for frame in moving(0.5):
            seen += 1
            yield frame

    next(EXTRACTOR.snippets(arriving()))  # type: ignore[arg-type]
    assert seen == 16
