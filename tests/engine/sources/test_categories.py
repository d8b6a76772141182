import pytest

from engine.sources.categories import alike_categories, count_categories
from engine.sources.manifest import SOURCES, load_manifest


def test_categories_are_counted_most_first_and_a_video_of_two_counts_in_both() -> None:
    labels = [(True, ("B", "A")), (True, ("B",)), (False, ()), (None, ()), (True, ())]
    counts = count_categories(labels)
    assert list(counts.items()) == [
        ("B", 2),
        ("A", 1),
        ("abnormal", 1),
        ("normal", 1),
        ("unlabelled", 1),
    ]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Robbery", "Roberry"),
        ("Robbery", "Robery"),
        ("Robbery", "Robbrey"),
        ("Robbery", "Robberyy"),
        ("Robbery", "robbery"),
        ("Robbery", "Tobbery"),
        ("Road Accident", "RoadAccident"),
        ("road_accident", "Road-Accident"),
        ("Road accident", "Road accidents"),
        ("Übergriff", "Ubergriff"),
    ],
)
def test_names_that_differ_by_case_spacing_or_one_letter_are_told(one: str, two: str) -> None:
    [warning] = alike_categories({one: 12, two: 1})
    assert repr(one) in warning
    assert repr(two) in warning


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Robbery", "Burglary"),
        ("class 1", "class 2"),
        ("class1", "class12"),
        ("type A", "type B"),
        ("cat", "car"),
        ("Shooting", "Shoplifting"),
        ("Abuse", "Assault"),
    ],
)
def test_names_that_are_really_two_are_not_told(one: str, two: str) -> None:
    assert alike_categories({one: 1, two: 1}) == []


def test_typo_of_normal_which_would_make_normal_videos_abnormal_is_told() -> None:
    [warning] = alike_categories({"Nomral": 3, "Robbery": 5})
    assert "'Nomral' and 'normal' (of 3 and 0 videos)" in warning


def test_words_for_having_no_category_are_no_categories() -> None:
    assert alike_categories({"abnormal": 3, "unlabeled": 1, "unlabelled": 3}) == []


def test_official_classes_are_not_alike() -> None:
    for source in SOURCES:
        names = [entry.name for entry in load_manifest(source).classes]
        assert alike_categories(dict.fromkeys(names, 1)) == []


def test_a_folder_per_video_is_compared_at_once() -> None:
    counts = {f"session {number} of camera {number % 7}": 1 for number in range(20_000)}
    assert alike_categories(counts) == []
