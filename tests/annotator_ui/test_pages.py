"""What each page gets, and what may be done on it."""

import threading
from typing import Any

import pytest

from engine.dataset import Dataset
from engine.import_files import ImportTask, import_clicks
from tests.annotator_ui.site import (
    Browser,
    Site,
    a_mark,
    add_account,
    an_event_of,
    running,
)
from tests.builders import a_score_track, bring_in

VIDEO, OTHER = "Abuse001_x264", "Fighting002_x264"


def row(browser: Browser, name: str = VIDEO, page: str = "clicks") -> dict[str, Any]:
    return next(row for row in browser.queue(page) if row["name"] == name)


def test_me_tells_the_settings_of_the_dataset(browser: Browser) -> None:
    me = browser.get("/api/me").json()
    assert (me["user"], me["round"], me["is_local"]) == ("me", 1, True)
    assert me["settings"]["reaction_seconds"] == 0.2


def test_queue_lists_videos_in_natural_order_with_how_far_one_is(browser: Browser) -> None:
    assert [row["name"] for row in browser.queue()] == [
        VIDEO,
        OTHER,
        "Normal_Videos003",
        "old",
    ]
    opaque = browser.opaque(VIDEO)
    browser.mark(opaque)
    browser.do(opaque, "video.state", state="done")
    assert (row(browser)["state"], row(browser)["num_marks"]) == ("done", 1)


def test_unknown_page_and_unknown_video_are_told_so(browser: Browser) -> None:
    assert browser.get("/api/queue?page=nonsense").status_code == 422
    assert browser.get("/api/video/AAAAAAAAAAAAAAAA").status_code == 404


def test_without_scores_the_page_works_all_the_same(browser: Browser) -> None:
    info = browser.video(browser.opaque(VIDEO))
    assert (info["scores"], info["suggestions"], info["is_blind"]) == (None, [], False)


def test_suggestions_appear_as_soon_as_there_are_scores(browser: Browser, dataset: Dataset) -> None:
    opaque = browser.opaque(VIDEO)
    assert browser.video(opaque)["suggestions"] == []
    scores = (0.1,) * 10 + (0.9,) * 3 + (0.1,) * 12
    track = a_score_track(VIDEO, scores).model_copy(
        update={
            "snippet_starts_seconds": tuple(n * 0.16 for n in range(25)),
            "end_seconds": 4.0,
        }
    )
    bring_in(dataset, track)
    deadline = threading.Event()
    for _ in range(60):
        info = browser.video(opaque)
        if info["suggestions"]:
            break
        deadline.wait(0.05)
    (suggestion,) = info["suggestions"]
    assert 1.6 <= suggestion["time_seconds"] <= 2.08
    assert suggestion["frame"] == round(suggestion["time_seconds"] * 25)
    assert row(browser)["num_suggestions"] == 1


def test_guideline_of_the_videos_category_stands_beside_it(browser: Browser) -> None:
    guideline = browser.video(browser.opaque(OTHER))["guidelines"]
    assert guideline["category"] == "Fighting"
    assert "first blow" in guideline["text"]
    assert browser.video(browser.opaque("Normal_Videos003"))["guidelines"] is None


def test_own_acts_come_back_after_a_reload_for_undo(browser: Browser) -> None:
    opaque = browser.opaque(VIDEO)
    browser.mark(opaque)
    act = browser.do(opaque, "suggestion.reject", suggestion="s1")
    browser.do(opaque, "undo", uuid=act)
    browser.do(opaque, "video.seen", ranges=[[0, 2], [1, 3]])
    info = browser.video(opaque)
    assert [event["op"] for event in info["log"]] == ["mark.add", "suggestion.reject", "undo"]
    assert info["log"][2]["body"] == {"uuid": act}
    assert info["seen"] == [[0, 3]]
    assert info["rejected_suggestions"] == []


def test_nobody_sees_anothers_marks_before_review(ada: Browser, ben: Browser) -> None:
    opaque = ada.opaque(VIDEO)
    ada.mark(opaque)
    for page in ("clicks", "boundaries", "text"):
        info = ben.video(opaque, page)
        assert (info["marks"], info["base_marks"], info["log"]) == ([], [], [])
    assert row(ben)["num_marks"] == 0


