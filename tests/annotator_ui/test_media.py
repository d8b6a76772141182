"""What browsers get is exact: every frame at its own time, in the file or in its proxy."""

import multiprocessing
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from annotator_ui.frames import FrameTable, counting_table, table_of
from annotator_ui.plans import Plan, make_plan
from annotator_ui.proxy import write_proxy
from annotator_ui.thumbs import NUM_THUMBS, thumb_path, thumb_times, write_thumbs
from annotator_ui.workshop import ThumbsJob, Workshop
from engine.dataset import Dataset
from engine.errors import MediaError
from engine.media.container import frame_times, opened, scan
from engine.media.decode import all_frames
from engine.media.probe import probe
from tests.annotator_ui.site import Browser, Site
from tests.builders import add_video
from tests.engine.sources.reference import needs_reference_data, reference
from tests.videos import (
    HEVC,
    MPEG4,
    Coding,
    constant_rate,
    read_index,
    remux,
    truncated,
    variable_rate_ticks,
    write_video,
)

MS = Fraction(1, 1000)
NEAR = [0, 40, 80, 81, 120, 160, 200, 201, 240, 280]
"""Milliseconds; two pairs that nobody can seek between."""


def plan_of(path: Path) -> Plan:
    return make_plan(path, probe(path).to_media(path.name), is_remote=False)


def shown(path: Path) -> list[tuple[int, float]]:
    """(ordinal that is seen, time) of every frame."""
    return [(read_index(frame.image), frame.time_seconds) for frame in all_frames(path)]


def table_at(path: Path) -> FrameTable:
    with opened(path) as video:
        return table_of(video, scan(video))


def files(folder: Path) -> Iterator[Path]:
    yield constant_rate(folder / "constant.mp4", num_frames=60)
    yield constant_rate(folder / "ntsc.mkv", num_frames=60, fps=Fraction(30000, 1001))
    yield write_video(folder / "variable.mkv", variable_rate_ticks(60), time_base=MS)
    yield write_video(
        folder / "offset.mp4", [tick + 2500 for tick in variable_rate_ticks(40)], time_base=MS
    )
    yield constant_rate(folder / "hevc.mp4", num_frames=40, coding=HEVC)
    yield constant_rate(folder / "xvid.avi", num_frames=40, coding=MPEG4)
    whole = constant_rate(folder / "whole.mp4", num_frames=60, coding=Coding(gop=20))
    yield remux(whole, folder / "cut.mp4", from_frame=20, shown_from_seconds=1.0)


def test_table_holds_the_engines_own_times_and_survives_the_wire(tmp_path: Path) -> None:
    for path in files(tmp_path):
        table = table_at(path)
        again = FrameTable.from_wire(table.wire())
        assert again.seconds.tolist() == frame_times(path).tolist(), path.name


def test_table_of_an_hour_is_small_on_the_wire() -> None:
    table = FrameTable(Fraction(1, 12800), np.arange(90_000, dtype=np.int64) * 512)
    assert len(str(table.wire()["deltas"])) < 1000


def test_proxy_shows_every_frame_at_its_own_time(tmp_path: Path) -> None:
    for path in files(tmp_path):
        target = tmp_path / "proxy.mp4"
        write_proxy(path, target, clock=table_at(path))
        assert shown(target) == shown(path), path.name


def test_proxy_seeks_quickly_and_is_no_wider_than_854(tmp_path: Path) -> None:
    source = constant_rate(
        tmp_path / "wide.mp4", num_frames=31, coding=Coding(width_px=1280, height_px=720)
    )
    write_proxy(source, tmp_path / "proxy.mp4", clock=table_at(source))
    with opened(tmp_path / "proxy.mp4") as video:
        index = scan(video)
        context = video.stream.codec_context
        assert (context.name, context.width, context.height) == ("h264", 854, 480)
        assert len(index.keyframe_ticks) == 3
        assert not context.has_b_frames


def test_proxy_of_a_lying_video_stands(tmp_path: Path) -> None:
    source = constant_rate(
        tmp_path / "turned.mp4", num_frames=10, coding=Coding(clockwise_degrees=90)
    )
    write_proxy(source, tmp_path / "proxy.mp4", clock=table_at(source))
    assert [index for index, _ in shown(tmp_path / "proxy.mp4")] == list(range(10))
    assert probe(tmp_path / "proxy.mp4").rotation_degrees == 0


