"""The promise: acknowledged = on disk, once; unacknowledged = not there."""

import os
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from annotator_ui.acts import MarkAdd, VideoSeen
from annotator_ui.journal import (
    LOG_NAME,
    Context,
    Draft,
    Journal,
    RefusedError,
    VideoState,
    read_acts,
)
from engine.errors import ServiceError, UsageError
from engine.store import read_lines
from tests.annotator_ui.builders import ME, VIDEO, YOU


def admit(_draft: Draft, _state: VideoState) -> Context:
    return Context()


def refuse_late(draft: Draft, state: VideoState) -> Context:
    """At most one mark for a video."""
    if state.marks.marks:
        raise RefusedError("there is one already", {"theirs": "x"})
    return Context()


def a_draft(id: str, *, user: str = ME, video: str = VIDEO) -> Draft:
    do = MarkAdd(mark=id, frame=1, time_seconds=0.04, is_live=False, source="human")
    return Draft(id, user, video, None, do)


def ids_on_disk(path: Path) -> list[str]:
    return [act.id for act in read_acts(path)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / LOG_NAME


def test_acknowledged_act_is_on_disk_and_folded(path: Path) -> None:
    with Journal(path) as journal:
        assert journal.submit([a_draft("a"), a_draft("b")], admit) == (["a", "b"], [])
        assert ids_on_disk(path) == ["a", "b"]
        assert set(journal.state(VIDEO).marks.marks) == {"a", "b"}


def test_act_that_is_sent_again_is_acknowledged_and_written_once(path: Path) -> None:
    with Journal(path) as journal:
        journal.submit([a_draft("a")], admit)
        assert journal.submit([a_draft("a"), a_draft("b"), a_draft("b")], admit)[0] == [
            "a",
            "b",
            "b",
        ]
    assert len(list(read_lines(path))) == 2


def test_id_that_somebody_else_used_is_refused(path: Path) -> None:
    with Journal(path) as journal:
        journal.submit([a_draft("a")], admit)
        acknowledged, refused = journal.submit([a_draft("a", user=YOU)], admit)
    assert acknowledged == []
    assert "somebody else" in refused[0][1].why


def test_refused_act_leaves_no_trace_and_does_not_hold_up_the_others(path: Path) -> None:
    with Journal(path) as journal:
        acknowledged, refused = journal.submit(
            [a_draft("a"), a_draft("b"), a_draft("c", video="other")], refuse_late
        )
        assert acknowledged == ["a", "c"]
        assert [(id_, error.conflict) for id_, error in refused] == [("b", {"theirs": "x"})]
    assert ids_on_disk(path) == ["a", "c"]


def test_restart_folds_the_same_state_again(path: Path) -> None:
    with Journal(path) as journal:
        journal.submit([a_draft("a"), a_draft("b")], admit)
        before = journal.state(VIDEO)
    with Journal(path) as journal:
        assert journal.state(VIDEO) == before


def test_line_that_stands_twice_counts_once(path: Path) -> None:
    """After a sync that failed, a browser sends again what may be there already."""
    with Journal(path) as journal:
        journal.submit([a_draft("a")], admit)
    path.write_bytes(path.read_bytes() * 2)
    with Journal(path) as journal:
        assert len(journal.state(VIDEO).acts) == 1


def test_torn_last_line_is_cut_and_what_stands_before_it_is_kept(path: Path) -> None:
    with Journal(path) as journal:
        journal.submit([a_draft("a")], admit)
    with path.open("ab") as file:
        file.write(b'{"id":"b","us')
    with Journal(path) as journal:
        journal.submit([a_draft("c")], admit)
    assert ids_on_disk(path) == ["a", "c"]


def test_second_server_on_one_log_is_refused(path: Path) -> None:
    with Journal(path), pytest.raises(UsageError, match="another process is writing"):
        Journal(path).__enter__()


def test_acts_of_many_threads_are_all_there_once(path: Path) -> None:
    with Journal(path) as journal:

        def one_person(user: str) -> list[str]:
            sent = [f"{user}-{number}" for number in range(20)]
            for id_ in sent:
                assert journal.submit([a_draft(id_, user=user)], admit)[0] == [id_]
            return sent

        with ThreadPoolExecutor(10) as people:
            sent = [id_ for ids in people.map(one_person, map(str, range(10))) for id_ in ids]
        assert len(journal.state(VIDEO).acts) == len(sent)
    assert sorted(ids_on_disk(path)) == sorted(sent)


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """No file of this process may grow past what the log has now."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def test_full_disk_acknowledges_nothing_and_takes_it_when_there_is_room(path: Path) -> None:
    with Journal(path) as journal:
        journal.submit([a_draft("a")], admit)
        with full_disk(path), pytest.raises(ServiceError, match="free some space"):
            journal.submit([a_draft("b")], admit)
        assert set(journal.state(VIDEO).marks.marks) == {"a"}
        assert journal.submit([a_draft("b")], admit)[0] == ["b"]
    assert ids_on_disk(path) == ["a", "b"]


def test_requests_that_waited_for_a_write_that_failed_are_not_acknowledged(path: Path) -> None:
    with Journal(path) as journal, ThreadPoolExecutor(2) as people, full_disk(path):
        with journal._disk:  # a write is under way: both requests queue up behind it
            waiting = [people.submit(journal.submit, [a_draft(id_)], admit) for id_ in "ab"]
            while journal._num_enqueued < 2:
                time.sleep(0.001)
        assert [type(future.exception()) for future in waiting] == [ServiceError, ServiceError]
    with Journal(path) as journal:
        assert journal.submit([a_draft("a"), a_draft("b")], admit)[0] == ["a", "b"]
    assert ids_on_disk(path) == ["a", "b"]


def test_after_a_failed_sync_nothing_more_is_taken_until_a_restart(path: Path) -> None:
    """What the kernel kept cannot be asked: only reading the file anew can tell."""
    reading, writing = os.pipe()
    with Journal(path) as journal:
        os.dup2(writing, journal._writer._descriptor)  # a pipe takes lines, and cannot be synced
        with pytest.raises(ServiceError, match="cannot sync"):
            journal.submit([a_draft("a")], admit)
        with pytest.raises(ServiceError, match="start the server anew"):
            journal.submit([a_draft("a")], admit)
    os.close(reading)
    os.close(writing)
    with Journal(path) as journal:
        assert journal.submit([a_draft("a")], admit)[0] == ["a"]
    assert ids_on_disk(path) == ["a"]


def test_looks_of_one_minute_are_held_as_one_and_kept_as_they_came(path: Path) -> None:
    def a_look(id: str, start: float, *, user: str = ME) -> Draft:
        return Draft(id, user, VIDEO, None, VideoSeen(ranges=((start, start + 5.0),)))

    with Journal(path) as journal:
        journal.submit([a_look("a", 0.0), a_look("b", 5.0), a_look("c", 0.0, user=YOU)], admit)
        state = journal.state(VIDEO)
        assert [act.id for act in state.acts] == ["a", "c"]
        assert state.marks.session(ME).seen == ((0.0, 10.0),)
        assert journal.submit([a_look("b", 5.0)], admit)[0] == ["b"]
    assert ids_on_disk(path) == ["a", "b", "c"]
    with Journal(path) as journal:
        assert journal.state(VIDEO) == state
