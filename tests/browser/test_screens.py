"""Every page in every state and both themes: shot for the eye, readable, nothing cut off."""

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import Browser, Route

from annotator_ui.blind import add_items
from engine.executors.local import LocalExecutor
from tests.browser.eyes import WEAK_CONTRASTS
from tests.browser.harness import Desk, Server, a_desk, serving
from tests.builders import (
    a_click,
    a_dataset,
    a_score_track,
    add_video,
    bring_in,
    run_all,
    run_named,
)
from tests.videos import HEVC, constant_rate

SCREENS = Path(__file__).parent / "screens"
PAGES = ("clicks", "boundaries", "text", "review", "blind", "progress")
VIDEOS = tuple(f"Abuse{number:03d}_x264" for number in range(5))
SCORES = (0.05, 0.1, 0.85, 0.3, 0.1, 0.7)
LOOKS = {"light": (1440, 900), "dark": (1024, 768)}
ANSWERS = (
    "Yes. A person in a dark coat pushes another to the ground near the parked car and runs away.",
    "No, there is nothing unusual: people walk along the street and a car is parked.",
    "Yes, there is an explosion.",
)


CUT_OFF = """[...root.querySelectorAll('.action-bar .button, .header > *')].filter((node) => {
    const { width, right, bottom } = node.getBoundingClientRect();
    return width > 0 && (right > window.innerWidth + 1 || bottom > window.innerHeight + 1);
}).map((node) => node.innerText)"""
WORDS_FOR = {"building": "being converted", "failed": "cannot be shown"}
SHOWN = "root.querySelector('.stage-message:not([hidden])')"
HAS_REPORT = "root.querySelector('.report h2') !== null"
EMPTY = f"{SHOWN}?.dataset.kind === 'empty' || {HAS_REPORT}"


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A finished dataset with something on every page."""
    dataset = a_dataset(tmp_path_factory.mktemp("busy") / "ds", "[annotate]\nblind_share = 0.0\n")
    for number, video in enumerate(VIDEOS):
        add_video(dataset, f"Abuse/{video}.mp4", num_frames=150)
        add_video(dataset, f"Normal/Normal_Videos_{number:03d}_x264.mp4", num_frames=60)
    with LocalExecutor(workers=2) as executor:
        run_named(dataset, "ingest", executor=executor)
        bring_in(dataset, *(a_click(f"{video}_K0", time_seconds=4.2) for video in VIDEOS))
        bring_in(dataset, *(a_score_track(video, SCORES) for video in VIDEOS))
        run_all(dataset, executor=executor)
    answers = [{"model": f"model-{n}", "text": text} for n, text in enumerate(ANSWERS)]
    item = {"video_id": "Abuse000_x264", "start_seconds": 0.5, "end_seconds": 2.0}
    item |= {"question": "Is there an anomaly?", "is_anomalous": True, "answers": answers}
    lines = [orjson.dumps(item | {"id": f"item{number}"}) + b"\n" for number in range(3)]
    path: Path = dataset.dir_path / "items.jsonl"
    path.write_bytes(b"".join(lines))
    add_items(dataset, path)
    with serving(dataset) as found:
        found.settle()
        yield found


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dataset without a video."""
    with serving(a_dataset(tmp_path_factory.mktemp("empty") / "ds")) as found:
        yield found


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def in_look(browser: Browser, server: Server, look: str) -> Desk:
    width, height = LOOKS[look]
    return a_desk(browser, server, viewport={"width": width, "height": height}, color_scheme=look)


def check(desk: Desk, name: str) -> None:
    """Shoot it, and hold what the eye may miss against it."""
    SCREENS.mkdir(exist_ok=True)
    desk.page.screenshot(path=SCREENS / f"{desk.name}_{name}.png")
    assert desk.see(WEAK_CONTRASTS) == []
    assert desk.see("document.documentElement.scrollWidth <= window.innerWidth")
    assert desk.see(CUT_OFF) == []


def each_page(desk: Desk, name: str, prepare: Callable[[Desk], None]) -> None:
    for page in PAGES:
        desk = desk if page == "clicks" else desk.go_to(page)
        prepare(desk)
        check(desk, name)
    closed(desk)


