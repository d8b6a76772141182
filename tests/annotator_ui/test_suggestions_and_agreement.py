"""Where to look, whom to give what, and how well people agree: pure figures."""

import math
import random
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator_ui.agreement import Doubled, agreement_of, matched
from annotator_ui.assign import Assignment, Task, divide
from annotator_ui.frames import counting_table
from annotator_ui.suggestions import curve_of, is_blind, on_frames
from engine.errors import UsageError
from schemas import ScoreTrack
from tests.builders import a_score_track, a_video

NAMES = ("ada", "ben", "eve")


def a_track(video_id: str = "v", *, peaks: tuple[int, ...] = (20, 60)) -> ScoreTrack:
    """100 snippets of a second, with a hill of a few seconds at each peak."""
    at = np.arange(100)
    scores = np.full(100, 0.05)
    for peak in peaks:
        scores += 0.8 * np.exp(-0.5 * ((at - peak) / 2.0) ** 2)
    return a_score_track(video_id, tuple(float(score) for score in scores))


def test_suggestions_are_the_peaks_in_order_of_time() -> None:
    curve = curve_of(a_track(), seed=0, seeded_share=0.0)
    assert [round(one.time_seconds, 1) for one in curve.suggestions] == [20.5, 60.5]
    assert not any(one.is_seeded for one in curve.suggestions)


def test_short_peak_of_a_coarse_track_is_not_smoothed_away() -> None:
    """Smoothed by snippets, peaks of a track with snippets of a second were no peaks any more."""
    track = a_score_track("v", (0.05, 0.1, 0.85, 0.3, 0.1, 0.7))
    curve = curve_of(track, seed=0, seeded_share=0.0)
    assert [one.time_seconds for one in curve.suggestions] == [2.5, 5.5]


def test_flat_and_empty_tracks_suggest_nothing() -> None:
    assert curve_of(a_score_track("v", (0.9,) * 50), seed=0, seeded_share=0.0).suggestions == ()
    assert curve_of(a_score_track("v", ()), seed=0, seeded_share=0.05).suggestions == ()


def test_of_two_peaks_that_are_one_the_higher_is_suggested() -> None:
    scores = [0.05] * 40
    scores[20], scores[21] = 0.9, 0.95
    curve = curve_of(a_score_track("v", tuple(scores)), seed=0, seeded_share=0.0)
    assert len(curve.suggestions) == 1


def test_suggestion_keeps_its_name_when_the_video_is_scored_anew() -> None:
    one = curve_of(a_track(), seed=0, seeded_share=0.0).suggestions
    again = curve_of(a_track(peaks=(20, 60, 90)), seed=0, seeded_share=0.0).suggestions
    assert {suggestion.id for suggestion in one} <= {suggestion.id for suggestion in again}


def test_suggestion_stands_on_the_frame_that_is_shown_then() -> None:
    curve = curve_of(a_track(), seed=0, seeded_share=0.0)
    (first, _) = on_frames(curve.suggestions, counting_table(3000, 30))
    assert (first["frame"], first["time_seconds"]) == (615, 20.5)
    assert set(first) == {"id", "frame", "time_seconds", "score"}


def test_seeded_peaks_are_at_most_the_share_asked_for_and_look_like_others() -> None:
    curves = [curve_of(a_track(f"v{n}"), seed=1, seeded_share=0.05) for n in range(2000)]
    suggestions = [one for curve in curves for one in curve.suggestions]
    share = sum(one.is_seeded for one in suggestions) / len(suggestions)
    assert 0.04 < share < 0.06
    for curve in curves:
        for one in curve.suggestions:
            if one.is_seeded:
                assert all(abs(one.time_seconds - at) > 8 for at in (20.5, 60.5))
                assert curve.value_at(one.time_seconds) == pytest.approx(one.score, abs=0.05)


def test_without_seeding_the_curve_is_the_track() -> None:
    track = a_track()
    curve = curve_of(track, seed=0, seeded_share=0.0)
    assert curve.values == tuple(round(score, 4) for score in track.scores)


def test_a_share_of_the_videos_is_blind_and_always_the_same_ones() -> None:
    names = [f"video{n}" for n in range(4000)]
    blind = {name for name in names if is_blind(name, seed=7, share=0.15)}
    assert 0.13 < len(blind) / len(names) < 0.17
    assert blind == {name for name in names if is_blind(name, seed=7, share=0.15)}
    assert blind != {name for name in names if is_blind(name, seed=8, share=0.15)}
    assert not any(is_blind(name, seed=7, share=0.0) for name in names)


def a_task(num_videos: int = 40, **changes: object) -> Task:
    chance = random.Random(3)
    lengths = [chance.uniform(10, 600) for _ in range(num_videos)]
    videos = [a_video(f"v{n:02}", end_seconds=seconds) for n, seconds in enumerate(lengths)]
    known: dict[str, object] = {
        "videos": videos,
        "annotators": NAMES,
        "round": 1,
        "overlap": 0.0,
        "authors": {},
        "earlier": (),
        "seed": 0,
    }
    return Task(**(known | changes))  # type: ignore[arg-type]


