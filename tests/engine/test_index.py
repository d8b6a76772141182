from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.index import LEDGERS, WORDS, Index, import_scope
from engine.ledger import LedgerLine
from engine.store import JsonlWriter, content_of, dump_line
from schemas import Caption, Event, Record
from schemas.review import Confirm, Discard, EditText, MoveBoundaries
from tests.builders import (
    VIDEO_ID,
    a_caption,
    a_clip,
    a_dataset,
    a_review,
    a_video,
    add_review,
    an_event,
    bring_in,
)

C0, C1 = f"{VIDEO_ID}_E0C0", f"{VIDEO_ID}_E0C1"
EDIT = EditText(field="text", text="She waves.")


def with_captions(dir_path: Path) -> Dataset:
    dataset = a_dataset(dir_path)
    bring_in(dataset, a_caption(C0), a_caption(C1))
    return dataset


def append(dataset: Dataset, record: Record) -> None:
    with JsonlWriter(dataset.record_path(type(record))) as writer:
        writer.append([dump_line(record)])


def test_a_record_that_no_ledger_lists_is_not_live(tmp_path: Path) -> None:
    """A crash came between the record and its ledger line."""
    dataset = with_captions(tmp_path)
    append(dataset, a_caption(f"{VIDEO_ID}_E0C9"))
    assert set(Index(dataset).lines(Caption)) == {C0, C1}


def test_a_record_whose_item_was_done_anew_without_it_is_not_live(tmp_path: Path) -> None:
    dataset = with_captions(tmp_path)
    bring_in(dataset, a_caption(C1))
    assert set(Index(dataset).lines(Caption)) == {C1}


def test_a_ledger_line_without_its_record_makes_nothing_live(tmp_path: Path) -> None:
    """A person deleted the record's line; the item is then there, but without a record."""
    dataset = with_captions(tmp_path)
    line = LedgerLine("Fighting002_E0C0", "ab" * 32, "cd" * 8, ("Fighting002_E0C0",))
    with JsonlWriter(dataset.ledger_path("caption")) as writer:
        writer.append([line.dump()])
    assert set(Index(dataset).lines(Caption)) == {C0, C1}


def test_an_index_sees_the_dataset_as_it_was_until_it_is_told_to_forget(tmp_path: Path) -> None:
    dataset = with_captions(tmp_path)
    index = Index(dataset)
    assert len(index.lines(Caption)) == 2
    bring_in(dataset, a_caption(C1))
    assert len(index.lines(Caption)) == 2
    index.forget("import", Caption)
    assert len(index.lines(Caption)) == 1


def test_of_several_reviews_the_last_decides_whether_a_record_is_in(tmp_path: Path) -> None:
    dataset = with_captions(tmp_path)
    add_review(dataset, a_review("caption", C0, Discard(reason="blurred"), number=0))
    assert set(Index(dataset).lines(Caption)) == {C1}
    add_review(dataset, a_review("caption", C0, Confirm(), number=1))
    assert set(Index(dataset).lines(Caption)) == {C0, C1}


def test_a_review_that_was_written_again_under_its_id_counts_once(tmp_path: Path) -> None:
    dataset = with_captions(tmp_path)
    add_review(dataset, a_review("caption", C0, Discard(reason="blurred")))
    add_review(dataset, a_review("caption", C0, EDIT))
    [review] = Index(dataset).reviews(Caption, C0)
    assert review.correction == EDIT
    assert Index(dataset).get(Caption, C0).text == "She waves."


def test_reviews_of_one_kind_of_record_do_not_touch_another_of_the_same_id(
    tmp_path: Path,
) -> None:
    dataset = with_captions(tmp_path)
    bring_in(dataset, a_clip(C0))
    add_review(dataset, a_review("clip", C0, Discard(reason="short")))
    assert C0 in Index(dataset).lines(Caption)


def test_the_content_of_a_reviewed_record_is_what_the_person_made_of_it(tmp_path: Path) -> None:
    dataset = with_captions(tmp_path)
    before = Index(dataset).content(Caption, C0)
    add_review(dataset, a_review("caption", C0, EDIT))
    edited = Index(dataset).content(Caption, C0)
    assert edited == content_of(dump_line(a_caption(C0, text="She waves.")))
    assert edited != before
    undo = EditText(field="text", text=a_caption().text)
    add_review(dataset, a_review("caption", C0, undo, number=1))
    assert Index(dataset).content(Caption, C0) == before


def test_fields_and_records_are_read_alike_reviewed_or_not(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, an_event(), an_event(f"{VIDEO_ID}_E1"))
    moved = MoveBoundaries(start_seconds=1.0, end_seconds=2.0)
    add_review(dataset, a_review("event", f"{VIDEO_ID}_E1", moved))
    index = Index(dataset)
    for event in index.all(Event):
        fields = index.fields(Event, event.id)
        assert fields["start_seconds"] == event.start_seconds
        assert fields["is_confirmed"] == event.is_confirmed
        assert tuple(fields["categories"]) == event.categories


def test_corrections_to_what_is_gone_are_kept_and_named(tmp_path: Path) -> None:
    dataset = with_captions(tmp_path)
    add_review(
        dataset,
        a_review("caption", C0, EDIT),
        a_review("event", f"{VIDEO_ID}_E5", Confirm()),
        a_review("caption", C1, Discard(reason="blurred")),
    )
    orphaned = [review.target_id for review in Index(dataset).orphaned_reviews()]
    assert orphaned == [f"{VIDEO_ID}_E5"], "what was discarded is gone on purpose"


def test_only_what_was_imported_counts_as_imported(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bring_in(dataset, a_video(), an_event())
    index = Index(dataset)
    assert set(index.imported_ids(Event)) == {f"{VIDEO_ID}_E0"}
    assert set(index.imported_ids(Caption)) == set()


def test_no_import_scope_is_the_start_of_another() -> None:
    scopes = [import_scope(record_type) for record_type in LEDGERS]
    for scope in scopes:
        assert [other for other in scopes if other.startswith(scope)] == [scope]
    assert set(WORDS) == set(LEDGERS)


def test_many_records_are_read_as_one_by_one_and_those_that_are_not_live_left_out(
    tmp_path: Path,
) -> None:
    dataset = with_captions(tmp_path)
    add_review(dataset, a_review("caption", C1, EDIT))
    index = Index(dataset)
    found = index.many(Caption, [C1, "Fighting002_E9C9", C0])
    assert list(found) == [C1, C0]
    assert found == {C1: index.get(Caption, C1), C0: index.get(Caption, C0)}
    assert found[C1].text == "She waves."


def test_a_damaged_line_among_many_is_named(tmp_path: Path) -> None:
    dataset = with_captions(tmp_path)
    path = dataset.record_path(Caption)
    path.write_bytes(path.read_bytes().replace(b'"text":"', b'"txet":"', 1))
    with pytest.raises(UsageError, match=rf"captions\.jsonl.*{C0}"):
        Index(dataset).many(Caption, [C0, C1])
