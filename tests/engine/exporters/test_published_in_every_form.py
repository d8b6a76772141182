"""Published annotations, imported and exported in every form, lose nothing that the form holds."""

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.dataset import Dataset
from engine.import_files import ImportTask, import_events, import_hivau, import_uca
from engine.index import Index
from engine.release import ExportOptions, export
from engine.sources.glance import clicks_of_table, read_clicks
from engine.trees import Trees
from schemas import Caption, Click, Event, Instruction, Summary, Video
from tests.builders import a_dataset, a_video, bring_in, run_named
from tests.engine.sources.reference import needs_reference_data, reference

pytestmark = needs_reference_data

FORMATS: Any = (
    *("hivau-raw", "hivau-single", "hivau-multi", "vad-instruct", "vad-llama", "llava"),
    *("llama-factory", "swift", "internvl", "trl", "webdataset"),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The published HIVAU-70k test part, with questions."""
    dataset = a_dataset(tmp_path_factory.mktemp("hivau"))
    path = reference("hivau/ucf_database_test_part.json")
    import_hivau(ImportTask(dataset, path), source=None, split=None)
    run_named(dataset, "instruct")
    return dataset


@pytest.fixture(scope="module")
def root(dataset: Dataset) -> Path:
    return export(dataset, ExportOptions(formats=FORMATS, name="all")).dir_path


@pytest.fixture(scope="module")
def said(dataset: Dataset) -> set[tuple[str, str, str]]:
    """(segment, question, answer) of every question there is."""
    return {
        (row.segment_id, turn.question, turn.answer)
        for row in Index(dataset).all(Instruction)
        for turn in row.turns
    }


def rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def segment(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".mp4")


def pairs(messages: list[dict[str, str]], key: str) -> Iterator[tuple[str, str]]:
    texts = [message[key].removeprefix("<video>\n") for message in messages]
    yield from zip(texts[::2], texts[1::2], strict=True)


Said = set[tuple[str, str, str]]


def test_trainers_conversations_hold_every_question_and_answer(root: Path, said: Said) -> None:
    read: dict[str, Said] = {
        "hivau-single": {
            (segment(row["video"]), row["prompt"], row["answer"])
            for row in rows(root / "hivau-single" / "merge_instruction_test.jsonl")
        }
    }
    for name, file in (("hivau-multi", "instruction_test"), ("llava", "llava_test")):
        read[name] = {
            (segment(row["video"]), *pair)
            for row in rows(root / name / f"{file}.jsonl")
            for pair in pairs(row["conversations"], "value")
        }
    read["internvl"] = {
        (segment(row["video"]), *pair)
        for row in rows(root / "internvl" / "test.jsonl")
        for pair in pairs(row["conversations"], "value")
    }
    read["llama-factory"] = {
        (segment(row["videos"][0]), *pair)
        for row in rows(root / "llama-factory" / "test.jsonl")
        for pair in pairs(row["conversations"], "value")
    }
    read["swift"] = {
        (segment(row["videos"][0]), *pair)
        for row in rows(root / "swift" / "test.jsonl")
        for pair in pairs(row["messages"], "content")
    }
    read["trl"] = {
        (Path(row["images"][0]).parent.name, *pair)
        for row in rows(root / "trl" / "test.jsonl")
        for pair in pairs(row["messages"], "content")
    }
    assert len(said) > 300
    assert {name for name, found in read.items() if found != said} == set()


def test_samples_hold_questions_answers_and_times(root: Path, dataset: Dataset) -> None:
    found = {}
    with tarfile.open(root / "webdataset" / "test-000000.tar") as tar:
        for member in tar:
            stream = tar.extractfile(member)
            assert stream is not None
            for row in json.load(stream)["instructions"]:
                found[row["id"]] = row
    expected = {row.id: row for row in Index(dataset).all(Instruction)}
    assert found.keys() == expected.keys()
    for id_, row in found.items():
        assert row["turns"] == [turn.model_dump() for turn in expected[id_].turns]
        assert row["start_seconds"] == expected[id_].start_seconds
        assert row["end_seconds"] == expected[id_].end_seconds


def test_raw_export_is_the_published_file(root: Path) -> None:
    published = json.loads(reference("hivau/ucf_database_test_part.json").read_text())
    exported = json.loads((root / "hivau-raw" / "ucf_database_test.json").read_text())
    assert exported == published


def test_vad_instruct_holds_every_event_summary(root: Path, dataset: Dataset) -> None:
    expected = {
        (summary.id, summary.text)
        for summary in Index(dataset).all(Summary)
        if summary.granularity == "event"
    }
    found = {
        (segment(row["video"]), row["assistant"]) for row in rows(root / "vad-instruct/test.jsonl")
    }
    assert found == expected


def test_vad_llama_holds_every_span_to_a_tenth_of_a_second(root: Path, dataset: Dataset) -> None:
    told = {segment(row["video"]): row["QA"][0]["a"] for row in rows(root / "vad-llama/test.jsonl")}
    nodes = {node.video.id: node for node in Trees(Index(dataset)).all()}
    assert told.keys() == nodes.keys()
    for video_id, answer in told.items():
        abnormal = [e.event for e in nodes[video_id].events if e.event.is_anomalous]
        assert answer.startswith("Yes" if abnormal else "No")
        for event in abnormal[:1]:
            first = min(one.start_seconds for one in abnormal)
            assert f"from {first:.1f}".removesuffix(".0") in answer, (event.id, answer)


def test_official_lists_and_captions_reach_the_forms_that_can_hold_them(tmp_path: Path) -> None:
    """The official list gives spans; human captions become clips' captions in every other form."""
    dataset = a_dataset(tmp_path)
    task = ImportTask(dataset, reference("ucf_crime/UCF_Annotation.txt"))
    import_events(task, author="official")
    import_uca(ImportTask(dataset, reference("uca/UCFCrime_Val.json")))
    steps = ("propose", "clip", "caption", "summarize event:", "summarize video:", "instruct")
    run_named(dataset, *steps)
    index = Index(dataset)
    report = export(dataset, ExportOptions(formats=FORMATS, name="all"))
    told = list(rows(report.dir_path / "vad-llama" / "test.jsonl"))
    abnormal = {event.video_id for event in index.all(Event) if event.is_anomalous}
    assert len(abnormal) > 130
    assert sum(row["QA"][0]["a"].startswith("Yes") for row in told) == len(abnormal)
    captioned = {row.id: row.text for row in index.all(Caption)}
    written = {
        segment(row["video"]): row["conversations"][1]["value"]
        for row in rows(report.dir_path / "llava" / "llava_test.jsonl")
    }
    assert len(captioned) > 20
    assert {id_: written[id_] for id_ in captioned} == captioned


def test_published_clicks_reach_the_spans_that_vad_llama_tells(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    entries = json.loads(reference("clicks/ucf_train_click_vs_event_part.json").read_text())
    videos = {id_: stand_in(id_, entry) for id_, entry in entries.items()}
    table = read_clicks(reference("clicks/ucf_glance_annotations.csv"))
    read = clicks_of_table(table, videos=videos, frame_times_of=constant_rate)
    bring_in(dataset, *videos.values(), *read.clicks)
    run_named(dataset, "propose")
    report = export(dataset, ExportOptions(formats=("vad-llama",), name="all"))
    told = {
        segment(row["video"]): spans_of(row["QA"][0]["a"])
        for row in rows(report.dir_path / "vad-llama" / "train.jsonl")
    }
    assert len(read.clicks) > 500
    lost = [
        click.id
        for click in Index(dataset).all(Click)
        if not any(
            start - 0.1 <= click.time_seconds <= end + 0.1 for start, end in told[click.video_id]
        )
    ]
    assert lost == []


def stand_in(video_id: str, entry: dict[str, Any]) -> Video:
    seconds = entry["n_frames"] / entry["fps"]
    return a_video(
        video_id, num_frames=entry["n_frames"], fps=entry["fps"], end_seconds=seconds, split="train"
    )


def constant_rate(video: Video) -> "NDArray[np.float64]":
    return np.arange(video.num_frames, dtype=np.float64) / video.fps


def spans_of(answer: str) -> list[tuple[float, float]]:
    found = re.findall(r"from ([\d.]+)s to ([\d.]+)s", answer)
    return [(float(start), float(end)) for start, end in found]
