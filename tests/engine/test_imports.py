from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.errors import ServiceError, UsageError
from engine.executors.local import LocalExecutor
from engine.imports import ImportReport, write_imported
from engine.index import Index
from engine.ledger import Ledger
from engine.sources.imported import ImportedVideo, UnfitVideo
from engine.store import JsonlWriter, read_lines
from schemas import Caption, Clip, Event, Record, Reject, Summary, Video
from schemas.review import EditText
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
    add_video,
    an_event,
    bring_in,
    live,
    run_all,
    run_named,
)

E0, C0 = f"{VIDEO_ID}_E0", f"{VIDEO_ID}_E0C0"
ANNOTATED: tuple[Record, ...] = (
    a_video(),
    an_event(),
    a_clip(),
    a_caption(),
    a_summary(),
    a_summary(VIDEO_ID),
)
"""One video as HIVAU-70k's files have it."""


def all_bytes(dataset: Dataset) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in dataset.dir_path.rglob("*.jsonl")}


def ids(dataset: Dataset, record_type: type[Record]) -> list[str]:
    return list(Index(dataset).lines(record_type))


def test_what_is_imported_is_live_and_counted(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    report = bring_in(dataset, *ANNOTATED)
    assert report.num_videos == 1
    assert report.num_records == {"video": 1, "event": 1, "clip": 1, "caption": 1, "summary": 2}
    found = live(dataset)
    assert list(found["captions.jsonl"]) == [C0]
    assert list(found["summaries.jsonl"]) == [E0, VIDEO_ID]


def test_importing_the_same_twice_changes_no_byte(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, *ANNOTATED)
    before = all_bytes(dataset)
    report = bring_in(dataset, *ANNOTATED)
    assert (report.num_videos, report.num_unchanged, report.num_records) == (1, 1, {})
    assert all_bytes(dataset) == before


def test_who_imported_it_is_no_change(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_click())
    other = a_click(provenance=a_summary().provenance.model_copy(update={"name": "other"}))
    assert bring_in(dataset, other).num_unchanged == 1


def test_a_changed_import_replaces_the_earlier_one_of_its_video_and_type(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_click(f"{VIDEO_ID}_K0"), a_click(f"{VIDEO_ID}_K1"), a_human_caption())
    bring_in(dataset, a_click("Arson002_K0"))
    report = bring_in(dataset, a_click(f"{VIDEO_ID}_K0", time_seconds=9.0))
    assert report.num_records == {"click": 1}
    clicks = live(dataset)["clicks.jsonl"]
    assert set(clicks) == {f"{VIDEO_ID}_K0", "Arson002_K0"}
    assert b'"time_seconds":9.0' in clicks[f"{VIDEO_ID}_K0"]
    assert len(live(dataset)["human_captions.jsonl"]) == 1


def test_importing_events_anew_retires_what_hung_on_the_earlier_ones(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, *ANNOTATED)
    bring_in(dataset, an_event(end_seconds=7.0))
    assert ids(dataset, Event) == [E0]
    for record_type in (Clip, Caption, Summary):
        assert ids(dataset, record_type) == []
    assert ids(dataset, Video) == [VIDEO_ID]


def test_after_events_were_imported_anew_the_stages_fill_in_the_rest(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, *ANNOTATED, a_human_caption())
    bring_in(dataset, an_event(end_seconds=7.0))
    run_named(dataset, "clip", "caption", "summarize event:", "summarize video:", "instruct")
    found = live(dataset)
    assert list(found["clips.jsonl"]) == [f"{VIDEO_ID}_E0C1"], "C0 once named another stretch"
    assert set(found["summaries.jsonl"]) == {E0, VIDEO_ID}


def test_stages_make_nothing_over_that_was_imported(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, *ANNOTATED)
    reports = run_named(
        dataset, "propose", "clip", "caption", "summarize event:", "summarize video:"
    )
    assert [report.num_done for report in reports] == [0] * 5
    assert run_named(dataset, "instruct")[0].num_done == 3


def test_events_that_were_proposed_give_way_to_imported_ones(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video(), a_click())
    run_named(dataset, "propose", "clip")
    bring_in(dataset, an_event(f"{VIDEO_ID}_E7"))
    assert ids(dataset, Event) == [f"{VIDEO_ID}_E7"], "an export before the next run holds both"
    [report] = run_named(dataset, "propose")
    assert (report.num_done, report.num_retired) == (0, 0)
    assert ids(dataset, Event) == [f"{VIDEO_ID}_E7"]


def test_events_are_not_imported_while_events_are_being_proposed(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video(), a_click())
    run_named(dataset, "propose")
    before = all_bytes(dataset)
    with (
        JsonlWriter(dataset.ledger_path("propose")),
        pytest.raises(UsageError, match="another process"),
    ):
        bring_in(dataset, an_event(f"{VIDEO_ID}_E7"))
    assert all_bytes(dataset) == before


def test_clicks_are_imported_also_while_events_are_being_proposed(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video())
    with JsonlWriter(dataset.ledger_path("propose")):
        assert bring_in(dataset, a_click()).num_records == {"click": 1}


def no_events(dataset: Dataset) -> ImportReport:
    """What a person's file says of a video with the entry `[]`."""
    return write_imported(dataset, "tests", [ImportedVideo(VIDEO_ID, None, (), (Event,))])


def test_the_word_that_there_are_no_events_retires_the_imported_ones(tmp_path: Path) -> None:
    """`[]` gave no records, and a video without records was passed over."""
    dataset = a_dataset(tmp_path)
    bring_in(dataset, *ANNOTATED)
    no_events(dataset)
    for record_type in (Event, Clip, Caption, Summary):
        assert ids(dataset, record_type) == []
    before = all_bytes(dataset)
    assert no_events(dataset).num_unchanged == 1
    assert all_bytes(dataset) == before


def test_where_people_say_that_there_are_no_events_none_are_proposed(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video(), a_click())
    run_named(dataset, "propose")
    assert ids(dataset, Event) == [f"{VIDEO_ID}_E0"]
    no_events(dataset)
    assert ids(dataset, Event) == []
    [report] = run_named(dataset, "propose")
    assert (report.num_done, report.num_retired) == (0, 0)
    assert ids(dataset, Event) == []


def test_normal_video_without_events_still_gets_its_normal_segments(tmp_path: Path) -> None:
    """Files of events list normal videos with `[]`, too: their segments must not be lost."""
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video(is_anomalous=False, categories=()))
    run_named(dataset, "propose")
    before = ids(dataset, Event)
    assert before
    no_events(dataset)
    assert ids(dataset, Event) == before
    run_named(dataset, "propose")
    assert ids(dataset, Event) == before