def test_videos_are_divided_so_that_all_have_as_many_seconds() -> None:
    division = divide(a_task())
    assert len(division.assignments) == 40
    loads = list(division.seconds.values())
    assert max(loads) - min(loads) < 0.05 * sum(loads)
    assert division == divide(a_task())


def test_overlap_is_done_by_two_different_people() -> None:
    division = divide(a_task(overlap=0.1))
    double = [one for one in division.assignments if len(one.annotators) == 2]
    assert len(double) == division.num_double == 4
    assert all(len(set(one.annotators)) == 2 for one in double)


def test_what_is_assigned_stays_and_new_videos_go_to_who_has_least() -> None:
    earlier = divide(a_task(20)).assignments
    division = divide(a_task(40, earlier=earlier))
    assert not {one.id for one in earlier} & {one.id for one in division.assignments}
    loads = list(division.seconds.values())
    assert max(loads) - min(loads) < 0.05 * sum(loads)


def test_nobody_reviews_their_own_video() -> None:
    authors = {f"v{number:02}": frozenset({NAMES[number % 3]}) for number in range(40)}
    for one in divide(a_task(round=2, authors=authors)).assignments:
        assert not set(one.annotators) & authors[one.video_id]


def test_review_that_only_the_author_could_do_is_refused() -> None:
    authors = {"v00": frozenset({"ada"})}
    with pytest.raises(UsageError, match="nobody can review v00"):
        divide(a_task(1, round=2, annotators=("ada",), authors=authors))


def test_nobody_at_all_and_too_few_for_an_overlap_are_refused() -> None:
    with pytest.raises(UsageError, match="annotators add"):
        divide(a_task(annotators=()))
    with pytest.raises(UsageError, match="needs two"):
        divide(a_task(annotators=("ada",), overlap=0.1))


def test_assignment_that_was_taken_back_is_given_anew() -> None:
    nobody = Assignment(id="r1:v00", round=1, video_id="v00", annotators=())
    (again,) = divide(a_task(1, earlier=[nobody])).assignments
    assert again.annotators


def best_by_force(ones: list[float], others: list[float]) -> tuple[int, float]:
    """(pairs, -distance) of the best matching, by trying all."""
    if len(ones) > len(others):
        ones, others = others, ones
    best = (0, 0.0)
    for order in permutations(others, len(ones)):
        distances = [abs(a - b) for a, b in zip(ones, order, strict=True) if abs(a - b) <= 2.0]
        best = max(best, (len(distances), -sum(distances)))
    return best


@given(
    st.lists(st.integers(0, 24).map(lambda n: n / 2), max_size=5),
    st.lists(st.integers(0, 24).map(lambda n: n / 2), max_size=5),
)
def test_matching_is_the_best_there_is(ones: list[float], others: list[float]) -> None:
    pairs = matched(ones, others)
    distances = [abs(ones[i] - others[j]) for i, j in pairs]
    assert all(distance <= 2.0 for distance in distances)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    num_pairs, cost = best_by_force(ones, others)
    assert len(pairs) == num_pairs
    assert math.isclose(-sum(distances), cost, abs_tol=1e-9)


def test_agreement_counts_what_both_marked() -> None:
    doubled = [Doubled(60.0, (10.0, 30.0), (11.0,))] * 20
    found = agreement_of(doubled)
    assert (found.precision, found.recall) == (1.0, 0.5)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.mean_distance_seconds == 1.0


def test_kappa_is_one_for_equal_marks_and_nothing_for_unrelated_ones() -> None:
    equal = agreement_of([Doubled(100.0, (10.0, 50.0), (10.2, 50.4))] * 20)
    assert equal.kappa == 1.0
    chance = random.Random(0)
    unrelated = [
        Doubled(
            200.0,
            tuple(chance.uniform(0, 200) for _ in range(40)),
            tuple(chance.uniform(0, 200) for _ in range(40)),
        )
        for _ in range(60)
    ]
    kappa = agreement_of(unrelated).kappa
    assert kappa is not None
    assert abs(kappa) < 0.05


def test_no_figure_is_given_below_twenty_videos() -> None:
    found = agreement_of([Doubled(60.0, (10.0,), (10.0,))] * 19)
    assert (found.f1, found.kappa, found.num_videos) == (None, None, 19)


def test_boundaries_agree_by_their_overlap() -> None:
    found = agreement_of([], [((0.0, 10.0), (5.0, 10.0))] * 20)
    assert found.boundary_tiou == 0.5
    assert agreement_of([], [((0.0, 10.0), (5.0, 10.0))] * 19).boundary_tiou is None
