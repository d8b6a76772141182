"""The clicks page: what is pressed is marked, kept and undone, and typing does nothing."""

from playwright.sync_api import Browser

from tests.browser.harness import Desk, Server, a_desk, another_tab, opened

SUGGESTED = (
    "content.bench.info.suggestions.push("
    "{ id: 'one', frame: 50, time_seconds: 2, score: 0.9 },"
    "{ id: 'two', frame: 150, time_seconds: 6, score: 0.8 })"
)


def marked(desk: Desk, *keys: str) -> None:
    """Press keys that make one mark more, and wait for it."""
    num = len(desk.frames())
    desk.press(*keys)
    desk.wait(f"content.marksShown.length === {num + 1}")


def test_twenty_fast_presses_are_twenty_marks(plain: Server, desk: Desk) -> None:
    desk.press("Space", *"m" * 20)
    desk.wait("content.marksShown.length === 20")
    desk.saved()
    marks = plain.deeds(desk.video, "mark.add")
    assert len(marks) == 20
    assert all(mark["is_live"] for mark in marks)


def test_live_mark_lies_a_reaction_time_before_what_was_shown(plain: Server, desk: Desk) -> None:
    desk.press("l")
    desk.wait("content.stage.frames.shown > 40")
    desk.press("m", "k")
    desk.saved()
    (mark,) = plain.deeds(desk.video, "mark.add")
    shown = desk.see("content.stage.frames.shown")
    assert 5 <= shown - mark["frame"] <= 15
    assert mark["speed"] == 1


def test_reload_restores_marks_and_their_undo(plain: Server, desk: Desk) -> None:
    marked(desk, ".", ".", "m")
    marked(desk, ".", "m")
    desk.saved()
    desk.page.reload()
    desk.wait("el?.content !== undefined", 40)
    desk.open(desk.video)
    assert desk.frames() == [2, 3]
    desk.press("Control+z")
    desk.wait("content.marksShown.length === 1")
    desk.press("Control+Shift+z")
    desk.wait("content.marksShown.length === 2")
    desk.saved()
    assert [act["do"]["op"] for act in plain.acts(desk.video)][-2:] == ["undo", "redo"]


def test_page_and_server_agree_on_what_stands(desk: Desk) -> None:
    for _ in range(3):
        marked(desk, ".", "m")
    desk.press("1", "s", "2", "d", "Control+z", "3", "i")
    desk.saved()
    said = desk.see("fetch('/api/video/' + content.bench.info.id).then((r) => r.json())")
    as_shown = desk.see("content.marksShown.map((m) => [m.mark, m.frame, m.state])")
    assert [[m["mark"], m["frame"], m["state"]] for m in said["marks"]] == as_shown
    assert [state for _, _, state in as_shown] == ["unsure", "confirmed", "ignored"]


def test_mark_is_dragged_to_another_frame(plain: Server, desk: Desk) -> None:
    marked(desk, ".", "m")
    box = desk.page.locator("vau-player[page=clicks] .mark").bounding_box()
    track = desk.page.locator("vau-player[page=clicks] .track").bounding_box()
    assert box is not None
    assert track is not None
    mouse = desk.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + 8)
    mouse.down()
    mouse.move(track["x"] + track["width"] * 0.3, box["y"] + 8)
    mouse.move(track["x"] + track["width"] * 0.5, box["y"] + 8, steps=4)
    mouse.up()
    desk.wait("content.marksShown[0].frame > 90")
    desk.saved()
    (move,) = plain.deeds(desk.video, "mark.move")
    assert move["frame"] == desk.frames()[0] == 100
    assert desk.code() == 100


def test_click_on_a_mark_goes_to_its_frame(desk: Desk) -> None:
    marked(desk, *"." * 5, "m")
    desk.press("Shift+ArrowRight")
    desk.wait("content.stage.frames.shown > 100")
    desk.page.locator("vau-player[page=clicks] .mark-go").click()
    desk.wait("content.stage.frames.shown === 5")
    assert desk.code() == 5


def test_keys_belong_to_the_video_after_a_click_in_the_list(desk: Desk) -> None:
    """The row that was clicked kept the focus, and Space and Enter with it."""
    desk.page.locator("vau-player[page=clicks] .row.is-current").click()
    desk.wait_for_picture(desk.video)
    desk.press("Space")
    desk.wait("content.stage.velocity > 0")


def test_keys_belong_to_the_video_after_a_click_on_its_tab(desk: Desk) -> None:
    """The tab that was clicked kept the focus, and Space and Enter with it."""
    desk.page.get_by_role("tab", name="Clicks").click()
    desk.press("Space")
    desk.wait("content.stage.velocity > 0")


def test_typing_makes_no_events(plain: Server, desk: Desk) -> None:
    desk.page.locator("vau-player[page=clicks] input[type=search]").click()
    desk.page.keyboard.type("mmm dxb,.1 ")
    desk.page.wait_for_timeout(300)
    assert desk.frames() == []
    assert plain.acts(desk.video) == []


def test_suggestion_is_decided_by_one_key_each(plain: Server, desk: Desk) -> None:
    assert desk.see(SUGGESTED) == 2
    desk.press("n")
    desk.wait("content.stage.velocity > 0")
    desk.press("a", "x")
    desk.saved()
    acts = plain.acts(desk.video)
    assert [act["do"]["op"] for act in acts] == ["mark.add", "suggestion.reject"]
    assert acts[0]["do"]["source"] == "model_accepted"


