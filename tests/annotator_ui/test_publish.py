"""What is done on the pages reaches the engine with no step in between."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from annotator_ui.journal import LOG_NAME, Journal, read_states
from annotator_ui.publish import Published, publish
from engine.dataset import Dataset
from engine.index import Index
from engine.ledger import ANNOTATE_LEDGER
from engine.store import JsonlWriter
from schemas import Caption, Click, Event, Instruction, Review, ScoreTrack, Summary, Video
from tests.annotator_ui.site import Browser, Site, a_mark, an_event_of, running
from tests.builders import (
    a_caption,
    a_clip,
    a_score_track,
    a_summary,
    bring_in,
    run_named,
)

VIDEO = "Abuse001_x264"
OTHER = "Fighting002_x264"


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def clicks(dataset: Dataset) -> list[Click]:
    return list(Index(dataset).all(Click))


def publish_all(dataset: Dataset) -> Published:
    states = read_states(dataset.dir_path / LOG_NAME)
    videos = {video.id: video for video in Index(dataset).all(Video)}
    return publish(dataset, states, videos=videos, exact_time=lambda _video, _frame: None)


def scored(dataset: Dataset) -> None:
    """Flat scores: without clicks, one event of the whole video is proposed."""
    if VIDEO not in Index(dataset).lines(ScoreTrack):
        bring_in(dataset, a_score_track(VIDEO, (0.5, 0.5, 0.5, 0.5)))


def propose(dataset: Dataset) -> list[Event]:
    scored(dataset)
    run_named(dataset, "propose")
    return [event for event in Index(dataset).all(Event) if event.video_id == VIDEO]


def test_mark_is_in_the_event_that_propose_makes_a_moment_later(
    browser: Browser, dataset: Dataset
) -> None:
    browser.mark(browser.opaque(VIDEO), 60)
    until(lambda: clicks(dataset))
    (event,) = propose(dataset)
    (click,) = clicks(dataset)
    assert event.click_ids == (click.id,) == (f"{VIDEO}_K0",)
    assert event.start_seconds < click.time_seconds == 2.4 < event.end_seconds


def test_deleted_mark_is_gone_from_what_propose_makes(browser: Browser, dataset: Dataset) -> None:
    opaque = browser.opaque(VIDEO)
    mark = browser.mark(opaque, 60)
    until(lambda: clicks(dataset))
    browser.do(opaque, "mark.delete", mark=mark)
    until(lambda: not clicks(dataset))
    assert {event.origin for event in propose(dataset)} == {"whole_video"}


def test_marks_set_apart_and_doubtful_ones_are_on_record_but_make_no_event(
    dataset: Dataset,
) -> None:
    with running(dataset) as site:
        browser = site.browser()
        opaque = browser.opaque(VIDEO)
        for frame, state in ((20, "ignored"), (60, "unsure")):
            mark = browser.mark(opaque, frame)
            browser.do(opaque, "mark.state", mark=mark, state=state)
    assert [click.state for click in clicks(dataset)] == ["ignored", "unsure"]
    assert {event.origin for event in propose(dataset)} == {"whole_video"}


def test_click_stands_at_its_frames_own_time_whatever_the_browser_said(dataset: Dataset) -> None:
    with running(dataset) as site:
        browser = site.browser()
        opaque = browser.opaque(VIDEO)
        browser.video(opaque)
        browser.mark(opaque, 50, time_seconds=2.017)
    assert [click.time_seconds for click in clicks(dataset)] == [2.0]


def test_publishing_again_changes_nothing(dataset: Dataset) -> None:
    with running(dataset) as site:
        browser = site.browser()
        browser.mark(browser.opaque(VIDEO), 60)
        browser.do(browser.opaque("Fighting002_x264"), "video.state", state="nothing")
    before = {path: path.read_bytes() for path in dataset.dir_path.rglob("*.jsonl")}
    assert publish_all(dataset) == Published(0, 0)
    with running(dataset):
        pass
    assert {path: path.read_bytes() for path in dataset.dir_path.rglob("*.jsonl")} == before


def test_click_keeps_its_id_while_others_come_and_go(dataset: Dataset) -> None:
    with running(dataset) as site:
        browser = site.browser()
        opaque = browser.opaque(VIDEO)
        first, second = browser.mark(opaque, 60), browser.mark(opaque, 20)
        until(lambda: len(clicks(dataset)) == 2)
        ids = {click.frame: click.id for click in clicks(dataset)}
        browser.do(opaque, "mark.delete", mark=second)
        until(lambda: len(clicks(dataset)) == 1)
        browser.mark(opaque, 80)
        until(lambda: len(clicks(dataset)) == 2)
        now = {click.frame: click.id for click in clicks(dataset)}
        assert first
    assert now[60] == ids[60]
    assert now[80] not in ids.values()


def test_ids_of_imported_clicks_are_not_given_again_nor_taken(dataset: Dataset) -> None:
    from engine.import_files import ImportTask, import_clicks

    with running(dataset) as site:
        browser = site.browser()
        browser.mark(browser.opaque(VIDEO), 60)
    file = dataset.dir_path / "clicks.csv"
    file.write_text(f"video-id,glance\n{VIDEO},60\n{VIDEO},80\n")
    import_clicks(ImportTask(dataset, file), author="others")
    with running(dataset) as site:
        browser = site.browser()
        browser.mark(browser.opaque(VIDEO), 90)
    assert {(click.id[-2:], click.frame, click.author) for click in clicks(dataset)} == {
        ("K0", 60, "me"),
        ("K1", 60, "others"),
        ("K2", 80, "others"),
        ("K3", 90, "me"),
    }


def test_two_marks_of_one_person_on_one_frame_are_one_click(dataset: Dataset) -> None:
    with running(dataset) as site:
        browser = site.browser()
        for _ in range(2):
            browser.mark(browser.opaque(VIDEO), 60)
    assert len(clicks(dataset)) == 1


def test_video_in_which_somebody_saw_nothing_is_normal_until_it_is_marked(
    browser: Browser, dataset: Dataset
) -> None:
    opaque = browser.opaque(VIDEO)
    browser.do(opaque, "video.state", state="nothing")
    until(lambda: Index(dataset).get(Video, VIDEO).is_anomalous is False)
    assert {event.origin for event in propose(dataset)} == {"normal_sample"}
    browser.mark(opaque, 60)
    until(lambda: Index(dataset).get(Video, VIDEO).is_anomalous is True)
    assert {event.origin for event in propose(dataset)} == {"click"}


def test_events_are_proposed_when_somebody_opens_their_page(
    browser: Browser, dataset: Dataset
) -> None:
    opaque = browser.opaque(VIDEO)
    browser.mark(opaque, 60)
    until(lambda: not browser.video(opaque, "boundaries")["is_proposing"])
    (event,) = browser.video(opaque, "boundaries")["events"]
    assert event["id"] == f"{VIDEO}_E0"
    assert event["click"] == {"frame": 60, "time_seconds": 2.4}
    assert not event["is_confirmed"]


def test_only_the_video_whose_page_was_opened_is_proposed(
    browser: Browser, dataset: Dataset
) -> None:
    """The others may be in the middle of being marked."""
    opaque = browser.opaque(VIDEO)
    browser.mark(opaque, 60)
    browser.mark(browser.opaque(OTHER), 40)
    until(lambda: len(clicks(dataset)) == 2)
    until(lambda: not browser.video(opaque, "boundaries")["is_proposing"])
    assert {event.video_id for event in Index(dataset).all(Event)} == {VIDEO}
    run_named(dataset, "propose")
    assert {event.video_id for event in Index(dataset).all(Event)} >= {VIDEO, OTHER}


def with_event(browser: Browser, dataset: Dataset) -> tuple[str, str]:
    """(opaque id, event id) of a video with one proposed event of the whole of it."""
    propose(dataset)
    opaque = browser.opaque(VIDEO)
    until(lambda: browser.video(opaque, "boundaries")["events"])
    return opaque, f"{VIDEO}_E0"


def extents(dataset: Dataset) -> dict[str, tuple[float, float]]:
    return {
        event.id: (event.start_seconds, event.end_seconds)
        for event in Index(dataset).all(Event)
        if event.video_id == VIDEO
    }


def test_moved_boundary_lies_over_the_event_and_undo_takes_it_back(
    browser: Browser, dataset: Dataset
) -> None:
    opaque, event = with_event(browser, dataset)
    before = extents(dataset)
    act = browser.do(opaque, "boundary.set", event=event, start_seconds=1, end_seconds=3)
    until(lambda: extents(dataset) == {event: (1.0, 3.0)})
    assert Index(dataset).get(Event, event).is_confirmed
    browser.do(opaque, "undo", uuid=act)
    until(lambda: extents(dataset) == before)
    assert not Index(dataset).get(Event, event).is_confirmed
    browser.do(opaque, "redo", uuid=act)
    until(lambda: extents(dataset) == {event: (1.0, 3.0)})


def test_split_event_is_two_events_that_survive_another_propose(
    browser: Browser, dataset: Dataset
) -> None:
    opaque, event = with_event(browser, dataset)
    part = browser.do(opaque, "boundary.split", event=event, at_seconds=2)
    browser.do(opaque, "boundary.set", event=part, start_seconds=2.5, end_seconds=3.5)
    until(lambda: extents(dataset) == {event: (0.0, 2.0), f"{VIDEO}_E1": (2.5, 3.5)})
    made = Index(dataset).get(Event, f"{VIDEO}_E1")
    assert (made.origin, made.is_anomalous, made.categories) == ("human", True, ("Abuse",))
    run_named(dataset, "propose")
    assert extents(dataset) == {event: (0.0, 2.0), f"{VIDEO}_E1": (2.5, 3.5)}
    assert [one["id"] for one in browser.video(opaque, "boundaries")["events"]] == [event]


def test_undone_split_leaves_the_event_as_it_was(browser: Browser, dataset: Dataset) -> None:
    opaque, event = with_event(browser, dataset)
    before = extents(dataset)
    act = browser.do(opaque, "boundary.split", event=event, at_seconds=2)
    until(lambda: len(extents(dataset)) == 2)
    browser.do(opaque, "undo", uuid=act)
    until(lambda: extents(dataset) == before)


def test_merged_parts_are_one_event_again(browser: Browser, dataset: Dataset) -> None:
    opaque, event = with_event(browser, dataset)
    part = browser.do(opaque, "boundary.split", event=event, at_seconds=2)
    browser.do(opaque, "boundary.merge", event=event, other=part)
    until(lambda: extents(dataset) == {event: (0.0, 4.0)})


def test_discarded_event_is_not_proposed_again(browser: Browser, dataset: Dataset) -> None:
    opaque, event = with_event(browser, dataset)
    browser.do(opaque, "boundary.discard", event=event, reason="nothing happens")
    until(lambda: extents(dataset) == {})
    run_named(dataset, "propose")
    assert extents(dataset) == {}


def with_texts(dataset: Dataset) -> None:
    propose(dataset)
    event = f"{VIDEO}_E0"
    bring_in(
        dataset,
        a_clip(f"{event}C0", start_seconds=0.0, end_seconds=4.0),
        a_caption(f"{event}C0"),
        a_summary(event, video_id=VIDEO),
    )


def text_of(browser: Browser, target: str = "caption") -> dict[str, object]:
    texts = browser.video(browser.opaque(VIDEO), "text")["texts"]
    found: dict[str, object] = next(text for text in texts if text["target"] == target)
    return found


def test_edited_text_is_read_by_all_that_is_made_of_it(dataset: Dataset) -> None:
    with_texts(dataset)
    with running(dataset) as site:
        browser = site.browser()
        text = text_of(browser)
        field = text["fields"][0]  # type: ignore[index]
        browser.do(
            browser.opaque(VIDEO),
            "text.edit",
            target="caption",
            target_id=text["target_id"],
            field="text",
            text="A woman <b>falls</b>.",
            base_rev=field["rev"],
        )
        now = text_of(browser)
        assert now["state"] == "edited"
        assert now["fields"][0]["original"] == "A man pushes a woman."  # type: ignore[index]
    assert Index(dataset).get(Caption, f"{VIDEO}_E0C0").text == "A woman <b>falls</b>."


def test_edited_answer_is_in_the_instruction(dataset: Dataset) -> None:
    with_texts(dataset)
    event = f"{VIDEO}_E0"
    run_named(dataset, "instruct")
    with running(dataset) as site:
        browser = site.browser()
        answers: Any = text_of(browser, "summary")["answers"]
        field = answers["fields"][0]
        assert (field["field"], field["text"]) == ("judgement", "There is abuse.")
        browser.do(
            browser.opaque(VIDEO),
            "text.edit",
            target="instruction",
            target_id=answers["target_id"],
            field=field["field"],
            text="A man is beaten.",
            base_rev=field["rev"],
        )
        told: Any = text_of(browser, "summary")
        assert told["state"] is None, "the summary itself is as it was"
        assert told["answers"]["fields"][0]["text"] == "A man is beaten."
    turns = Index(dataset).get(Instruction, f"hivau:{event}").turns
    assert (turns[0].question, turns[0].answer) == (field["question"], "A man is beaten.")
    assert turns[1].answer == "A man pushes a woman."


def test_edited_part_of_a_summary_reaches_its_whole_text(dataset: Dataset) -> None:
    with_texts(dataset)
    with running(dataset) as site:
        browser = site.browser()
        text = text_of(browser, "summary")
        field = next(one for one in text["fields"] if one["field"] == "analysis")  # type: ignore[attr-defined]
        browser.do(
            browser.opaque(VIDEO),
            "text.edit",
            target="summary",
            target_id=f"{VIDEO}_E0",
            field="analysis",
            text="Falling hurts.",
            base_rev=field["rev"],
        )
    assert Index(dataset).get(Summary, f"{VIDEO}_E0").text.endswith("Falling hurts.")


def test_rejected_text_is_out_and_still_shown_so_that_it_can_be_taken_back(
    dataset: Dataset,
) -> None:
    with_texts(dataset)
    caption = f"{VIDEO}_E0C0"
    with running(dataset) as site:
        browser = site.browser()
        opaque = browser.opaque(VIDEO)
        act = browser.do(
            opaque,
            "text.reject",
            target="caption",
            target_id=caption,
            reason="wrong person",
            base_rev=text_of(browser)["rev"],
        )
        until(lambda: caption not in Index(dataset).lines(Caption))
        time.sleep(1.1)  # until the server has looked again
        assert text_of(browser)["state"] == "rejected"
        browser.do(opaque, "undo", uuid=act)
        until(lambda: caption in Index(dataset).lines(Caption))


def test_imported_click_that_is_ignored_is_out_and_comes_back(dataset: Dataset) -> None:
    from engine.import_files import ImportTask, import_clicks

    file = dataset.dir_path / "clicks.csv"
    file.write_text(f"video-id,glance\n{VIDEO},60\n")
    import_clicks(ImportTask(dataset, file), author="others")
    with running(dataset) as site:
        browser = site.browser()
        opaque = browser.opaque(VIDEO)
        (base,) = browser.video(opaque)["base_marks"]
        act = browser.do(opaque, "mark.state", mark=base["mark"], state="ignored")
        until(lambda: clicks(dataset) == [])
        browser.do(opaque, "undo", uuid=act)
        until(lambda: len(clicks(dataset)) == 1)


def test_file_that_a_stage_is_writing_is_waited_for(site: Site, dataset: Dataset) -> None:
    browser = site.browser()
    with JsonlWriter(dataset.record_path(Click)):
        browser.mark(browser.opaque(VIDEO), 60)
        time.sleep(1.5)
        assert clicks(dataset) == []
    until(lambda: clicks(dataset))


def test_log_cannot_be_opened_while_a_server_has_it(site: Site, dataset: Dataset) -> None:
    from engine.errors import UsageError

    with pytest.raises(UsageError), Journal(dataset.dir_path / LOG_NAME):
        pass


def test_stopped_server_has_published_everything(dataset: Dataset) -> None:
    with running(dataset) as site, closing(site.browser()) as browser:
        video = browser.opaque(VIDEO)
        events = [
            an_event_of(video, "mark.add", **a_mark(f"m{frame}", frame))
            for frame in range(0, 90, 9)
        ]
        assert len(browser.send(*events)["acknowledged"]) == 10
    assert len(clicks(dataset)) == 10
    assert len(Index(dataset).ledger(ANNOTATE_LEDGER)) == 1


def test_reviews_name_their_author_and_moment(dataset: Dataset, tmp_path: Path) -> None:
    with running(dataset) as site:
        browser = site.browser()
        browser.do(browser.opaque(VIDEO), "video.state", state="nothing")
    (review,) = Index(dataset).reviews(Video, VIDEO)
    assert isinstance(review, Review)
    assert (review.author, review.at[:2]) == ("me", "20")
