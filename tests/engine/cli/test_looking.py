"""The commands that only look: status, show, rejects, validate, stats, prompts."""

import json
import re
from pathlib import Path

import pytest

from engine.dataset import Dataset
from schemas.review import Discard, EditText, Relabel
from tests.builders import a_review, add_review
from tests.engine.cli.command_line import (
    REPOSITORY,
    edit_config,
    own_footage,
    vau,
)
from tests.engine.cli.test_imports import raw_entry
from tests.fakes import FakeOpenAiServer

SHARED = REPOSITORY.parent / "shared" / "data"


def edit_caption(dir_path: Path, clip_id: str) -> None:
    correction = EditText(field="text", text="A man falls to the ground.")
    add_review(Dataset.open(dir_path), a_review("caption", clip_id, correction))


def test_status_of_a_new_dataset_says_what_is_to_do_and_what_comes_next(empty: Path) -> None:
    lines = vau("status", cwd=empty).out.splitlines()
    assert lines[0] == f"dataset {empty}"
    assert lines[1] == "live records: none yet"
    assert lines[4].split() == ["ingest", "–", "3", "–", "–"]
    assert "ingest: 3 to do: new" in lines
    assert lines[-1] == "next: vau-data run"


def test_status_of_a_finished_dataset_says_that_all_is_settled(finished: Path) -> None:
    outcome = vau("status", cwd=finished)
    assert outcome.out.splitlines()[-1] == "everything is settled"
    assert "3 videos, 1 click, " in outcome.out
    assert "6 summaries" in outcome.out
    assert "releases: draft" in outcome.out


def test_status_says_which_release_lacks_files_until_it_is_exported_again(done: Path) -> None:
    """The rows of a video that was away stayed out, and nothing told so once it was back."""
    video = own_footage(done) / "Fighting" / "a.mp4"
    away = video.rename(done / "away.mp4")
    assert vau("export", "--media", "--name", "v1", "--quiet", cwd=done).code == 0
    told = "release v1 lacks 3 segments whose files could not be cut"
    assert told in vau("status", cwd=done).out
    assert vau("status", "--json", cwd=done).json["num_media_missing"] == {"v1": 3}
    away.rename(video)
    again = vau("export", "--media", "--name", "v1", "--overwrite", "--quiet", cwd=done)
    assert again.code == 0
    assert "lacks" not in vau("status", cwd=done).out


def test_status_says_which_setting_made_what_stale(done: Path) -> None:
    edit_config(done, "# seed = 0", "seed = 7")
    stages = {row["stage"]: row for row in vau("status", "--json", cwd=done).json["stages"]}
    assert stages["instruct hivau"]["reasons"] == {"settings changed: seed: 0 -> 7": 9}
    assert stages["caption"]["reasons"] == {}


def test_edited_caption_makes_exactly_its_event_and_its_instruction_stale(done: Path) -> None:
    edit_caption(done, "a_E0C0")
    stages = {row["stage"]: row for row in vau("status", "--json", cwd=done).json["stages"]}
    assert stages["summarize events"]["reasons"] == {"its input changed": 1}
    assert stages["instruct hivau"]["reasons"] == {"its input changed": 1}
    assert stages["caption"]["num_to_do"] == 0


def test_status_tells_what_it_cannot_and_goes_on_with_the_rest(done: Path) -> None:
    path = Dataset.open(done).videos_dir_path
    edit_config(done, json.dumps(str(path)), '"nowhere"')
    outcome = vau("status", cwd=done)
    assert outcome.code == 0
    assert "ingest: cannot tell: there is no folder" in outcome.out
    assert "\ncaption " in outcome.out


def test_show_leads_from_a_clip_back_to_its_video(finished: Path) -> None:
    out = vau("show", "a_E0C0", cwd=finished).out
    parents = out.partition("comes from\n")[2].splitlines()[:3]
    assert [line.split()[:2] for line in parents] == [
        ["event", "a_E0,"],
        ["click", "a_K0"],
        ["video", "a,"],
    ]
    assert "made by: model, baseline/captioner-1 (stage caption, fingerprint " in out


def test_show_of_an_event_has_its_clips_captions_and_summary(finished: Path) -> None:
    out = vau("show", "a_E0", cwd=finished).out
    assert "    clip a_E0C0, " in out
    assert "    summary: " in out


def test_show_lays_reviews_over_the_record_and_lists_them(done: Path) -> None:
    edit_caption(done, "a_E0C0")
    out = vau("show", "a_E0C0", cwd=done).out
    assert "text: A man falls to the ground." in out
    assert "review: 2026-01-01T00:00:00Z tester: edit_text" in out


