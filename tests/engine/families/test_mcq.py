"""Which events are asked about in multiple choice, how, and what makes a question stale."""

from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.flow import FAMILIES, look_at, run_step
from engine.index import Index
from engine.mcq import LETTERS, Option, kind_of, printed, read_option
from schemas import Event, Instruction, Record, Turn, Video
from schemas.review import MoveBoundaries
from tests.builders import (
    HERE,
    QUIET,
    a_dataset,
    a_review,
    a_summary,
    a_video,
    add_review,
    an_event,
    bring_in,
    reconfigured,
)
from tests.engine.cli.command_line import vau

[STEP] = [step for step in FAMILIES if step.family == "mcq"]
NAMES = ("Abuse", "Arson", "Fighting", "Shooting", "Vandalism")


def a_labelled_video(number: int, category: str, **changes: object) -> tuple[Video, Event]:
    """A minute with one event from 10.2 to 18.7 s."""
    name = f"{category}{number:03d}"
    event = an_event(f"{name}_E0", start_seconds=10.2, end_seconds=18.7, categories=(category,))
    return a_video(name, categories=(category,), **changes), event


def marked(dir_path: Path, *more: Record, num: int = 4) -> Dataset:
    dataset = reconfigured(a_dataset(dir_path), '[instruct]\nfamilies = ["mcq"]\n')
    pairs = [a_labelled_video(n, category) for category in NAMES for n in range(num)]
    bring_in(dataset, *(record for pair in pairs for record in pair), *more)
    return dataset


def instruct(dataset: Dataset) -> int:
    return run_step(dataset, STEP, executor=HERE, options=QUIET).num_done


def asked_of(dataset: Dataset, video_id: str) -> tuple[Turn, ...]:
    return Index(dataset).get(Instruction, f"mcq:{video_id}").turns


def options_of(turn: Turn) -> tuple[Option, ...]:
    read = printed(turn.question)
    assert read is not None
    found = [read_option(text) for text in read.options]
    assert None not in found
    return tuple(option for option in found if option is not None)


def test_an_event_is_asked_about_in_its_whole_video_and_needs_no_text(tmp_path: Path) -> None:
    dataset = marked(tmp_path)
    assert instruct(dataset) == 20
    made = Index(dataset).get(Instruction, "mcq:Abuse000")
    assert (made.granularity, made.segment_id, made.family) == ("video", "Abuse000", "mcq")
    assert (made.start_seconds, made.end_seconds, made.is_anomalous) == (0.0, 60.0, True)
    [turn] = made.turns
    options = options_of(turn)
    assert options[LETTERS.index(turn.answer)] == Option("Abuse", 102, 187)
    assert kind_of(options) is not None


def test_question_as_it_is_asked(tmp_path: Path) -> None:
    dataset = marked(tmp_path)
    instruct(dataset)
    [turn] = asked_of(dataset, "Fighting002")
    assert turn.question.splitlines() == [
        "Which option gives both the right type of anomaly and the right time?",
        "A. Fighting, from 10.2 s to 18.7 s",
        "B. Fighting, from 34.2 s to 42.7 s",
        "C. Fighting, from 40.2 s to 48.7 s",
        "D. Fighting, from 28.2 s to 36.7 s",
        "Answer with the letter of the right option alone.",
    ]
    assert (turn.task, turn.answer) == ("mcq", "A")


def test_each_event_has_a_question_and_no_wrong_option_is_right_of_another(tmp_path: Path) -> None:
    video = a_video("Arson900", categories=("Arson", "Abuse"))
    events = [
        an_event("Arson900_E0", start_seconds=2.0, end_seconds=9.5, categories=("Arson",)),
        an_event("Arson900_E1", start_seconds=30.0, end_seconds=37.5, categories=("Abuse",)),
        an_event("Arson900_E2", start_seconds=44.0, end_seconds=51.5, categories=("Abuse",)),
    ]
    dataset = marked(tmp_path, video, *events)
    instruct(dataset)
    turns = asked_of(dataset, "Arson900")
    right = [options_of(turn)[LETTERS.index(turn.answer)] for turn in turns]
    assert [(one.category, one.start_tenths) for one in right] == [
        ("Arson", 20),
        ("Abuse", 300),
        ("Abuse", 440),
    ]
    for turn, truth in zip(turns, right, strict=True):
        others = {one.category for one in options_of(turn)} - {truth.category}
        assert not others & {"Arson", "Abuse"}
        starts = {one.start_tenths for one in options_of(turn)} - {truth.start_tenths}
        assert not starts & {20, 300, 440}


def test_what_could_have_several_right_answers_is_not_asked(tmp_path: Path) -> None:
    several = ("Abuse", "Arson")
    dataset = marked(
        tmp_path,
        a_video("Both900", categories=several),
        an_event("Both900_E0", categories=several),
        a_video("Unnamed900", categories=()),
        an_event("Unnamed900_E0", categories=()),
        a_video("Normal900", is_anomalous=False, categories=()),
        an_event("Normal900_E0", is_anomalous=False, categories=()),
        a_video("Unsaid900", is_anomalous=None, categories=()),
        an_event("Unsaid900_E0", is_anomalous=None, categories=()),
    )
    assert instruct(dataset) == 20
    assert not [id_ for id_ in Index(dataset).lines(Instruction) if "900" in id_]


