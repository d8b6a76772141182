"""The clicks page: what is pressed is marked, kept, and undone, and typing does nothing."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from engine.executors.local import LocalExecutor
from tests.browser.harness import Desk, Server, a_desk, another_tab, serving
from tests.builders import a_dataset, add_video, run_named

VIDEO = "walk"
SUGGESTED = (
    "content.bench.info.suggestions.push("
    "{ id: 'one', frame: 50, time_seconds: 2, score: 0.9 },"
    "{ id: 'two', frame: 150, time_seconds: 6, score: 0.8 })"
)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    dataset = a_dataset(tmp_path_factory.mktemp("clicks") / "ds")
    add_video(dataset, f"{VIDEO}.mp4", num_frames=200)
    add_video(dataset, "later.mp4", num_frames=60)
    with LocalExecutor(workers=2) as executor:
        run_named(dataset, "ingest", executor=executor)
    with serving(dataset) as found:
        found.settle()
        yield found


@pytest.fixture
def desk(server: Server, browser: Browser) -> Iterator[Desk]:
    found = a_desk(browser, server)
    found.open(VIDEO)
    yield found
    found.page.context.close()


def test_twenty_fast_presses_are_twenty_marks(server: Server, desk: Desk) -> None:
    desk.press("Space", *"m" * 20)
    desk.wait("content.marksShown.length === 20")
    desk.saved()
    assert len(server.marks_added()) == 20
    assert all(mark["is_live"] for mark in server.marks_added())


def test_live_mark_lies_a_reaction_time_before_what_was_shown(server: Server, desk: Desk) -> None:
    desk.press("l")
    desk.wait("content.stage.frames.shown > 40")
    desk.press("m", "k")
    desk.saved()
    (mark,) = server.marks_added()
    shown = desk.see("content.stage.frames.shown")
    assert 5 <= shown - mark["frame"] <= 15
    assert mark["speed"] == 1


def test_reload_restores_marks_and_their_undo(server: Server, desk: Desk) -> None:
    desk.press(".", ".", "m")
    desk.wait("content.marksShown.length === 1")
    desk.press(".", "m")
    desk.wait("content.marksShown.length === 2")
    desk.saved()
    desk.page.reload()
    desk.wait("el?.content !== undefined", 40)
    desk.wait_for_picture(VIDEO)
    assert desk.frames() == [2, 3]
    desk.press("Control+z")
    desk.wait("content.marksShown.length === 1")
    desk.press("Control+Shift+z")
    desk.wait("content.marksShown.length === 2")
    desk.saved()
    assert [act["do"]["op"] for act in server.acts()][-2:] == ["undo", "redo"]


def test_page_and_server_agree_on_what_stands(server: Server, desk: Desk) -> None:
    for keys in ((".", "m"), (".", "m"), (".", "m")):
        num = len(desk.frames())
        desk.press(*keys)
        desk.wait(f"content.marksShown.length === {num + 1}")
    desk.press("1", "s", "2", "d", "Control+z", "3", "i")
    desk.saved()
    said = desk.see("fetch('/api/video/' + content.bench.info.id).then((r) => r.json())")
    as_shown = desk.see("content.marksShown.map((m) => [m.mark, m.frame, m.state])")
    assert [[m["mark"], m["frame"], m["state"]] for m in said["marks"]] == as_shown
    assert [state for _, _, state in as_shown] == ["unsure", "confirmed", "ignored"]


def test_typing_makes_no_events(server: Server, desk: Desk) -> None:
    desk.page.locator("vau-player[page=clicks] input[type=search]").click()
    desk.page.keyboard.type("mmm dxb,.1 ")
    desk.page.wait_for_timeout(300)
    assert desk.frames() == []
    assert server.acts() == []


def test_suggestion_is_decided_by_one_key_each(server: Server, desk: Desk) -> None:
    assert desk.see(SUGGESTED) == 2
    desk.press("n")
    desk.wait("content.stage.velocity > 0")
    desk.press("a", "x")
    desk.saved()
    ops = [act["do"]["op"] for act in server.acts() if act["do"]["op"] != "video.seen"]
    assert ops == ["mark.add", "suggestion.reject"]
    assert server.marks_added()[0]["source"] == "model_accepted"


def test_quiet_video_is_asked_to_be_seen_first(server: Server, desk: Desk) -> None:
    desk.press("b")
    assert "90 %" in desk.text(".notice")
    assert server.acts() == []
    desk.press("b")
    desk.wait("content.bench.info?.name === 'later'")
    desk.saved()
    assert [act["do"].get("state") for act in server.acts()] == ["nothing"]


def test_enter_goes_on_to_the_next_video(server: Server, desk: Desk) -> None:
    desk.see(SUGGESTED)
    desk.press("m")
    desk.wait("content.marksShown.length === 1")
    desk.press("Enter")
    assert "still open" in desk.text(".notice")
    desk.press("Enter")
    desk.wait("content.bench.info?.name === 'later'")


def test_single_keys_can_be_limited_to_the_video(desk: Desk) -> None:
    desk.press("?")
    desk.page.locator("vau-player[page=clicks] #single-keys").uncheck()
    desk.press("Escape")
    desk.page.locator("vau-player[page=clicks] input[type=search]").focus()
    desk.press("Tab", "m")
    desk.page.wait_for_timeout(300)
    assert desk.frames() == []
    desk.page.locator("vau-player[page=clicks] .stage").focus()
    desk.press("m")
    desk.wait("content.marksShown.length === 1")


def test_marks_made_while_the_server_is_down_survive_a_closed_tab(
    server: Server, desk: Desk
) -> None:
    server.kill()
    desk.press(".", *"m" * 3)
    desk.wait("content.marksShown.length === 3")
    desk.wait("root.querySelector('.saved').innerText.includes('3 unsaved')")
    context = desk.page.context
    desk.page.close()
    server.start()
    again = Desk(another_tab(context, server))
    again.wait("el?.content !== undefined", 40)
    again.wait_for_picture(VIDEO)
    again.saved()
    assert len(again.frames()) == len(server.marks_added()) == 3


def test_crash_of_the_server_in_mid_burst_loses_and_doubles_nothing(
    server: Server, desk: Desk
) -> None:
    desk.press(*"m" * 8)
    server.kill()
    desk.press(*"m" * 8)
    desk.wait("content.marksShown.length === 16")
    server.start()
    desk.saved()
    marks = [mark["mark"] for mark in server.marks_added()]
    assert len(marks) == len(set(marks)) == 16


def test_second_tab_shows_what_the_first_does(server: Server, desk: Desk) -> None:
    other = Desk(another_tab(desk.page.context, server))
    other.wait("el?.content !== undefined", 40)
    other.wait_for_picture(VIDEO)
    desk.page.bring_to_front()
    desk.press(".", "m")
    desk.wait("content.marksShown.length === 1")
    other.wait("content.marksShown.length === 1")
