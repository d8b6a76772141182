"""Texts, boundaries, leases, assignments and progress: where several people meet."""

import threading
from typing import Any

from annotator_ui.assign import Assignment, write_assignments
from engine.dataset import Dataset
from tests.annotator_ui.site import (
    Browser,
    an_event_of,
)
from tests.builders import a_caption, a_clip, a_score_track, a_summary, bring_in, run_named

VIDEO, OTHER = "Abuse001_x264", "Fighting002_x264"


def row(browser: Browser, name: str = VIDEO, page: str = "clicks") -> dict[str, Any]:
    return next(row for row in browser.queue(page) if row["name"] == name)


def with_caption(dataset: Dataset) -> None:
    bring_in(dataset, a_score_track(VIDEO, (0.5,) * 4))
    run_named(dataset, "propose")
    event = f"{VIDEO}_E0"
    bring_in(
        dataset,
        a_clip(f"{event}C0", start_seconds=0.0, end_seconds=4.0),
        a_caption(f"{event}C0"),
        a_summary(event, video_id=VIDEO),
    )


def an_edit(opaque: str, text: str, base_rev: str) -> dict[str, Any]:
    return an_event_of(
        opaque,
        "text.edit",
        target="caption",
        target_id=f"{VIDEO}_E0C0",
        field="text",
        text=text,
        base_rev=base_rev,
    )


def test_two_who_edit_one_text_get_a_conflict_with_both_versions(
    ada: Browser, ben: Browser, dataset: Dataset
) -> None:
    with_caption(dataset)
    opaque = ada.opaque(VIDEO)
    texts = ada.video(opaque, "text")["texts"]
    rev = texts[0]["fields"][0]["rev"]
    first = an_edit(opaque, "Ada's text.", rev)
    said = ada.send(first)
    assert said["revs"] == {first["uuid"]: first["uuid"]}
    (refused,) = ben.send(an_edit(opaque, "Ben's text.", rev))["refused"]
    assert (refused["mine"], refused["theirs"]) == ("Ben's text.", "Ada's text.")
    assert (refused["base_rev"], refused["current_rev"]) == (rev, first["uuid"])
    again = an_edit(opaque, "Both.", refused["current_rev"])
    assert ben.send(again)["acknowledged"] == [again["uuid"]]


def test_edits_of_one_person_can_be_queued_one_upon_the_other(
    ada: Browser, dataset: Dataset
) -> None:
    with_caption(dataset)
    opaque = ada.opaque(VIDEO)
    rev = ada.video(opaque, "text")["texts"][0]["fields"][0]["rev"]
    first = an_edit(opaque, "One.", rev)
    second = an_edit(opaque, "Two.", first["uuid"])
    assert len(ada.send(first, second)["acknowledged"]) == 2
    assert ada.video(opaque, "text")["texts"][0]["fields"][0]["text"] == "Two."
    assert ada.send(first)["acknowledged"] == [first["uuid"]]


def test_script_in_a_caption_comes_back_as_the_characters_it_is(
    ada: Browser, dataset: Dataset
) -> None:
    with_caption(dataset)
    opaque = ada.opaque(VIDEO)
    script = '<script>alert(1)</script> & "quotes" </textarea>'
    rev = ada.video(opaque, "text")["texts"][0]["fields"][0]["rev"]
    ada.send(an_edit(opaque, script, rev))
    answer = ada.get(f"/api/video/{opaque}?page=text")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["texts"][0]["fields"][0]["text"] == script


def test_boundaries_that_leave_the_click_or_the_video_are_refused(
    browser: Browser, dataset: Dataset
) -> None:
    opaque = browser.opaque(VIDEO)
    browser.mark(opaque, 50)
    wait = threading.Event()
    while browser.video(opaque, "boundaries")["is_proposing"]:
        wait.wait(0.05)
    event = browser.video(opaque, "boundaries")["events"][0]["id"]
    for start, end, why in (
        (0.0, 1.0, "click at 2.000 s"),
        (1.0, 5.0, "lasts from 0.000 to 4.000"),
        (3.0, 1.0, "before it starts"),
    ):
        said = browser.send(
            an_event_of(opaque, "boundary.set", event=event, start_seconds=start, end_seconds=end)
        )
        assert why in said["refused"][0]["why"]
    browser.do(opaque, "boundary.set", event=event, start_seconds=1, end_seconds=3)


def test_who_comes_second_to_a_video_is_told_and_can_save_all_the_same(
    ada: Browser, ben: Browser
) -> None:
    opaque = ada.opaque(VIDEO)
    assert ada.post("/api/lease", {"video": opaque}).json()["is_mine"]
    second = ben.post("/api/lease", {"video": opaque})
    assert (second.status_code, second.json()["is_mine"]) == (409, False)
    assert row(ben)["is_leased_by_other"]
    assert not row(ada)["is_leased_by_other"]
    ben.mark(opaque)
    ada.post("/api/lease", {"video": ada.opaque(OTHER)})
    assert ben.post("/api/lease", {"video": opaque}).status_code == 200


def test_each_gets_what_was_assigned_and_both_what_is_done_twice(
    ada: Browser, ben: Browser, dataset: Dataset
) -> None:
    write_assignments(
        dataset,
        [
            Assignment(id=f"r1:{VIDEO}", round=1, video_id=VIDEO, annotators=("ada", "ben")),
            Assignment(id=f"r1:{OTHER}", round=1, video_id=OTHER, annotators=("ben",)),
        ],
    )
    assert [row["name"] for row in ada.queue()] == [VIDEO]
    assert [row["name"] for row in ben.queue()] == [VIDEO, OTHER]
    opaque = ada.opaque(VIDEO)
    ada.post("/api/lease", {"video": opaque})
    assert ben.post("/api/lease", {"video": opaque}).status_code == 200
    assert not row(ben)["is_leased_by_other"]


def test_progress_shows_people_videos_and_no_agreement_below_twenty(
    ada: Browser, ben: Browser
) -> None:
    opaque = ada.opaque(VIDEO)
    for browser in (ada, ben):
        browser.mark(opaque, 10)
        browser.do(opaque, "video.seen", ranges=[[0, 2]])
        browser.do(opaque, "video.state", state="done")
    found = ada.get("/api/progress").json()
    people = {person["name"]: person for person in found["annotators"]}
    assert (people["ada"]["videos_done"], people["ada"]["num_marks"]) == (1, 1)
    assert people["ben"]["seen_share"] == 0.5
    assert (found["agreement"], found["agreement_num_videos"]) == (None, 1)
    assert found["videos"][0]["annotators"] == ["ada", "ben"]
