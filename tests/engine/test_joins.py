"""Which items there are, in which order, and what they wait for."""

from pathlib import Path, PurePosixPath

import orjson
import pytest

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.flow import look_at, run_step
from engine.import_files import ImportTask, import_uca
from engine.index import Index
from engine.joins.facts import Facts
from engine.joins.files import find_videos, give_ids
from engine.release import ExportOptions, export
from engine.runner import RunOptions
from engine.stages.caption import CaptionItem
from engine.stages.summarize import SummarizeItem
from schemas import Caption, Clip, Event, HumanCaption, Record, Video
from schemas.review import Confirm, Discard, MoveBoundaries
from tests.builders import (
    HERE,
    VIDEO_ID,
    a_caption,
    a_click,
    a_clip,
    a_dataset,
    a_human_caption,
    a_media,
    a_review,
    a_score_track,
    a_summary,
    a_video,
    add_review,
    add_video,
    an_event,
    bring_in,
    live,
    reconfigured,
    run_named,
    step_named,
)

E0, E1 = f"{VIDEO_ID}_E0", f"{VIDEO_ID}_E1"
FILED = a_video(media=a_media())


def to_do(dataset: Dataset, label: str) -> list[str]:
    return [pending.id for pending in look_at(dataset, step_named(label))[1]]


def waiting(dataset: Dataset, label: str) -> dict[str, int]:
    return look_at(dataset, step_named(label))[0].waiting


def dataset_of(dir_path: Path, *records: Record) -> Dataset:
    dataset = a_dataset(dir_path)
    bring_in(dataset, *records)
    return dataset


def test_a_file_gets_its_stem_as_id_and_namesakes_get_their_folders() -> None:
    paths = [PurePosixPath(p) for p in ("a/x.mp4", "b/x.mp4", "c/b/x.mp4", "b/x.avi", "y.mp4")]
    assert list(give_ids(paths, {}).values()) == ["x", "b_x", "c_b_x", "b_x.avi", "y"]


def test_a_file_keeps_the_id_it_had_whoever_comes_before_it() -> None:
    known = {PurePosixPath("b/x.mp4"): "x"}
    paths = [PurePosixPath("a/x.mp4"), PurePosixPath("b/x.mp4")]
    assert give_ids(paths, known) == {paths[0]: "a_x", paths[1]: "x"}


def test_the_id_of_a_file_that_is_gone_is_given_to_no_other() -> None:
    known = {PurePosixPath("b/x.mp4"): "x"}
    assert list(give_ids([PurePosixPath("a/x.mp4")], known).values()) == ["a_x"]


