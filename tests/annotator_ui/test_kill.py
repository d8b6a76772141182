"""`kill -9` in mid-burst, fifty times: what was acknowledged is there, nothing is there twice."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import orjson
import pytest

from annotator_ui.journal import LOG_NAME, read_acts
from engine.dataset import Dataset
from engine.index import Index
from engine.store import read_lines
from schemas import Click
from tests.annotator_ui.site import Browser, a_mark, an_event_of

REPOSITORY = Path(__file__).parents[2]
NUM_KILLS = 50


class Server:
    """A real server process, started again as often as it is killed."""

    def __init__(self, dataset: Dataset) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.annotator_ui.killable", str(dataset.dir_path)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready"
        self.pid = 0

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def start(self) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        pid, url = self._read().split()
        self.pid = int(pid)
        return url.rstrip("/")

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def server(dataset: Dataset) -> Iterator[Server]:
    found = Server(dataset)
    yield found
    found.end()


class Person:
    """Presses as fast as it goes; sends again what is not acknowledged, as a page does."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.outbox: list[dict[str, object]] = []
        self.acknowledged: list[str] = []
        self.num_pressed = 0

    def work(self, url: str) -> None:
        """Until the server is gone."""
        with closing(Browser(url)) as browser, suppress(httpx.HTTPError):
            browser.get("/")
            video = browser.opaque("Abuse001_x264")
            while True:
                self._press(video)
                self.send(browser)

    def _press(self, video: str) -> None:
        for _ in range(self.chance.randint(1, 4)):
            event = an_event_of(video, "mark.add")
            event["body"] = a_mark(str(event["uuid"]), self.chance.randrange(100))
            self.outbox.append(event)
            self.num_pressed += 1

    def send(self, browser: Browser) -> None:
        """One batch; what is acknowledged leaves the outbox."""
        answer = browser.post("/api/events", {"events": self.outbox[:100]})
        answer.raise_for_status()
        said = answer.json()
        assert said["refused"] == []
        self.acknowledged += said["acknowledged"]
        done = set(said["acknowledged"])
        self.outbox = [event for event in self.outbox if event["uuid"] not in done]


def _wait_until_pressed(person: Person, num_pressed: int) -> None:
    deadline = time.monotonic() + 20
    while person.num_pressed < num_pressed:
        assert time.monotonic() < deadline, "nothing was pressed"
        time.sleep(0.0005)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_server_killed_in_mid_burst_fifty_times_loses_and_doubles_nothing(
    dataset: Dataset, server: Server
) -> None:
    chance = random.Random(4)
    person = Person(chance)
    log = dataset.dir_path / LOG_NAME
    for _ in range(NUM_KILLS):
        url = server.start()
        at_work = threading.Thread(target=person.work, args=(url,))
        at_work.start()
        _wait_until_pressed(person, person.num_pressed + chance.randint(1, 40))
        time.sleep(chance.uniform(0.0, 0.02))
        server.kill()
        at_work.join(timeout=20)
        assert not at_work.is_alive()
        on_disk = {act.id for act in read_acts(log)} if log.exists() else set()
        assert on_disk >= set(person.acknowledged)
    with closing(Browser(server.start())) as browser:
        browser.get("/")
        while person.outbox:
            person.send(browser)
        marks = browser.video(browser.opaque("Abuse001_x264"))["marks"]
    server.kill()
    assert person.num_pressed > NUM_KILLS
    assert len(marks) == len(person.acknowledged) == person.num_pressed
    ids = Counter(orjson.loads(line)["id"] for line in read_lines(log))
    assert set(ids) == set(person.acknowledged)
    assert max(ids.values()) == 1


def test_what_a_killed_server_had_not_published_is_published_at_the_next_start(
    dataset: Dataset, server: Server
) -> None:
    with closing(Browser(server.start())) as browser:
        browser.get("/")
        browser.mark(browser.opaque("Abuse001_x264"), 30)
        server.kill()
    assert list(Index(dataset).all(Click)) == []
    server.start()
    assert [click.frame for click in Index(dataset).all(Click)] == [30]
    server.kill()