def test_ids_given_by_stages_never_clash_with_imported_ones(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video(), an_event(), a_clip(f"{VIDEO_ID}_E0C4"), a_caption())
    bring_in(dataset, an_event())
    run_named(dataset, "clip")
    assert ids(dataset, Clip) == [f"{VIDEO_ID}_E0C5"]


def test_an_unfit_video_is_a_reject_and_the_rest_is_imported(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    report = unfit_and_fit(dataset)
    assert [unfit.video_id for unfit in report.unfit] == ["Arson002"]
    assert ids(dataset, Event) == [E0]
    [line] = read_lines(dataset.record_path(Reject))
    assert b'"reason":"import_mismatch"' in line
    assert b"2 events, but 1 clip list" in line
    rejects = Ledger.load(dataset.ledger_path("import")).rejects()
    assert rejects == {"unfit:tests:Arson002": "import_mismatch"}


def unfit_and_fit(dataset: Dataset) -> ImportReport:
    return write_imported(
        dataset,
        "tests",
        [
            UnfitVideo("Arson002", "2 events, but 1 clip list"),
            ImportedVideo(VIDEO_ID, a_video(), (an_event(),)),
        ],
    )


def test_the_same_unfit_video_twice_is_one_reject(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    unfit_and_fit(dataset)
    before = all_bytes(dataset)
    assert len(unfit_and_fit(dataset).unfit) == 1
    assert all_bytes(dataset) == before


def test_an_unfit_video_that_was_mended_is_no_reject_any_more(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    unfit_and_fit(dataset)
    bring_in(dataset, a_video("Arson002"), an_event("Arson002_E0"))
    assert Ledger.load(dataset.ledger_path("import")).rejects() == {}


def test_a_stand_in_gives_way_to_the_file_when_it_comes(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video(end_seconds=99.0))
    assert Index(dataset).get(Video, VIDEO_ID).media is None
    add_video(dataset, f"{VIDEO_ID}.mp4", num_frames=50)
    run_named(dataset, "ingest", executor=executor)
    video = Index(dataset).get(Video, VIDEO_ID)
    assert video.media is not None
    assert video.end_seconds == 2.0


def test_a_stand_in_never_hides_a_video_that_was_ingested(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path)
    add_video(dataset, f"{VIDEO_ID}.mp4", num_frames=50)
    run_named(dataset, "ingest", executor=executor)
    bring_in(dataset, a_video(end_seconds=99.0), an_event(end_seconds=1.5, start_seconds=0.5))
    video = Index(dataset).get(Video, VIDEO_ID)
    assert video.media is not None
    assert video.end_seconds == 2.0
    run_all(dataset, executor=executor)
    assert Index(dataset).get(Video, VIDEO_ID).media is not None


def test_imported_texts_keep_what_a_person_made_of_them(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, *ANNOTATED)
    add_review(dataset, a_review("caption", C0, EditText(field="text", text="She waves.")))
    bring_in(dataset, *ANNOTATED[:3], a_caption(text="Another machine's words."), *ANNOTATED[4:])
    assert Index(dataset).get(Caption, C0).text == "She waves."


def test_an_import_while_another_runs_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    with (
        JsonlWriter(dataset.ledger_path("import")),
        pytest.raises(UsageError, match="another process"),
    ):
        bring_in(dataset, *ANNOTATED)
    assert ids(dataset, Event) == []


def test_a_source_that_fails_half_way_imports_nothing(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)

    def torn() -> Iterator[ImportedVideo]:
        yield ImportedVideo(VIDEO_ID, a_video(), (an_event(),))
        raise ServiceError("the file ends in the middle")

    with pytest.raises(ServiceError):
        write_imported(dataset, "tests", torn())
    assert ids(dataset, Event) == []