@pytest.mark.parametrize("record_id", ["a", "a_E0", "a_E0C0", "a_K0", "hivau:a_E0"])
def test_show_speaks_no_python(record_id: str, done: Path) -> None:
    """It printed `True`, `('Fighting',)` and a whole dict on one line."""
    relabel = Relabel(is_anomalous=True, categories=("Fighting",))
    add_review(Dataset.open(done), a_review("event", "a_E0", relabel))
    out = vau("show", record_id, cwd=done).out
    assert not re.search(r"\b(True|False|None)\b|\('|\{'|\['|\(\)|\[\]", out)
    if record_id == "a":
        assert "\n  is_anomalous: true\n  categories: Fighting\n" in out
        assert "\n  media:\n    path: Fighting/a.mp4\n" in out
    if record_id == "a_E0":
        assert "tester: relabel is_anomalous: true; categories: Fighting\n" in out


def test_show_lists_what_is_wrong_with_a_file_line_by_line(done: Path) -> None:
    path = done / "videos.jsonl"
    problem = '{"code":"variable_rate","detail":"20 to 400 ms","hint":"nothing to do"}'
    path.write_text(path.read_text().replace('"problems":[]', f'"problems":[{problem}]'))
    out = vau("show", "a", cwd=done).out
    assert (
        "    problems:\n"
        "      - code: variable_rate\n"
        "        detail: 20 to 400 ms\n"
        "        hint: nothing to do\n"
    ) in out


def test_show_of_a_discarded_record_says_that_it_is_out(done: Path) -> None:
    correction = Discard(reason="nothing happens")
    add_review(Dataset.open(done), a_review("event", "a_E0", correction))
    out = vau("show", "a_E0", cwd=done).out
    assert "event a_E0 (discarded: not part of the dataset now)" in out


def test_show_of_an_instruction_has_its_questions_and_answers(finished: Path) -> None:
    sightings = vau("show", "hivau:a_E0", "--json", cwd=finished).json["sightings"]
    assert [turn["task"] for turn in sightings[0]["record"]["turns"]][:2] == [
        "judgement",
        "description",
    ]
    assert "  judgement: " in vau("show", "hivau:a_E0", cwd=finished).out


def test_unknown_id_exits_2_and_suggests_near_ones(finished: Path) -> None:
    outcome = vau("show", "a_E0C7", cwd=finished)
    assert outcome.code == 2
    assert "near to it: " in outcome.err
    assert "a_E0C0" in outcome.err


def test_rejects_are_listed_with_reason_and_as_json(done: Path) -> None:
    videos = done / "more"
    videos.mkdir()
    (videos / "bad.mp4").write_text("no video at all")
    path = Dataset.open(done).videos_dir_path
    edit_config(done, json.dumps(str(path)), '"more"')
    vau("ingest", "--quiet", cwd=done)
    assert vau("rejects", cwd=done).out.startswith("ingest  bad  media_unreadable: ")
    (reject,) = vau("rejects", "--reason", "media_unreadable", "--json", cwd=done).json
    assert reject["item_id"] == "bad"
    assert vau("rejects", "--stage", "caption", cwd=done).out == ""
    (videos / "bad.mp4").unlink()
    (videos / "empty.mp4").write_bytes(b"")
    vau("ingest", "--quiet", cwd=done)
    assert "bad.mp4" not in vau("rejects", cwd=done).out


@pytest.mark.parametrize("flag", ["--stage", "--reason"])
def test_unknown_stage_or_reason_exits_2_and_lists_the_known(flag: str, finished: Path) -> None:
    outcome = vau("rejects", flag, "captoin", cwd=finished)
    assert outcome.code == 2
    assert "there are: " in outcome.err


def test_validate_of_a_sound_dataset_finds_nothing(finished: Path) -> None:
    outcome = vau("validate", cwd=finished)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.endswith("no defects found\n")


def test_validate_names_the_record_of_each_defect_and_exits_1(done: Path) -> None:
    correction = Discard(reason="wrong")
    add_review(Dataset.open(done), a_review("caption", "a_E0C0", correction))
    outcome = vau("validate", cwd=done)
    assert outcome.code == 1
    assert "a_E0C0  caption-missing: " in outcome.out
    found = vau("validate", "--json", cwd=done).json
    assert found["counts"]["caption-missing"] == 1


def test_validate_tells_raw_files_and_instruction_files_apart(tmp_path: Path) -> None:
    raw = tmp_path / "any.json"
    raw.write_text(json.dumps({"v": raw_entry(clips=[[[1.0, 5.0], [5.0, 99.0]]])}, indent=1))
    assert "v_E0C1  clip-outside-event: " in vau("validate", raw).out
    row = {"id": 0, "type": "clip", "task": "caption", "video": "x/v_E0C0.mp4", "prompt": "What?"}
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps(row | {"anwser": "A man."}) + "\n")
    assert "v_E0C0  misspelt-answer-key: " in vau("validate", rows).out


def test_validate_of_a_file_that_is_neither_exits_2(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text("[1, 2]")
    assert vau("validate", path).code == 2


@pytest.mark.skipif(not SHARED.exists(), reason=f"reference data is not at {SHARED}")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ucf_database_test_part.json", "clip-outside-event"),
        ("merge_instruction_test_part.jsonl", "misspelt-answer-key"),
    ],
)
def test_validate_finds_the_known_defects_of_published_files(name: str, code: str) -> None:
    outcome = vau("validate", SHARED / "hivau" / name, "--json")
    assert outcome.code == 1
    assert outcome.json["counts"][code] > 0


