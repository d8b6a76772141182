"""Other people's files of every kind: one that trips each check, and one that must not."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UsageError
from engine.quality.file_validation import read_against, report_on_file
from engine.quality.published import Against, FileReport
from engine.quality.validators import count_by_code
from tests.engine.sources.builders import a_raw_file

OFFICIAL = (
    "Abuse/Abuse001_x264.mp4 300 Abuse 30 90 -1 -1 \n"
    "Testing_Normal_Videos_Anomaly/Normal_Videos_872_x264.mp4 530 Normal -1 -1 -1 -1 \n"
)


def report(tmp_path: Path, name: str, text: str, against: str = "") -> FileReport:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return report_on_file(path, official(tmp_path, against) if against else Against())


def official(tmp_path: Path, text: str) -> Against:
    path = tmp_path / "UCF_Annotation.txt"
    path.write_text(text)
    return read_against([path])


def found(report: FileReport) -> list[tuple[str, str]]:
    return [(defect.code, defect.record_id) for defect in report.defects]


def test_sound_click_file_has_no_defects_and_is_counted(tmp_path: Path) -> None:
    text = "video-id,glance\nAbuse001_x264,40\nAbuse001_x264,41\n"
    clicks = report(tmp_path, "clicks.csv", text, OFFICIAL)
    assert (clicks.kind, found(clicks)) == ("clicks", [])
    assert clicks.counts == {"rows": 2, "videos": 1, "rows without a click": 0}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("Abuse001_x264,0", "no-click-row"),
        ("Abuse001_x264,40", "duplicate-click"),
        ("Abuse001_x264,300", "click-past-video-end"),
        ("Abuse001_x264,90", "click-outside-events"),
        ("Normal_Videos001_x264,9", "click-on-normal-video"),
    ],
)
def test_defect_of_a_click_row_is_found_alone(row: str, code: str, tmp_path: Path) -> None:
    text = f"video-id,glance\nAbuse001_x264,40\n{row}\n"
    clicks = report(tmp_path, "clicks.csv", text, OFFICIAL)
    assert found(clicks) == [(code, row.partition(",")[0])]
    assert clicks.defects[0].detail.startswith("line 3: frame ")


def a_clicked_video(**changes: Any) -> str:
    entry = {"n_frames": 300, "fps": 30.0, "label": ["Abuse"], "events": [[1.0, 3.0]]}
    return json.dumps({"Abuse001_x264": entry | {"glances_frames": [40]} | changes})


def test_clicks_that_meet_their_events_are_no_defect(tmp_path: Path) -> None:
    met = report(tmp_path, "met.json", a_clicked_video())
    assert found(met) == []
    assert (met.counts["clicks inside an event"], met.counts["events with a click"]) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "defects"),
    [
        ({"glances_frames": [40, 120]}, [("click-outside-events", "Abuse001_x264")]),
        ({"glances_frames": [40, 300]}, [("click-past-video-end", "Abuse001_x264")]),
        ({"events": [[1.0, 3.0], [5.0, 6.0]]}, [("event-without-click", "Abuse001_x264_E1")]),
    ],
)
def test_clicks_that_miss_their_events_are_found(
    changes: dict[str, Any], defects: list[tuple[str, str]], tmp_path: Path
) -> None:
    assert found(report(tmp_path, "met.json", a_clicked_video(**changes))) == defects


def test_sound_official_list_has_no_defects(tmp_path: Path) -> None:
    listed = report(tmp_path, "list.txt", OFFICIAL)
    assert found(listed) == []
    assert listed.counts == {"videos": 2, "abnormal videos": 1, "intervals": 1}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Arson/Arson011_x264.mp4 1266 Arson 150 420 680 1267", "interval-past-video-end"),
        ("Arson/Arson011_x264.mp4 1266 Arson 150 420 400 500", "intervals-overlap"),
        ("Arson/Arson011_x264.mp4 1266 Arson -1 -1 -1 -1", "abnormal-without-interval"),
        ("Arson/Arson011_x264.mp4 1266 Abuse 150 420 -1 -1", "category-contradicts-name"),
        ("N/Normal_Videos_003_x264.mp4 99 Normal 1 2 -1 -1", "normal-with-interval"),
        ("Abuse/Abuse001_x264.mp4 300 Abuse 30 90 -1 -1", "duplicate-video"),
    ],
)
def test_defect_of_an_official_line_is_found_alone(line: str, code: str, tmp_path: Path) -> None:
    assert count_by_code(report(tmp_path, "list.txt", OFFICIAL + line).defects) == {code: 1}


def test_lengths_come_from_the_list_it_is_held_against(tmp_path: Path) -> None:
    text = "Abuse001_x264.mp4  Abuse  165  301  -1  -1\n"
    assert found(report(tmp_path, "list.txt", text)) == []
    assert count_by_code(report(tmp_path, "list.txt", text, OFFICIAL).defects) == {
        "interval-past-video-end": 1
    }


def test_overlap_of_two_classes_and_suffixes_throughout_are_no_defects(tmp_path: Path) -> None:
    name = "A.Film__#00-01-02_00-03-04_label_B1-B2-0"
    assert found(report(tmp_path, "list.txt", f"{name} B1 0 50 B2 40 90\n")) == []
    assert found(report(tmp_path, "list.txt", f"{name}.mp4 B1 0 50\n")) == []


def test_suffix_on_few_names_is_stray(tmp_path: Path) -> None:
    names = [f"A.Film__#{number}_label_B1-0-0" for number in range(3)]
    text = "".join(f"{name} 0 50\n" for name in names) + "B.Film__#1_label_G-0-0.mp4 0 9\n"
    assert found(report(tmp_path, "list.txt", text)) == [("stray-suffix", "B.Film__#1_label_G-0-0")]


def test_list_of_names_is_checked_for_repeats_folders_and_splits(tmp_path: Path) -> None:
    sound = "Abuse/Abuse002_x264.mp4\nTraining-Normal/Normal_Videos001_x264.mp4\n"
    assert found(report(tmp_path, "Anomaly_Train.txt", sound, OFFICIAL)) == []
    wrong = "Arson/Abuse002_x264.mp4\nAbuse/Abuse001_x264.mp4\nAbuse/Abuse001_x264.mp4\n"
    assert count_by_code(report(tmp_path, "Anomaly_Train.txt", wrong, OFFICIAL).defects) == {
        "category-contradicts-name": 1,
        "duplicate-video": 1,
        "split-leak": 1,
    }


def a_uca_file(**changes: Any) -> str:
    entry = {"duration": 10.0, "timestamps": [[1.0, 3.0], [3.0, 6.0]], "sentences": ["A.", "B."]}
    return json.dumps({"Abuse001_x264": entry | changes})


def test_sound_captions_have_no_defects(tmp_path: Path) -> None:
    assert found(report(tmp_path, "UCFCrime_Test.json", a_uca_file(), OFFICIAL)) == []
    assert found(report(tmp_path, "UCFCrime_Val.json", a_uca_file())) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sentences": [" A.", "B."]}, "text-outer-spaces"),
        ({"timestamps": [[3.0, 6.0], [1.0, 3.0]]}, "human-captions-unsorted"),
        ({"timestamps": [[1.0, 4.0], [3.0, 6.0]]}, "human-captions-overlap"),
        ({"timestamps": [[1.0, 3.0], [3.0, 10.5]]}, "human-caption-past-video-end"),
        ({"timestamps": [[1.0, 3.0]]}, "entry-contradicts-itself"),
    ],
)
def test_defect_of_human_captions_is_found_alone(
    changes: dict[str, Any], code: str, tmp_path: Path
) -> None:
    captions = report(tmp_path, "UCFCrime_Train.json", a_uca_file(**changes))
    assert count_by_code(captions.defects) == {code: 1}


def test_test_videos_among_training_captions_are_a_leak(tmp_path: Path) -> None:
    captions = report(tmp_path, "UCFCrime_Train.json", a_uca_file(), OFFICIAL)
    assert found(captions) == [("split-leak", "Abuse001_x264")]


def a_pseudo_instruction(answer: str, video: str = "frames/Abuse/Abuse001_x264.mp4") -> str:
    turn = {"q": "Is there any anomaly in the video?", "a": answer}
    return json.dumps([{"video": video, "length": 300, "QA": [turn]}])


@pytest.mark.parametrize(
    ("answer", "video"),
    [
        ("Yes, there exist anomalies from 1.0s to 3.0s and 5.0s to 10.0s.", "Abuse001_x264.mp4"),
        ("No, there are no anomalies.", "frames/Normal/Normal_Videos001_x264.mp4"),
    ],
)
def test_sound_pseudo_instruction_has_no_defects(answer: str, video: str, tmp_path: Path) -> None:
    pseudo = report(tmp_path, "pseudo.json", a_pseudo_instruction(answer, video))
    assert (pseudo.kind, found(pseudo)) == ("VAD-LLaMA's pseudo-instructions", [])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("Yes, there exist anomalies.", "answer-off-template"),
        ("No, there are no anomalies.", "abnormal-judged-normal"),
        ("Yes, there exist anomalies from 3.0s to 1.0s.", "span-reversed"),
        ("Yes, there exist anomalies from 1.0s to 10.4s.", "span-past-video-end"),
        ("Yes, there exist anomalies from 1.0s to 3.0s and 2.0s to 4.0s.", "intervals-overlap"),
    ],
)
def test_defect_of_a_pseudo_instruction_is_found_alone(
    answer: str, code: str, tmp_path: Path
) -> None:
    pseudo = report(tmp_path, "pseudo.json", a_pseudo_instruction(answer))
    assert found(pseudo) == [(code, "Abuse001_x264")]


def test_span_of_a_video_of_unknown_rate_is_not_held_to_its_frames(tmp_path: Path) -> None:
    said = "Yes, there exist anomalies from 1.0s to 20.0s."
    assert found(report(tmp_path, "pseudo.json", a_pseudo_instruction(said, "door.mp4"))) == []


def test_normal_video_with_spans_is_judged_abnormal(tmp_path: Path) -> None:
    said = "Yes, there exist anomalies from 1.0s to 3.0s."
    text = a_pseudo_instruction(said, "Normal_Videos001_x264.mp4")
    assert count_by_code(report(tmp_path, "pseudo.json", text).defects) == {
        "normal-judged-abnormal": 1
    }


def test_clicks_outside_the_spans_are_found_and_counted(tmp_path: Path) -> None:
    clicks = tmp_path / "clicks.csv"
    clicks.write_text("video-id,glance\nAbuse001_x264,40\nAbuse001_x264,200\n")
    pseudo = tmp_path / "pseudo.json"
    pseudo.write_text(a_pseudo_instruction("Yes, there exist anomalies from 1.0s to 3.0s."))
    read = report_on_file(pseudo, read_against([clicks]))
    assert found(read) == [("click-outside-spans", "Abuse001_x264")]
    assert (read.counts["clicks"], read.counts["clicks inside a span"]) == (2, 1)


def a_question(number: int, **changes: str) -> dict[str, str]:
    """Right letters in turn, options of equal length."""
    right = "ABCD"[number % 4]
    options = ["abuse, 1.0 s to 3.0 s", "arson, 1.0 s to 3.0 s", "abuse, 7.0 s to 9.0 s"]
    options.insert(number % 4, "crash, 1.0 s to 3.0 s")
    row = {"Video Name": f"v{number}", "Question": "Which is right?"}
    row |= {f"Option {place}": text for place, text in enumerate(options, start=1)}
    row |= {"Correct Option (A-D)": right, "Start Time": "1.0", "End Time": "3.0"}
    return row | changes


def an_mcq_file(rows: list[dict[str, str]], tmp_path: Path) -> FileReport:
    path = tmp_path / "mcq.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return report_on_file(path, Against())


def test_sound_multiple_choice_has_no_defects(tmp_path: Path) -> None:
    sound = an_mcq_file([a_question(number) for number in range(80)], tmp_path)
    assert found(sound) == []
    assert [sound.counts[f"right is {letter}"] for letter in "ABCD"] == [20] * 4


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Question": "-1"}, "mcq-row-unfilled"),
        ({"Option 3": ""}, "mcq-row-unfilled"),
        ({"Correct Option (A-D)": "crash, 1.0 s to 3.0 s"}, "mcq-answer-not-a-letter"),
        ({"Option 2": "crash, 1.0 s to 3.0 s"}, "mcq-options-repeat"),
        ({"Option 2": "crash, 1.5 s to 3.0 s"}, "mcq-two-right"),
        ({"Start Time": "4.0"}, "mcq-interval-reversed"),
    ],
)
def test_defect_of_a_question_is_found_alone(
    changes: dict[str, str], code: str, tmp_path: Path
) -> None:
    assert found(an_mcq_file([a_question(0, **changes), a_question(1)], tmp_path)) == [(code, "v0")]


def test_same_question_again_is_a_duplicate(tmp_path: Path) -> None:
    assert count_by_code(an_mcq_file([a_question(0)] * 2, tmp_path).defects) == {"duplicate-row": 1}


def test_right_letters_that_are_mostly_a_are_skewed(tmp_path: Path) -> None:
    rows = [a_question(0, **{"Video Name": f"v{number}"}) for number in range(24)]
    rows += [a_question(number) for number in range(100, 116)]
    (defect,) = an_mcq_file(rows, tmp_path).defects
    assert (defect.code, defect.record_id) == ("mcq-letters-skewed", "mcq")
    assert "A 70%" in defect.detail
    assert "p = " in defect.detail


@pytest.mark.parametrize("right", ["a crash of two cars, 1.0 s to 3.0 s", "crash, 1.25 s to 3.0 s"])
def test_right_option_that_is_always_longest_or_most_precise_is_found(
    right: str, tmp_path: Path
) -> None:
    rows = [a_question(number) for number in range(40)]
    for number, row in enumerate(rows):
        row[f"Option {number % 4 + 1}"] = right
    assert "mcq-option-betrays-itself" in count_by_code(an_mcq_file(rows, tmp_path).defects)


def a_conversation(*messages: tuple[str, str], **more: object) -> str:
    turns = [{"from": speaker, "value": text} for speaker, text in messages]
    return json.dumps({"id": "a", "video": "v.mp4", "conversations": turns} | more) + "\n"


ASKED = ("human", "<video>\nWhat happens?")
ANSWERED = ("gpt", "A man runs.")


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (a_conversation(ASKED, ANSWERED), None),
        (a_conversation(ASKED, ANSWERED, ("human", "Why?"), ANSWERED), None),
        (a_conversation(ANSWERED, ASKED), "turns-out-of-order"),
        (a_conversation(ASKED), "turns-out-of-order"),
        (a_conversation(ASKED, ("gpt", " ")), "empty-text"),
        (a_conversation(("human", "What happens?"), ANSWERED), "video-tag-count"),
        (a_conversation(ASKED, ANSWERED, ("human", "<video>Why?"), ANSWERED), "video-tag-count"),
        (a_conversation(("human", "<video>What?Why?"), ANSWERED), "fused-questions"),
        (a_conversation(ASKED, ANSWERED) * 2, "duplicate-row"),
    ],
)
def test_defect_of_a_conversation_is_found_alone(
    row: str, code: str | None, tmp_path: Path
) -> None:
    rows = report(tmp_path, "llava.jsonl", row)
    assert found(rows) == ([(code, "a")] if code else [])


def test_conversations_with_roles_and_in_an_array_are_read_too(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "<video>Why?"}, {"role": "assistant", "content": "So."}]
    rows = [{"messages": turns, "videos": ["v.mp4"]}, {"messages": turns, "videos": ["w.mp4"]}]
    read = report(tmp_path, "swift.json", json.dumps(rows))
    assert (read.counts, found(read)) == ({"rows": 2, "turns": 2}, [])


def test_user_and_assistant_are_a_conversation_of_one_turn(tmp_path: Path) -> None:
    row = {"id": "a_1_9", "video": "v.mp4", "user": "<video>\n Is there any?", "assistant": "Yes."}
    read = report(tmp_path, "train.jsonl", json.dumps(row) + "\n")
    assert (read.kind, found(read)) == ("conversations", [])
    silent = report(tmp_path, "train.jsonl", json.dumps(row | {"assistant": " "}) + "\n")
    assert found(silent) == [("empty-text", "a_1_9")]


def test_pseudo_instructions_may_stand_one_to_a_line(tmp_path: Path) -> None:
    sound = a_pseudo_instruction("No, there are no anomalies.", "Normal_Videos001_x264.mp4")
    wrong = a_pseudo_instruction("No, there are no anomalies.")
    read = report(tmp_path, "train.jsonl", f"{sound[1:-1]}\n{wrong[1:-1]}\n")
    assert read.counts["videos"] == 2
    assert found(read) == [("abnormal-judged-normal", "Abuse001_x264")]


def test_event_of_the_official_list_that_a_raw_file_lacks_is_lost(tmp_path: Path) -> None:
    text = json.dumps(a_raw_file())
    assert "event-lost" not in count_by_code(report(tmp_path, "raw.json", text).defects)
    late = OFFICIAL.replace("30 90", "280 299")
    assert count_by_code(report(tmp_path, "raw.json", text, late).defects) == {"event-lost": 1}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "name,frame\n"),
        ("a.json", "[1, 2]"),
        ("a.json", '{"v": 3}'),
        ("a.json", "7"),
        ("a.json", '[{"video": "v.mp4", "QA": []}]'),
        ("a.txt", "one two three\n"),
    ],
)
def test_file_of_no_known_kind_is_refused_by_name(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=name):
        report(tmp_path, name, text)
