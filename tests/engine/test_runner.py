import os
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from engine.census import Census, take_census
from engine.dataset import Dataset
from engine.errors import ServiceError, TooManyRejectsError, UsageError
from engine.executors.local import LocalExecutor
from engine.index import Index
from engine.ledger import Ledger
from engine.runner import Executor, RunOptions, StageReport, check_reject_rate, run_stage
from engine.stage import Pending, digest, fingerprint_of
from engine.store import parse_record, read_lines
from schemas import Caption, Reject
from tests.builders import HERE, QUIET, a_dataset
from tests.engine.misbehaving import ComputingStage

Join = Callable[[Census], Iterable[Pending[object]]]


def join_of(bodies: dict[str, object], *, waiting: Iterable[str] = ()) -> Join:
    """Items by id; an item's input is its body."""

    def join(census: Census) -> Iterable[Pending[object]]:
        for item_id, body in bodies.items():
            input_sha256 = digest(repr(body).encode())
            if item_id in waiting:
                census.waits(item_id, "clip")
            elif census.wants(item_id, input_sha256):
                yield Pending(item_id, input_sha256.hex(), item_id, lambda body=body: body)  # type: ignore[misc]

    return join


def run(
    dataset: Dataset,
    join: Join,
    stage: ComputingStage | None = None,
    *,
    executor: Executor = HERE,
    options: RunOptions = QUIET,
    scope: str = "",
) -> StageReport:
    return run_stage(
        dataset, stage or ComputingStage(), join, executor=executor, options=options, scope=scope
    )


def census_of(dataset: Dataset, join: Join, stage: ComputingStage | None = None) -> Census:
    ledger = Ledger.load(dataset.ledger_path("caption"))
    return take_census(stage or ComputingStage(), join, ledger=ledger)[0]


def captions(dataset: Dataset) -> dict[str, str]:
    """Id -> text of every live caption."""
    return {caption.id: caption.text for caption in Index(dataset).all(Caption)}


def rejects(dataset: Dataset) -> list[Reject]:
    path = dataset.record_path(Reject)
    return [parse_record(Reject, line, path=path) for line in read_lines(path)]


