"""`dataset.toml`: every setting, its default and its meaning; unknown keys are errors."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from engine.errors import UsageError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetSection(_Section):
    """Who this dataset is."""

    name: str = "dataset"
    seed: int = 0
    """All random choices (normal segments, random clips, questions) follow from it."""


class VideosSection(_Section):
    """Where the footage lies and whose rules name it."""

    path: str = "videos"
    """Folder of the videos, relative to the dataset folder or absolute."""
    source: Literal["folder", "ucf-crime", "xd-violence"] = "folder"
    labels: str | None = None
    """A csv `video,label[,split]`; wins over sub-folder and file names."""
    lists: str | None = None
    """Folder of the official list files, where they do not lie beside the videos."""
    split: Literal["train", "validation", "test"] | None = None
    """For videos whose split nothing else says."""


class MediaSection(_Section):
    """How video files are read."""

    decoder: Literal["pyav", "decord"] = "pyav"
    """decord: constant-rate files only; it hangs for ever on some others."""
    deadline_seconds: float = Field(default=10.0, gt=0)
    """A decode may take this long, and in addition …"""
    deadline_per_video_second: float = Field(default=0.5, ge=0)
    """… this much for each second of video; then it is killed and the item rejected."""
    memory_gib: float = Field(default=4.0, gt=0)
    """Address space of one decoding process."""


class IngestSection(_Section):
    """The media doctor has no settings."""


class ScoreSection(_Section):
    """Anomaly scores."""

    model: Literal["baseline"] = "baseline"
    videos: Literal["unclicked", "all"] = "unclicked"
    """`unclicked`: only videos for which no person marked anything and none said normal."""


class ProposeSection(_Section):
    """From clicks and scores to events."""

    alpha: float = Field(default=0.9, gt=0, lt=1)
    """An event grows while the score stays above this share of the clicked score."""
    use_baseline_scores: bool = False
    """Whether the motion score may shape events that have clicks; it is no anomaly score."""
    max_events_per_video: int = Field(default=5, ge=1)
    """For videos nobody clicked."""
    max_normal_segments: int = Field(default=3, ge=1)


class ClipSection(_Section):
    """From events to clips."""

    method: Literal["auto", "uniform", "random", "human"] = "auto"
    """`auto`: by human captions' intervals where there are any in the event, else uniform."""
    target_seconds: float = Field(default=6.5, gt=0)
    """Uniform: an event is divided into equal parts of about this length."""
    min_seconds: float = Field(default=2.0, gt=0)
    max_seconds: float = Field(default=15.0, gt=0)
    """Random: parts have lengths between these two."""


class ModelSection(_Section):
    """A model: `baseline`, or the name under which an OpenAI-compatible endpoint serves one."""

    model: str = "baseline"
    endpoints: tuple[str, ...] = ()
    """Base URLs such as `http://localhost:8000/v1`; default: $OPENAI_BASE_URL."""
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key."""
    revision: str | None = None
    temperature: float = Field(default=0.0, ge=0)
    max_tokens: int = Field(default=512, gt=0)
    seed: int = 0
    timeout_seconds: float = Field(default=120.0, gt=0)
    max_retries: int = Field(default=5, ge=0)
    concurrency: int = Field(default=32, ge=1)
    """Requests under way at once, over all endpoints."""
    patience_seconds: float = Field(default=300.0, ge=0)
    """How long to wait for any endpoint to come back before the run stops."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """OpenAI's newer models take only the second."""
    extra_body: dict[str, JsonValue] = {}
    """Fields added to every request, such as `top_k` or `chat_template_kwargs`."""


class CaptionSection(ModelSection):
    """From clips to captions."""

    prompt: str = "caption_clip"
    num_frames: int = Field(default=8, ge=1, le=256)
    max_side_px: int = Field(default=672, ge=16)
    jpeg_quality: int = Field(default=90, ge=1, le=100)
    video_format: Literal["image_url", "video_url"] = "image_url"
    """`video_url`: one pre-decoded video per request, as vLLM takes it."""


class SummarizeSection(ModelSection):
    """From captions to summaries."""

    structured_output: Literal["json_schema", "prompt"] = "json_schema"
    """`prompt`: for servers that cannot be held to a schema; replies are validated all the same."""


class InstructSection(_Section):
    """From texts to questions and answers."""

    families: tuple[Literal["hivau"], ...] = ("hivau",)


class ExportSection(_Section):
    """What `run` writes at its end."""

    formats: tuple[Literal["hivau-raw", "hivau-single", "hivau-multi", "llava"], ...] = (
        "hivau-raw",
        "hivau-single",
    )
    name: str = "draft"
    """Releases of this name are replaced by the next run; any other name is kept."""


class RunSection(_Section):
    """How work is done; none of it changes what is made."""

    workers: int | None = Field(default=None, ge=1)
    """Decoding processes; default: one per core."""
    max_reject_rate: float = Field(default=0.05, ge=0, le=1)
    """A stage that rejects a larger share of its items ends with exit code 4."""


class Config(_Section):
    """The whole of `dataset.toml`."""

    dataset: DatasetSection = DatasetSection()
    videos: VideosSection = VideosSection()
    media: MediaSection = MediaSection()
    ingest: IngestSection = IngestSection()
    score: ScoreSection = ScoreSection()
    propose: ProposeSection = ProposeSection()
    clip: ClipSection = ClipSection()
    caption: CaptionSection = CaptionSection()
    summarize: SummarizeSection = SummarizeSection()
    instruct: InstructSection = InstructSection()
    export: ExportSection = ExportSection()
    run: RunSection = RunSection()


def load_config(path: Path) -> Config:
    """Read and check `dataset.toml`. Raises `UsageError` naming the key that is wrong."""
    try:
        loaded = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    try:
        return Config.model_validate(loaded)
    except ValidationError as error:
        raise UsageError(_explain(path, error)) from error


def _explain(path: Path, error: ValidationError) -> str:
    problems = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = ", ".join(_known_keys(problem["loc"][:-1]))
            problems.append(f"unknown key `{key}` (known here: {known})")
        else:
            problems.append(f"`{key}` = {problem['input']!r}: {problem['msg']}")
    return f"{path}: " + "; ".join(problems)


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    section: type[BaseModel] = Config
    for name in place:
        annotation = section.model_fields[str(name)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        section = annotation
    return sorted(section.model_fields)
