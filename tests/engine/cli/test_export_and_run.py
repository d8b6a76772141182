"""`vau-data run`, `export` and `demo`."""

from pathlib import Path
from typing import get_args

import orjson

from engine.cli.export import FORMATS
from engine.dataset import Dataset
from engine.formats import Format
from engine.index import Index
from schemas import Caption, Instruction
from schemas.review import EditText
from tests.builders import a_review, add_review
from tests.engine.cli.command_line import edit_config, ingested, make_footage, new_dataset, vau


def test_run_does_all_stages_in_order_and_exports(finished: Path) -> None:
    result = vau("run", "--json", cwd=finished).json
    assert [row["stage"] for row in result["stages"]] == [
        "ingest",
        "score",
        "propose",
        "clip",
        "caption",
        "summarize events",
        "summarize videos",
        "instruct hivau",
    ]
    assert result["export"]["release"]["num_videos"] == 3
    assert (finished / "releases" / "draft" / "README.md").is_file()


def test_run_after_an_edit_redoes_what_depends_on_it_and_shows_old_against_new(done: Path) -> None:
    dataset = Dataset.open(done)
    clip_id = next(iter(Index(dataset).lines(Caption)))
    event_id = clip_id.rpartition("C")[0]
    add_review(
        dataset,
        a_review("caption", clip_id, EditText(field="text", text="A man falls off a chair.")),
        a_review(
            "instruction", f"hivau:{event_id}", EditText(field="description", text="He falls.")
        ),
    )
    outcome = vau("run", "--no-export", "--quiet", cwd=done)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert [line for line in lines if line.startswith("caption:") and "nothing to do" in line]
    assert any(
        line.startswith(f"  summary {event_id}, description: ")
        and "{+A man falls off a chair.+}" in line
        for line in lines
    )
    assert any(line.startswith(f"  instruction hivau:{clip_id}, caption: ") for line in lines)
    pinned = f"  instruction hivau:{event_id}, description, but a person's words stand: "
    assert any(line.startswith(pinned) for line in lines)
    assert "He falls." in (Index(dataset).get(Instruction, f"hivau:{event_id}").turns[1].answer)
    others = [line for line in lines if line.startswith("  ") and event_id not in line]
    assert all(event_id.rpartition("_E")[0] in line for line in others)
    again = vau("run", "--no-export", "--json", cwd=done).json
    assert all(row["text_changes"]["changes"] == [] for row in again["stages"])


def test_run_without_export_writes_no_release(dataset: Path) -> None:
    outcome = vau("run", "--no-export", "--quiet", cwd=dataset)
    assert outcome.code == 0
    assert not (dataset / "releases").exists()


def test_dry_run_of_everything_names_every_step(empty: Path) -> None:
    lines = vau("run", "--dry-run", cwd=empty).out.splitlines()
    assert len([line for line in lines if not line.startswith(" ")]) == 8


def test_export_writes_the_formats_that_were_asked_for(done: Path) -> None:
    flags = ("--format", "llava", "--format", "hivau-multi", "--format", "llava", "--name", "v1")
    outcome = vau("export", *flags, "--json", cwd=done)
    assert outcome.code == 0, outcome.err
    release = orjson.loads((done / "releases" / "v1" / "release.json").read_bytes())
    beside = {"contents", "document"}
    assert {file["format"] for file in release["files"]} == {"llava", "hivau-multi"} | beside
    assert outcome.json["release"] == release


def test_export_with_media_cuts_a_file_for_every_row(done: Path) -> None:
    outcome = vau("export", "--format", "llava", "--media", "--name", "m", cwd=done)
    assert outcome.code == 0, outcome.err
    release = done / "releases" / "m"
    lines = next((release / "llava").glob("*.jsonl")).read_bytes().splitlines()
    rows = [orjson.loads(line) for line in lines]
    assert len(rows) == 9
    assert [row["video"] for row in rows if not list(release.rglob(row["video"]))] == []


def test_release_of_the_same_name_is_replaced_only_when_asked(done: Path) -> None:
    assert vau("export", "--name", "v1", cwd=done).code == 0
    refused = vau("export", "--name", "v1", cwd=done)
    assert refused.code == 2
    assert "--overwrite" in refused.err
    assert vau("export", "--name", "v1", "--overwrite", cwd=done).code == 0


def test_unknown_format_exits_2_and_names_the_known_ones(done: Path) -> None:
    outcome = vau("export", "--format", "xml", cwd=done)
    assert outcome.code == 2
    assert FORMATS in outcome.err


def test_formats_in_the_help_are_those_that_there_are() -> None:
    assert tuple(FORMATS.split("|")) == get_args(Format)


def test_export_before_anything_is_made_exits_2(dataset: Path) -> None:
    outcome = vau("export", cwd=dataset)
    assert outcome.code == 2
    assert "vau-data run" in outcome.err


def test_demo_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    outcome = vau("demo", tmp_path)
    assert outcome.code == 2
    assert "holds something else" in outcome.err


def test_demo_that_was_cut_off_goes_on_to_its_contact_sheets(tmp_path: Path) -> None:
    home = ingested(new_dataset(tmp_path / "demo", make_footage(tmp_path / "videos")))
    (home / "clicks.csv").write_text("video-id,glance\na,100\n")
    outcome = vau("demo", home, "--quiet", "--workers", 1)
    assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in (home / "sheets").iterdir()) == ["a.png", "b.png", "c.png"]
    assert "3 contact sheets" in outcome.out
    assert "no substitute for a real model's" in outcome.out


def test_a_family_that_is_asked_for_once_is_made_and_said_not_to_be_kept_up(done: Path) -> None:
    outcome = vau("build-instructions", "--family", "vad-instruct", "--json", cwd=done)
    assert [row["stage"] for row in outcome.json["stages"]] == ["instruct vad-instruct"]
    assert outcome.json["stages"][0]["num_records"] > 0
    assert "does not name vad-instruct" in outcome.err
    said = vau(
        "export", "--format", "vad-instruct", "--family", "vad-instruct", "--name", "v", cwd=done
    )
    assert said.code == 0, said.err


def test_a_family_that_there_is_not_is_answered_with_those_that_are(done: Path) -> None:
    for command in ("build-instructions", "export"):
        outcome = vau(command, "--family", "hivvau", cwd=done)
        assert outcome.code == 2
        assert "'hivvau' is none of hivau, vad-instruct" in outcome.err


def test_a_family_that_lacks_its_model_is_refused_before_any_work(empty: Path) -> None:
    """It came last, so everything else had been done by then."""
    edit_config(empty, '["hivau"]', '["hivau", "reasoning"]')
    outcome = vau("run", cwd=empty)
    assert outcome.code == 2
    assert "family reasoning are written by the model of [summarize]" in outcome.err
    assert not (empty / "videos.jsonl").exists()
    assert vau("status", cwd=empty).code == 0
