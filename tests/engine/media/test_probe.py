"""The media doctor's verdicts on a zoo of files, whole and broken."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from engine.errors import MediaError
from engine.media.decode import all_frames
from engine.media.probe import DEGRADING, ProbedMedia, frame_times, probe
from schemas import Media
from tests.videos import (
    HEVC,
    MPEG4,
    RATE_2997,
    Coding,
    bit_rotted,
    constant_rate,
    remux,
    sound_only,
    truncated,
    variable_rate_ticks,
    with_sound,
    write_video,
)

REPOSITORY = Path(__file__).resolve().parents[3]
REAL_VIDEOS = REPOSITORY.parent / "shared" / "data" / "videos"
MILLISECOND = Fraction(1, 1000)
MOOV_FIRST = Coding(gop=50, is_moov_first=True)


def a_video(folder: Path, name: str = "source.mp4", coding: Coding = MOOV_FIRST) -> Path:
    return constant_rate(folder / name, num_frames=250, coding=coding)


def with_broken_sound(folder: Path) -> Path:
    return with_sound(a_video(folder), folder / "a.mp4", codec="aac", is_broken=True)


def with_mu_law_sound(folder: Path) -> Path:
    source = a_video(folder, "source.avi", MPEG4)
    return with_sound(source, folder / "a.avi", codec="pcm_mulaw")


def with_two_frames_of_one_moment(folder: Path) -> Path:
    ticks = [40 * n for n in range(60)]
    ticks[30] = ticks[29] + 1
    return write_video(folder / "a.mp4", ticks, time_base=MILLISECOND)


def offset_start(folder: Path) -> Path:
    return write_video(folder / "a.mkv", range(5000, 9000, 40), time_base=MILLISECOND)


def variable_rate(folder: Path) -> Path:
    return write_video(folder / "a.mp4", variable_rate_ticks(80), time_base=MILLISECOND)


def stream_copied_cut(folder: Path) -> Path:
    return remux(a_video(folder), folder / "a.mp4", from_frame=100, shown_from_seconds=5.0)


PLAYABLE: dict[str, tuple[Callable[[Path], Path], set[str]]] = {
    "constant rate, GOP 250": (
        lambda folder: constant_rate(folder / "a.mp4", num_frames=300, fps=RATE_2997),
        set(),
    ),
    "variable rate": (variable_rate, {"variable_rate"}),
    "mpeg-4 avi": (lambda folder: a_video(folder, "a.avi", MPEG4), set()),
    "mpeg-ts copy": (lambda folder: remux(a_video(folder), folder / "a.ts"), set()),
    "truncated at 60 %, index first": (
        lambda folder: truncated(a_video(folder), folder / "a.mp4"),
        {"duration_mismatch"},
    ),
    "truncated mkv": (
        lambda folder: truncated(a_video(folder, "source.mkv"), folder / "a.mkv"),
        {"duration_mismatch"},
    ),
    "bit-rot": (lambda folder: bit_rotted(a_video(folder), folder / "a.mp4"), {"damaged_frames"}),
    "bit-rot ts": (
        lambda folder: bit_rotted(a_video(folder, "source.ts"), folder / "a.ts", num_bits=100),
        {"damaged_frames"},
    ),
    "stream-copied cut": (stream_copied_cut, {"edit_list", "hidden_frames"}),
    "mu-law sound": (with_mu_law_sound, set()),
    "broken sound": (with_broken_sound, {"audio_undecodable"}),
    "rotated": (
        lambda folder: a_video(folder, coding=Coding(clockwise_degrees=90)),
        {"rotated"},
    ),
    "one frame": (lambda folder: constant_rate(folder / "a.mp4", num_frames=1), {"single_frame"}),
    "hevc": (lambda folder: a_video(folder, coding=HEVC), set()),
    "offset start": (offset_start, {"offset_start"}),
    "two frames of one moment": (
        with_two_frames_of_one_moment,
        {"near_duplicate_times", "variable_rate"},
    ),
}
INCIDENTAL = {"damaged_frames", "duration_mismatch", "variable_rate"}
"""What else lost frames and damaged times may show."""


@pytest.mark.parametrize(("make", "expected"), PLAYABLE.values(), ids=PLAYABLE.keys())
def test_playable_file_gets_its_verdict_and_the_frames_that_decoding_gives(
    make: Callable[[Path], Path], expected: set[str], tmp_path: Path
) -> None:
    path = make(tmp_path)
    media = probe(path)
    codes = {problem.code for problem in media.problems}
    shown = [frame.time_seconds for frame in all_frames(path)]

    assert expected <= codes
    assert codes - expected <= (INCIDENTAL if expected & DEGRADING else set())
    assert media.health == ("degraded" if expected & DEGRADING else "ok")
    assert media.num_frames == len(shown)
    assert media.start_seconds == shown[0]
    assert shown[-1] < media.end_seconds < shown[-1] + 0.5
    assert media.size_bytes == path.stat().st_size


def no_index(folder: Path) -> Path:
    coding = Coding(gop=50)
    return truncated(a_video(folder, coding=coding), folder / "a.mp4")


def text_file(folder: Path) -> Path:
    path = folder / "a.mp4"
    path.write_text("<html><body>404 – this video is gone</body></html>\n" * 30, encoding="utf-8")
    return path


def empty_file(folder: Path) -> Path:
    path = folder / "a.mp4"
    path.touch()
    return path


def noise(folder: Path) -> Path:
    path = folder / "a.mp4"
    path.write_bytes(bytes(range(256)) * 64)
    return path


def never_decodable(folder: Path) -> Path:
    source = a_video(folder, "source.mkv", Coding(gop=250))
    return remux(source, folder / "a.mkv", from_frame=100)


UNUSABLE: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "no moov": (no_index, "media_unreadable", "moov.*untrunc"),
    "empty": (empty_file, "media_unreadable", "file is empty"),
    "text file": (text_file, "media_unreadable", "holds text.*download it again"),
    "noise": (noise, "media_unreadable", "no known video format"),
    "missing": (lambda folder: folder / "a.mp4", "media_unreadable", "no such file"),
    "folder": (lambda folder: folder, "media_unreadable", "is a folder"),
    "audio only": (lambda folder: sound_only(folder / "a.mp4"), "media_empty", "only audio"),
    "no keyframe": (never_decodable, "media_empty", "not one frame"),
}


@pytest.mark.parametrize(("make", "reason", "hint"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_file_is_refused_with_what_to_do(
    make: Callable[[Path], Path], reason: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(MediaError, match=hint) as error:
        probe(make(tmp_path))
    assert error.value.reason == reason


def test_facts_of_a_plain_file(tmp_path: Path) -> None:
    media = probe(constant_rate(tmp_path / "a.mp4", num_frames=300, fps=RATE_2997))
    assert (media.container, media.codec) == ("mp4", "h264")
    assert (media.width_px, media.height_px, media.rotation_degrees) == (160, 120, 0)
    assert (media.num_frames, media.start_seconds) == (300, 0.0)
    assert media.end_seconds == pytest.approx(10.01)
    assert media.fps == pytest.approx(30000 / 1001)
    assert not media.has_audio
    assert not media.is_variable_rate


def test_rotated_file_has_its_upright_size(tmp_path: Path) -> None:
    media = probe(a_video(tmp_path, coding=Coding(clockwise_degrees=270)))
    assert (media.width_px, media.height_px, media.rotation_degrees) == (120, 160, 270)


def test_sound_that_decodes_is_no_problem(tmp_path: Path) -> None:
    media = probe(with_sound(a_video(tmp_path), tmp_path / "a.mp4", codec="aac"))
    assert media.has_audio
    assert media.problems == ()


def test_longer_sound_track_is_no_duration_mismatch(tmp_path: Path) -> None:
    source = constant_rate(tmp_path / "long.mp4", num_frames=250)
    short = constant_rate(tmp_path / "short.mkv", num_frames=50)
    path = with_sound(short, tmp_path / "a.mkv", codec="aac", seconds=probe(source).end_seconds)
    assert probe(path).problems == ()


def test_cut_off_ts_that_starts_between_keyframes_says_what_is_lost(tmp_path: Path) -> None:
    path = remux(a_video(tmp_path), tmp_path / "a.ts", from_frame=60)
    media = probe(path)
    assert media.health == "degraded"
    # 40 packets come before the first keyframe: counted by their times, never shown.
    [damage] = [problem for problem in media.problems if problem.code == "damaged_frames"]
    assert "40 are lost" in damage.detail
    assert media.num_frames == 150
    assert len(frame_times(path)) == 190


def test_probed_media_becomes_the_media_record(tmp_path: Path) -> None:
    media: ProbedMedia = probe(constant_rate(tmp_path / "a.mp4", num_frames=1))
    record = media.to_media("Abuse/a.mp4")
    assert isinstance(record, Media)
    assert (record.path, record.health) == ("Abuse/a.mp4", "degraded")
    assert record.problems == media.problems


@pytest.mark.skipif(not REAL_VIDEOS.is_dir(), reason=f"no reference videos at {REAL_VIDEOS}")
def test_real_videos_are_whole_and_have_plausible_facts() -> None:
    probed = {path.name: probe(path) for path in sorted(REAL_VIDEOS.iterdir())}
    assert len(probed) == 9
    assert {media.health for media in probed.values()} == {"ok"}
    robbery = probed["robbery.mp4"]
    assert (robbery.codec, robbery.num_frames, robbery.has_audio) == ("hevc", 2730, True)
    assert robbery.end_seconds == pytest.approx(101.1, abs=0.1)
    assert {media.codec for media in probed.values()} == {"h264", "hevc"}
    for media in probed.values():
        assert media.num_frames == pytest.approx(
            media.fps * (media.end_seconds - media.start_seconds)
        )
        assert 12 <= media.fps <= 31
