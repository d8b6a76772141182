import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ServiceError, UsageError
from engine.index import LEDGERS, Index
from engine.store import (
    RECORD_FILES,
    JsonlWriter,
    content_of,
    dump_line,
    parse_object,
    parse_record,
    read_lines,
    write_whole_file,
)
from schemas import (
    Caption,
    CheckRound,
    Click,
    Clip,
    Event,
    FeatureTrack,
    Finding,
    HumanCaption,
    Instruction,
    Media,
    MediaProblem,
    Provenance,
    Record,
    Reject,
    Review,
    ScoreTrack,
    SpotCheck,
    Summary,
    Turn,
    Twin,
    Usage,
    Video,
)
from schemas.reject import REJECT_REASONS
from schemas.review import Confirm, Discard, EditText, MoveBoundaries, Relabel
from tests.builders import HUMAN, ONE_OF_EACH, VIDEO_ID, a_caption, a_dataset, bring_in, live

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip)
free_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
seconds = st.floats(-10, 1e6, allow_nan=False)
labels = st.sampled_from([True, False, None])
names = st.lists(texts, max_size=3).map(tuple)
provenances = st.builds(Provenance, made_by=st.sampled_from(["human", "model", "rule"]), name=texts)
usages = st.none() | st.builds(
    Usage,
    prompt_tokens=st.integers(0, 10**6),
    output_tokens=st.integers(0, 10**6),
    seconds=st.floats(0, 1e4),
)
counts = st.integers(0, 10**9)
problems = st.builds(
    MediaProblem, code=st.sampled_from(["rotated", "edit_list"]), detail=free_texts, hint=free_texts
)
media = st.builds(
    Media,
    path=texts,
    size_bytes=counts,
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    container=free_texts,
    codec=free_texts,
    width_px=st.integers(1, 9999),
    height_px=st.integers(1, 9999),
    rotation_degrees=st.sampled_from([0, 90, 180, 270]),
    is_variable_rate=st.booleans(),
    has_audio=st.booleans(),
    health=st.sampled_from(["ok", "degraded"]),
    problems=st.lists(problems, max_size=2).map(tuple),
)
who = {"id": texts, "video_id": texts, "provenance": provenances}
span = who | {"start_seconds": st.floats(-10, 0), "end_seconds": st.floats(0, 1e6)}
corrections = st.one_of(
    st.builds(MoveBoundaries, start_seconds=seconds, end_seconds=seconds),
    st.builds(Relabel, is_anomalous=st.booleans(), categories=names),
    st.builds(EditText, field=st.sampled_from(["text", "analysis"]), text=texts),
    st.builds(Confirm),
    st.builds(Discard, reason=texts),
)
turns = st.builds(
    Turn, task=st.sampled_from(["caption", "judgement"]), question=texts, answer=texts
)


def a_track(parts: list[tuple[float, float]], id: str) -> ScoreTrack:
    return ScoreTrack(
        id=id,
        video_id=id,
        snippet_starts_seconds=tuple(start for start, _ in parts),
        end_seconds=1e7,
        scores=tuple(score for _, score in parts),
        provenance=HUMAN,
    )


def some_features(starts: list[float], id: str, path: str) -> FeatureTrack:
    return FeatureTrack(
        id=id,
        video_id=id,
        path=path,
        sha256="0" * 64,
        extractor="tests/x",
        num_crops=1,
        num_snippets=len(starts),
        width=3,
        snippet_starts_seconds=tuple(starts),
        end_seconds=1e7,
        num_frames=len(starts),
        provenance=HUMAN,
    )


