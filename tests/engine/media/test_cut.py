"""Clip files: exactly the frames of the cut, at their times, or no file at all."""

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from engine.errors import MediaError, UsageError
from engine.media.cut import Cut, CutReport, cut_clips
from engine.media.decode import all_frames
from engine.media.probe import probe
from tests.videos import (
    MPEG4,
    RATE_2997,
    Coding,
    constant_rate,
    read_index,
    remux,
    variable_rate_ticks,
    with_sound,
    write_video,
)

GOP_50 = Coding(gop=50)
MILLISECOND = Fraction(1, 1000)
TICK_SECONDS = 2e-5


def shown_frames(path: Path) -> list[tuple[float, int]]:
    """(time, index code) of every frame."""
    return [(frame.time_seconds, read_index(frame.image)) for frame in all_frames(path)]


def assert_frame_exact(source: Path, cuts: list[Cut], reports: list[CutReport]) -> None:
    frames = shown_frames(source)
    for cut, report in zip(cuts, reports, strict=True):
        inside = [f for f in frames if cut.start_seconds <= f[0] < cut.end_seconds]
        written = shown_frames(cut.target)
        assert [index for _, index in written] == [index for _, index in inside]
        expected = [seconds - cut.start_seconds for seconds, _ in inside]
        assert [seconds for seconds, _ in written] == pytest.approx(expected, abs=TICK_SECONDS)
        assert report.target == cut.target
        assert report.num_frames == len(inside)
        assert report.first_frame_seconds == inside[0][0]
        assert report.size_bytes == cut.target.stat().st_size


def overlapping_cuts(folder: Path, *, start_seconds: float, duration_seconds: float) -> list[Cut]:
    shares = [(0.5, 0.8), (0.0, 0.3), (0.1, 0.2), (0.15, 0.9), (0.953, 2.0), (0.0, 1.0)]
    return [
        Cut(
            folder / f"clip_{number}.mp4",
            start_seconds + first * duration_seconds,
            start_seconds + last * duration_seconds,
        )
        for number, (first, last) in enumerate(shares)
    ]


