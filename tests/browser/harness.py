"""A server that can be killed, a real Chromium, and hands and eyes on the pages."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Page

from engine.dataset import Dataset
from tests.annotator_ui.site import PASSWORD
from tests.browser.eyes import READ_CODE
from tests.videos import COLUMNS, ROWS

STARTING_SECONDS = 60
ROOT = Path(__file__).parents[2]


@dataclass
class Server:
    """`vau-data annotate` on one dataset, on one port, now or later."""

    dataset: Dataset
    port: int
    log_path: Path
    process: "subprocess.Popen[bytes] | None" = None
    fresh: list[str] = field(default_factory=list)
    """Videos that no test took yet."""

    def fresh_video(self) -> str:
        """One that nobody opened before, whose file is ready."""
        assert self.fresh, "more tests than videos; make more of them"
        return self.fresh.pop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns once it answers."""
        command = [sys.executable, "-m", "tests.browser.serve_here"]
        place = [str(self.dataset.dir_path), str(self.port)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command + place, stdout=log, stderr=log, env=environment, cwd=ROOT
            )
        deadline = time.monotonic() + STARTING_SECONDS
        while not self._answers():
            assert self.process.poll() is None, self.log_path.read_text()
            assert time.monotonic() < deadline, "the server did not answer in time"
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/", timeout=2).status_code < 500
        except httpx.TransportError:
            return False

    def settle(self) -> None:
        """Until every proxy that a plan asks for is there; pages order them by looking."""
        with httpx.Client(base_url=self.url, follow_redirects=True) as client:
            client.get("/")
            rows = client.get("/api/queue?page=clicks").json()["videos"]
            for row in rows:
                client.get(f"/api/video/{row['id']}").raise_for_status()
        deadline = time.monotonic() + STARTING_SECONDS
        while missing := [path for path in self._proxies_planned() if not path.exists()]:
            assert time.monotonic() < deadline, f"never made: {missing}"
            time.sleep(0.1)

    def _proxies_planned(self) -> list[Path]:
        plans = (self.dataset.dir_path / "proxies").glob("*.json")
        needed = [path for path in plans if json.loads(path.read_text())["need"] != "nothing"]
        return [path.with_suffix(".mp4") for path in needed]

    def kill(self) -> None:
        """As a crash would: no chance to write anything more."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As a person does, with Ctrl-C."""
        self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(timeout=30)
        self.process = None

    def acts(self, video: str, *, seen: bool = False) -> list[dict[str, Any]]:
        """What the log on disk says of a video; what was seen of it only if asked for."""
        path = self.dataset.dir_path / "annotations.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        acts = [act for act in map(json.loads, lines) if act["video_id"] == video]
        return [act for act in acts if seen or act["do"]["op"] != "video.seen"]

    def deeds(self, video: str, op: str) -> list[dict[str, Any]]:
        """What acts of one kind on a video say, in order."""
        return [act["do"] for act in self.acts(video) if act["do"]["op"] == op]


@contextmanager
def serving(dataset: Dataset) -> Iterator[Server]:
    """A server for one dataset on a free port; stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(dataset, port, dataset.dir_path / "server.log")
    server.start()
    try:
        yield server
    finally:
        if server.process is not None:
            server.stop()


@dataclass
class Desk:
    """One browser tab with one of the pages open."""

    page: Page
    name: str = "clicks"
    video: str = ""
    """That was opened last."""

    def element(self) -> str:
        return f"document.querySelector('vau-player[page={self.name}]')"

    def see(self, expression: str, **given: Any) -> Any:
        """The value of an expression in which `el`, `root`, `content` and `given` are known."""
        body = f"""async (given) => {{
            const el = {self.element()}; const root = el?.shadowRoot; const content = el?.content;
            return {expression};
        }}"""
        return self.page.evaluate(body, given)

    def wait(self, expression: str, timeout_seconds: float = 20) -> None:
        """Until an expression, as in `see`, is true."""
        deadline = time.monotonic() + timeout_seconds
        while not self.see(expression):
            assert time.monotonic() < deadline, f"never true: {expression}\n{self.text('')}"
            self.page.wait_for_timeout(30)

    def text(self, selector: str) -> str:
        """What a part of the page says; all of it for an empty selector."""
        found = self.see("root.querySelector(given.s || '.bench, .sheet')?.innerText", s=selector)
        return str(found or "")

    def texts(self, selector: str) -> list[str]:
        found = self.see("[...root.querySelectorAll(given.s)].map((n) => n.innerText)", s=selector)
        return [str(text) for text in found]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def go_to(self, name: str) -> "Desk":
        """Another page by its tab."""
        titles = {"blind": "Blind evaluation"}
        self.page.get_by_role("tab", name=titles.get(name, name.capitalize())).click()
        desk = Desk(self.page, name)
        desk.wait("el?.content !== undefined && el.offsetParent !== null")
        return desk

    def open(self, video: str) -> None:
        """A video of the list, until its picture is shown and nothing moves."""
        self.video = video
        self.wait("content.bench.queue.videos.length > 0")
        self.see(
            "content.bench.open(content.bench.queue.videos.find((v) => v.name === given.v).id)",
            v=video,
        )
        self.wait_for_picture(video)

    def wait_for_picture(self, video: str | None = None) -> None:
        name = "true" if video is None else f"content.bench.info?.name === {json.dumps(video)}"
        self.wait(f"{name} && content.stage.isReady && content.stage.frames.shown >= 0", 60)

    def notice(self) -> str:
        """What the page says just now."""
        return self.text(".notice")

    def code(self) -> int:
        """The number that the frame on the screen carries."""
        return int(self.see(READ_CODE, columns=COLUMNS, rows=ROWS))

    def saved(self) -> None:
        """Until the page says that all is saved."""
        self.wait("root.querySelector('.saved').innerText.startsWith('✓ saved')")

    def frames(self) -> list[int]:
        """Of the marks shown."""
        return [int(frame) for frame in self.see("content.marksShown.map((mark) => mark.frame)")]


def a_tab(browser: Browser, server: Server, **options: Any) -> Page:
    """A new person's browser with the pages open; page errors fail the test."""
    context = browser.new_context(**({"viewport": {"width": 1440, "height": 900}} | options))
    return another_tab(context, server)


def another_tab(context: BrowserContext, server: Server) -> Page:
    page = context.new_page()
    page.on("pageerror", _fail)
    page.goto(f"{server.url}/")
    return page


def _fail(error: object) -> None:
    raise AssertionError(f"an error on the page: {error}")


def a_desk(browser: Browser, server: Server, name: str = "clicks", **options: Any) -> Desk:
    """The page of that name, in a browser of its own."""
    return opened(a_tab(browser, server, **options), name)


def opened(page: Page, name: str = "clicks") -> Desk:
    """The page of that name in a tab that was just opened."""
    desk = Desk(page)
    desk.wait("el?.content !== undefined", 40)
    return desk if name == "clicks" else desk.go_to(name)


def signed_in(browser: Browser, server: Server, name: str, page_name: str = "clicks") -> Desk:
    """A browser of its own in which one of the team signed in by the keyboard."""
    page = a_tab(browser, server)
    page.locator("#name").press_sequentially(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/")
    return opened(page, page_name)