def test_frame_too_damaged_to_decode_keeps_its_place(tmp_path: Path) -> None:
    whole = constant_rate(
        tmp_path / "whole.mp4", num_frames=80, coding=Coding(is_moov_first=True, num_b_frames=0)
    )
    damaged = truncated(whole, tmp_path / "damaged.mp4", share=0.7)
    table = table_at(damaged)
    report = write_proxy(damaged, tmp_path / "proxy.mp4", clock=table)
    assert frame_times(tmp_path / "proxy.mp4").tolist() == table.seconds.tolist()
    num_decoded = len(shown(damaged))
    assert report.num_repeated == len(table) - num_decoded
    seen = [index for index, _ in shown(tmp_path / "proxy.mp4")]
    assert seen[:num_decoded] == list(range(num_decoded))


def test_proxy_that_would_lack_a_frame_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    source = constant_rate(tmp_path / "a.mp4", num_frames=20)
    table = table_at(source)
    longer = FrameTable(table.time_base, np.append(table.ticks, table.ticks[-1] + 512))
    with pytest.raises(MediaError, match="shows 20 frames now, and 21 before"):
        write_proxy(source, tmp_path / "proxy.mp4", clock=longer)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_near_duplicate_times_are_told_apart_by_a_clock_that_counts(tmp_path: Path) -> None:
    source = write_video(tmp_path / "near.mkv", NEAR, time_base=MS, coding=Coding(num_b_frames=0))
    plan = plan_of(source)
    assert (plan.need, plan.counts_frames) == ("proxy", True)
    assert plan.table.seconds.tolist() == [ms / 1000 for ms in NEAR]
    write_proxy(source, tmp_path / "proxy.mp4", clock=plan.clock)
    assert not plan.clock.has_near_duplicates
    assert shown(tmp_path / "proxy.mp4") == list(
        enumerate(counting_table(len(NEAR), plan.fps).seconds.tolist())
    )


@pytest.mark.parametrize(
    ("name", "coding", "need", "why"),
    [
        ("a.mp4", Coding(gop=25), "nothing", ""),
        ("a.mkv", Coding(gop=25), "nothing", ""),
        ("a.mp4", Coding(gop=250), "quicker_seeks", "keyframes are"),
        ("a.mp4", HEVC, "proxy", "hevc in mp4"),
        ("a.avi", Coding(gop=25, num_b_frames=0), "proxy", "h264 in avi"),
        ("a.mp4", MPEG4, "proxy", "mpeg4 in mp4"),
        ("a.ts", Coding(gop=25), "proxy", "h264 in mpegts"),
    ],
)
def test_what_browsers_play_is_decided_from_the_file(
    tmp_path: Path, name: str, coding: Coding, need: str, why: str
) -> None:
    """HEVC above all: a browser says that it can, and shows nothing."""
    plan = plan_of(constant_rate(tmp_path / name, num_frames=100, coding=coding))
    assert plan.need == need
    assert why in plan.why


def test_remote_file_always_has_a_proxy(tmp_path: Path) -> None:
    path = constant_rate(tmp_path / "a.mp4", num_frames=30)
    assert make_plan(path, probe(path).to_media("a.mp4"), is_remote=True).need == "proxy"


def test_plan_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    plan = plan_of(constant_rate(tmp_path / "a.avi", num_frames=30))
    again = Plan.load(plan.dump())
    assert again.table.seconds.tolist() == plan.table.seconds.tolist()
    assert (again.need, again.why, again.fps) == (plan.need, plan.why, plan.fps)


def test_frame_at_a_time_is_the_one_on_the_screen(tmp_path: Path) -> None:
    table = FrameTable(MS, np.array([0, 20, 60, 460], dtype=np.int64))
    asked = (-1.0, 0.0, 0.0199, 0.02, 0.3, 0.46, 99.0)
    assert [table.frame_at(seconds) for seconds in asked] == [0, 0, 0, 1, 2, 3, 3]


def test_thumbnails_show_the_moments_that_they_stand_for(tmp_path: Path) -> None:
    from PIL import Image

    source = constant_rate(tmp_path / "a.mp4", num_frames=100)
    times = thumb_times(0.0, 4.0)
    write_thumbs(source, tmp_path / "thumbs", times_seconds=times)
    for number in range(NUM_THUMBS):
        picture = np.asarray(Image.open(thumb_path(tmp_path / "thumbs", number)).convert("RGB"))
        assert read_index(picture) == table_at(source).frame_at(times[number])


