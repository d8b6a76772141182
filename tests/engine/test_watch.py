"""Scores of a video while it arrives: a growing file, a stream that is lost, for hours."""

import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from engine.errors import ServiceError, UsageError
from engine.media.decode import all_frames
from engine.media.frames import Frame
from engine.media.live import LiveSettings, LiveSource
from engine.models.motion import motion_scores
from engine.watch import LiveMotion, WatchSettings, delay_of, watch
from tests.engine.cli.command_line import vau
from tests.videos import constant_rate, read_index

QUICK = LiveSettings(max_side_px=160, patience_seconds=0.7)
A_FRAME = np.zeros((2, 2, 3), np.uint8)


@pytest.fixture(scope="module")
def transport_stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Eight seconds of index-coded video that can be cut anywhere."""
    return constant_rate(tmp_path_factory.mktemp("ts") / "v.ts", num_frames=200).read_bytes()


@dataclass(frozen=True)
class Snip:
    start_seconds: float
    last_seconds: float
    number: int


class Counting:
    """Scores a snippet by its number, and notes how much it was shown at once."""

    name = "tests/counting"
    max_side_px = 2

    def __init__(self) -> None:
        self.longest = 0
        self.alive: weakref.WeakSet[Snip] = weakref.WeakSet()
        self.most_alive = 0

    def snippets(self, frames: Iterable[Frame]) -> Iterator[Snip]:
        start = 0.0
        for number, frame in enumerate(frames):
            if number % 16 == 0:
                start = frame.time_seconds
            if number % 16 == 15:
                yield self._noted(Snip(start, frame.time_seconds, number // 16))

    def _noted(self, snip: Snip) -> Snip:
        self.alive.add(snip)
        self.most_alive = max(self.most_alive, len(self.alive))
        return snip

    def scores(self, window: Sequence[Snip]) -> NDArray[np.floating]:
        self.longest = max(self.longest, len(window))
        return np.array([(snip.number % 100) / 100 for snip in window])


def clockwork(seconds: float, fps: float = 25.0) -> Iterator[Frame]:
    return (Frame(A_FRAME, n / fps) for n in range(int(seconds * fps)))


def test_two_hours_are_watched_in_the_memory_of_one_window() -> None:
    model = Counting()
    settings = WatchSettings(window_snippets=50)
    num_scores = sum(1 for _ in watch(clockwork(7200), model, settings))
    assert num_scores == 7200 * 25 // 16
    assert model.longest == 50
    assert model.most_alive <= 52


@pytest.mark.parametrize("lookahead", [0, 1, 2, 500])
def test_every_snippet_has_one_score_in_order_and_its_own(lookahead: int) -> None:
    settings = WatchSettings(window_snippets=10, lookahead_snippets=lookahead)
    found = list(watch(clockwork(60), Counting(), settings))
    assert [round(one.score * 100) for one in found] == [n % 100 for n in range(93)]
    assert all(one.end_seconds > one.start_seconds for one in found)
    assert [one.start_seconds for one in found] == pytest.approx([0.64 * n for n in range(93)])


def test_a_score_waits_for_as_many_snippets_as_is_said() -> None:
    seen = 0

    def arriving() -> Iterator[Frame]:
        nonlocal seen
        for frame in clockwork(60):
            seen += 1
            yield frame

    settings = WatchSettings(lookahead_snippets=2)
    first = next(watch(arriving(), Counting(), settings))
    assert seen == 3 * 16
    assert first.known_seconds == pytest.approx(47 / 25)
    assert delay_of(first, settings).startswith("a score comes 1.9 s after its snippet begins")


def test_a_file_within_one_window_ends_with_the_scores_of_the_whole_file(tmp_path: Path) -> None:
    path = constant_rate(tmp_path / "v.mp4", num_frames=100)
    frames = LiveSource(str(path), QUICK).frames()
    found = list(watch(frames, LiveMotion(), WatchSettings(lookahead_snippets=150)))
    assert [one.score for one in found] == pytest.approx(motion_scores(path).scores, abs=1e-6)


def test_a_file_that_grows_is_followed_to_its_end(tmp_path: Path, transport_stream: bytes) -> None:
    path, half = tmp_path / "grows.ts", len(transport_stream) // 2
    path.write_bytes(transport_stream[:half])
    frames = LiveSource(str(path), QUICK).frames()
    shown = [read_index(next(frames).image) for _ in range(40)]
    with path.open("ab") as file:
        file.write(transport_stream[half:])
    shown += [read_index(frame.image) for frame in frames]
    assert shown == list(range(200))


def test_times_begin_at_nothing_whatever_the_files_clock_says(
    tmp_path: Path, transport_stream: bytes
) -> None:
    """Transport streams begin anywhere; the frames that a decoder gives up last had no time."""
    path = tmp_path / "v.ts"
    path.write_bytes(transport_stream)
    assert next(all_frames(path)).time_seconds > 0
    times = [frame.time_seconds for frame in LiveSource(str(path), QUICK).frames()]
    assert times == pytest.approx([n / 25 for n in range(200)], abs=1e-3)


@contextmanager
def serving(pieces: Sequence[bytes]) -> Iterator[str]:
    """A stream that breaks off after each piece, and is gone after the last."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for piece in pieces:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(piece)
            server.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        thread.join(timeout=10)


