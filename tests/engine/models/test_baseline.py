"""The embedded captioner, summarizer and motion scores: what was measured, and only that."""

import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.demo.encode import write_mp4
from engine.errors import MediaError
from engine.media.frames import Frame, RgbImage
from engine.media.probe import frame_times
from engine.models.baseline import BaselineCaptioner, BaselineSummarizer
from engine.models.chat import Captioner, CaptionRequest, Summarizer, SummaryReply, SummaryRequest
from engine.models.motion import motion_scores
from engine.models.observe import observe
from engine.models.wording import SIGN_PHRASES
from tests.demo_fixture import demo_frames, demo_video

Painter = Callable[[int], RgbImage]
RNG = np.random.default_rng(7)
SCENE: RgbImage = RNG.integers(60, 150, (90, 160, 3), dtype=np.uint8)


def frames_of(
    painter: Painter, *, num_frames: int = 16, step_seconds: float = 0.25
) -> tuple[Frame, ...]:
    return tuple(Frame(painter(index), index * step_seconds) for index in range(num_frames))


def caption(frames: tuple[Frame, ...], *, duration_seconds: float = 4.0) -> str:
    captioner: Captioner = BaselineCaptioner()
    request = CaptionRequest("v_E0C0", duration_seconds, "describe", captioner.prepare(frames))
    reply = captioner.caption(request)
    assert reply.id == "v_E0C0"
    return reply.text


def summarize(
    *texts: str, is_anomalous: bool | None = None, categories: tuple[str, ...] = ()
) -> SummaryReply:
    summarizer: Summarizer = BaselineSummarizer()
    return summarizer.summarize(
        SummaryRequest("v_E0", "event", "summarize", texts, is_anomalous, categories)
    )


def with_box(
    index: int, *, left: int, top: int = 30, width: int = 14, height: int = 34
) -> RgbImage:
    image = SCENE.copy()
    image[top : top + height, max(0, left) : max(0, left + width)] = 235
    return image


def test_the_clip_with_the_explosion_is_said_to_flash_when_it_does() -> None:
    text = caption(demo_frames("depot", 10.0, 15.0), duration_seconds=5.0)
    assert "sudden bright flash" in text
    assert "from 1.1 to" in text


def test_smoke_of_the_explosion_is_measured_as_a_growing_soft_edged_area() -> None:
    observation = observe(demo_frames("depot", 9.0, 20.0))
    assert "smoke_like" in {one.kind for one in observation.happenings}


def test_a_scuffle_is_measured_as_a_restless_region() -> None:
    for start in (10.0, 25.0):
        assert SIGN_PHRASES["agitation"] in caption(demo_frames("arcade", start, start + 5)).lower()


@pytest.mark.parametrize("video_id", ["promenade", "corridor", "car_park", "ring_road"])
def test_normal_demo_videos_show_no_strong_sign(video_id: str) -> None:
    for start in range(0, 30, 5):
        text = caption(demo_frames(video_id, start, start + 5), duration_seconds=5.0)
        assert summarize(text).is_anomalous is not True, text


def test_the_still_corridor_is_said_to_be_still_and_dim() -> None:
    text = caption(demo_frames("corridor", 0.0, 5.0), duration_seconds=5.0)
    assert text == "Nothing moves in a dim colorless view; no sudden change was measured."


def test_a_box_that_crosses_the_picture_is_an_upright_region_from_left_to_right() -> None:
    text = caption(frames_of(lambda index: with_box(index, left=5 + 8 * index)))
    assert "upright moving region goes from the left to the right" in text
    assert "person" not in text


def test_motion_that_sets_in_at_once_is_said_with_its_time() -> None:
    def painter(index: int) -> RgbImage:
        return (
            SCENE if index < 8 else with_box(index, left=10 + 12 * (index - 8), width=26, height=50)
        )

    text = caption(frames_of(painter))
    assert "Motion rises suddenly" in text
    assert "at 2.1 s" in text


