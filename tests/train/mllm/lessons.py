"""Small releases with footage, and recipes that tiny models learn them by heart with."""

from pathlib import Path
from typing import Any

import orjson

from engine.dataset import Dataset
from engine.features import sha256_of
from engine.release import release_bytes
from engine.release_changes import CONTENTS_FILE
from schemas import Release, ReleaseFile, ScoreTrack
from tests.builders import HUMAN, a_dataset, a_media, a_video, bring_in
from tests.videos import constant_rate
from train.mllm.plan import MllmOptions, MllmPlan, lessons_of, plan_tuning
from train.mllm.recipe import MllmRecipe

ANSWERS = (
    ("clip", "What happens in this clip?", "Two men fight in a street."),
    ("event", "Is there an anomaly?", "Yes. Two men fight, and one of them falls."),
    ("video", "Why is it an anomaly?", "Fighting is violent and hurts people."),
)


def a_row(number: int, segment_id: str, **changes: Any) -> dict[str, Any]:
    kind, question, answer = ANSWERS[number % 3]
    row = {
        "id": number,
        "type": kind,
        "task": "caption",
        "video": f"folder/{kind}s/train/{segment_id}.mp4",
        "conversations": [
            {"from": "human", "value": f"<video>\n{question}"},
            {"from": "gpt", "value": answer},
        ],
    }
    return row | changes


def write_release(dir_path: Path, rows: list[dict[str, Any]], *, form: str = "internvl") -> Path:
    """A release of these rows and no footage."""
    path = dir_path / form / "train.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    contents = dir_path / CONTENTS_FILE
    contents.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in _contents()))
    file = ReleaseFile(
        path=f"{form}/train.jsonl",
        format=form,
        num_rows=len(rows),
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
    )
    release = Release(
        name=dir_path.name,
        vau_data_version="0",
        files=(file,),
        num_videos=1,
        num_events=1,
        num_clips=1,
        num_instructions=len(rows),
        makers={},
        fingerprints={},
        num_rejects={},
    )
    (dir_path / "release.json").write_bytes(release_bytes(release))
    return dir_path


def _contents() -> list[dict[str, Any]]:
    span = {"start_seconds": 1.0, "end_seconds": 3.0}
    return [
        {"id": "v", "granularity": "video", "text": None, "split": "train"},
        {"id": "v_E0", "granularity": "event", "text": None, **span},
        {"id": "v_E0C0", "granularity": "clip", "text": None, **span},
    ]


def cut_release(dir_path: Path) -> Path:
    """A clip, an event and a video, each with a file of its own."""
    rows = [a_row(0, "v_E0C0"), a_row(1, "v_E0"), a_row(2, "v")]
    for number, row in enumerate(rows):
        path = dir_path / row["video"]
        path.parent.mkdir(parents=True, exist_ok=True)
        constant_rate(path, num_frames=30 + 10 * number)
    return write_release(dir_path, rows)


def a_scored_dataset(dir_path: Path) -> Dataset:
    """A video of 4 seconds, `v`, whose last second is anomalous."""
    dataset = a_dataset(dir_path)
    footage = dataset.videos_dir_path
    footage.mkdir(parents=True, exist_ok=True)
    constant_rate(footage / "v.mp4", num_frames=100)
    media = a_media(path="v.mp4", size_bytes=(footage / "v.mp4").stat().st_size)
    video = a_video("v", source="folder", end_seconds=4.0, num_frames=100, media=media)
    track = ScoreTrack(
        id="v",
        video_id="v",
        snippet_starts_seconds=tuple(0.25 * number for number in range(16)),
        end_seconds=4.0,
        scores=(0.0,) * 12 + (1.0,) * 4,
        provenance=HUMAN,
    )
    assert bring_in(dataset, video, track).unfit == []
    return dataset


def a_recipe(**changes: Any) -> MllmRecipe:
    small: dict[str, Any] = {
        "name": "tiny",
        "about": "Small.",
        "train": "projector+lora",
        "num_steps": 8,
        "batch_size": 3,
        "per_device": 3,
        "precision": "float32",
        "needs_gpu": False,
        "save_every": 2,
        "lora": {"rank": 16, "alpha": 32, "dropout": 0.0},
        "optimizer": {
            "lora_learning_rate": 1e-2, "projector_learning_rate": 3e-3, "warmup_share": 0.05,
        },
        "frames": {"num": 4, "fewest_of_clips": 4, "picture_px": 28},
    }  # fmt: skip
    return MllmRecipe(**(small | changes))


def a_plan(release: Path, base: Path, out: Path, recipe: MllmRecipe, **changes: Any) -> MllmPlan:
    known: dict[str, Any] = {"base": str(base), "workers": 0, "is_quiet": True}
    options = MllmOptions(release, out, **(known | changes))
    return plan_tuning(lessons_of(release, None, recipe), recipe, options)
