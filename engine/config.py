"""`dataset.toml`: every setting, its default and its meaning; unknown keys are errors."""

import tomllib
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    JsonValue,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from engine.config_release import (
    ExportSection,
    InstructSection,
    MixSection,
    Section,
    SplitsSection,
)
from engine.errors import UsageError
from engine.serving.presets import ModelStage, presets_for


class DatasetSection(Section):
    """Who this dataset is."""

    name: str = "dataset"
    seed: int = 0
    """All random choices (normal segments, random clips, questions) follow from it."""


class VideosSection(Section):
    """Where the footage lies and whose rules name it."""

    path: str = "videos"
    """Folder of the videos, relative to the dataset folder or absolute; or a URL that fsspec
    knows, such as `s3://bucket/prefix`."""
    source: Literal["folder", "ucf-crime", "xd-violence"] = "folder"
    labels: str | None = None
    """A csv `video,label[,split]`; wins over sub-folder and file names."""
    lists: str | None = None
    """Folder of the official list files, where they do not lie beside the videos."""
    split: Literal["train", "validation", "test"] | None = None
    """For videos whose split nothing else says."""


class MediaSection(Section):
    """How video files are read."""

    decoder: Literal["pyav", "decord"] = "pyav"
    """decord: constant-rate files only; it hangs for ever on some others."""
    deadline_seconds: float = Field(default=10.0, gt=0)
    """A decode may take this long, and in addition …"""
    deadline_per_video_second: float = Field(default=0.5, ge=0)
    """… this much for each second of video; then it is killed and the item rejected."""
    memory_gib: float = Field(default=4.0, gt=0)
    """Address space of one decoding process."""
    cache_gib: float = Field(default=50.0, gt=0)
    """How much of a remote `[videos] path` each machine keeps, in $VAU_DATA_CACHE."""


class IngestSection(Section):
    """The media doctor has no settings."""


BASELINE = "baseline"


class FeaturesSection(Section):
    """What a scorer sees of a video: one vector per 16 frames."""

    extractor: str = BASELINE
    """`baseline`, or the folder of a vision tower (CLIP, InternViT …) as transformers saves it."""
    num_frames: int = Field(default=16, ge=1, le=16)
    """Vision towers: so many frames of each snippet, evenly spread, are averaged; 1: its middle."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto`: bfloat16 on GPUs, float32 elsewhere."""
    batch_size: int = Field(default=64, ge=1)
    """Frames that go through a vision tower at once."""
    devices: tuple[str, ...] = ()
    """Such as `cuda:0`; default: every GPU, else the processor."""


class ScoreSection(Section):
    """Anomaly scores."""

    model: str = BASELINE
    """`baseline` (how much moves), or the checkpoint file of a scorer."""
    videos: Literal["auto", "unclicked", "all"] = "auto"
    """`unclicked`: only videos for which no person marked anything and none said normal; `auto`:
    these with the baseline, and all with a scorer, whose scores shape clicked events too."""

    @property
    def is_baseline(self) -> bool:
        """Whether no scorer is named."""
        return self.model == BASELINE


class ProposeSection(Section):
    """From clicks and scores to events."""

    alpha: float = Field(default=0.9, gt=0, lt=1)
    """An event grows while the score stays above this share of the clicked score."""
    use_baseline_scores: bool = False
    """Whether the motion score may shape events that have clicks; it is no anomaly score."""
    max_events_per_video: int = Field(default=5, ge=1)
    """For videos nobody clicked."""
    min_score: float = Field(default=0.5, ge=0, le=1)
    """For videos that nobody clicked or labelled: where a trained scorer stays below this, there
    is no abnormal event, and normal segments are drawn instead."""
    max_normal_segments: int = Field(default=3, ge=1)


class ClipSection(Section):
    """From events to clips."""

    method: Literal["auto", "uniform", "random", "human"] = "auto"
    """`auto`: by human captions' intervals where there are any in the event, else uniform."""
    target_seconds: float = Field(default=6.5, gt=0)
    """Uniform: an event is divided into equal parts of about this length."""
    min_seconds: float = Field(default=2.0, gt=0)
    max_seconds: float = Field(default=15.0, gt=0)
    """Random: parts have lengths between these two."""


