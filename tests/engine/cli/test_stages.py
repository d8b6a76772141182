"""The commands that run stages: counts, limits, plans, locks, models for one run."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from engine.store import JsonlWriter
from tests.engine.cli.command_line import (
    REPOSITORY,
    as_somebody_else,
    edit_config,
    ingested,
    make_footage,
    new_dataset,
    vau,
)
from tests.fakes import FakeOpenAiServer

STAGE_COMMANDS = ("ingest", "score", "propose", "clip", "caption", "summarize")
ALL_STAGE_COMMANDS = (*STAGE_COMMANDS, "build-instructions", "run")


def test_ingest_says_what_was_done_and_then_that_nothing_is_to_do(empty: Path) -> None:
    first, second = vau("ingest", cwd=empty), vau("ingest", cwd=empty)
    assert (first.code, second.code) == (0, 0)
    assert first.out.startswith("ingest: 3 done, 3 records; ")
    assert second.out.startswith("ingest: nothing to do, 3 already settled; ")


@pytest.mark.parametrize("command", ALL_STAGE_COMMANDS)
def test_finished_dataset_has_nothing_to_do_for_any_stage(command: str, finished: Path) -> None:
    outcome = vau(command, "--dry-run", cwd=finished)
    assert outcome.code == 0
    assert "would" not in outcome.out
    assert "nothing to do" in outcome.out


def test_json_of_a_stage_is_all_there_is_on_standard_output(dataset: Path) -> None:
    (row,) = vau("score", "--json", cwd=dataset).json["stages"]
    assert (row["stage"], row["num_done"], row["rejects"]) == ("score", 2, {})


def test_dry_run_names_items_and_reasons_and_writes_nothing(empty: Path) -> None:
    before = sorted(empty.rglob("*"))
    outcome = vau("ingest", "--dry-run", cwd=empty)
    assert outcome.out.splitlines()[0] == "ingest: would do 3, 0 already settled"
    assert "  a: new" in outcome.out
    assert sorted(empty.rglob("*")) == before


def test_dry_run_as_json_gives_the_reason_of_each_item(empty: Path) -> None:
    (plan,) = vau("ingest", "--dry-run", "--json", "--limit", 2, cwd=empty).json["plans"]
    assert set(plan["to_do"].values()) == {"new"}
    assert (len(plan["to_do"]), plan["num_left"]) == (2, 1)


def test_limit_does_that_many_and_counts_the_rest(dataset: Path) -> None:
    assert "1 done" in (outcome := vau("score", "--limit", 1, cwd=dataset)).out
    assert "1 left by --limit" in outcome.out


def test_events_without_scores_wait_and_say_so(dataset: Path) -> None:
    outcome = vau("propose", cwd=dataset)
    assert "2 waiting for score" in outcome.out


def test_summarize_reports_events_and_videos_apart(finished: Path) -> None:
    rows = vau("summarize", "--json", cwd=finished).json["stages"]
    assert [row["stage"] for row in rows] == ["summarize events", "summarize videos"]


def test_rejected_share_above_the_limit_exits_4_but_keeps_the_rest(tmp_path: Path) -> None:
    footage = make_footage(tmp_path / "videos")
    (footage / "bad.mp4").write_text("no video at all")
    home = new_dataset(tmp_path / "ds", footage)
    outcome = vau("ingest", cwd=home)
    assert outcome.code == 4
    assert "1 of 4 items are rejected (now: 1 media_unreadable)" in outcome.err
    assert "3 already settled" not in vau("ingest", cwd=home).out
    assert "4 already settled" in vau("ingest", cwd=home).out


def test_rejects_are_tried_again_when_asked_and_a_higher_rate_is_no_error(tmp_path: Path) -> None:
    footage = make_footage(tmp_path / "videos")
    bad = footage / "bad.mp4"
    bad.write_text("no video at all")
    home = new_dataset(tmp_path / "ds", footage)
    assert vau("ingest", "--max-reject-rate", 0.5, cwd=home).code == 0
    outcome = vau("ingest", "--retry-rejects", "--max-reject-rate", 1, cwd=home)
    assert outcome.out.startswith("ingest: 0 done, 0 records, 1 rejected (1 media_unreadable)")
    plan = vau("ingest", "--retry-rejects", "--dry-run", cwd=home).out
    assert "  bad: rejected before: media_unreadable" in plan


def test_missing_labels_csv_exits_2_and_names_the_setting(dataset: Path) -> None:
    edit_config(dataset, '# labels = "labels.csv"', 'labels = "labels.csv"')
    outcome = vau("ingest", cwd=dataset)
    assert outcome.code == 2
    assert "labels.csv does not exist" in outcome.err


def test_second_process_on_the_same_stage_is_refused(dataset: Path) -> None:
    with JsonlWriter(dataset / "scores.jsonl"):
        outcome = subprocess.run(
            [sys.executable, "-m", "engine.cli.main", "score", "--dataset", str(dataset)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
    assert outcome.returncode == 2
    assert "another process is writing" in outcome.stderr


def test_read_only_folder_exits_2_and_says_what_to_do() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        home = ingested(new_dataset(root / "ds", make_footage(root / "videos")))
        home.chmod(0o555)
        with as_somebody_else():
            outcome = vau("score", "--quiet", cwd=home)
        home.chmod(0o755)
    assert outcome.code == 2
    assert "make the folder writable" in outcome.err


def test_model_for_one_run_is_used_and_its_consequence_is_told(done: Path) -> None:
    with FakeOpenAiServer() as server:
        outcome = vau("caption", "--model", "tiny", "--endpoint", server.url, cwd=done)
        asked = [one.item_id for one in server.requests]
    assert len([item_id for item_id in asked if not item_id.startswith("canary:")]) == 3
    assert outcome.code == 0
    assert "for this run only" in outcome.err
    assert "openai/tiny" in (done / "captions.jsonl").read_text()
    reasons = vau("status", cwd=done).out
    assert "model: openai/tiny -> baseline/captioner-1" in reasons


def test_dead_endpoint_exits_3(done: Path) -> None:
    flags = ("--model", "tiny", "--endpoint", "http://127.0.0.1:9/v1")
    outcome = vau("caption", *flags, cwd=done)
    assert outcome.code == 3
    assert "no endpoint answers" in outcome.err


def test_model_without_endpoint_exits_2(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    outcome = vau("summarize", "--model", "tiny", cwd=done)
    assert outcome.code == 2
    assert "no endpoint serves it" in outcome.err


@pytest.mark.parametrize("flag", [("--limit", -1), ("--workers", 0), ("--max-reject-rate", 2)])
def test_flag_out_of_range_exits_2(flag: tuple[str, int], empty: Path) -> None:
    assert vau("ingest", *flag, cwd=empty).code == 2