def test_reviewer_sees_all_marks_and_decides_on_them(ada: Browser, ben: Browser) -> None:
    opaque = ada.opaque(VIDEO)
    mark = ada.mark(opaque, 10)
    (base,) = ben.video(opaque, "review")["base_marks"]
    assert (base["mark"], base["author"], base["state"]) == (mark, "ada", "confirmed")
    ben.do(opaque, "mark.state", mark=mark, state="ignored")
    ben.mark(opaque, 50, page="review")
    assert [one["state"] for one in ada.video(opaque)["marks"]] == ["ignored"]
    assert [one["state"] for one in ben.video(opaque, "review")["marks"]] == ["added_in_review"]


def test_marks_before_review_stand_without_the_reviewers_own_word(
    ada: Browser, ben: Browser
) -> None:
    """Else what the page undoes would stay."""
    opaque = ada.opaque(VIDEO)
    mark = ada.mark(opaque, 10)
    ben.do(opaque, "mark.state", mark=mark, state="ignored")
    (base,) = ben.video(opaque, "review")["base_marks"]
    assert base["state"] == "confirmed"


def test_nobody_reviews_their_own_video(ada: Browser) -> None:
    opaque = ada.opaque(VIDEO)
    ada.mark(opaque)
    assert ada.get(f"/api/video/{opaque}?page=review").status_code == 403
    assert ada.queue("review") == []
    said = ada.send(an_event_of(opaque, "mark.add", **a_mark("m2"), page="review"))
    assert "nobody reviews their own" in said["refused"][0]["why"]


def test_review_list_begins_with_what_is_in_doubt(ada: Browser, ben: Browser) -> None:
    for name in (VIDEO, OTHER, "old"):
        mark = ada.mark(ada.opaque(name), 10)
    ada.do(ada.opaque("old"), "mark.state", mark=mark, state="unsure")
    rows = ben.queue("review")
    assert (rows[0]["name"], rows[0]["reason"]) == ("old", "unsure")
    assert {row["name"] for row in rows} == {VIDEO, OTHER, "old"}


def test_two_who_mark_differently_disagree(team: Site, dataset: Dataset) -> None:
    add_account(dataset, "eve")
    ada, ben, eve = (team.signed_in(name) for name in ("ada", "ben", "eve"))
    opaque = ada.opaque(VIDEO)
    ada.mark(opaque, 10)
    ben.mark(opaque, 90)
    assert row(eve, page="review")["reason"] == "disagreement"


@pytest.mark.parametrize(
    ("scores", "frame", "reason"),
    [
        ((0.1, 0.1, 0.95, 0.95, 0.95, 0.95, 0.1, 0.1), 10, "high_score_unmarked"),
        ((0.1, 0.1, 0.1, 0.4, 0.4, 0.4), 10, "low_score_mark"),
    ],
)
def test_scores_that_contradict_the_marks_are_looked_at(
    dataset: Dataset, scores: tuple[float, ...], frame: int, reason: str
) -> None:
    for name in ("ada", "ben"):
        add_account(dataset, name)
    track = a_score_track(VIDEO, scores)
    step = 12.0 if reason == "high_score_unmarked" else 0.5
    bring_in(
        dataset,
        track.model_copy(
            update={
                "snippet_starts_seconds": tuple(n * step for n in range(len(scores))),
                "end_seconds": len(scores) * step,
            }
        ),
    )
    with running(dataset, local_user=None) as site:
        ada, ben = site.signed_in("ada"), site.signed_in("ben")
        ada.mark(ada.opaque(VIDEO), frame)
        assert row(ben, page="review")["reason"] == reason


def test_imported_clicks_stand_for_review_and_at_home_beside_ones_own(dataset: Dataset) -> None:
    file = dataset.dir_path / "clicks.csv"
    file.write_text(f"video-id,glance\n{VIDEO},60\n")
    import_clicks(ImportTask(dataset, file), author="others")
    with running(dataset) as site:
        browser = site.browser()
        for page in ("clicks", "review"):
            (base,) = browser.video(browser.opaque(VIDEO), page)["base_marks"]
            assert (base["mark"], base["frame"], base["author"]) == (f"{VIDEO}_K0", 60, "others")
        assert [row["name"] for row in browser.queue("review")] == [VIDEO]


