"""The boundaries page: edges set, nudged, dragged; events split, merged, confirmed, discarded."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator

from tests.browser.harness import Desk, Server, a_desk, opened

EVENTS = "[...root.querySelectorAll('.event-card')].length"


@pytest.fixture
def desk(finished: Server, browser: Browser) -> Iterator[Desk]:
    """An abnormal video with one event of 40 to 160 that nobody confirmed."""
    found = a_desk(browser, finished, "boundaries")
    found.open(finished.fresh_video())
    found.wait(f"{EVENTS} > 0")
    yield found
    assert refusals(found) == []
    found.page.context.close()


def refusals(desk: Desk) -> list[str]:
    why = "content.view.context.outbox.refused().map((event) => event.refusal.why)"
    return list(desk.see(why))


def extent(desk: Desk, at: int = 0) -> list[int]:
    """First and last frame of an event, as its pictures are called."""
    number = str(at + 1)
    desk.see("[...root.querySelectorAll('.event-head')][given.at].click()", at=at)
    desk.wait(f"root.querySelector('.event-card.is-selected .number').innerText === '{number}'")
    texts = desk.texts(".event-card.is-selected figcaption")
    inside = [text for text in texts if "inside" in text or "first" in text or "last" in text]
    return [int(text.rpartition("f ")[2]) for text in inside]


def go_to(desk: Desk, frame: int) -> None:
    assert desk.see("content.stage.goTo(given.frame)", frame=frame) == frame


def drag(desk: Desk, grip: Locator, to_share: float) -> None:
    """From the middle of a grip to a share of the timeline's width."""
    box = grip.bounding_box()
    track = desk.page.locator("vau-player[page=boundaries] .track").bounding_box()
    assert box is not None
    assert track is not None
    mouse, height = desk.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + box["width"] / 2, height)
    mouse.down()
    mouse.move(track["x"] + track["width"] * to_share, height, steps=6)
    mouse.up()


def test_boundary_is_set_at_the_frame_shown_and_can_be_undone(finished: Server, desk: Desk) -> None:
    go_to(desk, 20)
    desk.press("i")
    desk.wait("root.querySelector('.notice').innerText.includes('f 20')")
    go_to(desk, 150)
    desk.press("o")
    desk.wait("root.querySelector('.notice').innerText.includes('f 150')")
    desk.saved()
    acts = finished.deeds(desk.video, "boundary.set")
    assert acts[0]["start_frame"] == 20
    assert (acts[1]["start_seconds"], acts[1]["end_seconds"]) == (20 / 25, 151 / 25)
    desk.press("Control+z")
    desk.saved()
    assert finished.acts(desk.video)[-1]["do"]["op"] == "undo"


def test_edge_is_nudged_and_shown(finished: Server, desk: Desk) -> None:
    go_to(desk, 30)
    desk.press("i")
    desk.wait("root.querySelector('.notice').innerText.includes('f 30')")
    desk.press("Shift+Period", "Shift+Period", "Shift+Comma")
    desk.wait("root.querySelector('.notice').innerText.includes('f 31')")
    desk.wait("content.stage.frames.shown === 31")
    assert desk.code() == 31
    desk.saved()
    assert finished.deeds(desk.video, "boundary.set")[-1]["start_frame"] == 31


def test_edge_is_dragged(finished: Server, desk: Desk) -> None:
    for key, frame in (("i", 20), ("o", 179)):
        go_to(desk, frame)
        desk.press(key)
        desk.wait(f"root.querySelector('.notice').innerText.includes('f {frame}')")
    drag(desk, desk.page.locator("vau-player[page=boundaries] .edge.is-end").first, 0.75)
    desk.wait("root.querySelector('.notice').innerText.includes('f 150')")
    desk.saved()
    moved = finished.deeds(desk.video, "boundary.set")[-1]
    assert (moved["start_frame"], moved["end_frame"]) == (20, 150)


def test_event_is_split_and_the_parts_are_merged_again(finished: Server, desk: Desk) -> None:
    for key, frame in (("i", 10), ("o", 190)):
        go_to(desk, frame)
        desk.press(key)
        desk.wait(f"root.querySelector('.notice').innerText.includes('f {frame}')")
    num = desk.see(EVENTS)
    go_to(desk, 100)
    desk.press("/")
    desk.wait(f"{EVENTS} === {num + 1}")
    desk.see("root.querySelectorAll('.event-head')[0].click()")
    desk.press("y")
    desk.wait(f"{EVENTS} === {num}")
    desk.press("Control+z")
    desk.wait(f"{EVENTS} === {num + 1}")
    desk.saved()
    ops = [act["do"]["op"] for act in finished.acts(desk.video)]
    assert ops == ["boundary.set"] * 2 + ["boundary.split", "boundary.merge", "undo"]
    desk.page.reload()
    again = opened(desk.page, "boundaries")
    again.open(desk.video)
    again.wait(f"{EVENTS} === {num + 1}")


def test_event_is_discarded_with_a_reason_by_the_keyboard(finished: Server, desk: Desk) -> None:
    num = desk.see(EVENTS)
    desk.press("d")
    desk.wait("root.querySelector('dialog[open]') !== null")
    desk.press("1")
    desk.wait(f"{EVENTS} === {num - 1}")
    desk.saved()
    (act,) = finished.deeds(desk.video, "boundary.discard")
    assert act["reason"] == "Nothing abnormal happens"


def test_event_that_is_right_is_confirmed_and_enter_goes_on(finished: Server, desk: Desk) -> None:
    num = desk.see(EVENTS)
    desk.press(*"a" * num, "Enter")
    desk.wait(f"content.bench.info && content.bench.info.name !== '{desk.video}'")
    desk.saved()
    assert len(finished.deeds(desk.video, "boundary.confirm")) == num


def test_marks_made_just_now_are_proposed_while_the_page_is_open(
    plain: Server, browser: Browser
) -> None:
    """The page asked once, before anything was proposed, and stayed empty."""
    video = plain.fresh_video()
    clicks = a_desk(browser, plain)
    clicks.open(video)
    clicks.press(*"." * 30, "m")
    clicks.wait("content.marksShown.length === 1")
    clicks.saved()
    desk = clicks.go_to("boundaries")
    desk.open(video)
    desk.wait(f"{EVENTS} === 1")
    assert desk.see("root.querySelectorAll('.pin').length") == 1
    another = plain.fresh_video()
    clicks = desk.go_to("clicks")
    clicks.open(another)
    clicks.press(*"." * 30, "m")
    clicks.saved()
    desk = clicks.go_to("boundaries")
    desk.wait(f"content.bench.queue.videos.some((video) => video.name === '{another}')")
    desk.page.context.close()