def closed(desk: Desk) -> None:
    """Done with its pages; an answer that is still on its way through a route is waited for."""
    desk.page.unroute_all(behavior="wait")
    desk.page.context.close()


def at_work(desk: Desk) -> None:
    """As it looks in the middle of work."""
    if desk.name == "progress":
        desk.wait("root.querySelectorAll('td').length > 0")
        return
    if desk.name == "review":
        desk.wait("root.querySelectorAll('.row').length > 0")
    desk.wait_for_picture()
    if desk.name == "clicks":
        desk.open("Abuse001_x264")
        num = len(desk.frames())
        desk.press("Shift+ArrowRight", "m")
        desk.wait(f"content.marksShown.length === {num + 1}")
        desk.press(*"," * 30, "m", "s", "n")
        desk.wait("content.stage.velocity > 0")
        desk.saved()
    if desk.name == "text":
        desk.press("e")
    desk.wait("root.querySelectorAll('.thumbs img').length > 3 || !root.querySelector('.thumbs')")


def test_pages_at_work(busy: Server, browser: Browser, look: str) -> None:
    each_page(in_look(browser, busy, look), f"busy_{look}", at_work)


def test_pages_of_an_empty_dataset(empty: Server, browser: Browser, look: str) -> None:
    each_page(in_look(browser, empty, look), f"empty_{look}", lambda desk: desk.wait(EMPTY))


def with_media(state: str, why: str) -> Callable[[Route], None]:
    """The server's own answer, but that the video's file is in another state."""

    def answer(route: Route) -> None:
        response = route.fetch()
        content = response.json()
        if response.ok:
            content["media"] |= {"state": state, "why": why}
        route.fulfill(response=response, json=content)

    return answer


@pytest.mark.parametrize("state", WORDS_FOR)
def test_pages_whose_video_cannot_be_shown_say_so(
    busy: Server, browser: Browser, look: str, state: str
) -> None:
    desk = in_look(browser, busy, look)
    answer = with_media(state, "Abuse001_x264.mp4: no frame can be decoded; the file is cut off")
    for path in ("video", "blind"):
        desk.page.route(f"**/api/{path}/*", answer)
    desk.page.reload()
    desk.wait("el?.content !== undefined", 40)
    said = f"{SHOWN}?.innerText.includes('{WORDS_FOR[state]}')"
    each_page(desk, f"{state}_{look}", lambda desk: desk.wait(f"{said} || {HAS_REPORT}"))


def test_pages_whose_server_is_gone_say_so_and_count(
    busy: Server, browser: Browser, look: str
) -> None:
    desk = in_look(browser, busy, look)
    desk.open("Abuse002_x264")
    desk.page.route("**/api/**", lambda route: route.abort())
    desk.press("m", ".", "m")
    desk.wait("root.querySelector('.saved').innerText.includes('2 unsaved')")
    check(desk, f"offline_{look}")
    closed(desk)


def test_keys_and_settings(busy: Server, browser: Browser, look: str) -> None:
    desk = in_look(browser, busy, look)
    desk.wait_for_picture()
    desk.press("?")
    desk.wait("root.querySelector('dialog[open]') !== null")
    check(desk, f"keys_{look}")
    closed(desk)


def test_sign_in_page_is_readable(busy: Server, browser: Browser, look: str) -> None:
    page = browser.new_page(color_scheme=look)
    page.set_content((Path(__file__).parents[2] / "annotator_ui" / "login.html").read_text())
    SCREENS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENS / f"login_{look}.png")
    weak = page.evaluate(f"() => {{ const root = document; return {WEAK_CONTRASTS}; }}")
    assert weak == []
    page.close()


def test_player_without_a_picture_is_not_taken_for_a_video(
    busy: Server, browser: Browser, tmp_path: Path
) -> None:
    desk = a_desk(browser, busy)
    silent = constant_rate(tmp_path / "silent.mp4", num_frames=50, coding=HEVC)
    desk.page.route("**/media/*", lambda route: route.fulfill(path=silent))
    desk.page.reload()
    desk.wait("el?.content !== undefined", 40)
    desk.wait("root.querySelector('.stage-message').dataset.kind === 'error'")
    assert not desk.see("content.stage.isReady")
    desk.press("m")
    assert "no picture" in desk.notice()
    closed(desk)
