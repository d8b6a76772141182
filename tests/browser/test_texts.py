"""The text page: edits, verdicts, words that tell of nothing, and two people at one text."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import Browser

from engine.dataset import Dataset
from engine.flow import run_step
from engine.quality.audit import AUDITS
from engine.runner import RunOptions
from tests.annotator_ui.site import an_event_of
from tests.browser.harness import Desk, Server, a_desk, opened
from tests.builders import HERE

SCRIPT = "<script>window.wasRun = 1</script><img src=x onerror='window.wasRun = 2'>"


@pytest.fixture
def desk(finished: Server, browser: Browser) -> Iterator[Desk]:
    found = a_desk(browser, finished, "text")
    found.open(finished.fresh_video())
    found.wait("root.querySelectorAll('.text-card').length > 2")
    yield found
    found.page.context.close()


def test_text_is_edited_and_the_change_is_shown(finished: Server, desk: Desk) -> None:
    desk.press("e")
    desk.page.keyboard.type(" It is late.")
    desk.press("Control+Enter")
    desk.saved()
    (act,) = finished.deeds(desk.video, "text.edit")
    assert act["text"].endswith(" It is late.")
    assert "It is late." in " ".join(desk.texts(".text-card.is-selected ins"))


def test_script_in_a_caption_is_text_and_never_runs(desk: Desk) -> None:
    desk.press("e", "Control+a")
    desk.page.keyboard.insert_text(SCRIPT)
    desk.press("Control+Enter")
    desk.saved()
    desk.page.reload()
    again = opened(desk.page, "text")
    again.open(desk.video)
    again.wait("root.querySelectorAll('.text-card').length > 2")
    assert SCRIPT in again.text(".texts")
    assert again.see("root.querySelectorAll('.texts script, .texts img').length") == 0
    assert again.see("window.wasRun ?? 0") == 0


def test_verdicts_are_one_key_each_and_go_on(finished: Server, desk: Desk) -> None:
    desk.press("a")
    desk.press("x")
    desk.wait("root.querySelector('dialog[open]') !== null")
    desk.press("2")
    desk.wait("root.querySelectorAll('.chip.is-rejected').length === 1")
    desk.saved()
    ops = [act["do"]["op"] for act in finished.acts(desk.video)]
    assert ops == ["text.accept", "text.reject"]
    assert finished.deeds(desk.video, "text.reject")[0]["reason"] == "Misses the abnormal event"


def test_words_are_marked_as_hallucinated_by_the_keyboard(finished: Server, desk: Desk) -> None:
    desk.press("h", "ArrowRight", "Shift+ArrowRight", "Enter")
    desk.wait("root.querySelectorAll('.words .is-wrong').length > 0")
    desk.saved()
    (act,) = finished.deeds(desk.video, "text.hallucinated")
    said = desk.see("root.querySelector('.text-card.is-selected .words').textContent")
    assert len(said[act["start"] : act["end"]].split()) == 2


def test_two_people_at_one_text_get_a_conflict_with_both_versions(
    finished: Server, desk: Desk
) -> None:
    desk.press("e")
    somebody_else_edits(finished, desk.video, "Two cars stand still.")
    desk.page.keyboard.press("Control+a")
    desk.page.keyboard.type("Three cars stand still.")
    desk.press("Control+Enter")
    desk.wait("root.querySelector('.conflict') !== null")
    shown = desk.text(".conflict")
    assert "Two cars stand still." in shown
    assert "Three cars stand still." in shown
    assert [act["text"] for act in finished.deeds(desk.video, "text.edit")] == [
        "Two cars stand still."
    ]
    desk.page.locator("vau-player[page=text] .conflict").get_by_text("Use mine").click()
    desk.wait("root.querySelector('.conflict') === null")
    desk.saved()
    assert finished.deeds(desk.video, "text.edit")[-1]["text"] == "Three cars stand still."


def somebody_else_edits(server: Server, video: str, words: str) -> None:
    """The first text's first field, past the page."""
    headers = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=server.url, headers=headers, follow_redirects=True) as client:
        client.get("/")
        rows = client.get("/api/queue?page=text").json()["videos"]
        opaque = next(row["id"] for row in rows if row["name"] == video)
        text = client.get(f"/api/video/{opaque}?page=text").json()["texts"][0]
        field = text["fields"][0]
        body = {"target": text["target"], "target_id": text["target_id"]}
        body |= {"field": field["field"], "text": words, "base_rev": field["rev"]}
        event = an_event_of(opaque, "text.edit", **body)
        said = client.post("/api/events", json={"events": [event]}).json()
    assert said["acknowledged"] == [event["uuid"]], said


def test_answer_is_edited_under_its_question(finished: Server, desk: Desk) -> None:
    num_fields = desk.see("content.bench.info.texts[0].fields.length")
    desk.press(*["ArrowDown"] * num_fields)
    desk.wait("root.querySelector('.questions .text-field.is-chosen') !== null")
    question = desk.text(".questions .text-field.is-chosen .question")
    desk.press("e")
    desk.page.keyboard.press("Control+a")
    desk.page.keyboard.type("A car burns.")
    desk.press("Control+Enter")
    desk.saved()
    (act,) = finished.deeds(desk.video, "text.edit")
    assert (act["target"], act["text"]) == ("instruction", "A car burns.")
    shown = desk.text(".questions .text-field.is-chosen")
    assert question in shown
    assert "A car burns." in shown
    assert desk.see("root.querySelectorAll('.chip').length") == 0


def audited(dataset: Dataset, *, num_videos: int) -> None:
    """As if captions had to be very long, so that each of the first videos has one finding."""
    audit = dataset.config.audit.model_copy(update={"caption_words": (500, 900)})
    strict = replace(dataset, config=dataset.config.model_copy(update={"audit": audit}))
    run_step(strict, AUDITS[0], executor=HERE, options=RunOptions(is_quiet=True, limit=num_videos))


def test_findings_stand_beside_their_text_and_can_be_shown_alone(
    finished: Server, browser: Browser
) -> None:
    audited(finished.dataset, num_videos=1)
    desk = a_desk(browser, finished, "text")
    desk.open("Abuse000")
    desk.wait("root.querySelectorAll('.text-card').length > 2")
    [caption] = desk.texts(".text-card.is-clip")
    assert "length out of range" in caption
    assert "500 to 900 are allowed" in caption
    assert desk.see("root.querySelectorAll('.text-card:not(.is-clip) .findings').length") == 0
    desk.page.locator("vau-player[page=text] .side").get_by_text("With findings").click()
    desk.wait("root.querySelectorAll('.text-card').length === 1")
    assert desk.see("root.querySelector('.text-card.is-selected.is-clip') !== null")
    num_fields = len(desk.texts(".text-field"))
    desk.press(*["ArrowDown"] * num_fields)
    assert "the last text" in desk.notice()
    desk.page.locator("vau-player[page=text] .queue").get_by_text("With findings").click()
    desk.wait("root.querySelectorAll('.queue [role=option]').length === 1")
    assert "Abuse000" in desk.text(".queue [role=option]").replace("\n", "")
    desk.page.context.close()
