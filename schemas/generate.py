"""Writes `schemas/json/<type>.schema.json`, for readers of our files in other languages.

Run `python -m schemas.generate` after a record changed; a test holds the files to the records.
"""

import json
from pathlib import Path

from schemas import (
    Caption,
    CheckRound,
    Click,
    Clip,
    Event,
    FeatureTrack,
    Finding,
    HumanCaption,
    Instruction,
    Reject,
    Release,
    Review,
    ScoreTrack,
    SpotCheck,
    Summary,
    Twin,
    Video,
)
from schemas.base import Frozen

JSON_DIR_PATH = Path(__file__).resolve().parent / "json"
PUBLISHED: dict[str, type[Frozen]] = {
    "caption": Caption,
    "check_round": CheckRound,
    "click": Click,
    "clip": Clip,
    "event": Event,
    "feature_track": FeatureTrack,
    "finding": Finding,
    "human_caption": HumanCaption,
    "instruction": Instruction,
    "reject": Reject,
    "release": Release,
    "review": Review,
    "score_track": ScoreTrack,
    "spot_check": SpotCheck,
    "summary": Summary,
    "twin": Twin,
    "video": Video,
}
"""File name -> what one line of a dataset's file, or `release.json`, holds."""


def schema_text(model: type[Frozen]) -> str:
    """A model's JSON schema (draft 2020-12), with a newline at its end."""
    return json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def write_schemas(dir_path: Path) -> None:
    """Write every schema, and remove those of types that are gone."""
    dir_path.mkdir(parents=True, exist_ok=True)
    for path in dir_path.glob("*.schema.json"):
        path.unlink()
    for name, model in PUBLISHED.items():
        path = dir_path / f"{name}.schema.json"
        path.write_text(schema_text(model), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(JSON_DIR_PATH)
