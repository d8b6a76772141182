"""`--audit-hint` on the command line: asks twice, reports by category, writes no text."""

from pathlib import Path

import pytest

from tests.engine.cli.command_line import vau
from tests.fakes import FakeOpenAiServer


def says_what_it_is_told(body: dict[str, object], _images: object) -> str:
    return "A gunman fires." if "There are abnormal events" in str(body) else "A man stands."


@pytest.mark.parametrize("command", ["caption", "summarize"])
def test_an_audit_leaves_every_text_and_ledger_as_it_was(command: str, done: Path) -> None:
    before = {path: path.read_bytes() for path in done.rglob("*.jsonl")}
    outcome = vau(command, "--audit-hint", 1, "--quiet", cwd=done)
    assert outcome.code == 0, outcome.err
    after = {path: path.read_bytes() for path in done.rglob("*.jsonl")}
    assert after.pop(done / "runs" / f"hint_audit_{command}.jsonl")
    assert after == before


def test_an_audit_of_captions_names_what_the_label_made_the_model_say(done: Path) -> None:
    with FakeOpenAiServer() as server:
        server.behavior.answer = says_what_it_is_told
        flags = ("--model", "tiny", "--endpoint", server.url, "--audit-hint", 1)
        outcome = vau("caption", *flags, cwd=done)
        assert server.num_completions % 2 == 0
    assert "openai/tiny" in outcome.out
    assert "Fighting: 'gunman' only with the label in" in outcome.out
    assert "'A gunman fires.'" in outcome.out
    assert "openai/tiny" not in (done / "captions.jsonl").read_text()


def test_json_of_an_audit_has_a_row_for_each_step_and_category(done: Path) -> None:
    events, videos = vau("summarize", "--audit-hint", 1, "--json", cwd=done).json["audits"]
    assert (events["step"], videos["step"]) == ("summarize events", "summarize videos")
    assert [row["category"] for row in videos["categories"]] == ["Fighting", "normal"]
    assert videos["num_unlabelled"] == 1
    assert videos["categories"][0]["names_label_with"] == 1.0


def test_an_audit_goes_on_where_the_last_one_ended(done: Path) -> None:
    first = vau("summarize", "--audit-hint", 1, "--limit", 1, "--json", cwd=done).json["audits"]
    assert (first[0]["num_asked"], first[0]["num_left"] > 0) == (1, True)
    second = vau("summarize", "--audit-hint", 1, "--json", cwd=done).json["audits"]
    assert second[0]["num_asked"] == first[0]["num_left"]
    third = vau("summarize", "--audit-hint", 1, "--json", cwd=done).json["audits"]
    assert third[0]["num_asked"] == 0


def test_dry_run_of_an_audit_asks_nothing_and_writes_nothing(done: Path) -> None:
    before = sorted(done.rglob("*"))
    outcome = vau("caption", "--audit-hint", 1, "--dry-run", cwd=done)
    assert "0 asked" in outcome.out
    assert "left to ask" in outcome.out
    assert "no answers yet" in outcome.out
    assert sorted(done.rglob("*")) == before


def test_a_share_beyond_all_exits_2(done: Path) -> None:
    assert vau("caption", "--audit-hint", 1.5, cwd=done).code == 2