def test_what_is_settled_is_not_done_again(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    join = join_of({"a": "Dog", "b": "Cat"})
    assert run(dataset, join).num_done == 2
    again = run(dataset, join)
    assert (again.num_done, again.num_settled_before) == (0, 2)
    assert captions(dataset) == {"a": "Dog 1.", "b": "Cat 1."}


def test_a_run_with_nothing_to_do_touches_no_file(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset.toml", "videos"]


def test_an_item_with_another_input_is_stale_and_only_that_one(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({"a": "Dog", "b": "Cat"}))
    join = join_of({"a": "Dog", "b": "Cow"})
    census = census_of(dataset, join)
    assert (census.num_stale_input, census.num_stale_settings, census.num_new) == (1, 0, 0)
    assert run(dataset, join).num_done == 1
    assert captions(dataset) == {"a": "Dog 1.", "b": "Cow 1."}


def test_another_fingerprint_makes_every_item_stale(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    join = join_of({"a": "Dog", "b": "Cat"})
    run(dataset, join)
    census = census_of(dataset, join, ComputingStage(version=2))
    assert (census.num_stale_settings, census.num_to_do) == (2, 2)
    run(dataset, join, ComputingStage(version=2))
    assert captions(dataset) == {"a": "Dog 2.", "b": "Cat 2."}


def test_a_limit_does_the_first_items_and_says_how_many_are_left(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    join = join_of({name: name for name in "abcde"})
    report = run(dataset, join, options=RunOptions(limit=2, is_quiet=True))
    assert (report.num_done, report.num_left) == (2, 3)
    assert set(captions(dataset)) == {"a", "b"}
    assert run(dataset, join).num_done == 3


def test_a_limit_of_nothing_still_retires_what_is_gone(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({"a": "Dog", "b": "Cat"}))
    report = run(dataset, join_of({"a": "Cow"}), options=RunOptions(limit=0, is_quiet=True))
    assert (report.num_done, report.num_retired, report.num_left) == (0, 1, 1)
    assert captions(dataset) == {"a": "Dog 1."}


def test_an_item_that_vanished_has_no_live_records_but_its_line_stays(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({"a": "Dog", "b": "Cat"}))
    report = run(dataset, join_of({"a": "Dog"}))
    assert (report.num_done, report.num_retired) == (0, 1)
    assert set(captions(dataset)) == {"a"}
    assert len(list(read_lines(dataset.record_path(Caption)))) == 2


def test_an_item_that_comes_back_as_it_was_is_revived_without_work(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    both = join_of({"a": "Dog", "b": "Cat"})
    run(dataset, both)
    run(dataset, join_of({"a": "Dog"}))
    report = run(dataset, both)
    assert (report.num_done, report.num_retired) == (0, 0)
    assert captions(dataset) == {"a": "Dog 1.", "b": "Cat 1."}
    assert len(list(read_lines(dataset.record_path(Caption)))) == 2


def test_an_item_that_comes_back_changed_is_done_again(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({"b": "Cat"}))
    run(dataset, join_of({}))
    assert run(dataset, join_of({"b": "Cow"})).num_done == 1
    assert captions(dataset) == {"b": "Cow 1."}


def test_an_item_that_comes_back_under_other_settings_is_done_again(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({"b": "Cat"}))
    run(dataset, join_of({}))
    assert run(dataset, join_of({"b": "Cat"}), ComputingStage(version=2)).num_done == 1


def test_a_reject_that_vanished_and_came_back_is_tried_again(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({"b": "reject"}))
    run(dataset, join_of({}))
    assert run(dataset, join_of({"b": "reject"})).num_rejected == 1


def test_items_of_another_scope_do_not_count_as_vanished(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({"event:a": "Dog"}), scope="event:")
    report = run(dataset, join_of({"video:a": "Cat"}), scope="video:")
    assert report.num_retired == 0
    assert set(captions(dataset)) == {"event:a", "video:a"}


def test_an_item_that_waits_keeps_what_it_has_and_says_what_for(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bodies: dict[str, object] = {"a": "Dog", "b": "Cat"}
    run(dataset, join_of(bodies))
    report = run(dataset, join_of(bodies, waiting="b"))
    assert report.waiting == {"clip": 1}
    assert report.num_retired == 0
    assert set(captions(dataset)) == {"a", "b"}


def test_a_reject_is_a_record_and_a_ledger_line_and_the_rest_is_done(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    report = run(dataset, join_of({"a": "Dog", "b": "reject", "c": "Cat"}))
    assert (report.num_done, report.rejects) == (2, {"reply_empty": 1})
    [reject] = rejects(dataset)
    assert (reject.id, reject.stage, reject.item_id) == ("caption:b", "caption", "b")
    assert (reject.reason, reject.detail) == ("reply_empty", "b: nothing was said")
    assert reject.fingerprint == fingerprint_of(ComputingStage())
    assert Ledger.load(dataset.ledger_path("caption")).rejects() == {"b": "reply_empty"}


def test_a_reject_is_settled_until_somebody_asks_to_retry(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    join = join_of({"a": "Dog", "b": "reject"})
    run(dataset, join)
    again = run(dataset, join)
    assert (again.num_done, again.num_rejected, again.num_settled_before) == (0, 0, 2)
    retried = run(dataset, join, options=RunOptions(retry_rejects=True))
    assert (retried.num_done, retried.num_rejected) == (0, 1)


def test_a_reject_whose_input_was_mended_is_done_without_asking(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({"b": "reject"}))
    assert run(dataset, join_of({"b": "Cat"})).num_done == 1
    assert Ledger.load(dataset.ledger_path("caption")).rejects() == {}


def test_an_item_that_is_rejected_anew_loses_its_old_records(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({"b": "Cat"}))
    run(dataset, join_of({"b": "reject"}))
    assert captions(dataset) == {}


def test_too_many_rejects_end_the_run_with_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    join = join_of({"a": "Dog", "b": "reject", "c": "reject", "d": "Cat"})
    report = run(dataset, join)
    with pytest.raises(TooManyRejectsError, match=r"2 of 4 items.*2 reply_empty.*25%") as caught:
        check_reject_rate(report, 0.25)
    assert "--retry-rejects" in str(caught.value)
    assert caught.value.exit_code == 4
    assert set(captions(dataset)) == {"a", "d"}, "what was done is kept"


def test_as_many_rejects_as_are_allowed_are_no_error(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    report = run(dataset, join_of({"a": "Dog", "b": "reject", "c": "Cow", "d": "Cat"}))
    check_reject_rate(report, 0.25)
    assert report.num_rejected == 1


def test_a_re_run_with_nothing_to_do_is_no_better_while_the_rejects_stand(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    join = join_of({"a": "Dog", "b": "reject"})
    run(dataset, join)
    with pytest.raises(TooManyRejectsError, match="1 of 2 items are rejected, more"):
        check_reject_rate(run(dataset, join), 0.25)


@pytest.mark.parametrize("word", ["service", "usage", "interrupt"])
def test_a_run_that_must_stop_keeps_what_is_done_and_the_next_goes_on(
    tmp_path: Path, word: str
) -> None:
    dataset = a_dataset(tmp_path)
    error = {"service": ServiceError, "usage": UsageError, "interrupt": KeyboardInterrupt}[word]
    with pytest.raises(error):
        run(dataset, join_of({"a": "Dog", "b": "Cat", "c": word, "d": "Cow"}))
    assert set(captions(dataset)) == {"a", "b"}
    report = run(dataset, join_of({"a": "Dog", "b": "Cat", "c": "Hen", "d": "Cow"}))
    assert (report.num_done, report.num_settled_before) == (2, 2)


def test_ctrl_c_keeps_what_is_done_also_while_models_are_asked(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bodies: dict[str, object] = {f"{number}": "Dog" for number in range(200)}
    press = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with LocalExecutor(workers=1) as executor:
        press.start()
        with pytest.raises(KeyboardInterrupt):
            run(dataset, join_of(bodies), SlowStage(concurrency=2), executor=executor)
    num_done = len(captions(dataset))
    assert 0 < num_done < 200
    again = run(dataset, join_of(bodies))
    assert again.num_settled_before == num_done


class SlowStage(ComputingStage):
    """Takes 10 ms an item."""

    def process(self, item):  # type: ignore[no-untyped-def]
        threading.Event().wait(0.01)
        return super().process(item)


def test_a_second_run_of_the_same_stage_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)

    class Nested:
        def run(self, stage, items):  # type: ignore[no-untyped-def]
            run(dataset, join_of({"x": "Cat"}))
            return iter(())

    with pytest.raises(UsageError, match="another process is writing"):
        run(dataset, join_of({"a": "Dog"}), executor=Nested())


def test_what_a_fingerprint_stands_for_is_kept_once(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    for body in ("Dog", "Cat"):
        run(dataset, join_of({"a": body}))
    [line] = read_lines(dataset.fingerprints_path)
    assert fingerprint_of(ComputingStage()).encode() in line
    assert b'"parts":{"stage":"caption","version":1}' in line


class CheckedStage(ComputingStage):
    """Leans on something that is not there."""

    def check(self) -> None:
        raise ServiceError("no endpoint answers")

    def close(self) -> None:
        Path(os.environ["VAU_TEST_CLOSED"]).touch()


def test_a_stage_whose_service_is_down_stops_before_its_first_item_and_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = a_dataset(tmp_path / "ds")
    monkeypatch.setenv("VAU_TEST_CLOSED", str(tmp_path / "closed"))
    with pytest.raises(ServiceError, match="no endpoint answers"):
        run(dataset, join_of({"a": "Dog"}), CheckedStage())
    assert (tmp_path / "closed").exists()
    assert captions(dataset) == {}


def test_a_stage_whose_service_is_down_still_says_that_all_is_settled(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({"a": "Dog"}))
    assert run(dataset, join_of({"a": "Dog"}), CheckedStage()).num_settled_before == 1


def test_thousands_of_outcomes_are_all_on_disk_in_the_order_they_came(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    bodies: dict[str, object] = {f"{number:04}": number for number in range(4500)}
    assert run(dataset, join_of(bodies)).num_records == 4500
    assert list(captions(dataset)) == list(bodies)
    assert len(Ledger.load(dataset.ledger_path("caption"))) == 4500


def test_a_crash_before_the_ledger_line_and_a_setting_taken_back_leave_no_foreign_record(
    tmp_path: Path,
) -> None:
    dataset = a_dataset(tmp_path)
    run(dataset, join_of({"a": "Dog"}))
    run(dataset, join_of({"a": "Cat"}))
    path = dataset.ledger_path("caption")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    report = run(dataset, join_of({"a": "Dog"}))
    assert report.num_done == 1, "what a crash left under the old line is not taken for it"
    assert captions(dataset) == {"a": "Dog 1."}
