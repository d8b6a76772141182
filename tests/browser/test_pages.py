"""Every page opens on a finished dataset, works on the real server, and is shot for the eye."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from engine.executors.local import LocalExecutor
from tests.browser.harness import Desk, Server, a_desk, serving
from tests.builders import a_dataset, add_video, run_all
from tests.videos import HEVC, constant_rate

SCREENS = Path(__file__).parent / "screens"
LOOKS = {"light": (1440, 900), "dark": (1024, 720)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    dataset = a_dataset(tmp_path_factory.mktemp("pages") / "ds")
    add_video(dataset, "Abuse/walk.mp4", num_frames=200)
    with LocalExecutor(workers=2) as executor:
        run_all(dataset, executor=executor)
    with serving(dataset) as found:
        found.settle()
        yield found


@pytest.fixture
def desk(server: Server, browser: Browser) -> Iterator[Desk]:
    found = a_desk(browser, server)
    yield found
    found.page.context.close()


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_opens_without_an_error(server: Server, browser: Browser, look: str) -> None:
    width, height = LOOKS[look]
    size = {"width": width, "height": height}
    desk = a_desk(browser, server, viewport=size, color_scheme=look)
    SCREENS.mkdir(exist_ok=True)
    for name in ("clicks", "boundaries", "text", "review", "blind", "progress"):
        desk = desk if name == "clicks" else desk.go_to(name)
        desk.wait("!(root.querySelector('.stage-message:not([hidden])')?.dataset.kind === 'busy')")
        assert desk.see("root.querySelectorAll('.is-bad[role=alert]').length") == 0
        assert desk.see("document.documentElement.scrollWidth <= window.innerWidth")
        desk.page.screenshot(path=SCREENS / f"{name}_{look}.png")
    desk.page.context.close()


def test_boundary_is_set_at_the_frame_shown_and_can_be_undone(server: Server, desk: Desk) -> None:
    desk = desk.go_to("boundaries")
    desk.wait_for_picture()
    desk.wait("root.querySelectorAll('.event-card').length > 0")
    desk.press(".", ".", "i")
    desk.wait("root.querySelector('.notice').innerText !== ''")
    desk.saved()
    assert desk.see("content.view.context.outbox.refused().map((e) => e.refusal.why)") == []
    (act,) = [act["do"] for act in server.acts() if act["do"]["op"] == "boundary.set"]
    assert act["start_frame"] == desk.see("content.stage.frames.shown")
    desk.press("Control+z")
    desk.saved()
    assert server.acts()[-1]["do"]["op"] == "undo"


def test_text_is_edited_and_saved(server: Server, desk: Desk) -> None:
    desk = desk.go_to("text")
    desk.wait("root.querySelectorAll('.text-card').length > 0")
    desk.press("e")
    desk.page.keyboard.type(" It is <b>late</b>.")
    desk.press("Control+Enter")
    desk.saved()
    (act,) = [act["do"] for act in server.acts() if act["do"]["op"] == "text.edit"]
    assert act["text"].endswith(" It is <b>late</b>.")
    assert desk.see("root.querySelectorAll('.words b').length") == 0


def test_player_without_a_picture_is_not_taken_for_a_video(desk: Desk, tmp_path: Path) -> None:
    silent = constant_rate(tmp_path / "silent.mp4", num_frames=50, coding=HEVC)
    desk.page.route("**/media/*", lambda route: route.fulfill(path=silent))
    desk.page.reload()
    desk.wait("el?.content !== undefined", 40)
    desk.wait("root.querySelector('.stage-message').dataset.kind === 'error'")
    assert not desk.see("content.stage.isReady")
