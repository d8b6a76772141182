"""Several people on one server: who sees what, review, and votes that nobody can guess."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import Browser, Response

from annotator_ui.blind import add_items
from engine.executors.local import LocalExecutor
from tests.annotator_ui.site import add_account
from tests.browser.harness import Desk, Server, opened, serving, signed_in
from tests.builders import a_dataset, add_video, run_named

MODELS = ("holmes-vau-2b", "llava-next-7b", "secret-gpt")
VIDEOS = ("Abuse001", "Abuse002")


def an_item(number: int) -> dict[str, object]:
    texts = ("Yes, a man hits another.", "No, nothing unusual happens.", "A street by night.")
    return {
        "id": f"item{number}",
        "video_id": VIDEOS[0],
        "start_seconds": 0.5,
        "end_seconds": 1.5,
        "question": "Is there an anomaly in this clip?",
        "is_anomalous": True,
        "answers": [
            {"model": model, "text": f"{text} ({number})"}
            for model, text in zip(MODELS, texts, strict=True)
        ],
    }


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Ada and ben, two videos, four items of the blind evaluation."""
    dataset = a_dataset(tmp_path_factory.mktemp("team") / "ds")
    for name in VIDEOS:
        add_video(dataset, f"{name}.mp4", num_frames=120)
    with LocalExecutor(workers=1) as executor:
        run_named(dataset, "ingest", executor=executor)
    items: Path = dataset.dir_path / "items.jsonl"
    items.write_bytes(b"".join(orjson.dumps(an_item(number)) + b"\n" for number in range(4)))
    add_items(dataset, items)
    items.unlink()
    for name in ("ada", "ben"):
        add_account(dataset, name)
    with serving(dataset) as server:
        yield server


def test_marks_are_seen_by_others_in_review_alone_and_decided_there(
    team: Server, browser: Browser
) -> None:
    ada = signed_in(browser, team, "ada")
    ada.open(VIDEOS[1])
    for num in (1, 2, 3):
        ada.press(".", "m")
        ada.wait(f"content.marksShown.length === {num}")
    ada.press("Enter")
    ada.saved()
    ben = signed_in(browser, team, "ben")
    ben.open(VIDEOS[1])
    assert ben.frames() == []
    assert "ada" not in str(
        ben.see("fetch('/api/video/' + content.bench.info.id).then((r) => r.text())")
    )
    assert not_listed(ada.go_to("review"), VIDEOS[1])
    review = ben.go_to("review")
    review.open(VIDEOS[1])
    assert review.frames() == [1, 2, 3]
    review.press("n", "a", "x", "s")
    review.press(".", *"." * 20, "m")
    review.wait("content.marksShown.length === 4")
    review.saved()
    states = [act["do"].get("state") for act in team.acts(VIDEOS[1]) if act["user"] == "ben"]
    assert states[:3] == ["confirmed", "ignored", "unsure"]
    said = review.see("content.marksShown.map((mark) => mark.state)")
    assert said == ["confirmed", "ignored", "unsure", "added_in_review"]
    for desk in (ada, ben):
        desk.page.context.close()


def not_listed(review: Desk, video: str) -> bool:
    """Nobody reviews what they marked themselves."""
    return bool(
        review.see("content.bench.queue.videos.every((row) => row.name !== given.v)", v=video)
    )


def test_votes_open_after_one_play_and_nothing_received_names_a_model(
    team: Server, browser: Browser
) -> None:
    desk = signed_in(browser, team, "ada")
    received: list[Response] = []
    desk.page.on("response", lambda response: received.append(response))
    desk = desk.go_to("blind")
    desk.wait("content.bench.info?.answers?.length === 3")
    desk.press("1")
    assert "Watch the clip" in desk.notice()
    for num_done in range(1, 5):
        desk.wait("root.querySelector('.locked') === null", 30)
        desk.press("1", "t", "Enter")
        done = "content.bench.queue.videos.filter((row) => row.state === 'done').length"
        desk.wait(f"{done} === {num_done}")
        desk.wait(f"{num_done} === 4 || root.querySelector('.locked') !== null")
    desk.saved()
    votes = team.deeds(VIDEOS[0], "vote")
    assert len(votes) == 8
    assert {vote["choice"] for vote in votes} == {"A", "tie"}
    check_what_came(received)
    received.clear()  # what came for a page that is left cannot be read any more
    desk.page.reload()
    opened(desk.page, "blind").wait("content.bench.info?.answers?.length === 3")
    check_what_came(received)
    desk.page.context.close()


def check_what_came(received: list[Response]) -> None:
    bodies = [body_of(response) for response in received]
    for model in MODELS:
        assert [body for body in bodies if model.encode() in body.lower()] == []
    blind = [body_of(response) for response in received if "/api/blind" in response.url]
    assert blind
    assert [body for body in blind if b"abuse" in body.lower()] == []


def body_of(response: Response) -> bytes:
    """What came, its headers included; pictures and footage carry no words."""
    if "/media/" in response.url or response.status in (204, 301, 303, 304):
        return repr(response.headers).encode()
    body: bytes = response.body()
    return body + repr(response.headers).encode()
