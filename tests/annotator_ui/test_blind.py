"""Blind evaluation: nobody learns whose answer it is, and every place is fair."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from PIL import Image

from annotator_ui.blind import BlindItems, add_items, read_items
from annotator_ui.blind_report import (
    cast_votes,
    report,
    summary_lines,
    unparsable,
    write_report,
)
from annotator_ui.journal import LOG_NAME, read_acts
from annotator_ui.keyfile import Signer
from engine.dataset import Dataset
from engine.errors import UsageError
from tests.annotator_ui.site import Browser, Site, add_account, an_event_of, running

MODELS = ("holmes-vau-2b", "llava-next-7b", "secret-gpt")
VIDEO = "Abuse001_x264"


def an_item(number: int, **changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": f"item{number}",
        "video_id": VIDEO,
        "start_seconds": 1.0,
        "end_seconds": 3.0,
        "question": "Is there an anomaly?",
        "is_anomalous": True,
        "answers": [
            {"model": MODELS[0], "text": f"Yes, a man hits a woman ({number})."},
            {"model": MODELS[1], "text": f"No, nothing unusual happens ({number})."},
            {"model": MODELS[2], "text": f"A street by night ({number})."},
        ],
    }
    return known | changes


def a_file(folder: Path, *items: dict[str, Any]) -> Path:
    path = folder / "items.jsonl"
    path.write_bytes(b"".join(orjson.dumps(item) + b"\n" for item in items))
    return path


@pytest.fixture
def evaluation(dataset: Dataset, tmp_path: Path) -> Iterator[Site]:
    add_items(dataset, a_file(tmp_path, *(an_item(number) for number in range(6))))
    for name in ("ada", "ben"):
        add_account(dataset, name)
    with running(dataset, local_user=None) as site:
        yield site


def item_of(browser: Browser, opaque: str) -> dict[str, Any]:
    found: dict[str, Any] = browser.get(f"/api/blind/{opaque}").json()
    return found


def vote(
    browser: Browser, opaque: str, choice: str, aspect: str = "content_perception"
) -> dict[str, Any]:
    info = item_of(browser, opaque)
    body = {"item": opaque, "aspect": aspect, "choice": choice}
    return browser.send(an_event_of(info["video"], "vote", **body))


def play(browser: Browser, opaque: str) -> None:
    browser.do(item_of(browser, opaque)["video"], "play", item=opaque)


def test_models_are_named_nowhere_in_what_the_page_gets(evaluation: Site) -> None:
    browser = evaluation.signed_in("ada")
    for row in browser.queue("blind"):
        play(browser, row["id"])
        assert vote(browser, row["id"], "A")["acknowledged"]
    paths = ["/api/me", "/api/queue?page=blind", "/api/progress"]
    paths += [f"/api/blind/{row['id']}" for row in browser.queue("blind")]
    video = browser.opaque(VIDEO)
    paths += [f"/api/video/{video}?page={page}" for page in ("clicks", "text", "blind", "review")]
    for path in paths:
        shown = browser.get(path).text.lower()
        assert not [model for model in MODELS if model in shown], path
        if path.startswith("/api/blind"):
            assert "abuse" not in shown


def test_votes_open_when_the_clip_was_played(evaluation: Site) -> None:
    browser = evaluation.signed_in("ada")
    opaque = browser.queue("blind")[0]["id"]
    assert not item_of(browser, opaque)["is_unlocked"]
    assert "watch the clip" in vote(browser, opaque, "A")["refused"][0]["why"]
    play(browser, opaque)
    assert item_of(browser, opaque)["is_unlocked"]
    assert vote(browser, opaque, "A")["acknowledged"]
    assert item_of(browser, opaque)["votes"] == {"content_perception": "A"}


@pytest.mark.parametrize("choice", ["D", "Z", "both", "a"])
def test_vote_for_what_is_not_there_is_refused(evaluation: Site, choice: str) -> None:
    browser = evaluation.signed_in("ada")
    opaque = browser.queue("blind")[0]["id"]
    play(browser, opaque)
    assert vote(browser, opaque, choice)["refused"]


def test_item_is_done_when_both_questions_have_a_vote(evaluation: Site) -> None:
    browser = evaluation.signed_in("ada")
    opaque = browser.queue("blind")[0]["id"]
    play(browser, opaque)
    vote(browser, opaque, "tie")
    assert browser.queue("blind")[0]["state"] == "todo"
    vote(browser, opaque, "none", "anomaly_explanatory")
    assert browser.queue("blind")[0]["state"] == "done"


def test_vote_counts_for_the_answer_that_the_voter_saw_there(
    evaluation: Site, dataset: Dataset
) -> None:
    voted: dict[tuple[str, str], str] = {}
    for name in ("ada", "ben"):
        browser = evaluation.signed_in(name)
        for row in browser.queue("blind"):
            answers = item_of(browser, row["id"])["answers"]
            place = next(one["label"] for one in answers if one["text"].startswith("Yes"))
            play(browser, row["id"])
            vote(browser, row["id"], place)
            voted[name, row["id"]] = place
    votes = cast_votes(read_acts(dataset.dir_path / LOG_NAME), read_items(dataset))
    assert {vote.model for vote in votes} == {MODELS[0]}
    assert len(votes) == 12
    assert len({vote.place for vote in votes}) == 3


def test_every_answer_stands_at_every_place_as_often(dataset: Dataset, tmp_path: Path) -> None:
    add_items(dataset, a_file(tmp_path, *(an_item(number) for number in range(30))))
    items = BlindItems(dataset, Signer(b"k" * 32))
    for user in ("ada", "ben"):
        places: Counter[tuple[int, str]] = Counter()
        for opaque in items.all():
            for place, answer in enumerate(items.order(opaque, user)):
                places[place, answer.model] += 1
        assert set(places.values()) == {10}
    assert any(items.order(opaque, "ada") != items.order(opaque, "ben") for opaque in items.all())


def test_order_stays_when_items_are_added(dataset: Dataset, tmp_path: Path) -> None:
    add_items(dataset, a_file(tmp_path, *(an_item(number) for number in range(5))))
    items = BlindItems(dataset, Signer(b"k" * 32))
    before = {opaque: items.order(opaque, "ada") for opaque in items.all()}
    add_items(dataset, a_file(tmp_path, *(an_item(number) for number in range(5, 9))))
    assert len(items.all()) == 9
    assert {opaque: items.order(opaque, "ada") for opaque in before} == before


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"question": "Is Secret-GPT right?"}, "name secret-gpt"),
        ({"end_seconds": 1.0}, "ends at"),
        ({"answers": [{"model": "a", "text": "x"}]}, "at least 2"),
        ({"answers": [{"model": "a", "text": "x"}, {"model": "a", "text": "y"}]}, "two answers"),
        ({"extra": 1}, "extra"),
    ],
)
def test_item_that_cannot_be_used_is_named_and_nothing_is_added(
    dataset: Dataset, tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(UsageError, match=f"line 2: .*{why}"):
        add_items(dataset, a_file(tmp_path, an_item(0), an_item(1, **changes)))
    assert read_items(dataset) == []


def a_vote(voter: str, number: int, model: str, place: str = "A") -> Any:
    from annotator_ui.blind_report import CastVote

    return CastVote(voter, f"item{number}", "content_perception", place, model, "2026")


def test_report_has_shares_with_intervals_agreement_places_and_accuracy(
    dataset: Dataset, tmp_path: Path
) -> None:
    add_items(dataset, a_file(tmp_path, *(an_item(number) for number in range(10))))
    items = read_items(dataset)
    votes = [a_vote("ada", number, MODELS[0]) for number in range(10)]
    votes += [a_vote("ben", number, MODELS[number % 2], "B") for number in range(10)]
    found = {(f.measure, f.aspect, f.subject): f for f in report(items, votes)}
    share = found["vote_share", "content_perception", MODELS[0]]
    assert (share.value, share.num) == (0.75, 20)
    assert share.low is not None
    assert share.high is not None
    assert 0.5 <= share.low < 0.75 < share.high <= 1.0
    assert found["agreement_of_voters", "content_perception", ""].value == 0.5
    assert found["win_share_of_place", "content_perception", "A"].value == 0.5
    assert found["judgement_accuracy", "", MODELS[0]].value == 1.0
    assert found["judgement_accuracy", "", MODELS[1]].value == 0.0
    assert ("judgement_accuracy", "", MODELS[2]) not in found
    assert len(unparsable(items)) == 10
    assert any("judgement_accuracy" in line for line in summary_lines(list(found.values())))


def test_report_is_written_as_tables_and_a_picture(dataset: Dataset, tmp_path: Path) -> None:
    add_items(dataset, a_file(tmp_path, *(an_item(number) for number in range(3))))
    items = read_items(dataset)
    votes = [a_vote("ada", 0, MODELS[0])]
    paths = write_report(tmp_path / "out", items, votes, report(items, votes))
    assert [path.name for path in paths] == [
        "votes.csv",
        "report.csv",
        "unparsable.csv",
        "report.png",
    ]
    with paths[0].open() as file:
        (row,) = csv.DictReader(file)
    assert (row["voter"], row["video"], row["model"]) == ("ada", VIDEO, MODELS[0])
    with Image.open(paths[3]) as picture:
        assert picture.width == 900
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 3


def test_report_without_votes_says_so(dataset: Dataset, tmp_path: Path) -> None:
    figures = report([], [])
    assert all(figure.value is None for figure in figures)
    assert write_report(tmp_path / "out", [], [], figures)[3].exists()
