import json
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.models.chat import Json
from engine.sources.hivau import read_raw
from engine.sources.imported import ImportedVideo, UnfitVideo
from schemas import Caption, Clip, Event, Summary
from tests.engine.sources.assembly import all_fit, node_of
from tests.engine.sources.builders import RAW_ENTRY, a_raw_file
from tests.engine.sources.reference import needs_reference_data, reference


def read(
    folder: Path,
    changes: dict[str, Json] | None = None,
    *,
    name: str = "ucf_database_test.json",
) -> list[ImportedVideo | UnfitVideo]:
    path = folder / name
    path.write_text(json.dumps(a_raw_file(changes)))
    return list(read_raw(path))


def test_abnormal_entry_becomes_a_tree_with_hivaus_ids(tmp_path: Path) -> None:
    abnormal, _ = all_fit(read(tmp_path))
    node = node_of(abnormal)
    assert [event.event.id for event in node.events] == ["Abuse001_x264_E0", "Abuse001_x264_E1"]
    assert [clip.clip.id for clip in node.events[0].clips] == [
        "Abuse001_x264_E0C0",
        "Abuse001_x264_E0C1",
    ]
    caption = node.events[0].clips[1].caption
    assert caption is not None
    assert (caption.id, caption.text) == ("Abuse001_x264_E0C1", "He strikes a woman.")
    assert node.summary is not None
    assert (node.summary.id, node.summary.analysis) == ("Abuse001_x264", "The blow.")


def test_stand_in_knows_length_label_source_and_split(tmp_path: Path) -> None:
    abnormal, normal = all_fit(read(tmp_path))
    assert abnormal.stand_in is not None
    assert normal.stand_in is not None
    assert (abnormal.stand_in.source, abnormal.stand_in.split) == ("ucf-crime", "test")
    assert (abnormal.stand_in.num_frames, abnormal.stand_in.end_seconds) == (300, 10.0)
    assert abnormal.stand_in.categories == ("Abuse",)
    assert normal.stand_in.is_anomalous is False


def test_records_say_who_made_them(tmp_path: Path) -> None:
    def makers(name: str) -> set[tuple[str, str, str]]:
        return {
            (type(record).__name__, record.provenance.made_by, record.provenance.name)
            for video in all_fit(read(tmp_path, name=name))
            for record in video.records
            if isinstance(record, Event | Clip | Caption | Summary)
        }

    llama = ("Summary", "model", "hivau/Meta-Llama-3-70B-Instruct")
    assert makers("ucf_database_train.json") >= {("Caption", "human", "hivau"), llama}
    assert makers("xd_database_train.json") >= {
        ("Caption", "model", "hivau/LLaVA-NeXT-Video-7B"),
        llama,
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"clips": [[[1.0, 2.0]]]}, "2 events, but clips has 1 entries"),
        ({"events_summary": ["a. b."]}, "2 events, but events_summary has 1 entries"),
        ({"clips_caption": [["one"], ["two"]]}, "event 0 has 2 clips but 1 captions"),
        ({"clips_caption": [["a", " "], ["c"]]}, "caption of Abuse001_x264_E0C1 is empty"),
        ({"events": [[4.0, 1.0], [5.0, 9.0]]}, "ends at 1.0 s before it starts at 4.0 s"),
        ({"video_summary": None}, "video_summary is a null, expected a string"),
        ({"video_summary_split": {"judgement": ""}}, "split summary of Abuse001_x264 is empty"),
        ({"fps": 0}, "fps 0.0 is no count or rate"),
        ({"n_frames": None}, "n_frames is a null"),
    ],
)
def test_entry_that_contradicts_itself_is_unfit_and_the_rest_is_read(
    tmp_path: Path, changes: dict[str, Json], reason: str
) -> None:
    abnormal, normal = read(tmp_path, changes)
    assert isinstance(abnormal, UnfitVideo)
    assert reason in abnormal.detail
    assert isinstance(normal, ImportedVideo)


def test_missing_parts_of_a_split_are_tolerated(tmp_path: Path) -> None:
    abnormal, _ = all_fit(read(tmp_path, {"video_summary_split": {"judgement": "Yes."}}))
    summary = node_of(abnormal).summary
    assert summary is not None
    assert (summary.judgement, summary.description, summary.analysis) == ("Yes.", "", None)


def test_entry_without_splits_is_cut_by_the_published_rule(tmp_path: Path) -> None:
    whole = a_raw_file()
    for entry in whole.values():
        assert isinstance(entry, dict)
        del entry["events_summary_split"], entry["video_summary_split"]
    path = tmp_path / "ucf_database_test.json"
    path.write_text(json.dumps(whole))
    summary = node_of(all_fit(read_raw(path))[0]).events[0].summary
    assert summary is not None
    expected = RAW_ENTRY["events_summary_split"]
    assert isinstance(expected, list)
    assert expected[0] == {
        "judgement": summary.judgement,
        "description": summary.description,
        "analysis": summary.analysis,
    }


def test_file_name_that_names_no_source_needs_one_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name the source"):
        read(tmp_path, name="mine.json")
    videos = all_fit(read_raw(tmp_path / "mine.json", source="xd-violence", split="train"))
    assert videos[0].stand_in is not None
    assert (videos[0].stand_in.source, videos[0].stand_in.split) == ("xd-violence", "train")


def test_file_that_we_exported_says_which_source_and_split_it_is_of(tmp_path: Path) -> None:
    videos = all_fit(read(tmp_path, name="folder_database_validation.json"))
    assert videos[0].stand_in is not None
    assert (videos[0].stand_in.source, videos[0].stand_in.split) == ("folder", "validation")


@needs_reference_data
def test_published_part_is_read_whole() -> None:
    videos = all_fit(read_raw(reference("hivau/ucf_database_test_part.json")))
    records = [record for video in videos for record in video.records]
    assert len(videos) == 142
    assert sum(isinstance(record, Event) for record in records) == 194
    assert sum(isinstance(record, Clip) for record in records) == 411
    assert sum(isinstance(record, Summary) for record in records) == 194 + 142