def until(what: object) -> None:
    deadline = time.monotonic() + 60
    while not what():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def test_file_that_no_browser_plays_comes_by_proxy(browser: Browser) -> None:
    opaque = browser.opaque("old")
    first = browser.video(opaque)
    assert first["media"]["state"] in ("building", "ready")
    assert first["times"] is not None
    until(lambda: browser.video(opaque)["media"]["state"] == "ready")
    info = browser.video(opaque)
    answer = browser.get(info["media"]["url"])
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content[4:8] == b"ftyp"


def test_thumbnails_come_by_themselves(browser: Browser) -> None:
    opaque = browser.opaque("Abuse001_x264")
    browser.video(opaque)
    until(lambda: browser.get(f"/thumb/{opaque}/24").status_code == 200)
    assert browser.get(f"/thumb/{opaque}/0").content[:2] == b"\xff\xd8"


def test_file_that_was_replaced_is_served_under_another_address(
    site: Site, browser: Browser, dataset: Dataset
) -> None:
    from tests.annotator_ui.site import ingest

    opaque = browser.opaque("Abuse001_x264")
    before = browser.video(opaque)["media"]["url"]
    add_video(dataset, "Abuse001_x264.mp4", num_frames=75)
    ingest(dataset)
    until(lambda: browser.video(opaque)["media"]["url"] != before)
    assert browser.video(opaque)["duration_seconds"] == 3.0
    assert browser.get(before).status_code == 404


def test_file_that_is_gone_says_so_and_the_page_stays(browser: Browser, dataset: Dataset) -> None:
    (dataset.dir_path / "videos" / "Fighting002_x264.mp4").unlink()
    info = browser.video(browser.opaque("Fighting002_x264"))
    assert info["media"]["state"] == "failed"
    assert "no such file" in info["media"]["why"]
    assert info["times"] is None


def test_job_that_hangs_is_killed_and_the_next_one_done(tmp_path: Path) -> None:
    """A pipe that nobody writes to: opening it waits for ever."""
    import os

    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    others = set(multiprocessing.active_children())
    good = constant_rate(tmp_path / "a.mp4", num_frames=30)
    workshop = Workshop(4 << 30, base_seconds=1.0)
    workshop.order(ThumbsJob("pipe", pipe, 0.0, (0.1,), tmp_path / "of_pipe"))
    until(lambda: workshop.failure("pipe") is not None)
    workshop.order(ThumbsJob("good", good, 1.0, (0.1,), tmp_path / "of_good"))
    until(lambda: (tmp_path / "of_good").is_dir())
    assert "was stopped" in str(workshop.failure("pipe"))
    workshop.close()
    left = set(multiprocessing.active_children()) - others
    assert not [child for child in left if child.is_alive()]


@needs_reference_data
@pytest.mark.slow
def test_real_files_keep_every_frame_and_time(tmp_path: Path) -> None:
    for path in sorted(reference("videos").iterdir()):
        table = table_at(path)
        report = write_proxy(path, tmp_path / "proxy.mp4", clock=table)
        assert report.num_frames == len(table), path.name
        assert np.abs(frame_times(tmp_path / "proxy.mp4") - table.seconds).max() < 1e-6


def test_what_a_killed_process_left_half_done_is_cleared_away(dataset: Dataset) -> None:
    from tests.annotator_ui.site import running

    for folder in ("proxies", "thumbs"):
        (dataset.dir_path / folder).mkdir()
    (dataset.dir_path / "proxies" / ".a.mp4.77.part").write_bytes(b"x")
    (dataset.dir_path / "thumbs" / ".a.77.part").mkdir()
    with running(dataset):
        assert list(dataset.dir_path.glob("*/.*.part")) == []


def test_proxies_that_nobody_opens_give_way_under_the_bound(dataset: Dataset) -> None:
    import os

    from tests.annotator_ui.site import running
    from tests.builders import reconfigured

    (dataset.dir_path / "proxies").mkdir()
    old = dataset.dir_path / "proxies" / "0123.mp4"
    old.write_bytes(bytes(4000))
    os.utime(old, (0, 0))
    with running(reconfigured(dataset, "[annotate]\ncache_gib = 0.000001\n")):
        assert not old.exists()
