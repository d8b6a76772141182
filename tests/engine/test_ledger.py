from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.ledger import Ledger, LedgerLine, highest_numbers, settled_key

SHA, OTHER_SHA, PRINT = "ab" * 32, "cd" * 32, "01" * 8


def a_line(item_id: str = "V", *record_ids: str, **changes: object) -> LedgerLine:
    return LedgerLine(item_id, SHA, PRINT, record_ids or (item_id,), **changes)  # type: ignore[arg-type]


def a_retirement(item_id: str = "V") -> LedgerLine:
    return LedgerLine(item_id, "", "", (), is_retired=True)


def loaded(path: Path, *lines: LedgerLine) -> Ledger:
    path.write_bytes(b"".join(line.dump() for line in lines))
    return Ledger.load(path)


def test_an_absent_ledger_is_an_empty_one(tmp_path: Path) -> None:
    assert len(Ledger.load(tmp_path / "caption.jsonl")) == 0


def test_the_newest_line_of_an_item_decides(tmp_path: Path) -> None:
    newer = LedgerLine("V", OTHER_SHA, PRINT, ("V_E1",))
    ledger = loaded(tmp_path / "l", a_line("V", "V_E0"), newer)
    assert set(ledger.live_record_ids()) == {"V_E1"}
    assert ledger.key("V") == settled_key(OTHER_SHA, PRINT)
    assert ledger.fingerprint("V") == PRINT


def test_an_item_may_be_settled_with_no_record_at_all(tmp_path: Path) -> None:
    ledger = loaded(tmp_path / "l", LedgerLine("V", SHA, PRINT, ()))
    assert "V" in ledger
    assert set(ledger.live_record_ids()) == set()


def test_a_reject_has_no_records_and_a_later_success_clears_it(tmp_path: Path) -> None:
    reject = LedgerLine("V", SHA, PRINT, (), reject="media_timeout")
    assert loaded(tmp_path / "l", reject).rejects() == {"V": "media_timeout"}
    assert loaded(tmp_path / "l", reject, a_line()).rejects() == {}


def test_a_retired_item_has_nothing_live_but_is_remembered(tmp_path: Path) -> None:
    ledger = loaded(tmp_path / "l", a_line("V", "V_E0", "V_E1"), a_retirement())
    assert "V" not in ledger
    assert set(ledger.live_record_ids()) == set()
    assert ledger.retired_line("V") == a_line("V", "V_E0", "V_E1")


def test_an_item_that_is_done_anew_is_no_longer_remembered_as_retired(tmp_path: Path) -> None:
    ledger = loaded(tmp_path / "l", a_line(), a_retirement(), a_line("V", "V_E7"))
    assert ledger.retired_line("V") is None
    assert set(ledger.live_record_ids()) == {"V_E7"}


def test_retiring_what_was_never_there_remembers_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path / "l", a_retirement()).retired_line("V") is None


def test_only_records_of_a_scope_are_counted(tmp_path: Path) -> None:
    ledger = loaded(tmp_path / "l", a_line("event:V", "V_E0"), a_line("clip:V", "V_E0C0"))
    assert set(ledger.live_record_ids(scope="event:")) == {"V_E0"}


def test_the_highest_number_counts_every_line_ever_written(tmp_path: Path) -> None:
    path = tmp_path / "l"
    loaded(path, a_line("V", "V_E0", "V_E11"), a_line("V", "V_E2"), a_line("W", "W_E0", "W_Ex"))
    assert highest_numbers(path, mark="_E") == {"V": 11, "W": 0}


def test_a_damaged_ledger_line_names_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "caption.jsonl"
    path.write_bytes(b"{nonsense}\n")
    with pytest.raises(UsageError, match=r"caption\.jsonl"):
        Ledger.load(path)


@pytest.mark.parametrize("part", ["input_sha256", "fingerprint", "records"])
def test_a_ledger_line_that_lacks_a_part_names_the_ledger(tmp_path: Path, part: str) -> None:
    path = tmp_path / "caption.jsonl"
    path.write_bytes(a_line().dump().replace(part.encode(), b"mood"))
    with pytest.raises(UsageError, match=r"caption\.jsonl"):
        Ledger.load(path)


lines = st.builds(
    LedgerLine,
    st.sampled_from(["A", "B", "event:é", 'q"t', "b\\\\s"]),
    st.sampled_from([SHA, OTHER_SHA]),
    st.just(PRINT),
    st.lists(st.sampled_from(["A", "A_E0", "A_E1"]), unique=True).map(tuple),
    reject=st.none() | st.just("internal"),
    is_retired=st.just(False),
    is_void=st.just(False),
)


@settings(max_examples=100, deadline=None)
@given(history=st.lists(lines, max_size=8))
def test_what_a_ledger_says_follows_from_the_last_line_of_each_item(
    tmp_path_factory: pytest.TempPathFactory, history: list[LedgerLine]
) -> None:
    ledger = loaded(tmp_path_factory.mktemp("ledger") / "l", *history)
    newest = {line.item_id: line for line in history}
    assert set(ledger.item_ids()) == set(newest)
    for item_id, line in newest.items():
        assert ledger.record_ids(item_id) == line.record_ids
        assert ledger.key(item_id) == settled_key(line.input_sha256, line.fingerprint)
        assert ledger.rejects().get(item_id) == line.reject


def test_a_voided_item_is_not_settled_and_is_not_remembered_as_retired(tmp_path: Path) -> None:
    line = a_line()
    ledger = loaded(tmp_path / "l", line)
    [void] = ledger.void_lines([line.item_id, "never seen"])
    (tmp_path / "l").write_bytes((tmp_path / "l").read_bytes() + void)
    voided = Ledger.load(tmp_path / "l")
    assert line.item_id not in voided
    assert voided.retired_line(line.item_id) is None
