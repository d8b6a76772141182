"""Prompts whose replies have a form, asked of any OpenAI-compatible endpoint; one repair each."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import ReplyError
from engine.models.chat import Json
from engine.models.forms import (
    REPAIR_PROMPT,
    BadForm,
    Form,
    Parts,
    repair_turns,
    response_format,
    texts_in,
)
from engine.models.openai_check import check_models, check_structured_output
from engine.models.openai_client import ChatClient, Completion
from engine.models.openai_settings import OpenAiSettings
from engine.models.replies import check_repetition, checked_text, total_usage
from engine.progress import Vitals
from engine.prompting import prompt_sha256
from schemas import Usage

WRITER_VERSION = 1
"""Raised by hand when what is sent, or how a reply is read, changes."""


@dataclass
class LazyClient:
    """The connections, made on first use and left behind when pickled."""

    settings: OpenAiSettings
    client: ChatClient | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self) -> ChatClient:
        """The connections, opened where they are not."""
        with self.lock:
            if self.client is None:
                self.client = ChatClient(self.settings)
            return self.client

    def reopened(self) -> ChatClient:
        """The same, opened anew where they were closed."""
        with self.lock:
            if self.client is not None and self.client.is_closed:
                self.client = None
        return self.get()

    def close(self) -> None:
        """Break off what is under way."""
        # The closed one stays: a thread of a run that was broken off must not open another.
        with self.lock:
            if self.client is not None:
                self.client.close()

    def __reduce__(self) -> tuple[type["LazyClient"], tuple[OpenAiSettings]]:
        return type(self), (self.settings,)


class OpenAiWriter:
    """Fills forms from prompts: what families of instructions and the summarizer ask."""

    def __init__(self, settings: OpenAiSettings) -> None:
        self.settings = settings
        self._lazy = LazyClient(settings)

    @property
    def name(self) -> str:
        """`openai/<model>`."""
        return self.settings.name

    @property
    def concurrency(self) -> int:
        """How many requests may be under way at once, over all endpoints."""
        return self.settings.concurrency

    def fingerprint_parts(self) -> Mapping[str, Json]:
        """All that changes what it says. Not endpoints, timeouts, retries or concurrency."""
        return self.settings.sampling_parts() | {
            "writer_version": WRITER_VERSION,
            "structured_output": self.settings.structured_output,
            "repair_prompt_sha256": prompt_sha256(REPAIR_PROMPT),
        }

    def check(self) -> None:
        """Ask every endpoint whether it serves the model and enforces schemas.

        Raises `UsageError` where it does not, `ServiceError` where nothing answers.
        """
        client = self._lazy.reopened()
        for url in check_models(client, self.settings):
            if self.settings.structured_output == "json_schema":
                check_structured_output(client, self.settings, url)

    def body(self, prompt: str, form: Form[Parts]) -> dict[str, Json]:
        """All that is sent."""
        return self._body([{"role": "user", "content": prompt}], form)

    def write(self, item_id: str, prompt: str, form: Form[Parts]) -> tuple[Parts, Usage | None]:
        """The parts, and what they cost. Raises `ReplyError` for this item, `ServiceError` for all.

        A reply of the wrong form is shown to the model once more, with what is wrong about it.
        """
        messages: list[Json] = [{"role": "user", "content": prompt}]
        rounds = [self._ask(item_id, messages, form)]
        text, parts = self._read(rounds[0], item_id, form)
        if isinstance(parts, BadForm):
            messages += repair_turns(text, parts, form.schema)
            rounds.append(self._ask(item_id, messages, form))
            text, parts = self._read(rounds[1], item_id, form)
        if isinstance(parts, BadForm):
            raise ReplyError(
                parts.reason,
                f"{item_id}: {parts.problem}, also after the model was shown its error; it "
                f"said {text!r:.200}",
            )
        for part in texts_in(parts.model_dump()):
            check_repetition(part, item_id)
        return parts, total_usage([(done.reply.usage, done.seconds) for done in rounds])

    def close(self) -> None:
        """Break off what is under way, which raises `ServiceError`; `check` opens anew."""
        self._lazy.close()

    def vitals(self) -> Vitals:
        """How the endpoints are."""
        return self._lazy.get().vitals()

    def _ask(self, item_id: str, messages: list[Json], form: Form[Parts]) -> Completion:
        return self._lazy.get().complete(item_id, self._body(messages, form))

    def _body(self, messages: list[Json], form: Form[Parts]) -> dict[str, Json]:
        body = self.settings.sampling_fields() | {"messages": messages}
        if self.settings.structured_output == "json_schema":
            body["response_format"] = response_format(form.name, form.schema)
        return body

    def _read(
        self, done: Completion, item_id: str, form: Form[Parts]
    ) -> tuple[str, Parts | BadForm]:
        text = checked_text(done.reply, item_id, max_tokens=self.settings.max_tokens)
        return text, form.read(text)