records: dict[type[Record], st.SearchStrategy[Record]] = {
    Video: st.builds(
        Video,
        id=texts,
        source=texts,
        split=st.sampled_from(["train", "validation", "test", None]),
        is_anomalous=labels,
        categories=names,
        start_seconds=seconds,
        end_seconds=seconds,
        num_frames=counts,
        fps=st.floats(0.1, 240),
        media=st.none() | media,
        provenance=provenances,
    ),
    Click: st.builds(
        Click,
        **who,
        time_seconds=seconds,
        frame=st.none() | counts,
        is_live=st.booleans(),
        source=st.sampled_from(["human", "model_accepted"]),
        state=st.sampled_from(["confirmed", "unsure", "ignored"]),
        author=texts,
    ),
    ScoreTrack: st.builds(
        a_track, st.lists(st.tuples(seconds, st.floats(0, 1)), max_size=9), texts
    ),
    FeatureTrack: st.builds(some_features, st.lists(seconds, min_size=1, max_size=9), texts, texts),
    Event: st.builds(
        Event,
        **span,
        is_anomalous=labels,
        categories=names,
        origin=st.sampled_from(["click", "human"]),
        is_confirmed=st.booleans(),
        click_ids=names,
    ),
    Clip: st.builds(Clip, **span, event_id=texts, human_caption_id=st.none() | texts),
    HumanCaption: st.builds(HumanCaption, **span, text=texts),
    Caption: st.builds(Caption, **who, text=texts, usage=usages),
    Summary: st.builds(
        Summary,
        **who,
        granularity=st.sampled_from(["event", "video"]),
        is_anomalous=labels,
        text=texts,
        judgement=texts,
        description=free_texts,
        analysis=st.none() | free_texts,
        usage=usages,
    ),
    Instruction: st.builds(
        Instruction,
        **span,
        segment_id=texts,
        granularity=st.sampled_from(["clip", "event", "video"]),
        family=texts,
        is_anomalous=labels,
        turns=st.lists(turns, min_size=1, max_size=3).map(tuple),
    ),
    Review: st.builds(
        Review,
        id=texts,
        target=st.sampled_from(["event", "summary"]),
        target_id=texts,
        correction=corrections,
        author=texts,
        at=free_texts,
    ),
    Finding: st.builds(
        Finding,
        **who,
        rule=texts,
        target=st.sampled_from(["caption", "instruction"]),
        target_id=texts,
        part=st.none() | texts,
        segment_id=texts,
        detail=texts,
    ),
    Twin: st.builds(Twin, **span, event_id=texts, text=texts, usage=usages),
    CheckRound: st.builds(
        CheckRound,
        id=texts,
        at_most=st.floats(0.001, 0.999),
        confidence=st.floats(0.001, 0.999),
        seed=counts,
        at=free_texts,
    ),
    SpotCheck: st.builds(
        SpotCheck,
        id=texts,
        round_id=texts,
        item_id=texts,
        video_id=texts,
        segment_id=texts,
        answer_sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
        verdict=st.sampled_from(["right", "wrong"]),
        reason=st.sampled_from(["label", None]),
        author=texts,
        at=free_texts,
    ),
    Reject: st.builds(
        Reject,
        id=texts,
        stage=texts,
        item_id=texts,
        reason=st.sampled_from(REJECT_REASONS),
        detail=free_texts,
        input_sha256=free_texts,
        fingerprint=free_texts,
    ),
}
any_record = st.one_of(*records.values())


def test_the_property_tests_cover_every_record_type() -> None:
    assert set(records) == set(RECORD_FILES) == {type(record) for record in ONE_OF_EACH}


@settings(max_examples=300, deadline=None)
@given(record=any_record)
def test_a_record_that_was_written_is_read_back_the_same(record: Record) -> None:
    line = dump_line(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line[:-1].decode() == record.model_dump_json()
    assert parse_record(type(record), line[:-1], path=Path("x.jsonl")) == record


@settings(max_examples=200, deadline=None)
@given(record=st.one_of(*(records[kind] for kind in LEDGERS)), maker=provenances, usage=usages)
def test_who_made_a_record_and_what_it_cost_is_no_part_of_its_content(
    record: Record, maker: Provenance, usage: Usage | None
) -> None:
    changes: dict[str, object] = {"provenance": maker}
    if "usage" in type(record).model_fields:
        changes["usage"] = usage
    remade = record.model_copy(update=changes)
    assert content_of(dump_line(remade)) == content_of(dump_line(record))


@settings(max_examples=100, deadline=None)
@given(first=records[Caption], second=records[Caption])
def test_the_content_differs_where_anything_true_differs(first: Record, second: Record) -> None:
    parts = {"id", "video_id", "text"}
    is_same = first.model_dump(include=parts) == second.model_dump(include=parts)
    assert (content_of(dump_line(first)) == content_of(dump_line(second))) == is_same


def test_a_text_that_quotes_the_provenance_mark_does_not_cut_the_content_short() -> None:
    tricky = a_caption(text='He says ","provenance":{"made_by":"human"} aloud.')
    plain = a_caption(text='He says "')
    assert content_of(dump_line(tricky)) != content_of(dump_line(plain))
    assert b"aloud" in content_of(dump_line(tricky))


@settings(max_examples=50, deadline=None)
@given(lines=st.lists(any_record, min_size=1, max_size=5), cut=st.integers(1, 200))
def test_a_file_cut_anywhere_keeps_all_its_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Record], cut: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "records.jsonl"
    block = b"".join(map(dump_line, lines))
    kept = block[: max(0, len(block) - cut)]
    path.write_bytes(kept)
    with JsonlWriter(path) as writer:
        writer.append([b'{"id":"next"}\n'])
    whole = kept[: kept.rfind(b"\n") + 1]
    assert path.read_bytes() == whole + b'{"id":"next"}\n'


