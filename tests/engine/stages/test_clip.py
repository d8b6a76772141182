from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import Config
from engine.flow import clip
from engine.stage import Item, fingerprint_of
from engine.stages.clip import ClipStage
from schemas import Clip, HumanCaption
from tests.builders import VIDEO_ID, a_clip, a_human_caption, an_event
from tests.engine.stages.examples import EVENT_ID, a_clip_item


def stage(**settings: Any) -> ClipStage:
    built = clip(Config.model_validate({"clip": settings}))
    assert isinstance(built, ClipStage)
    return built


def clips(*, by: ClipStage | None = None, **changes: Any) -> list[Clip]:
    item = Item(EVENT_ID, a_clip_item(**changes))
    return [made for made in (by or stage()).process(item) if isinstance(made, Clip)]


def spans(made: list[Clip]) -> list[tuple[float, float]]:
    return [(one.start_seconds, one.end_seconds) for one in made]


@given(
    start=st.integers(0, 100_000).map(lambda ms: ms / 1000),
    length=st.integers(200, 120_000).map(lambda ms: ms / 1000),
    method=st.sampled_from(["auto", "uniform", "random"]),
)
def test_clips_tile_their_event_without_gap_or_overlap(
    start: float, length: float, method: str
) -> None:
    event = an_event(start_seconds=start, end_seconds=round(start + length, 3))
    made = clips(by=stage(method=method), event=event)
    assert made[0].start_seconds == event.start_seconds
    assert made[-1].end_seconds == event.end_seconds
    for before, after in pairwise(made):
        assert before.end_seconds == after.start_seconds
    assert all(one.duration_seconds > 0 for one in made)


def test_ids_count_from_nothing_in_order_of_time() -> None:
    assert [one.id for one in clips()] == [f"{EVENT_ID}C0", f"{EVENT_ID}C1"]


def test_human_captions_give_their_intervals_cut_to_the_event_on_both_sides() -> None:
    captions = (
        a_human_caption(f"{VIDEO_ID}_H0", start_seconds=0.0, end_seconds=5.0),
        a_human_caption(f"{VIDEO_ID}_H1", start_seconds=4.0, end_seconds=30.0),
    )
    made = clips(human_captions=captions)
    assert spans(made) == [(2.0, 5.0), (4.0, 15.0)]
    assert [one.human_caption_id for one in made] == [f"{VIDEO_ID}_H0", f"{VIDEO_ID}_H1"]


def test_the_same_interval_captioned_twice_is_one_clip() -> None:
    captions = (a_human_caption(f"{VIDEO_ID}_H0"), a_human_caption(f"{VIDEO_ID}_H1"))
    assert spans(clips(human_captions=captions)) == [(2.0, 5.0)]


SLIVER = a_human_caption(start_seconds=0.0, end_seconds=2.05)


def test_a_sliver_of_a_human_caption_at_the_events_edge_is_no_clip() -> None:
    assert clips(by=stage(method="human"), human_captions=(SLIVER,)) == []


def test_an_event_with_nothing_but_a_sliver_of_a_human_caption_is_cut_by_rule() -> None:
    assert clips(human_captions=(SLIVER,)) == clips() != []


def test_uniform_ignores_human_captions() -> None:
    made = clips(by=stage(method="uniform"), human_captions=(a_human_caption(),))
    assert [one.human_caption_id for one in made] == [None, None]


def test_without_human_captions_the_human_method_makes_no_clips() -> None:
    assert clips(by=stage(method="human")) == []


def test_equal_stretches_keep_their_ids_and_new_ones_get_new_numbers() -> None:
    first = clips()
    shorter = clips(by=stage(target_seconds=4.0), earlier=tuple(first), next_number=2)
    assert {one.id for one in shorter}.isdisjoint(one.id for one in first)
    back = clips(earlier=(*first, *shorter), next_number=9)
    assert back == first


