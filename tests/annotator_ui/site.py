"""A real server in a thread, a browser-like client, and small datasets to point them at."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from annotator_ui.accounts import Accounts, Cost
from annotator_ui.office import Office, open_office
from annotator_ui.server import build_app
from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from tests.builders import run_named

HOST = "127.0.0.1"
PASSWORD = "correct horse"
CHEAP = Cost(n=16, r=1, p=1)


def add_account(dataset: Dataset, name: str) -> None:
    """An account whose password is quick to check."""
    Accounts.of(dataset).add(name, PASSWORD, cost=CHEAP)


@dataclass
class Browser:
    """One person's browser: keeps its cookie and says where its requests come from."""

    base_url: str
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Origin": self.base_url, "Sec-Fetch-Site": "same-origin"}
        self.client = httpx.Client(base_url=self.base_url, headers=headers, timeout=30)

    def close(self) -> None:
        self.client.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, **options)

    def post(self, path: str, body: object, **options: Any) -> httpx.Response:
        return self.client.post(path, json=body, **options)

    def sign_in(self, name: str, password: str) -> httpx.Response:
        return self.post("/login", {"name": name, "password": password})

    def queue(self, page: str = "clicks") -> list[dict[str, Any]]:
        answer = self.get(f"/api/queue?page={page}")
        assert answer.status_code == 200, answer.text
        videos: list[dict[str, Any]] = answer.json()["videos"]
        return videos

    def opaque(self, name: str, page: str = "clicks") -> str:
        return next(str(row["id"]) for row in self.queue(page) if row["name"] == name)

    def video(self, opaque: str, page: str = "clicks") -> dict[str, Any]:
        answer = self.get(f"/api/video/{opaque}?page={page}")
        assert answer.status_code == 200, answer.text
        info: dict[str, Any] = answer.json()
        return info

    def send(self, *events: dict[str, Any]) -> dict[str, Any]:
        answer = self.post("/api/events", {"events": list(events)})
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    def do(self, video: str, op: str, **body: Any) -> str:
        """Send one event, which must be taken; its uuid."""
        event = an_event_of(video, op, **body)
        said = self.send(event)
        assert said["acknowledged"] == [event["uuid"]], said
        return str(event["uuid"])

    def mark(self, video: str, frame: int = 10, *, fps: int = 25, **body: Any) -> str:
        """Mark a frame; the mark's name."""
        mark = str(uuid.uuid4())
        self.do(video, "mark.add", **(a_mark(mark, frame, fps=fps) | body))
        return mark


def an_event_of(video: str, op: str, **body: Any) -> dict[str, Any]:
    return {
        "uuid": str(uuid.uuid4()),
        "video": video,
        "op": op,
        "body": body,
        "client_time": "2026-01-01T00:00:00Z",
    }


def a_mark(mark: str, frame: int = 10, *, fps: int = 25) -> dict[str, Any]:
    return {
        "mark": mark,
        "frame": frame,
        "time_seconds": frame / fps,
        "is_live": False,
        "speed": 1.0,
        "source": "human",
        "suggestion": None,
    }


@dataclass
class Site:
    """A server that runs."""

    url: str
    office: Office
    browsers: ExitStack
    app: FastAPI

    def browser(self) -> Browser:
        """A new one; on one's own machine it is let in at once."""
        browser = self.browsers.enter_context(closing(Browser(self.url)))
        if self.office.local_user is not None:
            browser.get("/")
        return browser

    def signed_in(self, name: str, password: str = PASSWORD) -> Browser:
        browser = self.browser()
        answer = browser.sign_in(name, password)
        assert answer.status_code == 200, answer.text
        return browser


@contextmanager
def running(
    dataset: Dataset, *, local_user: str | None = "me", has_shell: bool = False
) -> Iterator[Site]:
    """A server on a free port; stopped, and everything published, at the end."""
    with open_office(dataset, local_user=local_user) as office:
        app = build_app(office, has_shell=has_shell)
        config = uvicorn.Config(app, host=HOST, port=0, log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            deadline = time.monotonic() + 10
            while not server.started:
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.005)
            port = server.servers[0].sockets[0].getsockname()[1]
            with ExitStack() as browsers:
                yield Site(f"http://{HOST}:{port}", office, browsers, app)
        finally:
            server.should_exit = True
            thread.join(timeout=10)


def ingest(dataset: Dataset) -> None:
    with LocalExecutor(workers=1) as executor:
        run_named(dataset, "ingest", executor=executor)
