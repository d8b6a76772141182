"""The media doctor: a path in, what decoding the whole file showed out.

Verdicts. `ok`: everything was decoded; problems, if any, are facts that we handle and other
tools may not. `degraded`: something is lost or in doubt (`DEGRADING`); the file is kept. Unusable
files raise `MediaError` with a hint of what to do.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from engine.errors import MediaError
from engine.media.complaints import Findings, find_problems
from engine.media.container import (
    ASSUMED_FPS,
    OpenVideo,
    PacketStamp,
    decode_audio_packet,
    decode_packet,
    frame_times,
    index_of,
    opened,
    packets,
    seconds_of,
    stamp_of,
)
from engine.media.convert import clockwise_degrees
from schemas import Media, MediaProblem

__all__ = ["DEGRADING", "ProbedMedia", "frame_times", "probe"]

DEGRADING = frozenset(
    {
        "duration_mismatch",
        "damaged_frames",
        "audio_undecodable",
        "near_duplicate_times",
        "single_frame",
    }
)
MAX_AUDIO_PACKETS = 1000
"""Enough to tell whether a sound track decodes (about 20 s of AAC); the pipeline uses no sound."""


@dataclass(frozen=True)
class ProbedMedia:
    """All that `schemas.Video` and `schemas.Media` need to know about a file."""

    container: str
    codec: str
    width_px: int
    """Upright, after the rotation."""
    height_px: int
    rotation_degrees: Literal[0, 90, 180, 270]
    is_variable_rate: bool
    has_audio: bool
    num_frames: int
    """As decoded, those that a player shows."""
    start_seconds: float
    """When the first frame is shown, on the container's clock."""
    end_seconds: float
    """When the last frame's time on screen is over."""
    fps: float
    """Average rate; never a clock."""
    size_bytes: int
    sha256: str
    health: Literal["ok", "degraded"]
    problems: tuple[MediaProblem, ...]

    def to_media(self, relative_path: str) -> Media:
        """The part of a `Video` record that is about its file."""
        return Media(
            path=relative_path,
            size_bytes=self.size_bytes,
            sha256=self.sha256,
            container=self.container,
            codec=self.codec,
            width_px=self.width_px,
            height_px=self.height_px,
            rotation_degrees=self.rotation_degrees,
            is_variable_rate=self.is_variable_rate,
            has_audio=self.has_audio,
            health=self.health,
            problems=self.problems,
        )


def probe(path: Path) -> ProbedMedia:
    """Decode the whole file and tell what is in it and what is wrong with it.

    Raises `MediaError` "media_unreadable" where the file cannot be opened, and "media_empty"
    where it holds no video or no frame of it can be decoded.
    """
    with opened(path) as video:
        seen = _decode_everything(video)
        index = index_of(video, seen.stamps)
        if index.is_counted:
            seen.frame_seconds = index.times_seconds[: seen.num_decoded].tolist()
        if not seen.frame_seconds or seen.first_frame is None:
            raise _nothing_decoded(path, seen)
        times = np.unique(seen.frame_seconds)
        end_seconds = float(times[-1]) + _last_duration(video, seen, times, index.is_counted)
        problems = find_problems(
            Findings(
                path=path,
                times_seconds=np.sort(np.array(seen.frame_seconds)),
                packet_seconds=index.times_seconds,
                end_seconds=end_seconds,
                sound_end_seconds=seen.sound_end_seconds,
                claimed_seconds=_claimed_seconds(video),
                is_claim_of_stream=video.stream.duration is not None,
                num_hidden=index.num_hidden,
                num_refused=seen.num_refused,
                num_concealed=seen.num_concealed,
                codec=video.stream.codec_context.name,
                rotation_degrees=clockwise_degrees(seen.first_frame),
                sound=seen.sound_complaint(video.audio),
            )
        )
        return _result(video, seen, times, end_seconds, problems)