def test_video_files_are_found_in_folders_and_hidden_ones_are_passed_over(tmp_path: Path) -> None:
    for name in ("b/x.MP4", "a.mkv", ".x.mp4", ".cache/y.mp4", "notes.txt", "b/z.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "folder.mp4").mkdir()
    assert [str(path) for path in find_videos(tmp_path)] == ["a.mkv", "b/x.MP4"]


def test_a_file_that_only_moved_its_timestamp_is_settled(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path)
    path = add_video(dataset, "x.mp4", num_frames=10)
    run_named(dataset, "ingest", executor=executor)
    path.touch()
    assert to_do(dataset, "ingest") == []
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert to_do(dataset, "ingest") == ["x"]


def test_videos_come_as_a_person_counts(tmp_path: Path) -> None:
    names = ("Abuse10", "Abuse2", "Abuse1")
    videos = [a_video(name, media=a_media(path=f"{name}.mp4")) for name in names]
    assert to_do(dataset_of(tmp_path, *videos), "score") == ["Abuse1", "Abuse2", "Abuse10"]


@pytest.mark.parametrize(
    ("records", "is_scored"),
    [
        ([FILED], True),
        ([FILED.model_copy(update={"is_anomalous": None})], True),
        ([FILED.model_copy(update={"is_anomalous": False, "categories": ()})], False),
        ([FILED, a_click()], False),
        ([FILED, an_event()], False),
        ([FILED, a_click(state="unsure")], True),
        ([FILED, a_click(state="ignored")], True),
        ([a_video()], False),
    ],
    ids=["abnormal", "unlabelled", "normal", "clicked", "events", "unsure", "ignored", "no file"],
)
def test_only_videos_whose_events_must_come_from_scores_are_scored(
    tmp_path: Path, records: list[Record], is_scored: bool
) -> None:
    assert to_do(dataset_of(tmp_path, *records), "score") == ([VIDEO_ID] if is_scored else [])


def test_all_videos_with_a_file_are_scored_where_that_is_asked_for(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, FILED, a_click())
    asked = reconfigured(dataset, '[score]\nvideos = "all"\n')
    assert to_do(asked, "score") == [VIDEO_ID]


def test_a_video_that_needs_scores_waits_for_them(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, FILED)
    assert (to_do(dataset, "propose"), waiting(dataset, "propose")) == ([], {"score": 1})
    bring_in(dataset, a_score_track())
    assert (to_do(dataset, "propose"), waiting(dataset, "propose")) == ([VIDEO_ID], {})


def test_a_video_that_cannot_be_scored_is_proposed_for_without(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = dataset_of(tmp_path, FILED)
    (dataset.videos_dir_path / f"{VIDEO_ID}.mp4").write_bytes(b"rotten")
    [report] = run_named(dataset, "score", executor=executor)
    assert report.num_rejected == 1
    run_named(dataset, "propose")
    assert [event.origin for event in Index(dataset).all(Event)] == ["whole_video"]


def test_clips_of_one_video_come_side_by_side_and_carry_their_own_words(tmp_path: Path) -> None:
    other = "Arson002"
    records = (
        a_video(other, media=a_media(path="Arson002.mp4")),
        an_event(f"{other}_E0"),
        an_event(E0),
        an_event(E1, start_seconds=29.0, end_seconds=40.0),
        a_clip(f"{E1}C0", start_seconds=30.0, end_seconds=31.0),
        a_clip(f"{other}_E0C0"),
        a_clip(f"{E0}C0", human_caption_id=f"{VIDEO_ID}_H0"),
        a_human_caption(),
    )
    pending = look_at(dataset_of(tmp_path, FILED, *records), step_named("caption"))[1]
    groups = [item.group for item in pending]
    assert groups == sorted(groups)
    bodies = {item.id: item.ready().body for item in pending}
    assert all(isinstance(body, CaptionItem) for body in bodies.values())
    assert {id_: body.clip.id for id_, body in bodies.items()} == {id_: id_ for id_ in bodies}
    assert [id_ for id_, body in bodies.items() if body.human_caption] == [f"{E0}C0"]
    assert bodies[f"{other}_E0C0"].video_path.name == "Arson002.mp4"


def test_a_clip_of_a_video_without_a_file_waits_for_it_unless_a_person_captioned_it(
    tmp_path: Path,
) -> None:
    human = a_clip(f"{E0}C1", human_caption_id=f"{VIDEO_ID}_H0")
    dataset = dataset_of(tmp_path, a_video(), an_event(), a_clip(), human, a_human_caption())
    assert to_do(dataset, "caption") == [f"{E0}C1"]
    assert waiting(dataset, "caption") == {"the video file": 1}


def test_an_event_waits_until_it_is_cut_and_all_its_clips_are_captioned(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, a_video(), an_event())
    assert waiting(dataset, "summarize event:") == {"clip": 1}
    bring_in(dataset, a_clip(f"{E0}C0"), a_clip(f"{E0}C1"), a_caption(f"{E0}C0"))
    assert (to_do(dataset, "summarize event:"), waiting(dataset, "summarize event:")) == (
        [],
        {"caption": 1},
    )
    bring_in(dataset, a_caption(f"{E0}C0"), a_caption(f"{E0}C1"))
    assert to_do(dataset, "summarize event:") == [f"event:{E0}"]


def test_an_event_goes_on_without_the_clips_whose_captions_were_discarded(tmp_path: Path) -> None:
    texts = (a_caption(f"{E0}C0"), a_caption(f"{E0}C1", text="She waves."))
    clips = (a_clip(f"{E0}C0"), a_clip(f"{E0}C1"))
    dataset = dataset_of(tmp_path, a_video(), an_event(), *clips, *texts)
    add_review(dataset, a_review("caption", f"{E0}C0", Discard(reason="wrong")))
    [pending] = look_at(dataset, step_named("summarize event:"))[1]
    body = pending.ready().body
    assert isinstance(body, SummarizeItem)
    assert body.texts == ("She waves.",)


def test_a_video_is_not_summed_up_while_one_of_its_events_is_yet_to_be_cut(tmp_path: Path) -> None:
    """Else a limited run pays for a summary that the next run throws away."""
    human = a_human_caption(start_seconds=25.0, end_seconds=34.0)
    clicks = (
        a_click(f"{VIDEO_ID}_K0", time_seconds=10.0),
        a_click(f"{VIDEO_ID}_K1", time_seconds=30.0),
    )
    dataset = dataset_of(tmp_path, a_video(), *clicks, human)
    run_named(dataset, "propose")
    options = RunOptions(limit=1, is_quiet=True)
    run_step(dataset, step_named("clip"), executor=HERE, options=options)
    run_named(dataset, "caption", "summarize event:")
    assert waiting(dataset, "summarize video:") == {"event summaries": 1}
    assert to_do(dataset, "summarize video:") == []


def test_a_video_waits_for_the_summaries_of_its_events(tmp_path: Path) -> None:
    texts = (a_clip(), a_caption())
    dataset = dataset_of(tmp_path, a_video(), an_event(), *texts)
    assert waiting(dataset, "summarize video:") == {"event summaries": 1}
    run_named(dataset, "summarize event:")
    assert to_do(dataset, "summarize video:") == [f"video:{VIDEO_ID}"]


def test_texts_reach_the_summarizer_in_order_of_time_not_of_ids(tmp_path: Path) -> None:
    events = (
        an_event(E0, start_seconds=20.0, end_seconds=30.0),
        an_event(E1, start_seconds=1.0, end_seconds=5.0),
    )
    summaries = (a_summary(E0, text="Later."), a_summary(E1, text="Earlier."))
    clips = (a_clip(f"{E0}C0", start_seconds=20.0, end_seconds=30.0), a_clip(f"{E1}C0"))
    captions = (a_caption(f"{E0}C0"), a_caption(f"{E1}C0"))
    dataset = dataset_of(tmp_path, a_video(), *events, *clips, *captions, *summaries)
    [pending] = look_at(dataset, step_named("summarize video:"))[1]
    assert pending.ready().body.texts == ("Earlier.", "Later.")


def test_only_what_hangs_together_is_asked_about(tmp_path: Path) -> None:
    stray = (a_clip("Ghost_E0C0"), a_caption("Ghost_E0C0"), an_event("Ghost_E0"))
    dataset = dataset_of(tmp_path, a_video(), an_event(), a_clip(), a_caption(), *stray)
    assert to_do(dataset, "instruct") == [f"hivau:{E0}C0"]


def test_events_without_their_video_are_no_part_of_a_release(tmp_path: Path) -> None:
    stray = (a_clip("Ghost_E0C0"), a_caption("Ghost_E0C0"), an_event("Ghost_E0"))
    dataset = dataset_of(tmp_path, a_video(), an_event(), a_clip(), a_caption(), *stray)
    run_named(dataset, "instruct")
    release = export(dataset, ExportOptions(("llava",), "draft")).release
    assert (release.num_videos, release.num_events, release.num_clips) == (1, 1, 1)


def test_an_unlabelled_video_that_was_discarded_is_not_worked_on(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, FILED)
    add_review(dataset, a_review("video", VIDEO_ID, Discard(reason="private")))
    assert to_do(dataset, "score") == []
    assert VIDEO_ID not in live(dataset)["videos.jsonl"]
    assert list(Index(dataset).all(Video)) == []


def say(dataset: Dataset, *captions: tuple[float, float, str]) -> None:
    """Import a file that says this of the video."""
    entry = {"timestamps": [one[:2] for one in captions], "sentences": [one[2] for one in captions]}
    path = dataset.dir_path / "uca.json"
    path.write_bytes(orjson.dumps({VIDEO_ID: entry}))
    import_uca(ImportTask(dataset, path))


def said(dataset: Dataset) -> dict[str, str]:
    captions = Index(dataset).all(HumanCaption)
    return {caption.id.removeprefix(f"{VIDEO_ID}_"): caption.text for caption in captions}


HE_RUNS, SHE_FALLS = (4.0, 7.0, "He runs."), (7.0, 11.0, "She falls.")


def test_a_sentence_inserted_before_others_takes_none_of_their_ids(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, FILED)
    say(dataset, HE_RUNS, SHE_FALLS)
    assert said(dataset) == {"H0": "He runs.", "H1": "She falls."}
    say(dataset, (0.0, 1.0, "Cars pass."), HE_RUNS, SHE_FALLS)
    assert said(dataset) == {"H0": "He runs.", "H1": "She falls.", "H2": "Cars pass."}


def test_the_number_of_a_sentence_that_is_gone_is_its_own_for_ever(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, FILED)
    say(dataset, HE_RUNS, SHE_FALLS)
    say(dataset, HE_RUNS)
    say(dataset, HE_RUNS, (7.0, 11.0, "A woman falls."))
    assert said(dataset) == {"H0": "He runs.", "H2": "A woman falls."}
    say(dataset, SHE_FALLS, HE_RUNS)
    assert said(dataset) == {"H1": "She falls.", "H0": "He runs."}


def test_a_sentence_that_stands_twice_in_a_file_keeps_both_its_ids(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, FILED)
    say(dataset, HE_RUNS, HE_RUNS)
    for _ in range(2):
        say(dataset, SHE_FALLS, HE_RUNS, HE_RUNS)
        assert set(said(dataset)) == {"H0", "H1", "H2"}


def a_person_confirmed_what_was_said(dir_path: Path) -> Dataset:
    """A clip of 7 to 11 s with a human caption, and a person who agrees with that caption."""
    event = an_event(start_seconds=4.0, end_seconds=11.0, origin="click")
    dataset = dataset_of(dir_path, FILED, event)
    say(dataset, HE_RUNS, SHE_FALLS)
    run_named(dataset, "clip", "caption")
    add_review(dataset, a_review("caption", f"{E0}C1", Confirm()))
    return dataset


def texts_of_clips(dataset: Dataset) -> dict[float, str]:
    index = Index(dataset)
    return {c.start_seconds: index.get(Caption, c.id).text for c in index.all(Clip)}


def test_a_confirmed_clip_keeps_its_own_sentence_when_another_is_inserted(tmp_path: Path) -> None:
    dataset = a_person_confirmed_what_was_said(tmp_path)
    say(dataset, (4.0, 5.0, "He waits."), HE_RUNS, SHE_FALLS)
    run_named(dataset, "clip", "caption")
    assert texts_of_clips(dataset)[7.0] == "She falls."


def test_a_confirmed_clip_takes_the_corrected_sentence_of_its_stretch(tmp_path: Path) -> None:
    dataset = a_person_confirmed_what_was_said(tmp_path)
    say(dataset, HE_RUNS, (7.0, 11.0, "A woman falls."))
    run_named(dataset, "clip", "caption")
    assert texts_of_clips(dataset)[7.0] == "A woman falls."


@pytest.mark.parametrize("labels", [("caption",), ("clip", "caption")])
def test_a_clip_whose_sentence_was_taken_out_is_left_to_the_captioner(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    dataset = a_person_confirmed_what_was_said(tmp_path)
    say(dataset, HE_RUNS)
    run_named(dataset, *labels[:-1])
    [pending] = look_at(dataset, step_named("caption"))[1]
    assert (pending.id, pending.ready().body.human_caption) == (f"{E0}C1", None)


def test_events_whose_boundaries_a_person_moved_come_in_their_new_order(tmp_path: Path) -> None:
    events = (an_event(E0), an_event(E1, start_seconds=20.0, end_seconds=28.0))
    dataset = dataset_of(tmp_path, a_video(), *events)
    add_review(dataset, a_review("event", E0, MoveBoundaries(start_seconds=40.0, end_seconds=48.0)))
    assert Facts(Index(dataset)).event_ids_of == {VIDEO_ID: [E1, E0]}


def test_clips_whose_boundaries_a_person_moved_are_summed_up_in_their_new_order(
    tmp_path: Path,
) -> None:
    clips = (a_clip(f"{E0}C0"), a_clip(f"{E0}C1", start_seconds=5.0, end_seconds=6.0))
    captions = (a_caption(f"{E0}C0", text="Later."), a_caption(f"{E0}C1", text="Earlier."))
    dataset = dataset_of(tmp_path, a_video(), an_event(), *clips, *captions)
    moved = MoveBoundaries(start_seconds=6.0, end_seconds=8.0)
    add_review(dataset, a_review("clip", f"{E0}C0", moved))
    [pending] = look_at(dataset, step_named("summarize event:"))[1]
    assert pending.ready().body.texts == ("Earlier.", "Later.")