def test_quiet_video_is_asked_to_be_seen_first(plain: Server, desk: Desk) -> None:
    desk.press("b")
    assert "90 %" in desk.notice()
    assert plain.acts(desk.video) == []
    desk.press("b")
    desk.wait(f"content.bench.info && content.bench.info.name !== '{desk.video}'")
    desk.saved()
    assert [act["do"].get("state") for act in plain.acts(desk.video)] == ["nothing"]


def test_mark_takes_back_that_nothing_is_there(plain: Server, desk: Desk) -> None:
    """The video was called empty and held a mark."""
    video = desk.video
    desk.press("b", "b")
    desk.wait(f"content.bench.info && content.bench.info.name !== '{video}'")
    desk.open(video)
    marked(desk, ".", "m")
    desk.saved()
    states = [act["state"] for act in plain.deeds(video, "video.state")]
    assert states == ["nothing", "todo"]


def test_enter_goes_on_to_the_next_video(plain: Server, desk: Desk) -> None:
    desk.see(SUGGESTED)
    marked(desk, "m")
    desk.press("Enter")
    assert "still open" in desk.notice()
    desk.press("Enter")
    desk.wait(f"content.bench.info && content.bench.info.name !== '{desk.video}'")
    desk.saved()
    assert plain.deeds(desk.video, "video.state")[-1]["state"] == "done"


def test_second_tab_shows_what_the_first_does(plain: Server, desk: Desk) -> None:
    other = opened(another_tab(desk.page.context, plain))
    other.open(desk.video)
    desk.page.bring_to_front()
    marked(desk, ".", "m")
    other.wait("content.marksShown.length === 1")
    other.page.bring_to_front()
    other.press("1", "d")
    desk.wait("content.marksShown.length === 0")
    desk.saved()
    assert [act["do"]["op"] for act in plain.acts(desk.video)] == ["mark.add", "mark.delete"]


def test_single_keys_can_be_limited_to_the_video(plain: Server, browser: Browser) -> None:
    desk = a_desk(browser, plain)
    desk.open(plain.fresh_video())
    desk.press("?")
    desk.page.locator("vau-player[page=clicks] #single-keys").uncheck()
    desk.press("Escape")
    desk.page.locator("vau-player[page=clicks] input[type=search]").focus()
    desk.press("Tab", "m")
    desk.page.wait_for_timeout(300)
    assert desk.frames() == []
    desk.page.locator("vau-player[page=clicks] .stage").focus()
    marked(desk, "m")
    desk.page.context.close()


def test_key_can_be_another_one(desk: Desk) -> None:
    desk.press("?")
    row = desk.page.locator("vau-player[page=clicks] .key-row", has_text="Mark now")
    row.get_by_role("button", name="change").click()
    desk.press("u", "Escape")
    desk.press("m")
    marked(desk, "u")
    assert len(desk.frames()) == 1


def test_skim_plays_its_parts_alone_and_the_video_counts_as_seen(plain: Server, desk: Desk) -> None:
    parts = desk.see("content.bench.info.skim")
    assert [part[0] for part in parts] == [0, 2, 4, 6]
    desk.press("g")
    desk.wait("content.stage.isSkimming")
    desk.wait("!content.stage.isSkimming", 30)
    assert "Skimmed to the end" in desk.notice()
    desk.press("b")
    desk.saved()
    (said,) = plain.deeds(desk.video, "video.state")
    assert said["state"] == "nothing"
    acts = [act["do"] for act in plain.acts(desk.video, seen=True)]
    seen = [span for act in acts if act["op"] == "video.seen" for span in act["ranges"]]
    assert all(any(a - 0.05 <= start < end <= b + 0.2 for a, b in parts) for start, end in seen)
    assert 2.4 <= sum(end - start for start, end in seen) <= 3.6


def test_mark_of_a_skim_lies_in_a_part_that_was_played(plain: Server, desk: Desk) -> None:
    parts = desk.see("content.bench.info.skim")
    desk.press("g")
    for number in (1, 2, 3):
        desk.wait(
            f"content.stage.seconds >= {parts[number][0]} && !content.stage.frames.video.seeking"
        )
        desk.press("m")
        desk.wait(f"content.marksShown.length === {number}")
    desk.press("k")
    assert not desk.see("content.stage.isSkimming")
    desk.saved()
    marks = [mark["time_seconds"] for mark in plain.deeds(desk.video, "mark.add")]
    assert len(marks) == 3
    assert all(any(a <= mark <= b for a, b in parts) for mark in marks)


def test_seeking_ends_a_skim_and_it_goes_on_from_there(desk: Desk) -> None:
    desk.press("g")
    desk.wait("content.stage.seconds > 0.2")
    desk.press("Shift+ArrowRight")
    desk.wait("!content.stage.isSkimming && content.stage.seconds > 7.9")
    desk.press("k", *["ArrowLeft"] * 4)
    before = desk.see("content.stage.seconds")
    desk.press("g")
    desk.wait("!content.stage.isSkimming && content.stage.seconds >= 6.6")
    assert 3.9 < before < 4.0
