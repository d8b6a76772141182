"""What the fake model says: a request's JSON in, the JSON of a chat completion out; no sockets.

Heavy imports wait until a picture comes: tests start dozens of processes that serve this.
"""

import base64
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import orjson

if TYPE_CHECKING:
    from engine.media.frames import RgbImage

Answer = Callable[[dict[str, Any], "list[RgbImage]"], str]
"""What the fake model says to a request's JSON and the pictures in it, decoded to RGB."""

FaultKind = Literal[
    "status",
    "drop_unread",
    "drop",
    "late",
    "half_closed",
    "broken_json",
    "finish",
    "wrong_id",
    "text",
    "trickle",
]


@dataclass(frozen=True)
class Fault:
    """How the fake server treats one request, in place of a good answer."""

    kind: FaultKind
    status: int = 500
    text: str = ""
    """`status`: the error's message; `finish`: the finish reason; `text`: what is said instead,
    also under a schema; `wrong_id`: the item that is named instead."""
    retry_after: str | None = None
    seconds: float = 0.0
    """`late`: slept before a good answer."""


@dataclass(frozen=True)
class ReceivedRequest:
    """One chat completion as it arrived."""

    item_id: str
    """From the X-Request-Id header; `probe` for the client's own questions."""
    body: dict[str, Any]
    headers: Mapping[str, str]
    """Names in lower case."""
    arrived_at: float
    """On the monotonic clock."""

    @property
    def is_probe(self) -> bool:
        return self.item_id == "probe"


@dataclass
class Behavior:
    """What the server does; may be changed while it runs."""

    models: tuple[str, ...] = ("tiny",)
    key: str | None = None
    answer: Answer = field(default=lambda _body, _images: "A person walks along a corridor.")
    script: deque[Fault | None] = field(default_factory=deque)
    """For chat completions in order of arrival (probes apart); None: a good answer."""
    fault_for: Callable[[ReceivedRequest], Fault | None] = field(default=lambda _request: None)
    """Asked when the script is used up; sees probes too."""
    ignores_schema: bool = False
    latency_seconds: tuple[float, float] = (0.0, 0.0)
    seed: int = 0
    reverse_batch: int = 1
    """Requests are gathered until this many have come, and the last is answered first."""


def completion(body: dict[str, Any], tag: str, text: str, fault: Fault | None) -> dict[str, Any]:
    finish = fault.text if fault and fault.kind == "finish" else "stop"
    return {
        "id": f"chatcmpl-{tag}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "reasoning_content": None},
                "finish_reason": finish,
                "stop_reason": None,
            }
        ],
        "usage": {
            "prompt_tokens": len(orjson.dumps(body["messages"])) // 4,
            "completion_tokens": len(text.split()),
            "total_tokens": 0,
        },
    }


def said(
    behavior: Behavior, request: ReceivedRequest, fault: Fault | None, *, small_talk: str = "Once."
) -> str:
    """The text of the reply; the client's own questions get small talk, not the hook's answer."""
    if fault and fault.kind == "text":
        return fault.text
    body = request.body
    text = small_talk if request.is_probe else behavior.answer(body, pictures_in(body))
    form = body.get("response_format")
    if form is None or behavior.ignores_schema:
        return text
    schema = form["json_schema"]["schema"]
    return text if _fits(text, schema) else orjson.dumps(_smallest(schema)).decode()


def _fits(text: str, schema: dict[str, Any]) -> bool:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and set(found) == set(schema["properties"])


def _smallest(schema: dict[str, Any]) -> Any:
    """What a decoder that is held to the schema says when it has nothing to say."""
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {name: _smallest(part) for name, part in schema["properties"].items()}
    return {"string": "text", "boolean": False}.get(str(schema["type"]))


def pictures_in(body: dict[str, Any]) -> "list[RgbImage]":
    """The pictures of a request, in order, decoded from their data URLs."""
    pictures: list[RgbImage] = []
    for message in body["messages"]:
        parts = message["content"] if isinstance(message["content"], list) else []
        for part in parts:
            if part["type"] in ("image_url", "video_url"):
                url = part[part["type"]]["url"]
                pictures.extend(_decoded(text) for text in url.split(",")[1:])
    return pictures


def _decoded(text: str) -> "RgbImage":
    import cv2
    import numpy as np

    buffer = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    image = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("a picture in the request is no JPEG")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
