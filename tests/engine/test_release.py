import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.cli._exports import unsettled_items
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.release import ExportOptions, ExportReport, export
from schemas import Provenance, Release
from schemas.review import Discard, EditText
from tests.builders import (
    VIDEO_ID,
    a_caption,
    a_click,
    a_clip,
    a_dataset,
    a_human_caption,
    a_review,
    a_summary,
    a_video,
    add_review,
    an_event,
    bring_in,
    run_named,
)

FORMATS: Any = ("hivau-raw", "hivau-single", "hivau-multi", "llava")
TEXT_STEPS = ("propose", "clip", "caption", "summarize event:", "summarize video:", "instruct")
SERVED = Provenance(made_by="model", name="openai/llava-next")


def an_annotated_dataset(dir_path: Path) -> Dataset:
    """Three annotation-only videos, with texts by people and the baseline summarizer."""
    dataset = a_dataset(dir_path)
    for number, split in ((10, "train"), (2, "test"), (1, None)):
        video_id = f"Abuse{number}"
        bring_in(
            dataset,
            a_video(video_id, split=split),
            a_click(f"{video_id}_K0", time_seconds=30.0),
            a_human_caption(
                f"{video_id}_H0",
                start_seconds=25.0,
                end_seconds=34.0,
                text="A man in red shouts at a woman; „hé“ she says.",
            ),
        )
    run_named(dataset, *TEXT_STEPS)
    return dataset


OPTIONS = ExportOptions(FORMATS, "draft")


def exported(dataset: Dataset, name: str = "draft", **changes: Any) -> ExportReport:
    return export(dataset, ExportOptions(**({"formats": FORMATS, "name": name} | changes)))


def tree(dir_path: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(dir_path)): p.read_bytes() for p in dir_path.rglob("*") if p.is_file()
    }


def test_a_release_is_byte_for_byte_the_same_every_time(tmp_path: Path) -> None:
    dataset = an_annotated_dataset(tmp_path)
    first = tree(exported(dataset).dir_path)
    assert tree(exported(dataset).dir_path) == first


def test_a_release_does_not_depend_on_the_order_in_which_things_were_made(tmp_path: Path) -> None:
    dataset = an_annotated_dataset(tmp_path)
    first = tree(exported(dataset).dir_path)
    for path in tmp_path.glob("*.jsonl"):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(reversed(lines)))
    assert tree(exported(dataset).dir_path) == first


