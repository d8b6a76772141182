import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.intervals import tiou
from engine.mcq import (
    LETTERS,
    Category,
    Option,
    Question,
    Scene,
    asked,
    kind_of,
    make_question,
    printed,
    read_option,
    rounded_shares,
    tenths_in,
)
from engine.quality.chances import binomial_tail, chi_squared_even, chi_squared_tail

MAX_TIOU = 0.3
UCF_TRAIN = {
    **{"Abuse": 48, "Arrest": 45, "Arson": 41, "Assault": 47, "Burglary": 87, "Explosion": 29},
    **{"Fighting": 45, "RoadAccidents": 127, "Robbery": 145, "Shooting": 27},
    **{"Shoplifting": 29, "Stealing": 95, "Vandalism": 45},
}
"""Videos of each class in UCF-Crime's training list."""
XD_LIKE = {"Fighting": 450, "Shooting": 230, "Riot": 140, "Abuse": 20, "Car accident": 200}
"""So uneven that the commonest class is right nearly half the time."""


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    duration = draw(st.integers(1, 6000))
    places = st.tuples(st.integers(0, duration), st.integers(0, duration)).map(
        lambda pair: (min(pair), max(pair))
    )
    spans = draw(st.lists(places, min_size=1, max_size=4))
    counts = draw(st.dictionaries(st.sampled_from(sorted(UCF_TRAIN)), st.integers(1, 99)))
    right = draw(st.sampled_from(sorted(counts) or ["Abuse"]))
    return Scene(
        right=Option(right, *spans[0]),
        duration_tenths=duration,
        abnormal_spans=tuple(spans),
        categories=categories_in(counts),
    )


def categories_in(counts: Mapping[str, int]) -> tuple[Category, ...]:
    """No two of them mean the same, but for three that only take things."""
    same = {"Robbery": "Stealing", "Shoplifting": "Stealing"}
    return tuple(
        Category(name, same.get(name, name), share)
        for name, share in rounded_shares(counts).items()
    )


def made(scene: Scene, seed: str = "0") -> Question | None:
    return make_question(scene, max_tiou=MAX_TIOU, seed=seed)


@given(scene=scenes())
def test_exactly_one_option_is_right(scene: Scene) -> None:
    question = made(scene)
    if question is None:
        return
    assert question.options[question.right] == scene.right
    assert len(set(question.options)) == 4
    for option in question.options:
        is_right_category = option.category == scene.right.category
        is_at_an_event = (
            any(tiou(option.span, span) >= MAX_TIOU for span in scene.abnormal_spans)
            or option.span == scene.right.span
        )
        assert (is_right_category and is_at_an_event) == (option == scene.right)


@given(scene=scenes())
def test_categories_of_one_meaning_are_not_set_against_each_other(scene: Scene) -> None:
    question = made(scene)
    if question is not None:
        meanings = {one.name: one.meaning for one in scene.categories}
        names = {option.category for option in question.options}
        assert len({meanings.get(name, name) for name in names}) == len(names)


@given(scene=scenes())
def test_every_category_and_every_interval_stands_in_as_many_options(scene: Scene) -> None:
    question = made(scene)
    if question is not None:
        assert kind_of(question.options) is not None
        for values in zip(*((one.category, one.span) for one in question.options), strict=True):
            assert len(set(Counter(values).values())) == 1


@given(scene=scenes())
def test_intervals_lie_in_the_video_are_as_long_and_end_in_the_same_digits(scene: Scene) -> None:
    question = made(scene)
    if question is None:
        return
    right = scene.right
    for option in question.options:
        assert 0 <= option.start_tenths < option.end_tenths
        assert option.end_tenths <= max(scene.duration_tenths, right.end_tenths)
        assert option.end_tenths - option.start_tenths == right.end_tenths - right.start_tenths
        assert (option.start_tenths - right.start_tenths) % 10 == 0
        if right.start_tenths % 100 == 0 and right.end_tenths % 100 == 0:
            assert option.start_tenths % 100 == 0


@given(scene=scenes())
def test_same_content_is_asked_the_same_and_reads_back(scene: Scene) -> None:
    question = made(scene)
    assert question == made(scene)
    if question is None:
        return
    read = printed(asked(question, "What happens, and when?"))
    assert read is not None
    assert read.question == "What happens, and when?"
    assert tuple(map(read_option, read.options)) == question.options


def scenes_of(counts: dict[str, int], *, num: int, seed: int) -> Iterator[Scene]:
    """Videos as the public data sets have them: most events short, some nearly the whole video."""
    rng = random.Random(seed)
    categories = categories_in(counts)
    for category in rng.choices(list(counts), weights=list(counts.values()), k=num):
        duration = tenths_in(rng.lognormvariate(4, 0.8)) + 10
        length = min(duration, tenths_in(rng.lognormvariate(2.5, 1)) + 1)
        start = rng.randrange(duration - length + 1)
        span = (start, start + length)
        yield Scene(Option(category, *span), duration, (span,), categories)


@pytest.mark.parametrize("counts", [UCF_TRAIN, XD_LIKE], ids=["ucf", "xd"])
def test_nothing_but_the_footage_tells_the_right_option(counts: dict[str, int]) -> None:
    questions = [
        question
        for number, scene in enumerate(scenes_of(counts, num=3000, seed=0))
        if (question := made(scene, str(number))) is not None
    ]
    assert len(questions) > 2000
    assert {kind_of(question.options) for question in questions} == {"category", "interval", "both"}
    letters = Counter(question.letter for question in questions)
    assert chi_squared_tail(chi_squared_even([letters[one] for one in LETTERS])) > 0.001
    for measure in GUESSES:
        decided = [place for question in questions if (place := measure(question)) is not None]
        num_right = sum(decided)
        assert binomial_tail(num_right, len(decided), share=0.25) > 0.001, measure
        assert binomial_tail(len(decided) - num_right, len(decided), share=0.75) > 0.001, measure


def guessed(measure: Callable[[Option], float]) -> Callable[[Question], bool | None]:
    """Whether the option with most of something is right; None: no option has most."""

    def guess(question: Question) -> bool | None:
        values = [measure(option) for option in question.options]
        most = max(values)
        return None if values.count(most) > 1 else values.index(most) == question.right

    return guess


GUESSES = [
    guessed(lambda option: len(option.text)),
    guessed(lambda option: -len(option.text)),
    guessed(lambda option: len(option.category)),
    guessed(lambda option: -len(option.category)),
    guessed(lambda option: UCF_TRAIN.get(option.category, 0) or XD_LIKE[option.category]),
    guessed(lambda option: option.start_tenths),
    guessed(lambda option: -option.start_tenths),
]


def test_event_that_fills_its_video_is_told_apart_by_category_alone() -> None:
    right = Option("Abuse", 0, 600)
    scenes_ = [
        made(Scene(right, 600, (right.span,), categories_in(UCF_TRAIN)), str(seed))
        for seed in range(20)
    ]
    assert {kind_of(one.options) for one in scenes_ if one} == {"category"}


JAM = Category("Jam", "Jam", 1.0)


def test_category_that_is_alone_is_told_apart_by_time_alone() -> None:
    scene = Scene(Option("Jam", 0, 50), 600, ((0, 50),), (JAM,))
    question = made(scene)
    assert question is not None
    assert kind_of(question.options) == "interval"


@pytest.mark.parametrize("right", [Option("Jam", 0, 600), Option("Jam", 10, 10)])
def test_no_question_is_better_than_an_unfair_one(right: Option) -> None:
    assert made(Scene(right, 600, (right.span,), (JAM,))) is None