class ModelSection(Section):
    """A model: `baseline`, or the name under which an OpenAI-compatible endpoint serves one."""

    stage: ClassVar[ModelStage]
    preset: str | None = None
    """A name in manifests/models.toml; its settings stand where this section has none."""
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
    concurrency: int | None = Field(default=None, ge=1)
    """Requests under way at once, over all endpoints; default: 64 for each endpoint."""
    patience_seconds: float = Field(default=300.0, ge=0)
    """How long to wait for any endpoint to come back before the run stops."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """OpenAI's newer models take only the second."""
    extra_body: dict[str, JsonValue] = Field(default_factory=dict)
    """Fields added to every request, such as `top_k` or `chat_template_kwargs`."""
    weights: str | None = None
    """What `--gpus` loads: a Hugging Face repository or a folder; default: `model`."""
    weights_gib: float | None = Field(default=None, gt=0)
    """Sum of the weight files; `--gpus` needs it."""
    num_attention_heads: int | None = Field(default=None, ge=1)
    """As in the model's config.json; limits among how many GPUs one copy can be divided."""
    num_key_value_heads: int | None = Field(default=None, ge=1)
    """Likewise; default: as many as attention heads."""
    max_model_len: int | None = Field(default=None, ge=1)
    """Tokens of one request and its reply; default: as many as vLLM finds memory for."""
    serve_args: tuple[str, ...] = ()
    """More arguments of `vllm serve` for this model."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        preset = presets_for(cls.stage).get(str(given.get("preset")))
        return given if preset is None else {**preset.settings, **given}

    @field_validator("preset")
    @classmethod
    def _check_preset(cls, name: str | None) -> str | None:
        known = presets_for(cls.stage)
        if name is not None and name not in known:
            why = "is none of the presets for this stage: {known}"
            raise PydanticCustomError("preset", why, {"known": ", ".join(known)})
        return name

    @field_validator("model")
    @classmethod
    def _check_model(cls, name: str, info: ValidationInfo) -> str:
        preset = presets_for(cls.stage).get(str(info.data.get("preset")))
        if preset is not None and name != preset.settings["model"]:
            why = "is not the model of preset {preset}; remove one of the two lines"
            raise PydanticCustomError("preset", why, {"preset": preset.name})
        return name

    def with_model(self, name: str) -> Self:
        """As if it named this model or preset; what it has from another preset is dropped."""
        if name in (self.model, self.preset):
            return self
        given = self.model_dump(exclude_unset=True)
        if self.preset is not None:
            filled = type(self)(preset=self.preset).model_dump(exclude_unset=True)
            given = {key: value for key, value in given.items() if value != filled.get(key)}
        preset = presets_for(self.stage).get(name)
        named = {"model": name} if preset is None else {"preset": name, **preset.settings}
        return type(self).model_validate({**given, **named})


class CaptionSection(ModelSection):
    """From clips to captions."""

    stage: ClassVar[ModelStage] = "caption"
    prompt: str = "caption_clip"
    hint: Literal["none", "category"] = "none"
    """`category`: the prompt tells the label of the event, as the summarizer's does. Holmes-VAU's
    captioner is told none; `vau-data caption --audit-hint` shows what it would make up."""
    num_frames: int = Field(default=8, ge=1, le=256)
    max_side_px: int = Field(default=672, ge=16)
    jpeg_quality: int = Field(default=90, ge=1, le=100)
    video_format: Literal["image_url", "video_url"] = "image_url"
    """`video_url`: one pre-decoded video per request, as vLLM takes it."""
    canary_every: int = Field(default=500, ge=0)
    """After so many clips the model is shown a picture of a known code, so that replies which
    reach the wrong clips are noticed; 0: never."""


class SummarizeSection(ModelSection):
    """From captions to summaries."""

    stage: ClassVar[ModelStage] = "summarize"
    structured_output: Literal["json_schema", "prompt"] = "json_schema"
    """`prompt`: for servers that cannot be held to a schema; replies are validated all the same."""


class AuditSection(ModelSection):
    """Looking for what is wrong with texts; the model, if any, judges what summaries claim."""

    stage: ClassVar[ModelStage] = "summarize"
    """A judge is chosen among the presets for summarizers."""
    structured_output: Literal["json_schema", "prompt"] = "json_schema"
    caption_words: tuple[int, int] = (3, 120)
    """Fewest and most words of a caption; HIVAU-70k's have 13.6 on average."""
    summary_words: tuple[int, int] = (12, 400)
    """Of a summary; HIVAU-70k's have 54 (events) and 84 (videos)."""
    duplicate_similarity: float = Field(default=0.8, gt=0, le=1)
    """Share of three-word runs from which two texts count as saying the same."""
    duplicate_min_words: int = Field(default=6, ge=1)
    """Shorter texts may say the same by right: a car passes in many places."""


