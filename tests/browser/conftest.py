"""Chromium for the tests of this folder, which all are marked `browser`."""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.executors.local import LocalExecutor
from tests.builders import a_dataset, add_video, run_all, run_named

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.harness import Desk, Server

HERE = Path(__file__).parent
collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Debian's Chromium: the one that Playwright brings along plays no H.264."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium here; apt-get install chromium")
    flags = ["--autoplay-policy=no-user-gesture-required"]
    if os.geteuid() == 0 or os.environ.get("CI"):
        flags.append("--no-sandbox")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        chromium.close()


NUM_PLAIN = 27
NUM_FINISHED = 14
CONFIG = "[annotate]\nblind_share = 0.0\n"


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Server]":
    """A server that all tests share; 8 s videos at 25 fps without scores, one for each test."""
    from tests.browser.harness import serving

    dataset = a_dataset(tmp_path_factory.mktemp("plain") / "ds", CONFIG)
    for number in range(NUM_PLAIN):
        add_video(dataset, f"walk{number:02d}.mp4", num_frames=200)
    with LocalExecutor(workers=2) as executor:
        run_named(dataset, "ingest", executor=executor)
    with serving(dataset) as server:
        server.fresh = [f"walk{number:02d}" for number in reversed(range(NUM_PLAIN))]
        yield server


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Server]":
    """The same, with abnormal videos that went through every step."""
    from tests.browser.harness import serving

    dataset = a_dataset(tmp_path_factory.mktemp("finished") / "ds", CONFIG)
    for number in range(NUM_FINISHED):
        add_video(dataset, f"Abuse/Abuse{number:03d}.mp4", num_frames=200)
    with LocalExecutor(workers=2) as executor:
        run_all(dataset, executor=executor)
    with serving(dataset) as server:
        server.fresh = [f"Abuse{number:03d}" for number in reversed(range(NUM_FINISHED))]
        yield server


@pytest.fixture
def desk(plain: "Server", browser: "Browser") -> "Iterator[Desk]":
    """The clicks page, on a video that nobody opened before."""
    from tests.browser.harness import a_desk

    found = a_desk(browser, plain)
    found.open(plain.fresh_video())
    yield found
    found.page.context.close()
