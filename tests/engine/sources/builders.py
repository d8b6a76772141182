"""Small records and files for tests of readers, writers and validators."""

import copy
from collections.abc import Mapping

from engine.models.chat import Json
from schemas import Media, Provenance, Video
from schemas.base import Split

HUMAN = Provenance(made_by="human", name="test")


def a_video(
    video_id: str = "Abuse001_x264",
    *,
    is_anomalous: bool | None = True,
    categories: tuple[str, ...] = ("Abuse",),
    split: Split | None = "test",
    num_frames: int = 300,
    end_seconds: float = 10.0,
    start_seconds: float = 0.0,
    has_media: bool = False,
    path: str | None = None,
) -> Video:
    return Video(
        id=video_id,
        source="ucf-crime",
        split=split,
        is_anomalous=is_anomalous,
        categories=categories if is_anomalous else (),
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        num_frames=num_frames,
        fps=30.0,
        media=_media(path or f"{video_id}.mp4") if has_media or path else None,
        provenance=HUMAN,
    )


def _media(path: str) -> Media:
    return Media(
        path=path,
        size_bytes=1,
        sha256="0" * 64,
        container="mp4",
        codec="h264",
        width_px=320,
        height_px=240,
        rotation_degrees=0,
        is_variable_rate=True,
        has_audio=False,
        health="ok",
        problems=(),
    )


RAW_ENTRY: dict[str, Json] = {
    "n_frames": 300,
    "fps": 30.0,
    "label": ["Abuse"],
    "events": [[1.0, 4.0], [5.0, 9.0]],
    "clips": [[[1.0, 2.5], [2.5, 4.0]], [[5.0, 9.0]]],
    "clips_caption": [["A man shouts.", "He strikes a woman."], ["The man runs off."]],
    "events_summary": [
        'An anomaly exists, specifically "Abuse". A man strikes a woman. The basis for judging '
        "this anomaly is the blow.",
        "An anomaly exists. The man flees. The basis for judging the anomaly is his haste.",
    ],
    "video_summary": "An anomaly exists. A man strikes a woman and flees. The basis for judging "
    "this anomaly is the blow.",
    "events_summary_split": [
        {
            "judgement": "An anomaly exists, specifically Abuse.",
            "description": "A man strikes a woman",
            "analysis": "The blow.",
        },
        {
            "judgement": "An anomaly exists.",
            "description": "The man flees",
            "analysis": "His haste.",
        },
    ],
    "video_summary_split": {
        "judgement": "An anomaly exists.",
        "description": "A man strikes a woman and flees",
        "analysis": "The blow.",
    },
}

NORMAL_ENTRY: dict[str, Json] = {
    "n_frames": 90,
    "fps": 30.0,
    "label": [],
    "events": [[0.5, 2.0]],
    "clips": [[[0.5, 2.0]]],
    "clips_caption": [["A woman reads."]],
    "events_summary": ["No anomaly exists in the video. A woman reads."],
    "video_summary": "No anomaly exists in the video. A woman reads calmly.",
    "events_summary_split": [
        {"judgement": "No anomaly exists in the video.", "description": "A woman reads."}
    ],
    "video_summary_split": {
        "judgement": "No anomaly exists in the video.",
        "description": "A woman reads calmly.",
    },
}


def a_raw_file(changes: Mapping[str, Json] | None = None) -> dict[str, Json]:
    """An abnormal and a normal video; `changes` go into the abnormal one."""
    abnormal = copy.deepcopy(RAW_ENTRY)
    abnormal.update(changes or {})
    return {
        "Abuse001_x264": abnormal,
        "Normal_Videos_003_x264": copy.deepcopy(NORMAL_ENTRY),
    }
