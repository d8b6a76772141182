"""A release's folder in, what a model is to learn out: questions, answers, and which stretch of
which file they are about."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import UsageError
from engine.features import sha256_of
from engine.release_changes import CONTENTS, CONTENTS_FILE
from schemas import Release, ReleaseFile
from schemas.base import Granularity
from train.mllm.prompt import Exchange

FORMS = ("internvl", "hivau-single", "llava")
"""Forms that are read; the first that the release has. `internvl` alone can name times."""
RELEASE_FILE = "release.json"
_HOW = "export one with `vau-data export --format internvl --media` (or --times)"
_TAG = re.compile(r"^<video>\s*")
_OF_VIDEO = re.compile(r"_E\d+(C\d+)?$")


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Literal["human", "gpt"] = Field(alias="from")
    value: str


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int | str
    video: str
    conversations: list[_Message] = Field(min_length=2)
    type: Granularity | None = None
    task: str | None = None
    clip: tuple[float, float] | None = None


@dataclass(frozen=True)
class Place:
    """Where a segment is in its source video, in seconds of the video's clock."""

    video_id: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class Sample:
    """One conversation about one stretch of footage."""

    id: str
    """`internvl/train.jsonl:12 (Abuse001_x264_E0)`: file, line and segment."""
    granularity: Granularity
    path: str
    """As the row says: below the release, or, with a span, below the folder of videos."""
    span: tuple[float, float] | None
    """Seconds after the file's first frame; None: the whole file."""
    exchanges: tuple[Exchange, ...]

    @property
    def segment_id(self) -> str:
        """The name of the file, which is that of the segment where it was cut."""
        return Path(self.path).stem


@dataclass(frozen=True)
class ReadRelease:
    """What training needs of a release."""

    name: str
    dir_path: Path
    sha256: str
    """Of `release.json`, which holds the hash of every file."""
    file: ReleaseFile
    """The rows that are learned from."""
    samples: tuple[Sample, ...]


def read_release(dir_path: Path) -> ReadRelease:
    """Rows of the training split, every one of them checked.

    Raises `UsageError` for a folder that is no release, an export of forms that are not read here,
    a file that was changed since, and a row that is not as its form says, by file and line.
    """
    release = _described(dir_path)
    file = _train_file(release, dir_path)
    _refuse_changed(dir_path / file.path, file)
    samples = tuple(_samples(dir_path / file.path, file))
    return ReadRelease(release.name, dir_path, sha256_of(dir_path / RELEASE_FILE), file, samples)


def read_contents(dir_path: Path) -> ReadRelease:
    """A release without samples, for which its list of segments is all that is needed.

    Raises `UsageError` for a folder that is no release.
    """
    release = _described(dir_path)
    file = next((file for file in release.files if file.format == CONTENTS), None)
    if file is None:
        raise UsageError(f"{dir_path} has no {CONTENTS_FILE}; export it with this vau-data again")
    _refuse_changed(dir_path / file.path, file)
    return ReadRelease(release.name, dir_path, sha256_of(dir_path / RELEASE_FILE), file, ())


def _described(dir_path: Path) -> Release:
    path = dir_path / RELEASE_FILE
    if not path.is_file():
        raise UsageError(f"{dir_path} is no release (it has no {RELEASE_FILE}); {_HOW}")
    try:
        return Release.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(f"{path} is no description of a release: {_first(error)}") from error


def read_places(dir_path: Path) -> dict[str, Place]:
    """Events and clips of a release, by id; whole videos are not among them."""
    places = {}
    for line in (dir_path / CONTENTS_FILE).read_bytes().splitlines():
        told = orjson.loads(line)
        if told["granularity"] != "video":
            video_id = _OF_VIDEO.sub("", told["id"])
            places[told["id"]] = Place(video_id, told["start_seconds"], told["end_seconds"])
    return places


def train_video_ids(dir_path: Path) -> list[str]:
    """Videos of the release that are in its training split, or in none."""
    lines = map(orjson.loads, (dir_path / CONTENTS_FILE).read_bytes().splitlines())
    videos = [told for told in lines if told["granularity"] == "video"]
    return [told["id"] for told in videos if told["split"] in ("train", None)]


def _train_file(release: Release, dir_path: Path) -> ReleaseFile:
    for form in FORMS:
        for file in release.files:
            if file.format == form and file.path.endswith("train.jsonl"):
                return file
    held = ", ".join(sorted({file.format for file in release.files} - {"contents"})) or "no rows"
    if any(file.format in FORMS for file in release.files):
        raise UsageError(
            f"{dir_path} has rows of the test or validation split alone, and those are not learned "
            "from; label the split of training videos, and export again"
        )
    raise UsageError(f"{dir_path} holds {held}; a video LLM learns from {', '.join(FORMS)}: {_HOW}")


def _refuse_changed(path: Path, file: ReleaseFile) -> None:
    if not path.is_file():
        raise UsageError(f"{path} is not there, though {RELEASE_FILE} lists it; {_HOW}")
    if sha256_of(path) != file.sha256:
        raise UsageError(
            f"{path} is not the file that was exported: it was changed or is torn. The model's "
            f"card names the release by its hash, so {_HOW}"
        )


def _samples(path: Path, file: ReleaseFile) -> Iterator[Sample]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = _Row.model_validate_json(line)
                yield _sample(row, f"{file.path}:{number}")
            except ValueError as error:
                told = _first(error) if isinstance(error, ValidationError) else str(error)
                raise UsageError(
                    f"{path}, line {number} is no conversation about a video: {told}; {_HOW}"
                ) from error


def _sample(row: _Row, where: str) -> Sample:
    roles = [message.role for message in row.conversations]
    if roles != ["human", "gpt"] * (len(roles) // 2):
        raise ValueError(f"its speakers are {', '.join(roles)}, not human and gpt in turn")
    values = [message.value for message in row.conversations]
    questions = [_TAG.sub("", value) for value in values[::2]]
    stem = Path(row.video).stem
    return Sample(
        id=f"{where} ({stem})",
        granularity=row.type or _granularity(stem),
        path=row.video,
        span=row.clip,
        exchanges=tuple(map(Exchange, questions, (value.strip() for value in values[1::2]))),
    )


def _granularity(stem: str) -> Granularity:
    found = _OF_VIDEO.search(stem)
    if found is None:
        return "video"
    return "clip" if found[1] else "event"


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}"


def names_of(samples: Sequence[Sample], *, most: int = 3) -> str:
    """The first few, for a message."""
    more = f" and {len(samples) - most} more" if len(samples) > most else ""
    return ", ".join(sample.id for sample in samples[:most]) + more