def test_two_boxes_that_run_into_each_other_come_together() -> None:
    def painter(index: int) -> RgbImage:
        reach = min(6 * index, 52)
        image = with_box(index, left=10 + reach)
        image[30:64, 136 - reach : 150 - reach] = 235
        return image

    assert "Two moving regions come together" in caption(frames_of(painter))


def test_one_bright_frame_is_a_flash_and_lasting_light_is_not() -> None:
    def flash(index: int) -> RgbImage:
        return np.asarray(np.clip(SCENE.astype(int) + 90 * (index == 6), 0, 255), np.uint8)

    def lamp(index: int) -> RgbImage:
        return np.asarray(np.clip(SCENE.astype(int) + 60 * (index >= 6), 0, 255), np.uint8)

    assert "sudden bright flash" in caption(frames_of(flash))
    lit = caption(frames_of(lamp))
    assert "flash" not in lit
    assert "The picture becomes brighter by 60 of 255 levels" in lit


def test_a_cut_to_another_scene_is_said() -> None:
    other = np.full_like(SCENE, 20)
    other[..., 2] = 190
    assert "The scene changes at once" in caption(frames_of(lambda i: SCENE if i < 8 else other))


def test_a_swinging_camera_is_said_to_move_and_no_region_is_claimed() -> None:
    wide = np.asarray(np.kron(RNG.integers(30, 220, (30, 100, 3)), np.ones((4, 4, 1))), np.uint8)
    text = caption(frames_of(lambda index: wide[10:100, 6 * index : 6 * index + 160]))
    assert text.startswith("The camera moves")
    assert "goes" not in text


@pytest.mark.parametrize(
    "shape", [(16, 16), (1, 1), (9, 300), (2160, 3840)], ids=["tiny", "pixel", "strip", "huge"]
)
def test_frames_of_any_size_can_be_captioned(shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    image[: shape[0] // 2] = 200
    assert "Nothing moves" in caption(frames_of(lambda _: image, num_frames=4))


@pytest.mark.parametrize("num_frames", [1, 2, 3, 5])
def test_few_frames_are_enough(num_frames: int) -> None:
    text = caption(frames_of(lambda index: with_box(index, left=10 * index), num_frames=num_frames))
    assert ("only one frame was seen" in text) == (num_frames == 1)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 9999), num_frames=st.integers(1, 9), side=st.integers(1, 60))
def test_noise_never_breaks_it_and_is_captioned_the_same_twice(
    seed: int, num_frames: int, side: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (num_frames, side, 40, 3), dtype=np.uint8)
    frames = frames_of(lambda index: noise[index], num_frames=num_frames)
    assert caption(frames) == caption(frames)


def test_no_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        BaselineCaptioner().prepare(())


def test_times_count_from_the_start_of_the_clip_and_not_of_the_video() -> None:
    early = frames_of(lambda index: with_box(index, left=5 + 8 * index))
    late = tuple(replace(frame, time_seconds=frame.time_seconds + 1000) for frame in early)
    assert caption(early) == caption(late)


def test_what_is_prepared_is_small_and_survives_pickling() -> None:
    prepared = BaselineCaptioner().prepare(demo_frames("arcade", 10.0, 15.0))
    packed = pickle.dumps(prepared)
    assert len(packed) < 20_000
    assert pickle.loads(packed) == prepared


def test_what_another_captioner_prepared_is_refused() -> None:
    with pytest.raises(TypeError, match="v_E0C0"):
        BaselineCaptioner().caption(CaptionRequest("v_E0C0", 1.0, "", ["jpeg"]))


def test_label_decides_the_judgement_whatever_was_measured() -> None:
    quiet = "Nothing moves before the fixed camera; no sudden change was measured."
    flash = "A sudden bright flash, 90 of 255 levels above the rest, at 1.1 s."
    abnormal = summarize(quiet, is_anomalous=True, categories=("RoadAccidents",))
    normal = summarize(flash, is_anomalous=False)
    assert abnormal.judgement == "The anomaly exists, specifically a RoadAccidents anomaly."
    assert abnormal.is_anomalous is True
    assert normal.judgement == "No anomaly exists in the event."
    assert normal.is_anomalous is False
    assert normal.analysis is None