def test_a_release_says_what_is_in_it_truly(tmp_path: Path) -> None:
    report = exported(an_annotated_dataset(tmp_path))
    said = Release.model_validate_json((report.dir_path / "release.json").read_bytes())
    assert said == report.release
    assert (said.num_videos, said.num_events, said.num_clips) == (3, 3, 3)
    assert said.num_instructions == 9
    listed = {file.path for file in said.files}
    assert listed | {"release.json"} == set(tree(report.dir_path))
    for file in said.files:
        content = (report.dir_path / file.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert len(content) == file.size_bytes
    assert set(said.fingerprints) == {
        *("import", "propose", "clip", "caption", "summarize", "instruct")
    }
    assert said.makers["summaries.jsonl"] == {"baseline/summarizer-1": 6}


def test_rows_are_where_their_split_belongs_and_files_hold_json(tmp_path: Path) -> None:
    root = exported(an_annotated_dataset(tmp_path)).dir_path
    raw = {p.name: json.loads(p.read_text()) for p in (root / "hivau-raw").iterdir()}
    assert {name: list(entries) for name, entries in raw.items()} == {
        "ucf_database_test.json": ["Abuse2"],
        "ucf_database_train.json": ["Abuse1", "Abuse10"],
    }
    for path in root.glob("*/*.jsonl"):
        rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        assert rows
        is_test = "test" in path.name
        assert all(("/test/" in row["video"]) is is_test for row in rows)
    single = (root / "hivau-single" / "merge_instruction_train.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line)["id"] for line in single] == list(range(len(single)))


def test_the_first_line_of_the_card_says_baseline(tmp_path: Path) -> None:
    root = exported(an_annotated_dataset(tmp_path)).dir_path
    first_line = (root / "README.md").read_text().splitlines()[0]
    assert "baseline" in first_line
    assert "baseline/summarizer-1" in first_line


def real_texts(dataset: Dataset, provenance: Provenance = SERVED) -> None:
    bring_in(
        dataset,
        a_video(),
        an_event(),
        a_clip(),
        a_caption(provenance=provenance),
        a_summary(provenance=provenance),
        a_summary(VIDEO_ID, provenance=provenance),
    )
    run_named(dataset, "instruct")


def test_the_card_of_a_release_by_real_models_says_nothing_of_the_baseline(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    real_texts(dataset)
    card = (exported(dataset).dir_path / "README.md").read_text()
    assert card.startswith("# draft")
    assert "baseline" not in card
    assert "`openai/llava-next`" in card


def test_texts_of_the_baseline_are_not_mixed_with_those_of_real_models_unasked(
    tmp_path: Path,
) -> None:
    dataset = an_annotated_dataset(tmp_path)
    real_texts(dataset)
    with pytest.raises(UsageError, match=r"baseline/summarizer-1.*openai/llava-next") as caught:
        exported(dataset)
    assert "--allow-baseline" in str(caught.value)
    assert not dataset.releases_dir_path.exists()
    report = exported(dataset, allow_baseline=True)
    assert "baseline" in (report.dir_path / "README.md").read_text().splitlines()[0]


def test_texts_of_the_baseline_beside_human_ones_are_no_mixture(tmp_path: Path) -> None:
    makers = exported(an_annotated_dataset(tmp_path)).release.makers
    assert makers["captions.jsonl"] == {"tester": 3}


def test_the_draft_is_replaced_and_every_other_name_is_kept(tmp_path: Path) -> None:
    dataset = an_annotated_dataset(tmp_path)
    exported(dataset)
    exported(dataset, "v1")
    before = tree(dataset.releases_dir_path / "v1")
    add_review(dataset, a_review("video", "Abuse1", Discard(reason="blurred")))
    run_named(dataset, *TEXT_STEPS)
    assert exported(dataset).release.num_videos == 2
    with pytest.raises(UsageError, match=r"'v1' exists.*--overwrite"):
        exported(dataset, "v1")
    assert tree(dataset.releases_dir_path / "v1") == before
    assert exported(dataset, "v1", overwrite=True).release.num_videos == 2


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", ".."])
def test_a_name_that_is_no_folder_of_releases_is_refused(tmp_path: Path, name: str) -> None:
    dataset = an_annotated_dataset(tmp_path)
    with pytest.raises(UsageError, match=r"exists|no name for a release"):
        exported(dataset, name)
    assert not dataset.releases_dir_path.exists()


def test_what_a_crash_left_behind_is_cleaned_and_not_shipped(tmp_path: Path) -> None:
    dataset = an_annotated_dataset(tmp_path)
    expected = tree(exported(dataset, "v1").dir_path)
    for leftover in (".v2.part", ".v2.old"):
        path = dataset.releases_dir_path / leftover / "hivau-raw"
        path.mkdir(parents=True)
        (path / "junk.json").write_text("{")
    found = tree(exported(dataset, "v2").dir_path)
    assert set(found) == set(expected)
    names = sorted(path.name for path in dataset.releases_dir_path.iterdir())
    assert names == ["v1", "v2"]


def stop_between_renames(dataset: Dataset, name: str) -> None:
    """As a kill does: the release is moved aside, and its successor not yet in its place."""
    target = dataset.releases_dir_path / name
    target.rename(target.with_name(f".{name}.old"))


@pytest.mark.parametrize("next_name", ["v1", "draft"])
def test_a_release_moved_aside_by_a_process_that_was_killed_is_put_back(
    tmp_path: Path, next_name: str
) -> None:
    dataset = an_annotated_dataset(tmp_path)
    expected = tree(exported(dataset, "v1").dir_path)
    stop_between_renames(dataset, "v1")
    if next_name == "v1":
        with pytest.raises(UsageError, match="'v1' exists"):
            exported(dataset, "v1")
    else:
        exported(dataset, next_name)
    assert tree(dataset.releases_dir_path / "v1") == expected
    assert not list(dataset.releases_dir_path.glob(".*"))


def test_a_release_that_was_replaced_before_the_kill_stays_replaced(tmp_path: Path) -> None:
    dataset = an_annotated_dataset(tmp_path)
    exported(dataset, "v1")
    stop_between_renames(dataset, "v1")
    successor = dataset.releases_dir_path / "v1"
    successor.mkdir()
    (successor / "README.md").write_text("newer")
    exported(dataset)
    assert tree(successor) == {"README.md": b"newer"}
    assert not list(dataset.releases_dir_path.glob(".*"))


def test_of_two_exports_at_once_the_second_is_refused_and_the_first_is_whole(
    tmp_path: Path,
) -> None:
    dataset = an_annotated_dataset(tmp_path)
    expected = tree(exported(dataset).dir_path)
    is_under_way, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        is_under_way.set()
        assert may_go_on.wait(30)

    first = threading.Thread(target=export, args=(dataset, OPTIONS), kwargs={"on_video": wait})
    first.start()
    assert is_under_way.wait(30)
    try:
        with pytest.raises(UsageError, match=rf"process {os.getpid()} \('draft'\) is exporting"):
            exported(dataset, "other")
    finally:
        may_go_on.set()
        first.join()
    assert tree(dataset.releases_dir_path / "draft") == expected
    exported(dataset, "other")
    assert not list((dataset.dir_path / ".locks").glob("*.owner"))


def test_an_export_that_fails_leaves_the_earlier_release_and_nothing_half_done(
    tmp_path: Path,
) -> None:
    dataset = an_annotated_dataset(tmp_path)
    before = tree(exported(dataset).dir_path)
    path = dataset.dir_path / "instructions.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"turns":', b'"tours":'))
    with pytest.raises(UsageError, match=r"instructions\.jsonl"):
        exported(dataset)
    assert tree(dataset.releases_dir_path / "draft") == before
    assert [path.name for path in dataset.releases_dir_path.iterdir()] == ["draft"]


def test_an_empty_dataset_has_nothing_to_export_and_leaves_no_folder(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    with pytest.raises(UsageError, match="nothing to export yet; `vau-data run`"):
        exported(dataset)
    assert not list(tmp_path.rglob("draft"))


def test_a_persons_words_are_what_is_exported(tmp_path: Path) -> None:
    dataset = an_annotated_dataset(tmp_path)
    edit = EditText(field="text", text="A man in green sings.")
    add_review(dataset, a_review("caption", "Abuse1_E0C0", edit))
    run_named(dataset, *TEXT_STEPS)
    whole = b"".join(tree(exported(dataset).dir_path).values())
    assert whole.count(b"A man in green sings.") >= 4, "raw, single, multi and llava"


@pytest.mark.parametrize("target", ["instruction", "video"])
def test_what_a_person_discarded_is_not_exported(tmp_path: Path, target: str) -> None:
    dataset = an_annotated_dataset(tmp_path)
    target_id = {"instruction": "hivau:Abuse1_E0C0", "video": "Abuse1"}[target]
    add_review(dataset, a_review(target, target_id, Discard(reason="blurred")))
    run_named(dataset, *TEXT_STEPS)
    report = exported(dataset)
    assert report.release.num_instructions == {"instruction": 8, "video": 6}[target]
    assert report.release.num_clips == {"instruction": 3, "video": 2}[target]
    rows = (report.dir_path / "hivau-multi" / "instruction_train.jsonl").read_text()
    assert '"Abuse1_E0C0"' not in rows


@pytest.mark.parametrize(
    ("target", "target_id"),
    [("caption", "Abuse1_E0C0"), ("summary", "Abuse1_E0"), ("summary", "Abuse1")],
)
def test_a_text_discarded_for_privacy_is_in_no_file_even_before_the_next_run(
    tmp_path: Path, target: str, target_id: str
) -> None:
    dataset = an_annotated_dataset(tmp_path)
    add_review(dataset, a_review(target, target_id, Discard(reason="privacy")))
    report = exported(dataset)
    assert report.release.num_instructions == 8
    assert report.release.makers["instructions.jsonl"] == {"rule/instruct-hivau": 8}
    for path in report.dir_path.glob("*/*.jsonl"):
        ids = [str(orjson.loads(line)["id"]) for line in path.read_bytes().splitlines()]
        assert f"hivau:{target_id}" not in ids


def test_a_segment_discarded_before_the_next_run_takes_its_instructions_along(
    tmp_path: Path,
) -> None:
    dataset = an_annotated_dataset(tmp_path)
    add_review(dataset, a_review("event", "Abuse1_E0", Discard(reason="privacy")))
    release = exported(dataset).release
    assert release.num_instructions == 7
    assert release.makers["instructions.jsonl"] == {"rule/instruct-hivau": 7}


def test_an_export_with_steps_left_to_do_says_so_on_the_card_and_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = an_annotated_dataset(tmp_path)
    edit = EditText(field="text", text="A man in green sings.")
    add_review(dataset, a_review("caption", "Abuse1_E0C0", edit))
    run_named(dataset, "summarize event:")
    unsettled = unsettled_items(dataset)
    assert unsettled == {"summarize videos": 1, "instruct hivau": 2}
    said = capsys.readouterr().err
    assert "not settled (summarize videos 1, instruct hivau 2)" in said
    assert "vau-data run" in said
    root = exported(dataset, unsettled=unsettled).dir_path
    said_in_json = Release.model_validate_json((root / "release.json").read_bytes()).unsettled
    assert said_in_json == unsettled
    card = (root / "README.md").read_text()
    limits = card.partition("## Known limits")[2]
    assert "- 2 items of stage `instruct hivau` were not settled when this was exported." in limits


def test_an_export_of_a_settled_dataset_says_nothing_about_work_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = an_annotated_dataset(tmp_path)
    assert unsettled_items(dataset) == {}
    assert capsys.readouterr().err == ""
    assert "not settled" not in (exported(dataset).dir_path / "README.md").read_text()


def test_a_step_that_cannot_tell_does_not_stop_an_export(tmp_path: Path) -> None:
    dataset = an_annotated_dataset(tmp_path)
    dataset.videos_dir_path.rmdir()
    unsettled = unsettled_items(dataset)
    assert unsettled == {"ingest": None}
    card = (exported(dataset, unsettled=unsettled).dir_path / "README.md").read_text()
    assert "an unknown number of items of stage `ingest`" in card


def test_videos_whose_names_count_alike_are_in_one_order_however_they_came(
    tmp_path: Path,
) -> None:
    trees = []
    for number, names in enumerate((("cam1", "cam01"), ("cam01", "cam1"))):
        dataset = a_dataset(tmp_path / str(number))
        for name in names:
            bring_in(
                dataset,
                a_video(name),
                an_event(f"{name}_E0"),
                a_clip(f"{name}_E0C0"),
                a_caption(f"{name}_E0C0"),
                a_summary(f"{name}_E0"),
                a_summary(name),
            )
        run_named(dataset, *TEXT_STEPS)
        trees.append(tree(exported(dataset).dir_path))
    assert trees[0] == trees[1]


def test_rejects_are_counted_and_named_among_the_limits(tmp_path: Path) -> None:
    dataset = an_annotated_dataset(tmp_path)
    bring_in(dataset, a_video("Late1"), a_click("Late1_K0", time_seconds=99.0))
    run_named(dataset, *TEXT_STEPS)
    report = exported(dataset)
    assert report.release.num_rejects == {"propose": 1}
    card = (report.dir_path / "README.md").read_text()
    assert "1 items are missing because stage `propose` rejected them" in card


def test_a_format_named_twice_is_written_once(tmp_path: Path) -> None:
    files = exported(an_annotated_dataset(tmp_path), formats=("llava", "llava")).release.files
    paths = ["llava/llava_test.jsonl", "llava/llava_train.jsonl"]
    assert sorted(file.path for file in files if file.format == "llava") == paths


def test_the_card_is_the_same_for_whatever_formats_are_asked_for(tmp_path: Path) -> None:
    dataset = an_annotated_dataset(tmp_path)

    def counts(formats: tuple[str, ...]) -> str:
        card = (exported(dataset, formats=formats).dir_path / "README.md").read_text()
        return card.partition("## Files")[0]

    assert counts(("llava",)) == counts(FORMATS)
