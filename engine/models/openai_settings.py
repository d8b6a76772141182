"""What a person chooses about an OpenAI-compatible model, and what of it changes its replies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from engine.errors import UsageError
from engine.models.chat import Json

OUR_BODY_FIELDS = frozenset(
    {"model", "messages", "temperature", "seed", "max_tokens", "max_completion_tokens"}
    | {"response_format", "media_io_kwargs", "stream", "n"}
)
"""What `extra_body` may not set: each has a setting of its own, or would break the reading."""


@dataclass(frozen=True)
class OpenAiSettings:
    """One model behind one or more endpoints. Raises `UsageError` where a value makes no sense."""

    model: str
    endpoints: tuple[str, ...]
    """Base URLs up to and with `/v1`; all must serve `model`. None: it can say what it would be
    asked, but not be asked."""
    revision: str | None = None
    temperature: float | None = 0.0
    """None: not sent, for models that refuse it."""
    max_tokens: int = 512
    seed: int | None = 0
    extra_body: Mapping[str, Json] = field(default_factory=dict)
    """Fields added to every request: `mm_processor_kwargs`, `chat_template_kwargs`, `top_k` …"""
    video_format: Literal["image_url", "video_url"] = "image_url"
    """`image_url` works everywhere; `video_url` is vLLM's, one video made of our frames."""
    num_frames: int = 8
    max_side_px: int = 512
    jpeg_quality: int = 90
    structured_output: Literal["json_schema", "prompt"] = "json_schema"
    """`prompt`: only the prompt asks for JSON; replies are validated just the same."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """OpenAI's newer models accept only the second; older servers know only the first."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; unset: no key is sent."""
    timeout_seconds: float = 300.0
    """For one attempt, from sending to the reply's last byte."""
    max_retries: int = 5
    patience_seconds: float = 300.0
    """How long nothing at all may be served before the run stops. A request that is put off alone
    for as long is given up if a tiny one is admitted: so, more than the account's minute."""
    first_pause_seconds: float = 0.5
    """The pause after a first failure; it doubles with each further one."""
    concurrency: int = 32

    def __post_init__(self) -> None:
        _check_endpoints(self.endpoints)
        _check_numbers(self)
        if not self.model.strip():
            raise UsageError("model is empty; name it as the endpoint's GET /models lists it")
        if taken := OUR_BODY_FIELDS & self.extra_body.keys():
            raise UsageError(f"extra_body may not set {sorted(taken)}; use the setting of its own")

    @property
    def name(self) -> str:
        """`openai/<model>`, as every record made with it says."""
        return f"openai/{self.model}"

    def sampling_fields(self) -> dict[str, Json]:
        """The request fields that say how to sample, with `extra_body`."""
        fields: dict[str, Json] = {"model": self.model, self.max_tokens_field: self.max_tokens}
        if self.temperature is not None:
            fields["temperature"] = self.temperature
        if self.seed is not None:
            fields["seed"] = self.seed
        return fields | dict(self.extra_body)

    def sampling_parts(self) -> dict[str, Json]:
        """What of the settings changes any reply; part of a stage's fingerprint."""
        return {
            "model": self.model,
            "revision": self.revision,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "extra_body": dict(self.extra_body),
        }


def _check_endpoints(endpoints: tuple[str, ...]) -> None:
    for url in endpoints:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"endpoint {url!r} is no URL; write it as http://HOST:PORT/v1")
        if parts.password or parts.query:
            raise UsageError(
                f"the endpoint at {parts.hostname} carries a password or a query; "
                "keys belong in the environment variable that api_key_env names"
            )
    if len({url.rstrip("/") for url in endpoints}) < len(endpoints):
        raise UsageError(f"endpoints repeat themselves: {', '.join(endpoints)}")


def _check_numbers(settings: OpenAiSettings) -> None:
    for name, lowest in (
        ("max_tokens", 1),
        ("num_frames", 1),
        ("max_side_px", 16),
        ("concurrency", 1),
        ("max_retries", 0),
        ("patience_seconds", 0),
    ):
        if (value := getattr(settings, name)) < lowest:
            raise UsageError(f"{name} is {value}; it must be {lowest} or more")
    for name in ("timeout_seconds", "first_pause_seconds"):
        if (value := getattr(settings, name)) <= 0:
            raise UsageError(f"{name} is {value}; it must be more than 0")
    if not 1 <= settings.jpeg_quality <= 100:
        raise UsageError(f"jpeg_quality is {settings.jpeg_quality}; it must be 1 to 100")