def test_analysis_says_when_only_the_label_supports_it() -> None:
    quiet = "Nothing moves before the fixed camera; no sudden change was measured."
    reply = summarize(quiet, is_anomalous=True, categories=("Burglary",))
    assert reply.analysis is not None
    assert "The label says" in reply.analysis
    assert "no sudden change that would support it" in reply.analysis


def test_unlabeled_flash_is_judged_abnormal_and_unlabeled_stillness_normal() -> None:
    flash = "A sudden bright flash, 90 of 255 levels above the rest, at 1.1 s."
    quiet = "Nothing moves before the fixed camera; no sudden change was measured."
    judged = summarize(quiet, flash)
    assert judged.is_anomalous is True
    assert judged.judgement == "An anomaly exists in the event."
    assert judged.analysis is not None
    assert "without a label" in judged.analysis
    assert summarize(quiet).is_anomalous is False


def test_what_cannot_be_told_is_not_judged() -> None:
    for text in ("A small moving region is seen. Motion rises suddenly at 1.0 s.", "A dog sits."):
        reply = summarize(text)
        assert reply.is_anomalous is None
        assert "could not be determined" in reply.judgement
        assert reply.analysis is None


def test_description_has_no_repeats_no_clip_times_and_a_bound() -> None:
    first = "From 0.2 to 1.4 s, a small moving region goes quickly away from the camera."
    many = [f"{first} Motion rises suddenly at {n / 10:.1f} s." for n in range(60)]
    many += [
        f"Region number {n} of the picture is described at some length here." for n in range(60)
    ]
    reply = summarize(*many, is_anomalous=True, categories=("Fighting",))
    assert reply.description.count("Motion rises suddenly") == 1
    assert "1.4 s" not in reply.description
    assert len(reply.description) <= 700


def test_event_summaries_lose_their_judgement_in_the_video_summary() -> None:
    event = summarize("A grey soft-edged area grows.", is_anomalous=True, categories=("Arson",))
    whole = " ".join([event.judgement, event.description, event.analysis or ""])
    reply = summarize(whole, is_anomalous=True, categories=("Arson",))
    assert reply.description == "A grey soft-edged area grows."
    assert reply.judgement == "The anomaly exists, specifically an Arson anomaly."


def test_fingerprints_name_a_version_and_every_threshold() -> None:
    parts = BaselineCaptioner().fingerprint_parts()
    assert parts["version"] == 1
    assert isinstance(parts["thresholds"], dict)
    assert "flash_levels" in parts["thresholds"]
    assert BaselineSummarizer().fingerprint_parts()["version"] == 1


@pytest.mark.parametrize(
    ("video_id", "start", "end"), [("depot", 11.0, 22.0), ("crossing", 13.6, 20.0)]
)
def test_highest_motion_score_lies_in_the_event(video_id: str, start: float, end: float) -> None:
    found = motion_scores(demo_video(video_id))
    top = int(np.argmax(found.scores))
    ends = (*found.snippet_starts_seconds[1:], found.end_seconds)
    assert found.snippet_starts_seconds[top] < end
    assert ends[top] > start


def test_motion_scores_follow_true_times_of_a_variable_rate_video() -> None:
    found = motion_scores(demo_video("ring_road"))
    times = frame_times(demo_video("ring_road"))
    assert np.allclose(found.snippet_starts_seconds, times[::16])
    assert times[-1] < found.end_seconds < times[-1] + 0.3
    assert all(0 <= score <= 1 for score in found.scores)


def test_a_flat_video_scores_zero_throughout(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("flat") / "flat.mp4"
    image = np.full((90, 160, 3), 90, np.uint8)
    write_mp4(path, (Frame(image, index / 10) for index in range(50)))
    found = motion_scores(path)
    assert found.scores == (0.0, 0.0, 0.0, 0.0)
    assert found.end_seconds == pytest.approx(5.0, abs=0.02)


def test_a_file_that_is_no_video_is_a_media_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("text") / "text.mp4"
    path.write_text("no video", encoding="utf-8")
    with pytest.raises(MediaError):
        motion_scores(path)
