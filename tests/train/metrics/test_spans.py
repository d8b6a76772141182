import pytest

from engine.intervals import Interval
from train.metrics.spans import TimedPair, Told, span_figures, spans_in


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        (
            "Yes, there exist anomalies from 8.6s to 11.3s and 33.3s to 36.8s.",
            [(8.6, 11.3), (33.3, 36.8)],
        ),
        (
            "Something abnormal happens from 1 s to 2 s, from 3 s to 4.5 s and from 7 s to 9 s.",
            [(1, 2), (3, 4.5), (7, 9)],
        ),
        ("It starts at 3.2 s and ends at 7.5 s.", [(3.2, 7.5)]),
        ("Between 2.5 and 6 seconds, two men fight.", [(2.5, 6)]),
        ("0:12 - 1:05", [(12, 65)]),
        ("from 1:00:05 to 1:00:10", [(3605, 3610)]),
        ("2s–4s", [(2, 4)]),
    ],
)
def test_stretches_are_read_however_they_are_said(text: str, spans: list[Interval]) -> None:
    assert spans_in(text) == Told(tuple(spans), "s", denies=False)


def test_percent_is_another_unit() -> None:
    told = spans_in("It starts at 12 % and ends at 30.5 % of the video.")
    assert told == Told(((12, 30.5),), "%", denies=False)


@pytest.mark.parametrize(
    "text",
    ["No, there are no anomalies.", "There is no fight in the video.", "Nothing abnormal happens."],
)
def test_denial_tells_no_span(text: str) -> None:
    assert spans_in(text) == Told((), None, denies=True)


@pytest.mark.parametrize(
    "text", ["2 and 3 men fight", "two men fight", "", "from 9 s to 4 s", "from 3 s to 40 %"]
)
def test_what_tells_no_time_is_neither_a_span_nor_a_denial(text: str) -> None:
    assert spans_in(text) == Told((), None, denies=False)


def said(answer: str, reference: str) -> TimedPair:
    return TimedPair(spans_in(answer), spans_in(reference))


def test_overlap_of_single_stretches_is_their_tiou() -> None:
    found = span_figures([said("from 2 s to 6 s", "from 4 s to 8 s")])
    assert found.mean_tiou == pytest.approx(2 / 6)
    assert (found.num_spans, found.recall) == (1, 0)


def test_a_stretch_too_many_costs_overlap_and_not_recall() -> None:
    found = span_figures([said("from 0 s to 4 s and 6 s to 8 s", "from 0 s to 4 s")])
    assert found.mean_tiou == pytest.approx(4 / 6)
    assert found.recall == 1


def test_one_answer_meets_one_stretch_only() -> None:
    found = span_figures([said("from 0 s to 10 s", "from 0 s to 5 s and 5.1 s to 10 s")])
    assert found.num_spans == 2
    assert found.recall == 0.5


def test_answers_without_times_count_as_missed_and_are_told_apart() -> None:
    found = span_figures(
        [
            said("a man runs", "from 0 s to 4 s"),
            said("No, there are no anomalies.", "from 0 s to 4 s"),
            said("from 0 % to 40 %", "from 0 s to 4 s"),
            said("from 0 s to 4 s", "No, there are no anomalies."),
            said("No.", "No, there are no anomalies."),
        ]
    )
    assert (found.num_questions, found.mean_tiou, found.recall) == (3, 0, 0)
    assert found.num_unparsed == 2
    assert (found.num_absent, found.num_absent_right) == (2, 1)


def test_without_a_question_about_times_nothing_is_averaged() -> None:
    found = span_figures([said("No.", "No.")])
    assert (found.mean_tiou, found.recall) == (None, None)
