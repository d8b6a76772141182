import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ids import allot_ids, by_number, event_id_of, to_milliseconds
from engine.index import natural_order

intervals = st.lists(
    st.tuples(st.integers(0, 9).map(float), st.integers(10, 19).map(float)), max_size=6
)


@given(intervals=intervals, known=intervals)
def test_ids_are_unique_and_none_that_was_given_to_another_stretch_comes_back(
    intervals: list[tuple[float, float]], known: list[tuple[float, float]]
) -> None:
    given_before = {
        interval: f"V_E{number}" for number, interval in enumerate(dict.fromkeys(known))
    }
    ids = allot_ids(intervals, prefix="V_E", known=given_before, next_number=len(given_before))
    assert len(set(ids)) == len(ids)
    for interval, record_id in zip(intervals, ids, strict=True):
        if record_id in given_before.values():
            assert given_before[interval] == record_id


def test_a_stretch_keeps_its_id_and_a_new_one_gets_the_next_number() -> None:
    ids = allot_ids(
        [(5.0, 6.0), (0.0, 1.0)], prefix="V_E", known={(0.0, 1.0): "V_E4"}, next_number=7
    )
    assert ids == ["V_E7", "V_E4"]


@pytest.mark.parametrize(
    ("record_id", "event_id"),
    [
        ("Abuse001_x264_E0", "Abuse001_x264_E0"),
        ("Abuse001_x264_E12C3", "Abuse001_x264_E12"),
        ("A_E1_E2C0", "A_E1_E2"),
        ("Abuse001_x264", None),
        ("Abuse001_x264_K0", None),
        ("v=ab__#1_label_B1-0-0_E0C10", "v=ab__#1_label_B1-0-0_E0"),
    ],
)
def test_the_event_is_read_from_an_id(record_id: str, event_id: str | None) -> None:
    assert event_id_of(record_id) == event_id


def test_siblings_are_ordered_by_their_number_not_their_letters() -> None:
    assert by_number(["V_E10", "V_E2", "V_E1"]) == ["V_E1", "V_E2", "V_E10"]


def test_videos_are_ordered_as_a_person_counts() -> None:
    names = ["Abuse10_x264", "Abuse2_x264", "Abuse", "7", "Abuse2_x3"]
    assert sorted(names, key=natural_order) == [
        "7",
        "Abuse",
        "Abuse2_x3",
        "Abuse2_x264",
        "Abuse10_x264",
    ]


def test_times_are_rounded_as_the_published_files_are() -> None:
    assert to_milliseconds(2.0004999) == 2.0
    assert to_milliseconds(8.6334) == 8.633
