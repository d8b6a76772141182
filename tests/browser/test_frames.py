"""The frame on the screen is the frame the page names: after seeks, steps and marks."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from playwright.sync_api import Browser

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from tests.browser.eyes import READ_CODE
from tests.browser.harness import Desk, Server, a_desk, serving
from tests.builders import a_dataset, run_named
from tests.videos import (
    COLUMNS,
    H264_NO_B,
    HEVC,
    MPEG4,
    RATE_2997,
    ROWS,
    Coding,
    constant_rate,
    read_index,
    remux,
    variable_rate_ticks,
    write_video,
)

NUM_SEEKS = 48
MS = Fraction(1, 1000)
FINE = Fraction(1, 90_000)
OFTEN = Coding(gop=12)


def jittered(num_frames: int) -> list[int]:
    """90 kHz ticks of 25 fps whose frames come up to 9 ms early or late."""
    return [number * 3600 + (number * 7919) % 1620 - 810 for number in range(1, num_frames + 1)]


def near_duplicates(num_frames: int) -> list[int]:
    """Milliseconds at 25 fps where every tenth frame comes 1 ms after the one before it."""
    ticks = [number * 40 for number in range(num_frames)]
    for number in range(10, num_frames, 10):
        ticks[number] = ticks[number - 1] + 1
    return ticks


def write_matrix(folder: Path) -> None:
    """One file per kind of clock that a player has to cope with."""
    constant_rate(folder / "constant_25.mp4", num_frames=200)
    constant_rate(folder / "constant_24.mp4", num_frames=200, fps=24, coding=OFTEN)
    constant_rate(folder / "constant_2997.mp4", num_frames=200, fps=RATE_2997)
    constant_rate(folder / "matroska_30.mkv", num_frames=200, fps=30)
    write_video(folder / "variable.mp4", variable_rate_ticks(150), time_base=MS, coding=OFTEN)
    write_video(folder / "variable.mkv", variable_rate_ticks(150), time_base=MS)
    write_video(folder / "jittered.mp4", jittered(200), time_base=FINE)
    late = [number * 3600 + 126_000 for number in range(150)]
    write_video(folder / "offset.mkv", [t // 90 for t in late], time_base=MS, coding=H264_NO_B)
    write_video(folder / "offset.mp4", late, time_base=FINE)
    write_video(folder / "near_duplicates.mp4", near_duplicates(150), time_base=MS)
    constant_rate(folder / "hevc.mp4", num_frames=80, coding=HEVC)
    constant_rate(folder / "old.avi", num_frames=80, coding=MPEG4)
    long = constant_rate(folder.parent / "long.mp4", num_frames=240, coding=Coding(gop=48))
    remux(long, folder / "cut.mp4", from_frame=48, shown_from_seconds=2.5)
    remux(long, folder / "cut.mkv", from_frame=48, shown_from_seconds=1.9)


MATRIX = (
    "constant_25.mp4",
    "constant_24.mp4",
    "constant_2997.mp4",
    "matroska_30.mkv",
    "variable.mp4",
    "variable.mkv",
    "jittered.mp4",
    "offset.mkv",
    "offset.mp4",
    "near_duplicates.mp4",
    "cut.mp4",
    "cut.mkv",
    "hevc.mp4",
    "old.avi",
)


def codes_of(path: Path) -> list[int]:
    """What a decoder shows, frame by frame."""
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [read_index(picture.astype(np.uint8)) for picture in pictures]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    dataset = a_dataset(tmp_path_factory.mktemp("matrix") / "ds")
    write_matrix(dataset.dir_path / "videos")
    with LocalExecutor(workers=2) as executor:
        run_named(dataset, "ingest", executor=executor)
    with serving(dataset) as server:
        server.settle()
        yield server


@pytest.fixture(scope="module")
def watcher(matrix: Server, browser: Browser) -> Iterator[Desk]:
    found = a_desk(browser, matrix)
    yield found
    found.page.context.close()


@pytest.fixture(params=MATRIX)
def codes(request: pytest.FixtureRequest, matrix: Server, watcher: Desk) -> list[int]:
    """A video of the matrix is open; the codes of its frames in order."""
    name = video_id_of(matrix.dataset, request.param)
    watcher.open(name)
    return codes_of(matrix.dataset.dir_path / "videos" / request.param)


def video_id_of(dataset: Dataset, file_name: str) -> str:
    rows = map(json.loads, (dataset.dir_path / "videos.jsonl").read_text().splitlines())
    (name,) = [str(row["id"]) for row in rows if row["media"]["path"] == file_name]
    return name


def look_around(desk: Desk, how: str, targets: list[int]) -> list[dict[str, Any]]:
    """Go to each target; what was shown, by the page's word and by the picture."""
    found: list[dict[str, Any]] = desk.see(
        f"""(async () => {{
            const seen = [];
            for (const target of given.targets) {{
                const shown = await content.stage.{how}(target);
                seen.push({{ target, shown, code: {READ_CODE} }});
            }}
            return seen;
        }})()""",
        targets=targets,
        columns=COLUMNS,
        rows=ROWS,
    )
    return found


def scattered(num_frames: int) -> list[int]:
    """Frames all over the video, its first and last among them."""
    return [0, num_frames - 1, *((n * 61 + 17) % num_frames for n in range(NUM_SEEKS))]


def test_page_knows_as_many_frames_as_a_decoder_shows(watcher: Desk, codes: list[int]) -> None:
    assert watcher.see("content.stage.source.length") == len(codes)


def test_seek_shows_the_frame_it_names(watcher: Desk, codes: list[int]) -> None:
    seen = look_around(watcher, "goTo", scattered(len(codes)))
    wrong = [one for one in seen if one["shown"] != one["target"]]
    assert wrong == []
    assert [one["code"] for one in seen] == [codes[one["shown"]] for one in seen]


def test_step_shows_the_neighbor(watcher: Desk, codes: list[int]) -> None:
    middle = len(codes) // 2
    look_around(watcher, "goTo", [middle])
    seen = look_around(watcher, "step", [1] * 12 + [-1] * 24)
    wanted = [middle + n for n in range(1, 13)] + [middle + 12 - n for n in range(1, 25)]
    assert [one["shown"] for one in seen] == wanted
    assert [one["code"] for one in seen] == [codes[frame] for frame in wanted]


def test_mark_made_while_paused_names_the_frame_shown(watcher: Desk, codes: list[int]) -> None:
    look_around(watcher, "goTo", [len(codes) // 3])
    num_before = len(watcher.frames())
    watcher.press("Space")
    for pause_ms in (90, 130, 210):
        watcher.page.wait_for_timeout(pause_ms)
        watcher.press("Space", "m")
        watcher.wait(f"content.marksShown.length === {num_before + 1}")
        num_before += 1
        mark = watcher.see("content.marksShown.find((mark) => mark.mark === content.selectedMark)")
        assert codes[mark["frame"]] == watcher.code()
        assert not mark["is_live"]
        watcher.press("Space")
    watcher.press("k")