def test_a_clip_that_a_person_touched_is_kept_and_not_cut_over() -> None:
    touched = a_clip(f"{EVENT_ID}C7", start_seconds=2.0, end_seconds=6.0)
    made = clips(
        earlier=(touched,),
        pinned_ids=frozenset({touched.id}),
        next_number=8,
        by=stage(target_seconds=3.0),
    )
    assert touched in made
    for one in made:
        covered = min(one.end_seconds, 6.0) - max(one.start_seconds, 2.0)
        assert one == touched or covered <= one.duration_seconds / 2


NTSC = an_event(start_seconds=0.0333667, end_seconds=400 * 1001 / 30000)
"""Its end, 13.346666… s, lies below its own rounding to milliseconds."""


@pytest.mark.parametrize("method", ["auto", "random", "human"])
def test_no_clip_is_rounded_past_the_end_of_its_event(method: str) -> None:
    said = a_human_caption(start_seconds=0.0, end_seconds=14.0)
    made = clips(by=stage(method=method), event=NTSC, human_captions=(said,))
    assert (made[0].start_seconds, made[-1].end_seconds) == (NTSC.start_seconds, NTSC.end_seconds)


@pytest.mark.parametrize("end_seconds", [NTSC.end_seconds, 13.347])
def test_a_touched_clip_at_an_end_that_is_no_whole_millisecond_survives_shorter_clips(
    end_seconds: float,
) -> None:
    """The second is as clips were written before their ends were held to their event's."""
    touched = a_clip(start_seconds=6.69, end_seconds=end_seconds)
    pinned_ids = frozenset({touched.id})
    shorter = stage(target_seconds=3.0)
    made = clips(by=shorter, event=NTSC, earlier=(touched,), pinned_ids=pinned_ids, next_number=1)
    assert made[-1] == touched


@pytest.mark.parametrize(
    ("captions", "human_caption_id"),
    [
        ((), None),
        ((a_human_caption(f"{VIDEO_ID}_H0", start_seconds=7.0, end_seconds=12.0),), None),
        ((a_human_caption(f"{VIDEO_ID}_H2", start_seconds=5.0, end_seconds=9.0),), "H2"),
        ((a_human_caption(f"{VIDEO_ID}_H1", start_seconds=4.0, end_seconds=8.0),), "H1"),
    ],
    ids=["gone", "of another stretch", "worded anew", "moved"],
)
def test_a_touched_clip_names_no_human_caption_that_is_gone(
    captions: tuple[HumanCaption, ...], human_caption_id: str | None
) -> None:
    touched = a_clip(start_seconds=5.0, end_seconds=9.0, human_caption_id=f"{VIDEO_ID}_H1")
    made = clips(
        human_captions=captions,
        earlier=(touched,),
        pinned_ids=frozenset({touched.id}),
        next_number=1,
    )
    [kept] = [one for one in made if one.id == touched.id]
    named = human_caption_id and f"{VIDEO_ID}_{human_caption_id}"
    assert kept == touched.model_copy(update={"human_caption_id": named})


def test_a_touched_clip_that_no_longer_lies_in_its_event_is_let_go() -> None:
    touched = a_clip(start_seconds=0.0, end_seconds=6.0)
    made = clips(earlier=(touched,), pinned_ids=frozenset({touched.id}), next_number=1)
    assert touched not in made


@pytest.mark.parametrize(
    ("method", "changes", "is_another"),
    [
        ("auto", {"target_seconds": 3.0}, True),
        ("auto", {"min_seconds": 1.0}, False),
        ("random", {"min_seconds": 1.0}, True),
        ("random", {"target_seconds": 3.0}, False),
        ("human", {"target_seconds": 3.0, "min_seconds": 1.0}, False),
    ],
)
def test_only_what_the_method_looks_at_is_in_the_fingerprint(
    method: str, changes: dict[str, float], is_another: bool
) -> None:
    plain, other = stage(method=method), stage(method=method, **changes)
    assert (fingerprint_of(plain) != fingerprint_of(other)) is is_another