class CategoriesSection(Section):
    """What counts as abnormal: drives guidelines, audits, and what is said of a category."""

    file: str | None = None
    """A category file, relative to the dataset folder; default: manifests/categories.toml, of
    the public data sets' categories. It stands in place of that, whole."""


class CheckSection(Section):
    """Spot checks by people, until the share of wrong answers is bounded."""

    at_most: float = Field(default=0.05, gt=0, lt=1)
    """The share of wrong answers that is to be ruled out."""
    confidence: float = Field(default=0.95, gt=0, lt=1)


class VllmSection(Section):
    """The servers that `--gpus` starts, whatever the model."""

    command: str | None = None
    """Path or name of the program; default: .venv-vllm/bin/vllm beside vau-data, else `vllm`."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Set for the servers, such as `HF_HOME` or `HF_HUB_OFFLINE`."""
    extra_args: tuple[str, ...] = ()
    """More arguments of `vllm serve`, for every model."""
    gpu_memory_utilization: float = Field(default=0.9, gt=0, le=1)
    """Share of each GPU's memory that a server takes."""
    start_seconds: float = Field(default=1800.0, gt=0)
    """How long a server may take until it answers, weights that it downloads included."""
    stall_seconds: float = Field(default=300.0, gt=0)
    """A server that has requests and makes no token for so long is started anew."""
    price_per_gpu_hour: float | None = Field(default=None, ge=0)
    """For the cost that `vau-data stats` tells, in your currency."""


class AnnotateSection(Section):
    """The pages where people decide; none of it makes anything stale."""

    reaction_seconds: float = Field(default=0.2, ge=0, le=2)
    """Taken off the time of a mark that was made while the video played."""
    single_keys: bool = True
    """Whether single letters are commands; each person can switch them off."""
    keymap: dict[str, str] = Field(default_factory=dict)
    """Action -> key, in place of the usual one."""
    blind_share: float = Field(default=0.15, ge=0, le=1)
    """Of the videos: neither scores nor suggestions are shown."""
    seeded_share: float = Field(default=0.0, ge=0, le=0.05)
    """Of the suggestions: false on purpose, to see who looks; the page says so."""
    shortest_event_seconds: float = Field(default=2.0, ge=1, le=600)
    """Skimming plays 0.75 s or more of every event that is at least so long."""
    cache_gib: float = Field(default=20.0, gt=0)
    """Of proxies and thumbnails; beyond it, those that nobody opened for the longest time go."""


class RunSection(Section):
    """How work is done; none of it changes what is made."""

    workers: int | None = Field(default=None, ge=1)
    """Decoding processes; default: one per core."""
    in_flight_gib: float = Field(default=2.0, gt=0)
    """How much of pictures may wait or be with servers at once; a run takes about twice that.
    What it must hold is in engine/serving/README.md."""
    max_reject_rate: float = Field(default=0.05, ge=0, le=1)
    """A stage that rejects a larger share of its items ends with exit code 4."""


class Config(Section):
    """The whole of `dataset.toml`."""

    dataset: DatasetSection = DatasetSection()
    videos: VideosSection = VideosSection()
    media: MediaSection = MediaSection()
    ingest: IngestSection = IngestSection()
    features: FeaturesSection = FeaturesSection()
    score: ScoreSection = ScoreSection()
    propose: ProposeSection = ProposeSection()
    clip: ClipSection = ClipSection()
    caption: CaptionSection = CaptionSection()
    summarize: SummarizeSection = SummarizeSection()
    categories: CategoriesSection = CategoriesSection()
    audit: AuditSection = AuditSection()
    check: CheckSection = CheckSection()
    vllm: VllmSection = VllmSection()
    annotate: AnnotateSection = AnnotateSection()
    instruct: InstructSection = InstructSection()
    splits: SplitsSection = SplitsSection()
    mix: MixSection = MixSection()
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
        return _resolved(Config.model_validate(loaded), path.resolve().parent)
    except ValidationError as error:
        raise UsageError(_explain(path, error)) from error


def _resolved(config: Config, dir_path: Path) -> Config:
    """Files that dataset.toml names are relative to its folder."""
    features, score = config.features, config.score
    if features.extractor != BASELINE:
        path = str(dir_path / features.extractor)
        features = features.model_copy(update={"extractor": path})
    if not score.is_baseline:
        score = score.model_copy(update={"model": str(dir_path / score.model)})
    categories = config.categories
    if categories.file is not None:
        path = str(dir_path / categories.file)
        categories = categories.model_copy(update={"file": path})
    changes = {"features": features, "score": score, "categories": categories}
    return config.model_copy(update=changes)


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
