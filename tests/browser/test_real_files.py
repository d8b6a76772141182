"""Published files that no browser plays: shown by proxy, every frame at its own time."""

import json
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser

from engine.executors.local import LocalExecutor
from engine.media.container import frame_times
from tests.browser.harness import Desk, Server, a_desk, serving
from tests.builders import a_dataset, run_named
from tests.engine.sources.reference import needs_reference_data, reference

UNPLAYABLE = ("robbery.mp4", "DKZg4kIEa0A_31_36.avi", "aRo8x3xXeEA_3_8.avi")
"""HEVC, which Chromium takes without a word and never shows; MPEG-4 part 2 in AVI."""

KNOWN_TIMES = "Array.from({ length: given.n }, (_, at) => content.stage.source.secondsOf(at))"

pytestmark = needs_reference_data


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    dataset = a_dataset(tmp_path_factory.mktemp("real") / "ds")
    for path in reference("videos").iterdir():
        shutil.copyfile(path, dataset.dir_path / "videos" / path.name)
    with LocalExecutor(workers=2) as executor:
        run_named(dataset, "ingest", executor=executor)
    with serving(dataset) as found:
        yield found


@pytest.fixture(scope="module")
def desk(server: Server, browser: Browser) -> Iterator[Desk]:
    found = a_desk(browser, server)
    yield found
    found.page.context.close()


def all_files(server: Server) -> dict[str, str]:
    """File name -> video id."""
    lines = (server.dataset.dir_path / "videos.jsonl").read_text().splitlines()
    return {row["media"]["path"]: row["id"] for row in map(json.loads, lines)}


def test_every_real_file_is_shown_frame_by_frame_at_its_own_times(
    server: Server, desk: Desk
) -> None:
    for name, video in all_files(server).items():
        times = frame_times(server.dataset.dir_path / "videos" / name)
        desk.open(video)
        assert desk.see("content.stage.source.length") == len(times), name
        known = desk.see(
            KNOWN_TIMES,
            n=len(times),
        )
        assert np.abs(np.array(known) - times).max() < 1e-6, name
        targets = [0, len(times) - 1, *((n * 61 + 17) % len(times) for n in range(12))]
        shown = [desk.see("content.stage.goTo(given.to)", to=target) for target in targets]
        assert shown == targets, name
        assert desk.see("content.stage.frames.video.videoWidth") > 0, name


def test_files_that_no_browser_plays_have_proxies(server: Server, desk: Desk) -> None:
    made = {path.stem for path in (server.dataset.dir_path / "proxies").glob("*.mp4")}
    lines = map(json.loads, (server.dataset.dir_path / "videos.jsonl").read_text().splitlines())
    needed = {row["media"]["sha256"][:24] for row in lines if row["media"]["path"] in UNPLAYABLE}
    assert len(needed) == len(UNPLAYABLE)
    assert needed <= made
