"""Render the demo corpus: seven videos by label, the clicks, and the truth about events."""

import csv
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from engine.demo import abnormal, normal
from engine.demo.encode import write_mp4
from engine.demo.film import Film, render


def all_films() -> tuple[Film, ...]:
    """The seven films, abnormal ones first."""
    return (
        abnormal.collision(),
        abnormal.scuffles(),
        abnormal.explosion(),
        normal.walkers_in_park(),
        normal.traffic(),
        normal.night_corridor(),
        normal.parking(),
    )


def render_corpus(target_dir: Path) -> None:
    """Write `videos/<label>/<id>.mp4`, `clicks.csv` (GlanceVAD's columns) and `events.json`.

    Files of the same names are replaced. The bytes are the same on every run of one machine.
    """
    films = all_films()
    with ProcessPoolExecutor(mp_context=get_context("forkserver")) as pool:
        list(pool.map(partial(_render_number, target_dir), range(len(films))))
    _write_clicks(target_dir / "clicks.csv", films)
    _write_truth(target_dir / "events.json", films)


def _render_number(target_dir: Path, number: int) -> None:
    """One film of the corpus; each has its own random numbers, so order does not matter."""
    render_film(all_films()[number], target_dir)


def render_film(film: Film, target_dir: Path) -> Path:
    """Write one film under `target_dir/videos/<label>/` and return its path."""
    path = target_dir / "videos" / film.label / f"{film.id}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    write_mp4(partial, render(film))
    partial.replace(path)
    return path


def _write_clicks(path: Path, films: Sequence[Film]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("video-id", "glance"))
        for film in films:
            rows.writerows((film.id, _ordinal(film, click)) for click in film.clicks_seconds)


def _ordinal(film: Film, time_seconds: float) -> int:
    """Which frame is on screen then, counted from 0."""
    return sum(shown <= time_seconds for shown in film.frame_times) - 1


def _write_truth(path: Path, films: Sequence[Film]) -> None:
    truth = {
        film.id: {
            "label": [film.label] if film.events else [],
            "events": [list(event) for event in film.events],
        }
        for film in films
    }
    path.write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
