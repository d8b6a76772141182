"""Frames by time: what is decoded is what was on screen, read from the pixels themselves."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import MediaError
from engine.media.container import opened, scan
from engine.media.convert import RgbConverter
from engine.media.decode import Decoder, all_frames, frames_at
from engine.media.frames import FrameRequest
from engine.media.probe import frame_times
from engine.media.walk import walk
from tests.videos import (
    H264_NO_B,
    HEVC,
    MPEG4,
    RATE_2997,
    Coding,
    bit_rotted,
    constant_rate,
    read_index,
    remux,
    sound_only,
    truncated,
    variable_rate_ticks,
    without_keyframe_table,
    write_packed_avi,
    write_video,
)

GOP_50 = Coding(gop=50)
MILLISECOND = Fraction(1, 1000)


def indices_at(
    path: Path, times_seconds: Sequence[float], *, decoder: Decoder = "pyav"
) -> list[int]:
    request = FrameRequest("one", tuple(times_seconds))
    [(_, frames)] = frames_at(path, [request], max_side_px=None, decoder=decoder)
    return [read_index(frame.image) for frame in frames]


def on_screen(shown_seconds: Sequence[float], time_seconds: float) -> int:
    """Ordinal of the frame on screen, the slow way."""
    return max((n for n, shown in enumerate(shown_seconds) if shown <= time_seconds), default=0)


def probes_between(shown_seconds: Sequence[float]) -> list[float]:
    """Times exactly on frames, just before and just after them, over the whole video."""
    picked = list(shown_seconds)[:: max(1, len(shown_seconds) // 12)]
    return sorted([*picked, *(t - 0.001 for t in picked), *(t + 0.001 for t in picked)])


def constant(fps: Fraction | int, name: str, coding: Coding) -> Callable[[Path], Path]:
    return lambda folder: constant_rate(folder / name, num_frames=160, fps=fps, coding=coding)


def variable(folder: Path, name: str = "variable.mp4") -> Path:
    return write_video(folder / name, variable_rate_ticks(160), time_base=MILLISECOND)


def offset(folder: Path, name: str = "offset.mp4") -> Path:
    return write_video(folder / name, range(5000, 5000 + 160 * 40, 40), time_base=MILLISECOND)


def stream_copied(folder: Path) -> Path:
    source = constant_rate(folder / "source.mp4", num_frames=160, coding=GOP_50)
    return remux(source, folder / "cut.mp4", from_frame=50, shown_from_seconds=3.0)


def raw_stream(folder: Path) -> Path:
    source = constant_rate(folder / "source.mp4", num_frames=160, coding=GOP_50)
    return remux(source, folder / "a.h264")


def packed_b_frames(folder: Path) -> Path:
    return write_packed_avi(folder / "a.avi", num_frames=60)


VIDEOS: dict[str, Callable[[Path], Path]] = {
    "24": constant(24, "a.mp4", Coding()),
    "25": constant(25, "a.mp4", GOP_50),
    "29.97": constant(RATE_2997, "a.mp4", Coding(gop=30)),
    "30 without B-frames": constant(30, "a.mp4", H264_NO_B),
    "variable": variable,
    "variable mkv": lambda folder: variable(folder, "variable.mkv"),
    "offset": offset,
    "offset mkv": lambda folder: offset(folder, "offset.mkv"),
    "stream-copied cut": stream_copied,
    "mpeg-4 avi, B-frames": constant(15, "a.avi", MPEG4),
    "mpeg-4 avi": constant(15, "a.avi", Coding(codec="mpeg4", gop=12, num_b_frames=0)),
    "h264 avi, B-frames": constant(25, "a.avi", GOP_50),
    "mpeg-ts": constant(25, "a.ts", Coding(gop=25)),
    "hevc, open groups": constant(25, "a.mp4", Coding(codec="libx265", gop=25)),
    "h264 raw": raw_stream,
    "packed B-frames": packed_b_frames,
    "rotated": constant(25, "a.mp4", Coding(gop=50, clockwise_degrees=90)),
    "one frame": lambda folder: constant_rate(folder / "a.mp4", num_frames=1),
}


@pytest.mark.parametrize("make", VIDEOS.values(), ids=VIDEOS.keys())
def test_frame_on_screen_is_decoded_whatever_the_container(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    path = make(tmp_path)
    in_order = [read_index(frame.image) for frame in all_frames(path)]
    shown = [frame.time_seconds for frame in all_frames(path)]
    wanted = probes_between(shown)

    assert shown == frame_times(path).tolist()
    assert in_order == list(range(in_order[0], in_order[0] + len(shown)))
    assert indices_at(path, wanted) == [in_order[on_screen(shown, time)] for time in wanted]


def test_times_of_a_variable_rate_video_are_its_own_not_index_over_rate(tmp_path: Path) -> None:
    ticks = variable_rate_ticks(160)
    frames = list(all_frames(variable(tmp_path)))
    assert [frame.time_seconds for frame in frames] == [tick / 1000 for tick in ticks]


def test_offset_start_is_kept_on_the_containers_clock(tmp_path: Path) -> None:
    path = offset(tmp_path)
    assert frame_times(path)[0] == 5.0
    assert indices_at(path, [0.0, 5.0, 5.05]) == [0, 0, 1]


def test_hidden_frames_of_a_stream_copied_cut_are_not_shown(tmp_path: Path) -> None:
    path = stream_copied(tmp_path)
    assert indices_at(path, [0.0, 0.1]) == [75, 77]
    assert len(frame_times(path)) == 160 - 75


def test_time_past_the_end_gets_the_last_frame(tmp_path: Path) -> None:
    path = constant_rate(tmp_path / "a.mp4", num_frames=30)
    assert indices_at(path, [1.0, 99.0]) == [25, 29]


def test_h264_in_avi_is_not_taken_at_its_decoding_times(tmp_path: Path) -> None:
    # AVI numbers packets as they are decoded: believed, B-frames come out in the wrong order.
    path = constant_rate(tmp_path / "a.avi", num_frames=40, coding=Coding(num_b_frames=3))
    shown = [read_index(frame.image) for frame in all_frames(path)]
    assert shown == list(range(40))


@settings(max_examples=25, deadline=None)
@given(
    starts=st.lists(st.floats(min_value=-1, max_value=14), min_size=1, max_size=6),
    length=st.floats(min_value=0, max_value=4),
)
def test_overlapping_requests_get_the_frames_they_would_get_alone(
    starts: list[float], length: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = shared_video(tmp_path_factory)
    requests = [
        FrameRequest(f"{n}", tuple(start + length * k / 4 for k in range(4)))
        for n, start in enumerate(starts)
    ]
    answers = dict(frames_at(path, requests, max_side_px=None))
    shown = frame_times(path).tolist()
    assert answers.keys() == {request.id for request in requests}
    for request in requests:
        got = [read_index(frame.image) for frame in answers[request.id]]
        assert got == [on_screen(shown, time) for time in request.times_seconds]


def shared_video(factory: pytest.TempPathFactory) -> Path:
    path = factory.getbasetemp() / "shared_gop_20.mp4"
    if not path.exists():
        constant_rate(path, num_frames=330, coding=Coding(gop=20))
    return path


def test_request_is_answered_as_soon_as_its_last_frame_is_decoded(tmp_path: Path) -> None:
    path = constant_rate(tmp_path / "a.mp4", num_frames=100)
    long = FrameRequest("long", (0.0, 3.0))
    requests = [long, FrameRequest("early", (0.5,)), FrameRequest("late", (3.5,))]
    answered = [name for name, _ in frames_at(path, requests, max_side_px=None)]
    assert answered == ["early", "long", "late"]


def test_request_without_times_is_answered_with_no_frames(tmp_path: Path) -> None:
    path = constant_rate(tmp_path / "a.mp4", num_frames=5)
    requests = [FrameRequest("none", ()), FrameRequest("some", (0.1,))]
    answers = dict(frames_at(path, requests, max_side_px=None))
    assert answers["none"] == ()
    assert read_index(answers["some"][0].image) == 2


def test_gaps_are_skipped_by_seeks(tmp_path: Path) -> None:
    path = constant_rate(tmp_path / "a.mp4", num_frames=1000, coding=Coding(gop=50))
    # Every landing is on the keyframe itself; 20.2 s is reached without a seek.
    assert decoded_for(path, [2.0, 20.0, 20.2, 38.0]) == [50, 51, *range(500, 507), 950, 951]


def test_keyframe_close_ahead_is_decoded_to_rather_than_sought(tmp_path: Path) -> None:
    path = constant_rate(tmp_path / "a.mp4", num_frames=100, coding=Coding(gop=4))
    assert decoded_for(path, [0.0, 0.2]) == [0, 1, 2, 3, 4, 5, 6]


def decoded_for(path: Path, times_seconds: Sequence[float]) -> list[int]:
    """Which frames are decoded to answer for some times, wanted or not."""
    converter = RgbConverter(None)
    with opened(path) as video:
        frames = walk(video, scan(video), [(time, time) for time in times_seconds])
        return [read_index(converter.convert(shown.frame)) for shown in frames]


def test_seek_that_lands_late_is_noticed_and_mended(tmp_path: Path) -> None:
    # Every frame is called a keyframe: decoding after a seek gives nothing until the next real one.
    source = constant_rate(tmp_path / "a.mp4", num_frames=300, coding=Coding(gop=100))
    path = without_keyframe_table(source, tmp_path / "broken.mp4")
    assert indices_at(path, [0.0, 3.0, 6.0, 9.0, 11.5]) == [0, 75, 150, 225, 287]


def test_decoding_of_a_truncated_file_keeps_true_times(tmp_path: Path) -> None:
    source = constant_rate(
        tmp_path / "a.mp4", num_frames=300, coding=Coding(gop=50, is_moov_first=True)
    )
    path = truncated(source, tmp_path / "cut_off.mp4")
    assert indices_at(path, [0.0, 2.0, 5.0]) == [0, 50, 125]
    [(_, [last])] = frames_at(path, [FrameRequest("gone", (11.0,))], max_side_px=None)
    assert last.time_seconds < 8


def test_bit_rot_leaves_undamaged_groups_exact_and_flags_concealed_frames(tmp_path: Path) -> None:
    coding = Coding(gop=10, num_b_frames=0, is_moov_first=True)
    source = constant_rate(tmp_path / "a.mp4", num_frames=300, coding=coding)
    path = bit_rotted(source, tmp_path / "rot.mp4", num_bits=12)
    frames = list(all_frames(path))
    assert any(frame.is_corrupt for frame in frames)
    last_damage = max(frame.time_seconds for frame in frames if frame.is_corrupt)
    whole = [f for f in frames if f.time_seconds < 2 or f.time_seconds > last_damage + 1]
    assert len(whole) > 60
    assert [read_index(f.image) for f in whole] == [round(f.time_seconds * 25) for f in whole]


def test_image_is_scaled_to_the_longer_side_and_never_up(tmp_path: Path) -> None:
    path = constant_rate(tmp_path / "a.mp4", num_frames=3)
    request = FrameRequest("a", (0.04,))
    for max_side_px, shape in ((80, (60, 80, 3)), (500, (120, 160, 3)), (None, (120, 160, 3))):
        [(_, [frame])] = frames_at(path, [request], max_side_px=max_side_px)
        assert frame.image.shape == shape
        assert frame.image.dtype == np.uint8
        assert read_index(frame.image) == 1


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_video_is_decoded_upright(degrees: int, tmp_path: Path) -> None:
    coding = Coding(clockwise_degrees=degrees)
    path = constant_rate(tmp_path / "a.mp4", num_frames=10, coding=coding)
    frames = list(all_frames(path, max_side_px=80))
    assert [read_index(frame.image) for frame in frames] == list(range(10))
    assert frames[0].image.shape == ((60, 80, 3) if degrees == 180 else (80, 60, 3))


def test_hevc_is_decoded(tmp_path: Path) -> None:
    path = constant_rate(tmp_path / "a.mp4", num_frames=40, coding=HEVC)
    assert indices_at(path, [0.0, 1.0]) == [0, 25]


def test_file_without_video_raises_media_empty(tmp_path: Path) -> None:
    path = sound_only(tmp_path / "sound.mp4")
    with pytest.raises(MediaError, match=r"sound\.mp4.*only audio") as error:
        list(all_frames(path))
    assert error.value.reason == "media_empty"


def test_missing_file_raises_media_unreadable(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file") as error:
        list(frames_at(tmp_path / "no.mp4", [FrameRequest("a", (0.0,))], max_side_px=None))
    assert error.value.reason == "media_unreadable"


def test_decord_gives_the_same_frames_of_a_constant_rate_file(tmp_path: Path) -> None:
    pytest.importorskip("decord", reason="decord has no wheel for this platform")
    path = constant_rate(tmp_path / "a.mp4", num_frames=120, coding=GOP_50)
    times = (0.0, 0.5, 1.23, 2.0, 4.79)
    requests = [FrameRequest("a", times), FrameRequest("b", times[1:3])]
    ours = dict(frames_at(path, requests, max_side_px=None))
    theirs = dict(frames_at(path, requests, max_side_px=None, decoder="decord"))
    for name in ("a", "b"):
        for mine, other in zip(ours[name], theirs[name], strict=True):
            assert mine.time_seconds == other.time_seconds
            difference = np.abs(mine.image.astype(int) - other.image.astype(int))
            assert difference.mean() < 2
    assert [read_index(frame.image) for frame in theirs["a"]] == [0, 12, 30, 50, 119]


@pytest.mark.parametrize("make", [variable, stream_copied, VIDEOS["mpeg-ts"]])
def test_decord_is_refused_where_it_would_be_wrong_or_hang(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    pytest.importorskip("decord", reason="decord has no wheel for this platform")
    path = make(tmp_path)
    with pytest.raises(MediaError, match='decoder = "pyav"'):
        indices_at(path, [0.0], decoder="decord")