def test_a_torn_last_line_is_passed_over_by_readers_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_bytes(b'{"id":"a"}\n{"id":"b","te')
    assert list(read_lines(path)) == [b'{"id":"a"}']
    assert "a crash cut off" in caplog.text
    assert str(path) in caplog.text
    assert path.read_bytes().endswith(b'"te'), "a reader must not write"


def test_a_torn_last_line_is_cut_by_the_next_writer_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_bytes(b'{"id":"a"}\n{"id":"b","te')
    with JsonlWriter(path) as writer:
        writer.append([b'{"id":"c"}\n'])
    assert path.read_bytes() == b'{"id":"a"}\n{"id":"c"}\n'
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "13 bytes" in caplog.text


def test_a_file_that_is_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_bytes(b'{"id":' + b"x" * (3 << 20))
    with JsonlWriter(path):
        pass
    assert path.read_bytes() == b""


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path / "captions.jsonl")) == []


def test_of_equal_ids_the_last_line_wins(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_caption(text="The first words."))
    bring_in(dataset, a_caption(text="The second words."))
    assert b"second" in live(dataset)["captions.jsonl"][a_caption().id]
    assert len(list(read_lines(dataset.record_path(Caption)))) == 2


@pytest.mark.parametrize(
    "damaged",
    [b'{"id":#,"text":"x"}', b"\x00\x00\x00", b'{"id":"%b","text":#}' % a_caption().id.encode()],
)
def test_a_damaged_line_in_the_middle_names_file_line_and_remedy(
    tmp_path: Path, damaged: bytes
) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_caption(), a_caption(f"{VIDEO_ID}_E0C1"))
    path = dataset.record_path(Caption)
    first, second = read_lines(path)
    path.write_bytes(b"\n".join([first, damaged, second, b""]))
    with pytest.raises(UsageError, match=r"captions\.jsonl: a line cannot be read") as caught:
        list(Index(dataset).all(Caption))
    assert repr(damaged.decode())[:12] in str(caught.value)
    assert "Mend or delete that line" in str(caught.value)


@pytest.mark.parametrize("line", [b"[1]", b'{"text":"no id"}', b'{"id":7}', b"\xff\xfe", b""])
def test_a_line_that_is_no_object_with_an_id_is_refused(line: bytes) -> None:
    with pytest.raises(UsageError, match=r"x\.jsonl"):
        parse_object(line, path=Path("x.jsonl"))


def test_a_line_that_does_not_fit_its_type_names_the_place() -> None:
    line = dump_line(a_caption())[:-1].replace(b'"text":', b'"words":')
    with pytest.raises(UsageError, match=r"captions\.jsonl.*text: Field required"):
        parse_record(Caption, line, path=Path("captions.jsonl"))


def test_a_second_writer_of_a_file_is_refused_while_the_first_is_open(tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    with (
        JsonlWriter(path),
        pytest.raises(UsageError, match="another process is writing"),
        JsonlWriter(path),
    ):
        pass
    with JsonlWriter(path) as writer:
        writer.append([b'{"id":"a"}\n'])
    assert list(read_lines(path)) == [b'{"id":"a"}']


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    code = (
        "import os, sys; from pathlib import Path; from engine.store import JsonlWriter\n"
        "writer = JsonlWriter(Path(sys.argv[1])).__enter__()\n"
        'writer.append([b\'{"id":"a"}\\n\'])\n'
        "os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert killed.returncode == -9
    with JsonlWriter(path) as writer:
        writer.append([b'{"id":"b"}\n'])
    assert list(read_lines(path)) == [b'{"id":"a"}', b'{"id":"b"}']


def test_a_whole_file_is_replaced_in_one_step_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    write_whole_file(path, b"old")
    write_whole_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["release.json"]


def test_a_whole_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    path.mkdir()
    with pytest.raises(ServiceError, match=r"release\.json"):
        write_whole_file(path, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["release.json"]