@pytest.mark.parametrize(
    ("op", "body", "why"),
    [
        ("mark.add", a_mark("m", 100), "frame 100"),
        ("mark.add", {**a_mark("m", 10), "time_seconds": 99.0}, "outside"),
        ("mark.add", {**a_mark("m", 10), "frame": -1}, "greater than"),
        ("mark.add", {**a_mark("m", 10), "frame": "10"}, "integer"),
        ("mark.add", {**a_mark("m", 10), "time_seconds": float("inf")}, ""),
        ("mark.add", {**a_mark("../m", 10)}, "match"),
        ("mark.add", {**a_mark("m", 10), "extra": 1}, "Extra"),
        ("mark.state", {"mark": "m", "state": "added_in_review"}, "confirmed"),
        ("video.state", {"state": "gone"}, "todo"),
        ("video.seen", {"ranges": [[2, 1]]}, "before it starts"),
        ("undo", {"uuid": "nothing"}, "no act"),
        ("boundary.set", {"event": "E", "start_seconds": 1, "end_seconds": 2}, "no event"),
        ("vote", {"item": "x", "aspect": "content_perception", "choice": "A"}, "no such item"),
        ("text.accept", {"target": "caption", "target_id": "x", "base_rev": "r"}, "no caption"),
        ("no.such", {}, "op"),
    ],
)
def test_act_that_makes_no_sense_is_refused_and_told_why(
    browser: Browser, op: str, body: dict[str, Any], why: str
) -> None:
    import json

    opaque = browser.opaque(VIDEO)
    bad, good = an_event_of(opaque, op, **body), an_event_of(opaque, "mark.add", **a_mark("ok", 5))
    content = json.dumps({"events": [bad, good]})
    answer = browser.client.post("/api/events", content=content)
    assert answer.status_code == 200
    said = answer.json()
    assert said["acknowledged"] == [good["uuid"]]
    (refused,) = said["refused"]
    assert refused["uuid"] == bad["uuid"]
    assert why in refused["why"]


def test_broken_character_in_one_text_holds_up_nothing_else(browser: Browser) -> None:
    opaque = browser.opaque(VIDEO)
    bad = an_event_of(opaque, "suggestion.reject", suggestion="\ud800")
    good = an_event_of(opaque, "mark.add", **a_mark("ok", 5))
    import json

    content = json.dumps({"events": [bad, good]})
    said = browser.client.post("/api/events", content=content).json()
    assert said["acknowledged"] == [good["uuid"]]
    assert len(said["refused"]) == 1


def test_undo_of_what_somebody_else_did_is_refused(ada: Browser, ben: Browser) -> None:
    opaque = ada.opaque(VIDEO)
    act = ada.do(opaque, "video.state", state="done")
    said = ben.send(an_event_of(opaque, "undo", uuid=act))
    assert "no act" in said["refused"][0]["why"]


def test_twenty_fast_presses_are_twenty_marks(browser: Browser) -> None:
    opaque = browser.opaque(VIDEO)
    presses = [
        threading.Thread(target=browser.mark, args=(opaque, frame)) for frame in range(0, 100, 5)
    ]
    for press in presses:
        press.start()
    for press in presses:
        press.join()
    assert len(browser.video(opaque)["marks"]) == 20


def test_two_tabs_that_send_the_same_act_make_one_mark(site: Site) -> None:
    one, other = site.browser(), site.browser()
    opaque = one.opaque(VIDEO)
    event = an_event_of(opaque, "mark.add", **a_mark("m"))
    assert one.send(event)["acknowledged"] == other.send(event)["acknowledged"]
    assert len(one.video(opaque)["marks"]) == 1


def test_what_was_marked_is_there_after_a_restart(dataset: Dataset) -> None:
    with running(dataset) as site:
        browser = site.browser()
        mark = browser.mark(browser.opaque(VIDEO), 33)
    with running(dataset) as site:
        browser = site.browser()
        (again,) = browser.video(browser.opaque(VIDEO))["marks"]
    assert (again["mark"], again["frame"]) == (mark, 33)
