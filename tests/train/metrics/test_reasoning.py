import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from engine.errors import UsageError
from schemas import Release
from schemas.release import ReleaseFile
from tests.engine.sources.reference import needs_reference_data, reference
from tests.train.metrics.test_multiple_choice import a_csv, a_question
from train.metrics.judgements import Judged, judgement_figures
from train.metrics.reasoning import ReasoningReport, read_answered, report_on
from train.metrics.reasoning_tables import as_latex, as_markdown
from train.metrics.references import Duplicates, read_benchmark
from train.metrics.toolkit import Missing

NO_JAVA = Missing("by the test")
YES, NO = "An anomaly exists, specifically a fight.", "No anomaly exists in the video."
ASKED = "Which?\nA. Abuse, from 1.0 s to 3.0 s\nB. Arson, from 1.0 s to 3.0 s\nC. x\nD. y\nAnswer."


def a_row(id_: int, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {"id": id_, "type": "event", "task": "judgement"}
    row |= {"video": "ucf-crime/events/test/Abuse001_x264_E0.mp4", "prompt": "Is there one?"}
    return row | {"answer": YES} | changes


def lines(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def measured(
    dir_path: Path,
    rows: list[dict[str, object]],
    answers: dict[object, str],
    duplicates: Duplicates = "once",
) -> ReasoningReport:
    path = lines(dir_path / "rows.jsonl", rows)
    said = lines(dir_path / "said.jsonl", ({"id": i, "answer": a} for i, a in answers.items()))
    benchmark = read_benchmark(path, split="test", duplicates=duplicates)
    return report_on(read_answered(benchmark, said), NO_JAVA)


NORMAL = "ucf-crime/videos/test/Normal_Videos_003_x264.mp4"
ROWS = [
    a_row(0),
    a_row(1, type="video", video=NORMAL, answer=NO),
    a_row(2, type="clip", task="caption", answer="A man hits another man."),
    a_row(3, type="clip", task="caption", answer="A man hits another man.", prompt="Describe."),
    a_row(4, type="video", task="grounding", answer="from 1 s to 3 s"),
    a_row(5, type="video", task="mcq", prompt=ASKED, answer="B"),
]
ANSWERS: dict[object, str] = {0: NO, 1: "No.", 2: "A man hits a man.", 4: "2s to 3s", "5": "(B)"}


def test_each_kind_of_answer_is_measured_by_its_own_figures(tmp_path: Path) -> None:
    report = measured(tmp_path, ROWS, ANSWERS)
    assert (report.num_questions, report.num_repeated) == (5, 1)
    assert {level: found.num_answers for level, found in report.levels.items()} == {
        "clip": 1,
        "event": 1,
        "video": 1,
    }
    assert list(report.tasks) == ["clip: caption", "event: judgement", "video: judgement"]
    assert report.judgement["all"].accuracy_by_label == 0.5
    assert report.judgement["event"].accuracy_by_label == 0
    assert report.spans is not None
    assert report.spans.mean_tiou == pytest.approx(0.5)
    assert report.mcq is not None
    assert report.mcq.every.num_right == 1
    assert report.meteor_missing == "by the test"


def test_repeated_rows_count_in_the_published_way_alone(tmp_path: Path) -> None:
    report = measured(tmp_path, ROWS, ANSWERS | {3: ""}, duplicates="keep")
    assert report.levels["clip"].num_answers == 2
    assert (report.num_repeated, report.num_empty) == (0, 1)
    once = measured(tmp_path, ROWS, ANSWERS | {3: ""})
    assert once.levels["clip"].num_answers == 1
    assert once.num_empty == 0


def test_times_and_letters_that_happen_to_agree_are_no_repetition(tmp_path: Path) -> None:
    rows = [a_row(n, task="grounding", prompt=f"When is {n}?", answer="1s to 2s") for n in (0, 1)]
    report = measured(tmp_path, rows, {0: "1s to 2s", 1: "1s to 2s"})
    assert report.num_repeated == 0


def test_answers_that_do_not_fit_are_all_named_and_nothing_is_measured(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        measured(tmp_path, ROWS, {1: NO, 2: "x", 4: "x", "5": "A man", 9: "x"})
    said = str(caught.value)
    assert "1 questions have no answer: 0;" in said
    assert "1 answers are to no question: 9" in said
    assert "1 answers name no one letter of A to D: 5 ('A man')" in said


def test_an_answer_given_twice_is_refused(tmp_path: Path) -> None:
    path = lines(tmp_path / "rows.jsonl", [a_row(0)])
    said = lines(tmp_path / "said.jsonl", [{"id": i, "answer": NO} for i in (0, "0")])
    benchmark = read_benchmark(path, split="test", duplicates="once")
    with pytest.raises(UsageError, match="1 questions are answered twice: 0;"):
        read_answered(benchmark, said)


def test_rows_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 questions have an id twice: 0;"):
        measured(tmp_path, [a_row(0), a_row(0, task="description")], {0: YES})
    untold = a_row(0)
    del untold["task"]
    with pytest.raises(UsageError, match="1 rows do not say their task: 0;"):
        measured(tmp_path, [untold], {0: YES})


def test_choices_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="question 0 is multiple choice"):
        measured(tmp_path, [a_row(0, task="mcq", answer="B")], {0: "B"})


def a_release(dir_path: Path, files: Mapping[str, str]) -> Path:
    described = [
        ReleaseFile(path=path, format=form, num_rows=1, size_bytes=1, sha256="0")
        for path, form in files.items()
    ]
    release = Release(
        name="v1",
        vau_data_version="0",
        files=tuple(described),
        num_videos=1,
        num_events=1,
        num_clips=1,
        num_instructions=1,
        makers={},
        fingerprints={},
        num_rejects={},
    )
    for path in files:
        (dir_path / path).parent.mkdir(parents=True, exist_ok=True)
    (dir_path / "release.json").write_text(release.model_dump_json())
    return dir_path


def test_choices_of_a_release_are_those_of_its_csv(tmp_path: Path) -> None:
    files = {"hivau-single/merge_instruction_test.jsonl": "hivau-single", "csv/test.csv": "csv"}
    release = a_release(tmp_path / "v1", files)
    lines(release / "hivau-single/merge_instruction_test.jsonl", [a_row(0, video="x/a_E0.mp4")])
    a_csv(release / "csv/test.csv", [a_question("a:1"), a_question("a:2", "B")])
    (release / "contents.jsonl").write_text('{"id": "a_E0", "is_anomalous": false}\n')
    benchmark = read_benchmark(release, split="test", duplicates="once")
    answers = {0: YES, "a:1": "A", "a:2": "A"}
    said = lines(tmp_path / "said.jsonl", ({"id": i, "answer": a} for i, a in answers.items()))
    report = report_on(read_answered(benchmark, said), NO_JAVA)
    assert report.num_questions == 3
    assert report.mcq is not None
    assert report.mcq.every.share == 0.5
    assert report.judgement["all"].accuracy_by_label == 0


def test_events_told_by_times_do_not_take_the_label_of_an_abnormal_video(tmp_path: Path) -> None:
    release = a_release(tmp_path / "v1", {"internvl/test.jsonl": "internvl"})
    talk = [{"from": "human", "value": "<video>\nIs there one?"}, {"from": "gpt", "value": YES}]
    row = {"id": 0, "type": "event", "task": "judgement", "clip": [1.0, 2.0], "conversations": talk}
    rows = [
        row | {"id": 0, "video": "b.mp4"},
        row | {"id": 1, "video": "a.avi"},
        row | {"id": 2, "video": "a.avi", "clip": [2.0, 3.0]},
        row | {"id": 3, "video": "a.avi", "clip": [2.0, 3.0]},
    ]
    lines(release / "internvl/test.jsonl", rows)
    labels = ({"id": name, "is_anomalous": name == "a"} for name in "ab")
    lines(release / "contents.jsonl", labels)
    benchmark = read_benchmark(release, split="test", duplicates="once")
    assert [question.is_anomalous for question in benchmark.questions] == [False, None, None]
    assert benchmark.repeated_ids == {"3"}


def test_segments_of_unknown_videos_have_no_label(tmp_path: Path) -> None:
    found = measured(tmp_path, [a_row(0, video="x/y_E0.mp4")], {0: YES}).judgement["all"]
    assert (found.num_labelled, found.accuracy_by_label) == (0, None)
    assert found.accuracy_by_reference == 1


def test_judgement_is_held_to_label_and_reference_apart() -> None:
    found = judgement_figures(
        [Judged(True, True, True), Judged(True, False, True), Judged(None, None, False)]
    )
    assert found is not None
    assert found.accuracy_by_label == pytest.approx(2 / 3)
    assert found.accuracy_by_reference == 0.5
    assert (found.num_unparsed, found.num_readable_references) == (1, 2)
    assert judgement_figures([]) is None


def test_tables_show_what_was_not_measured_as_such(tmp_path: Path) -> None:
    report = measured(tmp_path, ROWS[2:3], {2: "A man hits another man."})
    text = as_markdown(report, name="ours")
    assert "| clip | 1 | 1.0000 | 1.0000 | 1.0000 | 1.0000 | 4.0000 | 0.0000 | - | 1.0000 |" in text
    assert "METEOR: not measured, by the test." in text
    assert "| ours | 4.000 | - | - |" in text
    assert "## Judgement" not in text


def test_latex_has_the_columns_of_the_paper_and_escapes_names(tmp_path: Path) -> None:
    table = as_latex(measured(tmp_path, ROWS, ANSWERS), name="a_b & 50%\\")
    assert r"Method & \multicolumn{3}{c}{BLEU} & \multicolumn{3}{c}{CIDEr}" in table
    assert r" & C & E & V & C & E & V & C & E & V & C & E & V \\" in table
    row = next(line for line in table.splitlines() if line.startswith("a"))
    assert row.startswith(r"a\_b \& 50\%\textbackslash{} & ")
    assert row.count(" & ") == 12


@needs_reference_data
def test_published_rows_are_questions_with_labels_and_without_their_repetitions() -> None:
    path = reference("hivau/merge_instruction_test_part.jsonl")
    once, kept = (read_benchmark(path, split="test", duplicates=way) for way in ("once", "keep"))
    assert (len(once.questions), len(once.repeated_ids)) == (1136, 886)
    assert len(kept.questions) == 2022
    assert Counter(question.level for question in once.questions) == {
        "clip": 523,
        "event": 413,
        "video": 200,
    }
    assert all(question.is_anomalous is not None for question in once.questions)


CLIP = [0.913565, 0.512158, 0.286464]
EVENT = [0.720081, 1.1532, 0.351653]
VIDEO = [0.542346, 0.716056, 0.293079]
"""BLEU-1 + … + BLEU-4, CIDEr and ROUGE-L of the next test, by pycocoevalcap 1.2 and Java."""


@needs_reference_data
def test_published_references_answered_by_the_seventh_next_have_the_toolkit_s_figures(
    tmp_path: Path,
) -> None:
    path = reference("hivau/merge_instruction_test_part.jsonl")
    groups: dict[object, list[dict[str, object]]] = {}
    for line in path.read_bytes().splitlines():
        row = json.loads(line)
        groups.setdefault((row["type"], row["task"]), []).append(row)
    answers = {
        row["id"]: other["anwser"]
        for rows in groups.values()
        for row, other in zip(rows, rows[7:] + rows[:7], strict=True)
    }
    said = lines(tmp_path / "said.jsonl", ({"id": i, "answer": a} for i, a in answers.items()))
    benchmark = read_benchmark(path, split="test", duplicates="once")
    report = report_on(read_answered(benchmark, said), NO_JAVA)
    found = {
        level: [one.bleu_cumulative, one.cider, one.rouge_l] for level, one in report.levels.items()
    }
    assert found["clip"] == pytest.approx(CLIP, abs=1e-3)
    assert found["event"] == pytest.approx(EVENT, abs=1e-3)
    assert found["video"] == pytest.approx(VIDEO, abs=1e-3)
    judged = report.judgement["all"]
    assert judged.accuracy_by_label == pytest.approx(0.701, abs=1e-3)
    assert judged.accuracy_by_reference == pytest.approx(0.714, abs=1e-3)
    assert judged.num_unparsed == 0