def test_categories_that_people_do_not_tell_apart_are_not_set_against_each_other(
    tmp_path: Path,
) -> None:
    pairs = [a_labelled_video(n, name) for name in ("Stealing", "Robbery") for n in range(8)]
    dataset = marked(tmp_path, *(record for pair in pairs for record in pair))
    instruct(dataset)
    for id_ in Index(dataset).lines(Instruction):
        [turn] = asked_of(dataset, id_.removeprefix("mcq:"))
        assert len({one.category for one in options_of(turn)} & {"Stealing", "Robbery"}) <= 1


def test_categories_of_another_source_are_no_wrong_options(tmp_path: Path) -> None:
    """XD-Violence's car accidents are UCF-Crime's road accidents."""
    pairs = [a_labelled_video(n, "Car accident", source="xd-violence") for n in range(8)]
    dataset = marked(tmp_path, *(record for pair in pairs for record in pair))
    instruct(dataset)
    for id_ in Index(dataset).lines(Instruction):
        for turn in asked_of(dataset, id_.removeprefix("mcq:")):
            names = {one.category for one in options_of(turn)}
            assert names == {"Car accident"} or "Car accident" not in names


def test_of_very_many_categories_the_rare_ones_are_asked_about_by_time(tmp_path: Path) -> None:
    """Else a name that stands nowhere among wrong options would tell that it is right."""
    names = [f"Fault {number:02d}" for number in range(30)]
    common = [a_labelled_video(n, name) for name in names[:24] for n in range(2)]
    rare = [a_labelled_video(0, name) for name in names[24:]]
    dataset = reconfigured(a_dataset(tmp_path), '[instruct]\nfamilies = ["mcq"]\n')
    bring_in(dataset, *(record for pair in [*common, *rare] for record in pair))
    instruct(dataset)
    for id_ in Index(dataset).lines(Instruction):
        [turn] = asked_of(dataset, id_.removeprefix("mcq:"))
        found = {one.category for one in options_of(turn)}
        assert len(found) == 1 or not found & set(names[24:])


def test_a_moved_boundary_makes_its_own_question_stale_and_a_text_none(tmp_path: Path) -> None:
    dataset = marked(tmp_path)
    instruct(dataset)
    before = asked_of(dataset, "Abuse001")
    moved = MoveBoundaries(start_seconds=11.2, end_seconds=18.7)
    add_review(dataset, a_review("event", "Abuse000_E0", moved))
    bring_in(dataset, a_summary("Abuse001_E0"))
    assert [item.id for item in look_at(dataset, STEP)[1]] == ["mcq:Abuse000"]
    assert instruct(dataset) == 1
    [turn] = asked_of(dataset, "Abuse000")
    assert options_of(turn)[LETTERS.index(turn.answer)].start_tenths == 112
    assert asked_of(dataset, "Abuse001") == before


def test_another_bound_or_seed_makes_questions_anew(tmp_path: Path) -> None:
    dataset = marked(tmp_path)
    instruct(dataset)
    stricter = '[instruct]\nfamilies = ["mcq"]\nmcq_tiou = 0.1\n'
    assert instruct(reconfigured(dataset, stricter)) == 20
    assert instruct(reconfigured(dataset, f"{stricter}[dataset]\nseed = 7\n")) == 20


def test_one_more_video_of_a_known_category_leaves_others_as_they_are(tmp_path: Path) -> None:
    dataset = marked(tmp_path, num=20)
    instruct(dataset)
    bring_in(dataset, *a_labelled_video(99, "Abuse"))
    assert instruct(dataset) == 1


@pytest.mark.parametrize("start", [-1.0, 58.0])
def test_event_past_the_ends_of_its_video_is_cut_to_it(start: float, tmp_path: Path) -> None:
    late = a_video("Abuse900", start_seconds=0.0, end_seconds=60.0)
    event = an_event("Abuse900_E0", start_seconds=start, end_seconds=start + 4.0)
    dataset = marked(tmp_path, late, event)
    instruct(dataset)
    [turn] = asked_of(dataset, "Abuse900")
    assert all(0 <= one.start_tenths < one.end_tenths <= 600 for one in options_of(turn))


def test_command_states_how_evenly_letters_are_right(tmp_path: Path) -> None:
    dataset = marked(tmp_path)
    outcome = vau("build-instructions", "--family", "mcq", "--quiet", cwd=dataset.dir_path)
    assert outcome.code == 0, outcome.err
    assert "  Right letters of multiple choice: A " in outcome.out
    assert "χ² " in outcome.out
    again = vau("build-instructions", "--family", "mcq", "--json", cwd=dataset.dir_path).json
    assert "right_letters" not in again
