"""A synthetic dataset of HIVAU-70k's size, written straight into a dataset folder."""

import random
from collections.abc import Iterator
from pathlib import Path

from engine.dataset import Dataset
from engine.imports import write_imported
from engine.sources.imported import ImportedVideo
from schemas import Caption, Clip, Event, Provenance, Record, Summary, Video

HIVAU_VIDEOS, HIVAU_EVENTS, HIVAU_CLIPS = 5_443, 11_076, 55_806
"""Holmes-VAU's paper, section 3.2."""

CATEGORIES = ("Abuse", "Arson", "Burglary", "Explosion", "Fighting", "RoadAccidents", "Shooting")
"""Of UCF-Crime's, in turn."""

_SENTENCE = (
    "the man in a dark coat walks past two parked cars while a woman with an umbrella waits near "
    "the door of the shop and suddenly several people start to run towards the crossing"
)
_CAPTION_WORDS, _EVENT_WORDS, _VIDEO_WORDS = 14, 54, 84
"""Means of the published test annotations."""
_PROVENANCE = Provenance(made_by="model", name="synthetic")


def write_synthetic_dataset(dir_path: Path, *, scale: float = 1.0, seed: int = 0) -> Dataset:
    """Videos, events, clips, captions and summaries in HIVAU-70k's numbers times `scale`."""
    dir_path.mkdir(parents=True, exist_ok=True)
    (dir_path / "dataset.toml").write_text('[dataset]\nname = "synthetic"\n', encoding="utf-8")
    dataset = Dataset.open(dir_path)
    write_imported(dataset, "synthetic", _videos(random.Random(seed), scale))
    return dataset


def _videos(rng: random.Random, scale: float) -> Iterator[ImportedVideo]:
    num_videos = round(HIVAU_VIDEOS * scale)
    events_of = _shares(round(HIVAU_EVENTS * scale), num_videos)
    clips_of = iter(_shares(round(HIVAU_CLIPS * scale), sum(events_of)))
    for number, num_events in enumerate(events_of):
        category = CATEGORIES[number // 2 % len(CATEGORIES)]
        video = _video(f"{category}{number:06d}_x264", category, is_anomalous=number % 2 == 0)
        records = tuple(_records(rng, video, [next(clips_of) for _ in range(num_events)]))
        yield ImportedVideo(video.id, video, records)


def _shares(total: int, parts: int) -> list[int]:
    return [total * (part + 1) // parts - total * part // parts for part in range(parts)]


def _video(video_id: str, category: str, *, is_anomalous: bool) -> Video:
    return Video(
        id=video_id,
        source="ucf-crime",
        split="train",
        is_anomalous=is_anomalous,
        categories=(category,) if is_anomalous else (),
        start_seconds=0.0,
        end_seconds=900.0,
        num_frames=27_000,
        fps=30.0,
        media=None,
        provenance=_PROVENANCE,
    )


def _records(rng: random.Random, video: Video, clips_of_events: list[int]) -> Iterator[Record]:
    for number, num_clips in enumerate(clips_of_events):
        event = _event(video, number)
        yield event
        yield _summary(rng, video, event.id, num_words=_EVENT_WORDS)
        for clip_number in range(num_clips):
            clip = _clip(event, clip_number)
            yield clip
            text = _text(rng, _CAPTION_WORDS)
            yield Caption(id=clip.id, video_id=video.id, text=text, provenance=_PROVENANCE)
    yield _summary(rng, video, video.id, num_words=_VIDEO_WORDS)


def _event(video: Video, number: int) -> Event:
    return Event(
        id=f"{video.id}_E{number}",
        video_id=video.id,
        start_seconds=100.0 * number,
        end_seconds=100.0 * number + 35.5,
        is_anomalous=video.is_anomalous,
        categories=video.categories,
        origin="human",
        is_confirmed=True,
        click_ids=(),
        provenance=_PROVENANCE,
    )


def _clip(event: Event, number: int) -> Clip:
    return Clip(
        id=f"{event.id}C{number}",
        video_id=event.video_id,
        start_seconds=event.start_seconds + 5.0 * number,
        end_seconds=event.start_seconds + 5.0 * number + 5.0,
        event_id=event.id,
        human_caption_id=None,
        provenance=_PROVENANCE,
    )


def _summary(rng: random.Random, video: Video, segment_id: str, *, num_words: int) -> Summary:
    description = _text(rng, num_words - 20)
    analysis = _text(rng, 12) if video.is_anomalous else None
    judgement = "The anomaly exists." if video.is_anomalous else "No anomaly exists."
    return Summary(
        id=segment_id,
        video_id=video.id,
        granularity="video" if segment_id == video.id else "event",
        is_anomalous=video.is_anomalous,
        text=" ".join(filter(None, (judgement, description, analysis))),
        judgement=judgement,
        description=description,
        analysis=analysis,
        provenance=_PROVENANCE,
    )


def _text(rng: random.Random, num_words: int) -> str:
    return " ".join(rng.choices(_SENTENCE.split(), k=num_words)) + "."
