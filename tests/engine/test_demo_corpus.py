"""The rendered demo corpus: what it holds, that it is the same each time, and that it is small."""

import csv
import json
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from engine.demo import normal
from engine.demo.abnormal import explosion
from engine.demo.corpus import all_films, render_film
from engine.demo.film import render
from engine.media.decode import all_frames
from engine.media.probe import frame_times, probe
from tests.demo_fixture import demo_corpus, demo_video

REPOSITORY = Path(__file__).resolve().parents[2]


def test_same_film_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    film = explosion()
    short = replace(film, frame_times=film.frame_times[125:165])
    once, again = (render_film(short, tmp_path / name) for name in ("a", "b"))
    assert once.read_bytes() == again.read_bytes()


def test_corpus_has_three_abnormal_and_four_normal_videos_by_folder() -> None:
    labels = sorted(path.parent.name for path in (demo_corpus() / "videos").rglob("*.mp4"))
    assert labels == ["Explosion", "Fighting", *["Normal"] * 4, "RoadAccidents"]


def test_corpus_is_smaller_than_15_megabytes() -> None:
    assert sum(path.stat().st_size for path in demo_corpus().rglob("*.mp4")) < 15_000_000


def test_every_video_decodes_fully_at_the_times_it_was_drawn_for() -> None:
    for film in all_films():
        times = frame_times(demo_video(film.id))
        assert len(times) == len(film.frame_times), film.id
        assert np.abs(times - np.array(film.frame_times)).max() < 1e-3, film.id


def test_only_the_ring_road_has_a_variable_frame_rate() -> None:
    spread = {film.id: np.ptp(np.diff(frame_times(demo_video(film.id)))) for film in all_films()}
    assert [video_id for video_id, value in spread.items() if value > 0.02] == ["ring_road"]


def test_the_media_doctor_finds_the_crossing_healthy() -> None:
    assert probe(demo_video("crossing")).health == "ok"


def test_each_event_holds_exactly_one_click() -> None:
    truth = json.loads((demo_corpus() / "events.json").read_text(encoding="utf-8"))
    with (demo_corpus() / "clicks.csv").open(newline="", encoding="utf-8") as file:
        clicks = [(row["video-id"], int(row["glance"])) for row in csv.DictReader(file)]
    for video_id, entry in truth.items():
        times = frame_times(demo_video(video_id))
        clicked = [float(times[frame]) for name, frame in clicks if name == video_id]
        assert len(clicked) == len(entry["events"])
        for (start, end), time in zip(entry["events"], clicked, strict=True):
            assert start <= time < end


def test_one_abnormal_video_has_two_events_and_normal_ones_have_none() -> None:
    truth = json.loads((demo_corpus() / "events.json").read_text(encoding="utf-8"))
    counts = {video_id: len(entry["events"]) for video_id, entry in truth.items()}
    assert counts == {
        "crossing": 1, "arcade": 2, "depot": 1, "promenade": 0, "ring_road": 0, "corridor": 0,
        "car_park": 0,
    }  # fmt: skip
    assert all(bool(entry["label"]) == bool(entry["events"]) for entry in truth.values())


def test_the_flash_is_where_the_truth_says() -> None:
    frames = list(all_frames(demo_video("depot"), max_side_px=80))
    steps = [float(b.image.mean()) - float(a.image.mean()) for a, b in pairwise(frames)]
    assert frames[int(np.argmax(steps)) + 1].time_seconds == pytest.approx(11.0, abs=0.1)


def test_something_moves_before_and_after_each_event() -> None:
    for film in all_films():
        for start, end in film.events:
            before = [t for t in film.frame_times if t < start]
            after = [t for t in film.frame_times if t >= end]
            assert _most_motion(film.id, before) > 0.002, film.id
            assert _most_motion(film.id, after) > 0.002, film.id


def test_the_quiet_corridor_is_grey_and_nearly_still_before_anyone_comes() -> None:
    film = normal.night_corridor()
    frames = [frame.image for frame in render(replace(film, frame_times=(1.0, 3.0)))]
    assert np.ptp(frames[0][40:320].astype(int), axis=2).max() == 0
    change = np.abs(frames[0][40:320].astype(int) - frames[1][40:320]).mean()
    assert change < 3 * film.sensor.noise


def test_manifest_names_each_video_and_its_file() -> None:
    manifest = tomllib.loads((REPOSITORY / "manifests/demo.toml").read_text(encoding="utf-8"))
    listed = {entry["id"]: demo_corpus() / entry["file"] for entry in manifest["videos"]}
    assert sorted(listed) == sorted(film.id for film in all_films())
    assert all(path.is_file() for path in listed.values())
    assert (demo_corpus() / manifest["clicks"]).is_file()
    assert (demo_corpus() / manifest["truth"]).is_file()


def _most_motion(video_id: str, times: list[float]) -> float:
    """Largest share of the picture that changes strongly within those times."""
    wanted = [
        frame.image[30:330].astype(int)
        for frame in all_frames(demo_video(video_id), max_side_px=160)
        if times[0] <= frame.time_seconds <= times[-1]
    ]
    return max(float((np.abs(b - a).max(axis=2) > 30).mean()) for a, b in pairwise(wanted))
