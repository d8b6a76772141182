"""Exports opened by the trainers' own loaders, where these are installed (`test-formats`)."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.exporters.parquet import ParquetWriter
from engine.index import Index
from engine.release import ExportOptions, export
from schemas import Instruction
from tests.builders import a_media, a_video
from tests.engine.exporters.test_forms import a_small_dataset

TRAINING = ("llama-factory", "swift", "internvl", "trl", "llava", "vad-instruct", "vad-llama")
ARROW_SPLITS = {"train", "test"}

LEFT_OPEN = "ignore::pytest.PytestUnraisableExceptionWarning"
"""WebDataset does not close the shards that it has read."""

datasets = pytest.importorskip("datasets", reason="`test-formats` is not installed")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset = a_small_dataset(tmp_path_factory.mktemp("loaders"))
    formats: Any = (*TRAINING, "parquet", "webdataset")
    return export(dataset, ExportOptions(formats=formats, name="all")).dir_path


def loaded(kind: str, files: Any, cache: Path) -> Any:
    return datasets.load_dataset(kind, data_files=files, cache_dir=str(cache))


@pytest.mark.parametrize("name", TRAINING)
def test_rows_of_every_form_have_one_schema(root: Path, name: str, tmp_path: Path) -> None:
    files = {path.stem: str(path) for path in (root / name).glob("*.jsonl")}
    opened = loaded("json", files, tmp_path)
    for split, path in files.items():
        written = [json.loads(line) for line in Path(path).read_text().splitlines()]
        assert opened[split].to_list() == written


def test_parquet_folder_opens_with_its_splits_and_all_that_is_known(
    root: Path, tmp_path: Path
) -> None:
    opened = datasets.load_dataset(str(root / "parquet"), cache_dir=str(tmp_path))
    assert set(opened) == ARROW_SPLITS
    index = Index(a_small_dataset(tmp_path / "again"))
    expected = {row.id: row for row in index.all(Instruction)}
    rows = [row for split in opened.values() for row in split]
    assert {row["id"] for row in rows} == set(expected)
    for row in rows:
        one = expected[row["id"]]
        assert (row["start_seconds"], row["end_seconds"]) == (one.start_seconds, one.end_seconds)
        assert row["turns"] == [turn.model_dump() for turn in one.turns]
        assert row["is_anomalous"] is one.is_anomalous
        assert row["video"].endswith(f"/{one.segment_id}.mp4")


def test_parquet_is_byte_for_byte_the_same(root: Path, tmp_path: Path) -> None:
    dataset = a_small_dataset(tmp_path)
    again = export(dataset, ExportOptions(formats=("parquet",), name="all")).dir_path
    for path in (root / "parquet").iterdir():
        assert (again / "parquet" / path.name).read_bytes() == path.read_bytes()


def test_trl_takes_the_rows_as_conversations_about_pictures(root: Path) -> None:
    data_utils = pytest.importorskip("trl.data_utils", reason="trl is not installed")
    for line in (root / "trl" / "train.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert data_utils.is_conversational(row)
        pictures = [object() for _ in row["images"]]
        messages = data_utils.prepare_multimodal_messages(row["messages"], images=pictures)
        first = messages[0]["content"]
        assert [part["image"] for part in first if part["type"] == "image"] == pictures
        assert first[-1] == {"type": "text", "text": row["messages"][0]["content"]}


@pytest.mark.filterwarnings(LEFT_OPEN)
def test_webdataset_reads_the_shards(root: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    shard = str(root / "webdataset" / "train-000000.tar")
    samples = list(webdataset.WebDataset(shard, shardshuffle=False).decode())
    assert [sample["__key__"] for sample in samples] == [f"{n:09d}" for n in range(3)]
    assert samples[0]["json"]["instructions"][0]["segment_id"] == "A.b.1_E0C0"


@pytest.mark.filterwarnings(LEFT_OPEN)
def test_media_in_shards_stand_beside_their_texts(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    from engine.exporters.footage import Footage, cut_path
    from engine.exporters.webdataset import WebDatasetWriter
    from engine.trees import Trees

    dataset = a_small_dataset(tmp_path / "ds")
    media, out = tmp_path / "media", tmp_path / "out"
    with WebDatasetWriter(out, Footage(media_dir_path=media)) as writer:
        for node in Trees(Index(dataset)).all():
            for row in node.instructions:
                path = media / cut_path(node.video, row)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(row.segment_id.encode())
            writer.write(node, {"A.b.1_E0"})
    shard = str(out / "webdataset" / "train-000000.tar")
    samples = list(webdataset.WebDataset(shard, shardshuffle=False))
    assert [sample["mp4"] for sample in samples] == [b"A.b.1_E0C0", b"A.b.1"]


def test_an_empty_group_of_rows_is_no_file(tmp_path: Path) -> None:
    with ParquetWriter(tmp_path) as writer:
        pass
    assert writer.described(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_source_of_a_video_with_a_file_is_its_path() -> None:
    from engine.exporters.footage import source_path

    assert source_path(a_video(media=a_media(path="Abuse/x.avi"))) == "Abuse/x.avi"
