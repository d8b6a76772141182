import json
from pathlib import Path

from engine.models.chat import Json
from engine.sources.imported import ImportedVideo, UnfitVideo
from engine.sources.uca import read_uca
from schemas import HumanCaption
from tests.engine.sources.assembly import all_fit
from tests.engine.sources.reference import needs_reference_data, reference


def read(folder: Path, timestamps: Json, sentences: Json) -> list[ImportedVideo | UnfitVideo]:
    path = folder / "uca.json"
    entry = {"duration": 20.0, "timestamps": timestamps, "sentences": sentences}
    path.write_text(json.dumps({"Abuse037_x264": entry}))
    return list(read_uca(path))


def captions(one: ImportedVideo | UnfitVideo) -> list[HumanCaption]:
    assert isinstance(one, ImportedVideo)
    return [record for record in one.records if isinstance(record, HumanCaption)]


def test_unsorted_overlapping_captions_stay_in_file_order(tmp_path: Path) -> None:
    (one,) = read(tmp_path, [[5.0, 9.0], [1.2, 8.2]], [" A car stops.", "A man runs. "])
    assert [(c.id, c.start_seconds, c.text) for c in captions(one)] == [
        ("Abuse037_x264_H0", 5.0, "A car stops."),
        ("Abuse037_x264_H1", 1.2, "A man runs."),
    ]


def test_bad_captions_are_left_out_and_told_and_the_others_keep_their_numbers(
    tmp_path: Path,
) -> None:
    one, unfit = read(
        tmp_path, [[1.0, 2.0], [4.0, 3.0], [5.0, 6.0], [7.0, 8.0]], ["a", "b", "  ", "d"]
    )
    assert [c.id for c in captions(one)] == ["Abuse037_x264_H0", "Abuse037_x264_H3"]
    assert isinstance(unfit, UnfitVideo)
    assert "caption 1: its interval ends at 3.0 s before it starts" in unfit.detail
    assert "caption 2: its sentence is empty" in unfit.detail


def test_entry_with_more_sentences_than_times_is_unfit(tmp_path: Path) -> None:
    (one,) = read(tmp_path, [[1.0, 2.0]], ["a", "b"])
    assert one == UnfitVideo("Abuse037_x264", "uca.json: 1 timestamps for 2 sentences")


def test_video_gets_no_split_from_a_caption_file(tmp_path: Path) -> None:
    (one,) = read(tmp_path, [[1.0, 2.0]], ["a"])
    assert isinstance(one, ImportedVideo)
    assert one.stand_in is None


@needs_reference_data
def test_published_validation_captions_are_read_whole() -> None:
    videos = all_fit(read_uca(reference("uca/UCFCrime_Val.json")))
    assert len(videos) == 379
    assert sum(len(video.records) for video in videos) == 3534
