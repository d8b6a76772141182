"""Changing any one thing makes exactly what depends on it stale; what people said survives."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.executors.local import LocalExecutor
from engine.flow import FLOW, look_at
from engine.index import Index
from engine.store import content_of, read_lines
from schemas import Caption, Clip, Event, Summary
from schemas.review import Confirm, Discard, EditText, MoveBoundaries, Relabel
from tests.builders import (
    Done,
    a_click,
    a_review,
    add_review,
    add_video,
    bring_in,
    bring_up_to_date,
    copy_of,
    label_of,
    live,
    reconfigured,
    run_all,
    step_named,
)
from tests.engine.stages.examples import edit_prompt
from tests.engine.staleness_corpus import (
    CLICKS,
    LABELS,
    a_settled_dataset,
    answer,
    served_config,
)
from tests.fakes import Behavior, FakeOpenAiServer

Change = Callable[[Dataset], Dataset]
EVENTS = {
    "Abuse001": ("Abuse001_E0", "Abuse001_E1"),
    "Calm002": ("Calm002_E0", "Calm002_E1"),
    "street": ("street_E0", "street_E1"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAiServer]:
    with FakeOpenAiServer(Behavior(answer=answer)) as fake:
        yield fake


@pytest.fixture(scope="module")
def settled(
    tmp_path_factory: pytest.TempPathFactory, server: FakeOpenAiServer, executor: LocalExecutor
) -> Dataset:
    """Settled once; tests work on copies."""
    dataset = a_settled_dataset(tmp_path_factory.mktemp("settled") / "ds", server.url, executor)
    assert {id_: tuple(found) for id_, found in _events(dataset).items()} == EVENTS
    return dataset


@pytest.fixture
def dataset(settled: Dataset, tmp_path: Path) -> Dataset:
    return copy_of(settled, tmp_path / "ds")


def _events(dataset: Dataset) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event_id in sorted(Index(dataset).lines(Event)):
        found.setdefault(event_id.rpartition("_E")[0], []).append(event_id)
    return found


def clips_of(dataset: Dataset, *prefixes: str) -> set[str]:
    """Live clips whose ids start so."""
    return {id_ for id_ in live(dataset)["clips.jsonl"] if id_.startswith(prefixes)}


def events_of(*video_ids: str) -> set[str]:
    return {event_id for video_id in video_ids for event_id in EVENTS[video_id]}


def to_do(work: dict[str, Done]) -> dict[str, set[str]]:
    """Step -> items that were done, scopes left out; steps that only retired left out."""
    return {
        label: {id_.rpartition(":")[2] for id_ in done.made}
        for label, done in work.items()
        if done.made
    }


def what_changed(
    before: dict[str, dict[str, bytes]], after: dict[str, dict[str, bytes]]
) -> dict[str, set[str]]:
    """File -> live records that came, went or say something else."""
    found = {}
    for name, old in before.items():
        new = after[name]
        ids = {
            id_
            for id_ in old.keys() | new.keys()
            if content_of(old.get(id_, b"")) != content_of(new.get(id_, b""))
        }
        if ids:
            found[name.removesuffix(".jsonl")] = ids
    return found


def with_config(server: FakeOpenAiServer, **changes: str) -> Change:
    return lambda dataset: reconfigured(dataset, served_config(server.url, **changes))


@pytest.mark.parametrize("line", ["temperature = 0.5", "max_side_px = 80"])
def test_another_way_to_caption_makes_all_texts_again_and_cuts_nothing(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor, line: str
) -> None:
    clips, before = clips_of(dataset, ""), live(dataset)
    changed = with_config(server, caption=line + "\n")(dataset)
    work = bring_up_to_date(changed, executor=executor)
    segments = clips | events_of(*EVENTS) | set(EVENTS)
    assert to_do(work) == {
        "caption": clips,
        "summarize event:": events_of(*EVENTS),
        "summarize video:": set(EVENTS),
        "instruct": segments,
    }
    assert what_changed(before, live(dataset)) == {
        "captions": clips,
        "summaries": events_of(*EVENTS) | set(EVENTS),
        "instructions": {f"hivau:{id_}" for id_ in segments},
    }


def test_a_new_revision_that_says_the_same_leaves_everything_downstream_settled(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    before = live(dataset)
    changed = with_config(server, caption='revision = "r2"\n')(dataset)
    assert to_do(bring_up_to_date(changed, executor=executor)) == {"caption": clips_of(dataset, "")}
    assert what_changed(before, live(dataset)) == {}


def test_another_way_to_summarize_leaves_captions_alone(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    changed = with_config(server, summarize="seed = 3\n")(dataset)
    assert to_do(bring_up_to_date(changed, executor=executor)) == {
        "summarize event:": events_of(*EVENTS),
        "summarize video:": set(EVENTS),
        "instruct": events_of(*EVENTS) | set(EVENTS),
    }


@pytest.mark.parametrize(
    ("section", "lines"),
    [
        ("caption", "timeout_seconds = 7.0\nmax_retries = 1\nconcurrency = 2\n"),
        ("caption", 'api_key_env = "OTHER_KEY"\n'),
        ("summarize", "timeout_seconds = 7.0\nmax_retries = 1\nconcurrency = 2\n"),
        ("media", "deadline_seconds = 99.0\ndeadline_per_video_second = 1.0\nmemory_gib = 2.0\n"),
        ("dataset", 'name = "another"\n'),
        ("score", 'videos = "unclicked"\n'),
    ],
)
def test_where_and_how_fast_work_is_done_makes_nothing_stale(
    dataset: Dataset, server: FakeOpenAiServer, section: str, lines: str
) -> None:
    changed = with_config(server, **{section: lines})(dataset)
    for step in FLOW:
        census, pending = look_at(changed, step)
        assert (label_of(step), census.num_to_do, pending) == (label_of(step), 0, [])


def test_another_endpoint_makes_nothing_stale(dataset: Dataset) -> None:
    changed = reconfigured(dataset, served_config("http://another-host:9000/v1"))
    for step in FLOW:
        assert look_at(changed, step)[0].num_to_do == 0


def test_shorter_clips_caption_only_stretches_that_are_new(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    before = live(dataset)
    config = served_config(server.url).replace("target_seconds = 2.0", "target_seconds = 1.0")
    work = to_do(bring_up_to_date(reconfigured(dataset, config), executor=executor))
    new = clips_of(dataset, "") - before["clips.jsonl"].keys()
    assert set(work) == {"clip", "caption", "summarize event:", "summarize video:", "instruct"}
    assert work["clip"] == events_of(*EVENTS)
    assert work["caption"] == new
    assert _stretches_renamed(before, live(dataset), "clips.jsonl") == set()


def test_going_back_to_the_old_clips_captions_nothing_again(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    before = live(dataset)
    shorter = served_config(server.url).replace("target_seconds = 2.0", "target_seconds = 1.0")
    bring_up_to_date(reconfigured(dataset, shorter), executor=executor)
    back = reconfigured(dataset, served_config(server.url))
    work = to_do(bring_up_to_date(back, executor=executor))
    assert "caption" not in work
    assert what_changed(before, live(back)) == {}


def test_the_seed_moves_normal_events_and_redraws_questions_but_leaves_clicked_events(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    before = live(dataset)
    changed = with_config(server, dataset="seed = 7\n")(dataset)
    work = to_do(bring_up_to_date(changed, executor=executor))
    assert work["propose"] == set(EVENTS)
    for label in ("clip", "caption", "summarize event:", "summarize video:"):
        assert not {id_ for id_ in work[label] if id_.startswith("Abuse001")}
    assert clips_of(dataset, "Abuse001") <= work["instruct"]
    assert _stretches_renamed(before, live(dataset), "events.jsonl") == set()


def test_fewer_normal_events_leave_the_others_as_they_are(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    changed = with_config(server, propose="alpha = 0.8\n")(dataset)
    assert to_do(bring_up_to_date(changed, executor=executor)) == {"propose": set(EVENTS)}


def test_a_click_more_touches_its_own_video_only_and_old_ids_never_name_another_stretch(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    before = live(dataset)
    bring_in(dataset, *CLICKS, a_click("Abuse001_K2", time_seconds=9.5, frame=237))
    work = to_do(bring_up_to_date(dataset, executor=executor))
    assert work["propose"] == {"Abuse001"}
    for label in ("clip", "caption", "summarize event:", "summarize video:", "instruct"):
        assert {id_.split("_")[0] for id_ in work[label]} == {"Abuse001"}
    assert _stretches_renamed(before, live(dataset), "events.jsonl") == set()
    bring_in(dataset, *CLICKS)
    again = to_do(bring_up_to_date(dataset, executor=executor))
    assert "caption" not in again, "the old clips came back with their captions"
    assert what_changed(before, live(dataset)).keys() <= {"clicks"}


def test_a_first_click_replaces_what_the_score_proposed(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    before = live(dataset)
    bring_in(dataset, a_click("street_K0", time_seconds=10.0, frame=250))
    work = to_do(bring_up_to_date(dataset, executor=executor))
    assert work["propose"] == {"street"}
    assert "score" not in work
    events = [e for e in Index(dataset).all(Event) if e.video_id == "street"]
    assert [event.click_ids for event in events] == [("street_K0",)]
    assert _stretches_renamed(before, live(dataset), "events.jsonl") == set()


def relabelled(dataset: Dataset, labels: str) -> Dataset:
    (dataset.dir_path / "labels.csv").write_text(labels)
    return dataset


def test_another_category_captions_nothing_but_sums_its_video_up_again(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    clips = clips_of(dataset, "Abuse001")
    work = bring_up_to_date(
        relabelled(dataset, LABELS.replace("Abuse,", "Arson,")), executor=executor
    )
    events = events_of("Abuse001")
    assert to_do(work) == {
        "ingest": {"Abuse001"},
        "propose": {"Abuse001"},
        "clip": events,
        "summarize event:": events,
        "summarize video:": {"Abuse001"},
        "instruct": events | {"Abuse001"},
    }
    assert clips_of(dataset, "Abuse001") == clips


def test_another_split_asks_no_model_anything(dataset: Dataset, executor: LocalExecutor) -> None:
    work = bring_up_to_date(relabelled(dataset, LABELS.replace("train", "test")), executor=executor)
    assert to_do(work) == {
        "ingest": {"Abuse001"},
        "propose": {"Abuse001"},
        "instruct": {"Abuse001"},
    }


def test_a_video_that_was_replaced_is_done_anew_from_end_to_end_and_no_other(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    add_video(dataset, "Calm002.mp4", num_frames=495)
    work = to_do(bring_up_to_date(dataset, executor=executor))
    assert set(work) == {label_of(step) for step in FLOW} - {"score"}
    for label, items in work.items():
        assert {id_.split("_")[0] for id_ in items} == {"Calm002"}, label
    assert clips_of(dataset, "Calm002") == work["caption"]


def test_a_video_replaced_by_another_of_equal_size_and_length_is_captioned_anew(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    path = dataset.videos_dir_path / "Calm002.mp4"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 0xFF
    path.write_bytes(bytes(content))
    sampled_bytes = content[: 1 << 16] + content[-(1 << 16) :]
    assert len(content) < len(sampled_bytes), "the change lies in what ingest samples"
    work = to_do(bring_up_to_date(dataset, executor=executor))
    assert clips_of(dataset, "Calm002") == work["caption"]


def test_a_video_that_is_gone_takes_all_that_hangs_on_it_along_and_brings_it_back(
    dataset: Dataset, executor: LocalExecutor, tmp_path: Path
) -> None:
    before = live(dataset)
    path, away = dataset.videos_dir_path / "Calm002.mp4", tmp_path / "away.mp4"
    shutil.move(path, away)
    relabelled(dataset, LABELS.replace("Calm002,normal,test\n", ""))
    assert to_do(bring_up_to_date(dataset, executor=executor)) == {}
    after = live(dataset)
    left = {id_ for ids in after.values() for id_ in ids if "Calm002" in id_}
    assert left == set()
    gone = {name: {i for i in ids if "Calm002" not in i} for name, ids in before.items()}
    assert {name: set(ids) for name, ids in after.items()} == gone
    shutil.move(away, path)
    relabelled(dataset, LABELS)
    assert bring_up_to_date(dataset, executor=executor) == {}
    assert live(dataset) == before


def test_an_empty_folder_of_videos_looks_like_a_lost_disk_and_loses_nothing(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    before = live(dataset)
    for path in dataset.videos_dir_path.iterdir():
        path.unlink()
    with pytest.raises(UsageError, match="is the disk mounted"):
        run_all(dataset, executor=executor)
    dataset.videos_dir_path.rmdir()
    with pytest.raises(UsageError, match="mount the disk"):
        run_all(dataset, executor=executor)
    assert live(dataset) == before


E0, C0 = "Abuse001_E0", "Abuse001_E0C0"
A_CAPTION = a_review("caption", C0, EditText(field="text", text="A man in red shouts."))
AN_EVENT_SUMMARY = a_review("summary", E0, EditText(field="description", text="He shouts."))
A_VIDEO_SUMMARY = a_review("summary", "Abuse001", EditText(field="analysis", text="Shouting."))
A_BOUNDARY = a_review("event", E0, MoveBoundaries(start_seconds=1.0, end_seconds=2.5))


def test_an_edited_caption_makes_its_event_its_video_and_their_instructions_stale(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    add_review(dataset, A_CAPTION)
    assert to_do(bring_up_to_date(dataset, executor=executor)) == {
        "summarize event:": {E0},
        "summarize video:": {"Abuse001"},
        "instruct": {C0, E0, "Abuse001"},
    }


@pytest.mark.parametrize(
    ("target", "target_id"), [("caption", C0), ("summary", E0), ("clip", C0), ("video", "Abuse001")]
)
def test_agreeing_makes_nothing_stale(
    dataset: Dataset, executor: LocalExecutor, target: str, target_id: str
) -> None:
    add_review(dataset, a_review(target, target_id, Confirm()))
    assert to_do(bring_up_to_date(dataset, executor=executor)) == {}


def test_a_confirmed_event_asks_no_model_anything(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    add_review(dataset, a_review("event", E0, Confirm()))
    work = to_do(bring_up_to_date(dataset, executor=executor))
    assert work.keys() <= {"clip", "instruct"}
    assert Index(dataset).get(Event, E0).is_confirmed


def test_an_edited_event_summary_makes_the_video_summary_and_two_instructions_stale(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    add_review(dataset, AN_EVENT_SUMMARY)
    assert to_do(bring_up_to_date(dataset, executor=executor)) == {
        "summarize video:": {"Abuse001"},
        "instruct": {E0, "Abuse001"},
    }


def test_an_edited_video_summary_makes_one_instruction_stale(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    add_review(dataset, A_VIDEO_SUMMARY)
    assert to_do(bring_up_to_date(dataset, executor=executor)) == {"instruct": {"Abuse001"}}


def test_an_edit_that_is_taken_back_leaves_nothing_to_do(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    original = Index(dataset).get(Caption, C0).text
    undo = a_review("caption", C0, EditText(field="text", text=original), number=1)
    add_review(dataset, A_CAPTION, undo)
    assert to_do(bring_up_to_date(dataset, executor=executor)) == {}


def test_a_moved_boundary_recuts_its_event_alone(dataset: Dataset, executor: LocalExecutor) -> None:
    before = live(dataset)
    add_review(dataset, A_BOUNDARY)
    work = to_do(bring_up_to_date(dataset, executor=executor))
    new = clips_of(dataset, E0)
    assert new.isdisjoint(before["clips.jsonl"])
    assert work == {
        "clip": {E0},
        "caption": new,
        "summarize event:": {E0},
        "summarize video:": {"Abuse001"},
        "instruct": {*new, E0, "Abuse001"},
    }


def test_a_relabelled_event_is_summed_up_again_and_not_captioned(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    add_review(dataset, a_review("event", E0, Relabel(is_anomalous=False, categories=())))
    assert to_do(bring_up_to_date(dataset, executor=executor)) == {
        "clip": {E0},
        "summarize event:": {E0},
        "summarize video:": {"Abuse001"},
        "instruct": {E0, "Abuse001"},
    }


def test_a_relabelled_event_is_captioned_again_where_the_captioner_is_told_the_label(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    dataset = with_config(server, caption='hint = "category"\n')(dataset)
    assert to_do(bring_up_to_date(dataset, executor=executor))["caption"] == clips_of(dataset, "")
    add_review(dataset, a_review("event", E0, Relabel(is_anomalous=False, categories=())))
    assert to_do(bring_up_to_date(dataset, executor=executor))["caption"] == clips_of(dataset, E0)


@pytest.mark.parametrize(
    ("target", "target_id", "gone", "work"),
    [
        ("event", E0, E0, {"summarize video:": {"Abuse001"}, "instruct": {"Abuse001"}}),
        (
            "clip",
            C0,
            C0,
            {
                "summarize event:": {E0},
                "summarize video:": {"Abuse001"},
                "instruct": {E0, "Abuse001"},
            },
        ),
        (
            "caption",
            C0,
            "no such clip",
            {
                "summarize event:": {E0},
                "summarize video:": {"Abuse001"},
                "instruct": {E0, "Abuse001"},
            },
        ),
        ("summary", E0, "none", {"summarize video:": {"Abuse001"}, "instruct": {"Abuse001"}}),
        ("summary", "Abuse001", "none", {}),
        ("instruction", f"hivau:{C0}", "none", {}),
        ("video", "Calm002", "Calm002", {}),
    ],
)
def test_what_a_person_discards_goes_with_all_that_hangs_on_it_and_stays_away(
    dataset: Dataset,
    executor: LocalExecutor,
    target: str,
    target_id: str,
    gone: str,
    work: dict[str, set[str]],
) -> None:
    add_review(dataset, a_review(target, target_id, Discard(reason="blurred")))
    assert to_do(bring_up_to_date(dataset, executor=executor)) == work
    after = live(dataset)
    names = {"summary": "summaries.jsonl"}
    assert target_id not in after[names.get(target, f"{target}s.jsonl")]
    segments = {id_ for name in ("events", "clips", "captions") for id_ in after[f"{name}.jsonl"]}
    assert not {id_ for id_ in segments if id_.startswith(gone)}
    assert bring_up_to_date(dataset, executor=executor) == {}
    if target in ("caption", "summary"):
        assert f"hivau:{target_id}" not in after["instructions.jsonl"]


def test_a_discarded_event_that_is_taken_back_is_not_captioned_again(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    add_review(dataset, a_review("event", E0, Discard(reason="blurred")))
    bring_up_to_date(dataset, executor=executor)
    add_review(dataset, a_review("event", E0, Confirm(), number=1))
    work = to_do(bring_up_to_date(dataset, executor=executor))
    assert "caption" not in work
    assert "summarize event:" not in work
    assert E0 in live(dataset)["summaries.jsonl"]


def test_a_discarded_event_that_is_taken_back_returns_though_its_video_was_proposed_for_anew(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    add_review(dataset, A_CAPTION, a_review("event", E0, Discard(reason="blurred")))
    bring_in(dataset, *CLICKS, a_click("Abuse001_K2", time_seconds=18.0, frame=450))
    bring_up_to_date(dataset, executor=executor)
    assert E0 not in Index(dataset).lines(Event)
    add_review(dataset, a_review("event", E0, Confirm(), number=1))
    work = to_do(bring_up_to_date(dataset, executor=executor))
    assert work["propose"] == {"Abuse001"}
    assert "caption" not in work
    index = Index(dataset)
    assert index.get(Caption, C0).text == "A man in red shouts."
    assert list(index.orphaned_reviews()) == []
    assert bring_up_to_date(dataset, executor=executor) == {}


def test_a_discarded_clip_that_is_taken_back_returns_though_its_event_was_cut_anew(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    """Its event was settled without it, and nothing about the event had changed since."""
    add_review(dataset, a_review("clip", C0, Discard(reason="blurred")))
    config = served_config(server.url).replace("target_seconds = 2.0", "target_seconds = 1.2")
    again = reconfigured(dataset, config)
    bring_up_to_date(again, executor=executor)
    assert C0 not in Index(again).lines(Clip)
    add_review(again, a_review("clip", C0, Confirm(), number=1))
    work = to_do(bring_up_to_date(again, executor=executor))
    assert work["clip"] == {E0}
    assert "propose" not in work
    assert C0 in Index(again).lines(Clip)
    assert bring_up_to_date(again, executor=executor) == {}


def test_a_clip_taken_back_stays_away_where_its_event_has_moved_off_it(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    """It cannot come back, and the event must not be cut anew at every run for it."""
    clip = Index(dataset).get(Clip, C0)
    moved = MoveBoundaries(start_seconds=clip.end_seconds, end_seconds=clip.end_seconds + 3.0)
    add_review(
        dataset,
        a_review("clip", C0, Discard(reason="blurred")),
        a_review("event", E0, moved, number=1),
    )
    bring_up_to_date(dataset, executor=executor)
    add_review(dataset, a_review("clip", C0, Confirm(), number=2))
    assert bring_up_to_date(dataset, executor=executor) == {}
    assert C0 not in Index(dataset).lines(Clip)


def test_a_discarded_event_that_is_taken_back_waits_while_its_video_is_rejected(
    dataset: Dataset, executor: LocalExecutor
) -> None:
    """A click past the end rejects the video; that is told once, not at every run."""
    add_review(dataset, a_review("event", E0, Discard(reason="blurred")))
    bring_in(dataset, a_click("Abuse001_K2", time_seconds=99.0, frame=2475))
    run_all(dataset, executor=executor)
    add_review(dataset, a_review("event", E0, Confirm(), number=1))
    assert look_at(dataset, step_named("propose"))[0].num_to_do == 0
    bring_in(dataset, *CLICKS)
    bring_up_to_date(dataset, executor=executor)
    assert E0 in Index(dataset).lines(Event)


@pytest.mark.parametrize(
    ("edited", "work"),
    [
        ("summarize_video.normal", {"summarize video:"}),
        ("summarize_event.normal", {"summarize event:"}),
    ],
)
def test_an_edited_prompt_makes_only_the_summaries_stale_that_are_asked_for_with_it(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, edited: str, work: set[str]
) -> None:
    edit_prompt(monkeypatch, "engine.stages.summarize", edited)
    assert {label_of(step) for step in FLOW if look_at(dataset, step)[0].num_to_do} == work


EVERYTHING_ELSE = {
    "dataset": "seed = 9\n",
    "propose": "alpha = 0.7\n",
    "caption": "temperature = 0.9\n",
    "summarize": "temperature = 0.9\n",
}


def test_what_people_said_survives_every_other_change(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    discarded = a_review("event", "Abuse001_E1", Discard(reason="blurred"))
    add_review(dataset, A_CAPTION, AN_EVENT_SUMMARY, A_VIDEO_SUMMARY, discarded)
    reviews = (dataset.dir_path / "reviews.jsonl").read_bytes()
    config = served_config(server.url, **EVERYTHING_ELSE)
    config = config.replace("target_seconds = 2.0", "target_seconds = 1.2")
    relabelled(dataset, LABELS.replace("Abuse,", "Arson,"))
    bring_in(dataset, *CLICKS, a_click("Abuse001_K2", time_seconds=18.0, frame=450))
    again = reconfigured(dataset, config)
    bring_up_to_date(again, executor=executor)
    index = Index(again)
    assert index.get(Caption, C0).text == "A man in red shouts."
    assert index.get(Summary, E0).description == "He shouts."
    assert index.get(Summary, "Abuse001").analysis == "Shouting."
    assert "Abuse001_E1" not in index.lines(Event)
    assert not [e for e in index.all(Event) if "Abuse001_K1" in e.click_ids]
    assert (dataset.dir_path / "reviews.jsonl").read_bytes() == reviews
    assert list(index.orphaned_reviews()) == []


def test_a_moved_boundary_survives_every_other_change(
    dataset: Dataset, server: FakeOpenAiServer, executor: LocalExecutor
) -> None:
    add_review(dataset, A_BOUNDARY)
    bring_in(dataset, a_click("Abuse001_K0", time_seconds=6.5, frame=162), CLICKS[1])
    config = served_config(server.url, **EVERYTHING_ELSE)
    bring_up_to_date(reconfigured(dataset, config), executor=executor)
    event = Index(dataset).get(Event, E0)
    assert (event.start_seconds, event.end_seconds) == (1.0, 2.5)
    assert event.is_confirmed
    clips = [Index(dataset).get(Clip, clip_id) for clip_id in clips_of(dataset, E0)]
    assert min(clip.start_seconds for clip in clips) == 1.0
    assert max(clip.end_seconds for clip in clips) == 2.5


def _stretches_renamed(
    before: dict[str, dict[str, bytes]], after: dict[str, dict[str, bytes]], name: str
) -> set[str]:
    """Ids that name another stretch than before."""
    both = before[name].keys() & after[name].keys()
    return {id_ for id_ in both if _stretch(before[name][id_]) != _stretch(after[name][id_])}


def _stretch(line: bytes) -> tuple[float, float]:
    parts = orjson.loads(line)
    return parts["start_seconds"], parts["end_seconds"]


def test_settling_twice_writes_nothing(dataset: Dataset, executor: LocalExecutor) -> None:
    def all_lines() -> dict[str, list[bytes]]:
        return {path.name: list(read_lines(path)) for path in dataset.dir_path.rglob("*.jsonl")}

    before = all_lines()
    assert bring_up_to_date(dataset, executor=executor) == {}
    assert all_lines() == before