def taken(frames: Iterator[Frame], until: Callable[[Exception], None]) -> list[Frame]:
    found: list[Frame] = []
    try:
        for frame in frames:
            found.append(frame)  # noqa: PERF402 - what came before the error is what is asked about
    except ServiceError as error:
        until(error)
    return found


def test_a_stream_that_was_lost_goes_on_where_it_comes_back(transport_stream: bytes) -> None:
    errors: list[Exception] = []
    with serving([transport_stream, transport_stream]) as url:
        settings = LiveSettings(160, patience_seconds=1.0, sleep=lambda _: time.sleep(0.05))
        source = LiveSource(url, settings)
        found = taken(source.frames(), errors.append)
    assert source.num_reconnections == 1
    assert len(found) == 400
    times = [frame.time_seconds for frame in found]
    assert times == sorted(times)
    assert len(set(times)) == 400
    assert f"{url} is lost, and did not come back within 1 s" in str(errors[0])


def test_a_password_is_never_shown() -> None:
    source = LiveSource("rtsp://admin:secret@cam.example:554/s", QUICK)
    assert source.shown_name == "rtsp://***@cam.example:554/s"


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.mp4 is no file"):
        next(LiveSource(str(tmp_path / "gone.mp4"), QUICK).frames())
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UsageError, match=r"cannot open .*text\.mp4"):
        next(LiveSource(str(tmp_path / "text.mp4"), QUICK).frames())
    with pytest.raises(UsageError, match=r"cannot open tcp://127\.0\.0\.1:9"):
        next(LiveSource("tcp://127.0.0.1:9", QUICK).frames())


def test_the_command_prints_a_line_per_snippet_and_says_its_delay(tmp_path: Path) -> None:
    path = constant_rate(tmp_path / "v.mp4", num_frames=100)
    outcome = vau("score", "--watch", path, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert len(outcome.out.splitlines()) == 7
    assert "baseline/motion-1" in outcome.err
    assert "a score comes 1.9 s after its snippet begins" in outcome.err
    assert "has ended after 7 snippets" in outcome.err
    lines = vau("score", "--watch", path, "--json", cwd=tmp_path).out.splitlines()
    assert [orjson.loads(line)["start_seconds"] for line in lines][:2] == [0.0, 0.64]


def test_a_scorer_watches_without_a_dataset(tmp_path: Path) -> None:
    from tests.scorers import untaught_scorer

    path = constant_rate(tmp_path / "v.mp4", num_frames=100)
    scorer = untaught_scorer(tmp_path / "scorer")
    outcome = vau("score", "--watch", path, "--checkpoint", scorer, "--json", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert len(outcome.out.splitlines()) == 7
    assert "scorer/mlp-" in outcome.err


def test_a_scorer_of_other_features_does_not_watch(tmp_path: Path) -> None:
    from tests.scorers import untaught_scorer

    scorer = untaught_scorer(tmp_path / "scorer", width=3)
    path = constant_rate(tmp_path / "v.mp4", num_frames=20)
    outcome = vau("score", "--watch", path, "--checkpoint", scorer, cwd=tmp_path)
    assert outcome.code == 2
    assert "takes 3 numbers of 'baseline-1'" in outcome.err