def test_stats_count_segments_words_questions_and_makers(finished: Path) -> None:
    tables = vau("stats", "--json", cwd=finished).json
    by_kind = {row["granularity"]: row for row in tables["granularity"]}
    assert by_kind["video"]["count"] == 3
    assert by_kind["video"]["mean s"] == pytest.approx(19 / 3, abs=0.001)
    assert [row["category"] for row in tables["category"]] == ["Fighting", "normal", "unlabelled"]
    assert {row["made by"] for row in tables["usage"]} == {
        "baseline/captioner-1",
        "baseline/summarizer-1",
    }
    assert sum(row["count"] for row in tables["usage"]) == by_kind["clip"]["count"] + 6
    assert "clips, events and videos" in vau("stats", cwd=finished).out


def test_stats_of_tokens_are_sums_where_they_were_counted(done: Path) -> None:
    with FakeOpenAiServer() as server:
        vau("caption", "--model", "tiny", "--endpoint", server.url, cwd=done)
    rows = {row["made by"]: row for row in vau("stats", "--json", cwd=done).json["usage"]}
    assert rows["openai/tiny"]["output tokens"] > 0
    assert rows["baseline/summarizer-1"]["output tokens"] is None


def test_stats_of_an_empty_dataset_say_that_there_is_nothing_yet(empty: Path) -> None:
    outcome = vau("stats", cwd=empty)
    assert outcome.code == 0
    assert "questions: none yet" in outcome.out


def test_prompts_are_listed_with_what_fills_them() -> None:
    listed = vau("prompts", "list", "--json").json
    assert listed["prompts"]["summarize_event.abnormal"] == ["categories", "clip_captions"]
    assert listed["questions"]["caption"] > 0


def test_prompt_of_a_baseline_item_says_that_nothing_is_sent(finished: Path) -> None:
    for item in ("a_E0C0", "a_E0", "a"):
        assert "nothing is sent" in vau("prompts", "show", "--item", item, cwd=finished).out


def test_prompt_shown_is_the_request_that_is_sent(done: Path) -> None:
    with FakeOpenAiServer() as server:
        edit_config(
            done,
            "[caption]\n",
            f'[caption]\nnum_frames = 2\nendpoints = ["{server.url}"]\n',
        )
        edit_config(
            done, 'model = "baseline"\n# model = "llava', 'model = "tiny"\n# model = "llava'
        )
        (shown,) = vau("prompts", "show", "--item", "a_E0C0", "--json", cwd=done).json
        assert server.num_completions == 0
        assert vau("caption", cwd=done).code == 0
        (sent,) = server.received("a_E0C0")
    assert set(shown["body"]) == set(sent.body)
    parts = shown["body"]["messages"][0]["content"]
    sent_parts = sent.body["messages"][0]["content"]
    assert [part["type"] for part in parts] == [part["type"] for part in sent_parts]
    assert parts[-1] == sent_parts[-1]
    assert "jpeg" in parts[0]["image_url"]["url"]


def test_prompt_of_a_summary_carries_the_captions(done: Path) -> None:
    edit_caption(done, "a_E0C0")
    edit_config(
        done,
        '[summarize]\nmodel = "baseline"',
        '[summarize]\nmodel = "tiny"\nendpoints = ["http://127.0.0.1:9/v1"]',
    )
    (shown,) = vau("prompts", "show", "--item", "a_E0", "--json", cwd=done).json
    assert "A man falls to the ground." in shown["prompt"]
    assert shown["body"]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    ("broken", "item", "refused"),
    [("summarize", "a_E0C0", "a_E0"), ("caption", "a_E0", "a_E0C0")],
)
def test_prompt_of_one_model_is_shown_though_the_other_model_is_set_up_wrongly(
    broken: str, item: str, refused: str, done: Path
) -> None:
    """A summarizer with a bad endpoint hid what captioners are asked."""
    path = done / "dataset.toml"
    before, mark, after = path.read_text().partition(f"[{broken}]")
    wrong = '\nmodel = "tiny"\nendpoints = ["nowhere"]'
    path.write_text(before + mark + after.replace('\nmodel = "baseline"', wrong, 1))
    shown = vau("prompts", "show", "--item", item, cwd=done)
    assert shown.code == 0, shown.err
    assert "nothing is sent" in shown.out
    outcome = vau("prompts", "show", "--item", refused, cwd=done)
    assert outcome.code == 2
    assert "endpoint" in outcome.err


def test_prompt_of_an_unknown_item_exits_2(finished: Path) -> None:
    outcome = vau("prompts", "show", "--item", "nobody", cwd=finished)
    assert outcome.code == 2
    assert "no clip, event or video of id 'nobody'" in outcome.err