SOURCES: dict[str, Callable[[Path], Path]] = {
    "constant": lambda folder: constant_rate(folder / "a.mp4", num_frames=160, coding=GOP_50),
    "29.97": lambda folder: constant_rate(folder / "a.mp4", num_frames=160, fps=RATE_2997),
    "variable": lambda folder: write_video(
        folder / "a.mkv", variable_rate_ticks(120), time_base=MILLISECOND
    ),
    "offset": lambda folder: write_video(
        folder / "a.mp4", range(5000, 9800, 40), time_base=MILLISECOND
    ),
    "stream-copied": lambda folder: remux(
        constant_rate(folder / "source.mp4", num_frames=200, coding=GOP_50),
        folder / "a.mp4",
        from_frame=50,
        shown_from_seconds=3.0,
    ),
    "avi with B-frames": lambda folder: constant_rate(
        folder / "a.avi", num_frames=120, fps=15, coding=MPEG4
    ),
    "mpeg-ts": lambda folder: constant_rate(folder / "a.ts", num_frames=160, coding=GOP_50),
    "rotated": lambda folder: constant_rate(
        folder / "a.mp4", num_frames=100, coding=Coding(clockwise_degrees=90)
    ),
    "odd size": lambda folder: constant_rate(
        folder / "a.avi", num_frames=60, coding=Coding(codec="mpeg4", width_px=161, height_px=121)
    ),
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES.keys())
def test_overlapping_cuts_hold_exactly_their_frames_at_their_times(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    source = make(tmp_path)
    media = probe(source)
    clips = tmp_path / "clips"
    clips.mkdir()
    cuts = overlapping_cuts(
        clips,
        start_seconds=media.start_seconds,
        duration_seconds=media.end_seconds - media.start_seconds,
    )
    reports = cut_clips(source, cuts)

    assert_frame_exact(source, cuts, reports)
    assert sorted(clips.iterdir()) == sorted(cut.target for cut in cuts)


def test_cut_lasts_until_its_end_even_where_the_next_frame_comes_later(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", [0, 500, 3000, 3500], time_base=MILLISECOND)
    cut = Cut(tmp_path / "clip.mp4", 0.0, 2.0)
    cut_clips(source, [cut])
    assert probe(cut.target).end_seconds == pytest.approx(2.0, abs=0.001)


def test_far_cuts_are_reached_over_gaps(tmp_path: Path) -> None:
    source = constant_rate(tmp_path / "a.mp4", num_frames=1000, coding=GOP_50)
    cuts = [
        Cut(tmp_path / "late.mp4", 36.01, 37.0),
        Cut(tmp_path / "early.mp4", 1.0, 1.5),
        Cut(tmp_path / "middle.mp4", 20.0, 21.0),
    ]
    assert_frame_exact(source, cuts, cut_clips(source, cuts))


def test_clip_is_plain_h264_without_sound_rotation_or_b_frames(tmp_path: Path) -> None:
    turned = constant_rate(
        tmp_path / "turned.mp4", num_frames=60, coding=Coding(clockwise_degrees=90)
    )
    source = with_sound(turned, tmp_path / "a.mp4", codec="aac")
    cut = Cut(tmp_path / "clip.mp4", 0.5, 2.0)
    cut_clips(source, [cut])
    with av.open(str(cut.target)) as container:
        [stream] = container.streams
        assert isinstance(stream, av.VideoStream)
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (120, 160)
        pts = [packet.pts for packet in container.demux(stream) if packet.size]
        assert None not in pts
        assert pts == sorted(pts, key=lambda ticks: ticks or 0)
    assert cut.target.read_bytes().index(b"moov") < cut.target.read_bytes().index(b"mdat")
    assert probe(cut.target).rotation_degrees == 0


def test_clip_does_not_repeat_the_keyframes_of_its_source(tmp_path: Path) -> None:
    source = constant_rate(tmp_path / "a.mp4", num_frames=60, coding=Coding(gop=2, num_b_frames=0))
    cut = Cut(tmp_path / "clip.mp4", 0.0, 2.0)
    cut_clips(source, [cut])
    with av.open(str(cut.target)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert sum(packet.is_keyframe for packet in packets) < 5


def test_same_cut_gives_the_same_bytes(tmp_path: Path) -> None:
    source = constant_rate(tmp_path / "a.mp4", num_frames=60)
    alone, among = Cut(tmp_path / "one.mp4", 0.4, 2.0), Cut(tmp_path / "two.mp4", 0.4, 2.0)
    cut_clips(source, [alone])
    cut_clips(source, [among, Cut(tmp_path / "other.mp4", 0.0, 2.4)])
    assert alone.target.read_bytes() == among.target.read_bytes()


def test_cut_between_two_frames_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", [0, 500, 3000, 3500], time_base=MILLISECOND)
    clips = tmp_path / "clips"
    clips.mkdir()
    cuts = [Cut(clips / "whole.mp4", 0.0, 2.0), Cut(clips / "nothing.mp4", 1.0, 2.0)]
    with pytest.raises(MediaError, match=r"no frame.*nothing\.mp4") as error:
        cut_clips(source, cuts)
    assert error.value.reason == "media_empty"
    assert list(clips.iterdir()) == []


def test_stretch_that_cannot_be_decoded_is_refused_and_the_other_clips_are_kept(
    tmp_path: Path,
) -> None:
    whole = constant_rate(tmp_path / "whole.mp4", num_frames=200, coding=GOP_50)
    # Its first 40 packets lie before the first keyframe.
    source = remux(whole, tmp_path / "a.ts", from_frame=60)
    clips = tmp_path / "clips"
    clips.mkdir()
    lost, kept = Cut(clips / "lost.mp4", 2.6, 3.5), Cut(clips / "kept.mp4", 4.5, 5.5)
    with pytest.raises(MediaError, match=r"too damaged.*lost\.mp4"):
        cut_clips(source, [lost, kept])
    assert list(clips.iterdir()) == [kept.target]
    assert len(shown_frames(kept.target)) == 25


def test_failure_on_the_way_leaves_neither_target_nor_temporary_file(tmp_path: Path) -> None:
    source = constant_rate(tmp_path / "a.mp4", num_frames=60)
    clips = tmp_path / "clips"
    clips.mkdir()
    with pytest.raises(av.FFmpegError):
        cut_clips(source, [Cut(clips / "clip.mp4", 0.0, 1.0)], preset="no such preset")
    assert list(clips.iterdir()) == []


def test_cut_into_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    source = constant_rate(tmp_path / "a.mp4", num_frames=10)
    with pytest.raises(UsageError, match="nowhere"):
        cut_clips(source, [Cut(tmp_path / "nowhere" / "clip.mp4", 0.0, 1.0)])


def test_earlier_file_of_that_name_is_replaced_whole(tmp_path: Path) -> None:
    source = constant_rate(tmp_path / "a.mp4", num_frames=60)
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"an older clip")
    cut_clips(source, [Cut(target, 0.0, 1.0)])
    assert len(shown_frames(target)) == 25


def test_two_cuts_to_one_file_are_refused(tmp_path: Path) -> None:
    source = constant_rate(tmp_path / "a.mp4", num_frames=10)
    cut = Cut(tmp_path / "clip.mp4", 0.0, 0.2)
    with pytest.raises(UsageError, match=r"2 cuts.*clip\.mp4"):
        cut_clips(source, [cut, Cut(cut.target, 0.1, 0.3)])


def test_no_cuts_write_nothing(tmp_path: Path) -> None:
    assert cut_clips(tmp_path / "absent.mp4", []) == []


def test_twenty_open_encoders_do_not_multiply_threads(tmp_path: Path) -> None:
    source = constant_rate(tmp_path / "a.mp4", num_frames=40)
    most = threads_while(
        lambda: cut_clips(source, [Cut(tmp_path / f"{n}.mp4", 0.0, 1.6) for n in range(20)])
    )
    # One each is 6 at once here (most only wait); x264's own choice would be 86 on two cores.
    assert most < 2 * 20


def threads_while(act: Callable[[], object]) -> int:
    """The most threads this process had at once while `act` ran."""
    most = 0
    is_over = threading.Event()

    def watch() -> None:
        nonlocal most
        while not is_over.wait(0.005):
            most = max(most, len(list(Path("/proc/self/task").iterdir())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        act()
    finally:
        is_over.set()
        watcher.join()
    return most