@dataclass
class _Seen:
    """What one pass over the file gathered."""

    stamps: list[PacketStamp] = field(default_factory=list)
    frame_seconds: list[float] = field(default_factory=list)
    first_frame: VideoFrame | None = None
    last_duration_ticks: int = 0
    num_decoded: int = 0
    num_refused: int = 0
    num_concealed: int = 0
    num_sound_packets: int = 0
    num_sound_refused: int = 0
    num_sound_frames: int = 0
    sound_end_seconds: float | None = None

    def add_frame(self, video: OpenVideo, frame: VideoFrame) -> None:
        self.num_decoded += 1
        self.num_concealed += frame.is_corrupt
        if self.first_frame is None:
            self.first_frame = frame
        if frame.pts is not None:
            seconds = seconds_of(frame.pts, video.time_base)
            if not self.frame_seconds or seconds >= self.frame_seconds[-1]:
                self.frame_seconds.append(seconds)
                self.last_duration_ticks = frame.duration or 0

    def sound_complaint(self, sound: AudioStream | None) -> str | None:
        """Why the sound cannot be used; None where it can, or where there is none."""
        if sound is None:
            return None
        if sound.codec_context is None:
            return "no decoder knows its codec"
        if self.num_sound_packets == 0:
            return "its track holds no packet"
        if self.num_sound_frames == 0 or 2 * self.num_sound_refused > self.num_sound_packets:
            return (
                f"{self.num_sound_refused} of the first {self.num_sound_packets} packets of "
                f"{sound.codec_context.name} do not decode"
            )
        return None


def _decode_everything(video: OpenVideo) -> _Seen:
    seen = _Seen()
    sound = video.audio
    streams = [video.stream] if sound is None else [video.stream, sound]
    for packet in packets(video.container, streams):
        if packet.stream_index == video.stream.index:
            seen.stamps.append(stamp_of(packet))
            frames, is_refused = decode_packet(video.stream, packet)
            seen.num_refused += is_refused
            for frame in frames:
                seen.add_frame(video, frame)
        elif sound is not None:
            if packet.pts is not None:
                end = packet.pts + (packet.duration or 0)
                seen.sound_end_seconds = seconds_of(end, packet.time_base)
            if sound.codec_context is not None and seen.num_sound_packets < MAX_AUDIO_PACKETS:
                num_frames, is_refused = decode_audio_packet(sound, packet)
                seen.num_sound_packets += 1
                seen.num_sound_frames += num_frames
                seen.num_sound_refused += is_refused
    for frame in decode_packet(video.stream, None)[0]:
        seen.add_frame(video, frame)
    return seen


def _nothing_decoded(path: Path, seen: _Seen) -> MediaError:
    return MediaError(
        "media_empty",
        f"{path.name}: opens, but not one frame of its {len(seen.stamps)} packets can be decoded "
        f"({seen.num_refused} refused); download or copy it again, or take it out of the folder",
    )


def _last_duration(
    video: OpenVideo, seen: _Seen, times_seconds: NDArray[np.float64], is_counted: bool
) -> float:
    """How long the last frame is shown: as its packet says, else the median step, else by rate."""
    if seen.last_duration_ticks > 0 and not is_counted:
        return seconds_of(seen.last_duration_ticks, video.time_base)
    if len(times_seconds) > 1:
        return float(np.median(np.diff(times_seconds)))
    return float(1 / (video.stream.guessed_rate or ASSUMED_FPS))


def _claimed_seconds(video: OpenVideo) -> float | None:
    """How long the video is according to the file's header; None: it does not say."""
    if video.stream.duration is not None:
        return seconds_of(video.stream.duration, video.time_base)
    if video.container.duration is not None:
        return video.container.duration / 1_000_000
    return None


def _result(
    video: OpenVideo,
    seen: _Seen,
    times_seconds: NDArray[np.float64],
    end_seconds: float,
    problems: Sequence[MediaProblem],
) -> ProbedMedia:
    assert seen.first_frame is not None
    frame = seen.first_frame
    degrees = clockwise_degrees(frame)
    is_sideways = degrees in (90, 270)
    is_degraded = any(problem.code in DEGRADING for problem in problems)
    start_seconds = float(times_seconds[0])
    return ProbedMedia(
        container=_container_name(video),
        codec=video.stream.codec_context.name,
        width_px=frame.height if is_sideways else frame.width,
        height_px=frame.width if is_sideways else frame.height,
        rotation_degrees=degrees,
        is_variable_rate=any(problem.code == "variable_rate" for problem in problems),
        has_audio=video.audio is not None,
        num_frames=len(times_seconds),
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        fps=len(times_seconds) / (end_seconds - start_seconds),
        size_bytes=video.path.stat().st_size,
        sha256=_sha256(video.path),
        health="degraded" if is_degraded else "ok",
        problems=tuple(problems),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _container_name(video: OpenVideo) -> str:
    """FFmpeg's name of the format; of several for one family, the one that the suffix names."""
    names = video.container.format.name.split(",")
    suffix = video.path.suffix.lower().lstrip(".")
    if suffix in names:
        return suffix
    return "mp4" if "mp4" in names else names[0]
