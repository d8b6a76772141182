import json
from pathlib import Path

import orjson
import pytest

from tests.engine.cli.command_line import vau


def exported(dataset: Path, *options: object) -> Path:
    outcome = vau("export", "--name", "v1", *options, cwd=dataset)
    assert outcome.code == 0, outcome.err
    return dataset / "releases" / "v1"


def answered(path: Path, release: Path, file: str, *, right: bool = True) -> Path:
    rows = map(json.loads, (release / file).read_text().splitlines())
    said = [
        {"id": row["id"], "answer": row["conversations"][1]["value"] if right else "I see."}
        for row in rows
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in said))
    return path


def test_a_release_answered_with_its_own_words_is_perfect(done: Path, tmp_path: Path) -> None:
    release = exported(done, "--format", "hivau-single")
    said = answered(tmp_path / "own.jsonl", release, "hivau-single/merge_instruction_train.jsonl")
    command = ("evaluate", "reasoning", "--references", release, "--answers", said, "--no-java")
    outcome = vau(*command, "--split", "train", "--output", tmp_path / "out", "--name", "echo")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "out" / "reasoning.md").read_text() == outcome.out
    assert "| echo | 4.000 | 4.000 | 4.000 |" in outcome.out
    assert "METEOR: not measured, by --no-java." in outcome.out
    assert r"echo & 4.000 & 4.000 & 4.000" in (tmp_path / "out" / "reasoning.tex").read_text()
    found = vau(*command, "--split", "train", "--json").json
    assert found == orjson.loads((tmp_path / "out" / "reasoning.json").read_bytes())
    assert found["judgement"]["all"]["accuracy_by_reference"] == 1
    assert found["judgement"]["all"]["num_labelled"] > 0


def test_times_and_choices_of_a_release_are_measured_beside_its_texts(
    done: Path, tmp_path: Path
) -> None:
    families = ("--family", "hivau", "--family", "vad-llama", "--family", "grounding")
    built = vau("build-instructions", *families[2:], cwd=done)
    assert built.code == 0, built.err
    release = exported(done, "--format", "internvl", *families)
    said = answered(tmp_path / "own.jsonl", release, "internvl/train.jsonl")
    command = ("evaluate", "reasoning", "--references", release, "--no-java", "--split", "train")
    found = vau(*command, "--answers", said, "--json").json
    assert found["spans"]["mean_tiou"] == found["spans"]["recall"] == 1
    assert found["spans"]["num_absent"] == found["spans"]["num_absent_right"] > 0
    said = answered(tmp_path / "none.jsonl", release, "internvl/train.jsonl", right=False)
    found = vau(*command, "--answers", said, "--json").json
    assert found["spans"]["mean_tiou"] == 0
    assert found["judgement"]["all"]["unparsed"] == 1


def test_labels_come_from_the_release_and_not_from_its_texts(done: Path, tmp_path: Path) -> None:
    release = exported(done, "--format", "hivau-single")
    contents = [json.loads(line) for line in (release / "contents.jsonl").read_text().splitlines()]
    labels = {row["id"]: row["is_anomalous"] for row in contents if "is_anomalous" in row}
    said = answered(tmp_path / "own.jsonl", release, "hivau-single/merge_instruction_train.jsonl")
    rows = map(
        json.loads,
        (release / "hivau-single/merge_instruction_train.jsonl").read_text().splitlines(),
    )
    judged = [Path(row["video"]).stem for row in rows if row["task"] == "judgement"]
    found = vau(
        *("evaluate", "reasoning", "--references", release, "--answers", said),
        *("--no-java", "--split", "train", "--json"),
    ).json["judgement"]["all"]
    assert found["num"] == len(judged)
    assert found["num_labelled"] == sum(labels[id_] is not None for id_ in judged)


@pytest.mark.parametrize(
    ("options", "told"),
    [((), "no questions of split 'test'"), (("--split", "train"), "1 questions have no answer: 0")],
)
def test_what_cannot_be_measured_is_refused_and_nothing_is_written(
    done: Path, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    release = exported(done, "--format", "hivau-single")
    said = answered(tmp_path / "own.jsonl", release, "hivau-single/merge_instruction_train.jsonl")
    said.write_text("".join(said.read_text().splitlines(keepends=True)[1:]))
    files = ("--references", release, "--answers", said, "--output", tmp_path / "out")
    outcome = vau("evaluate", "reasoning", *files, *options)
    assert outcome.code == 2
    assert told in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("")
    files = ("--references", tmp_path, "--answers", tmp_path / "a.jsonl")
    outcome = vau("evaluate", "reasoning", *files)
    assert outcome.code == 2
    assert "is no release (it has no release.json)" in outcome.err
