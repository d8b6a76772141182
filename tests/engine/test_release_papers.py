"""The card, CHANGES.md and report.html of a release."""

import re
from pathlib import Path
from typing import Any

import pytest

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.executors.local import LocalExecutor
from engine.figures import Figures, share_per_bin
from engine.index import Index
from engine.release import ExportOptions, ExportReport, export
from engine.release_changes import previous_release
from engine.trees import Trees
from schemas.review import Discard, EditText, MoveBoundaries
from tests.builders import (
    a_caption,
    a_click,
    a_clip,
    a_dataset,
    a_media,
    a_review,
    a_summary,
    a_video,
    add_review,
    add_video,
    an_event,
    bring_in,
    run_all,
    run_named,
)

EVIL = '<script>alert("x")</script> & <img src=x onerror=y> | `code`'


def a_told_dataset(dir_path: Path, *video_ids: str, text: str = "A man falls.") -> Dataset:
    dataset = a_dataset(dir_path)
    for video_id in video_ids or ("Abuse1", "Abuse2"):
        event, clip = f"{video_id}_E0", f"{video_id}_E0C0"
        bring_in(
            dataset,
            a_video(video_id, categories=("Abuse", "Assault")),
            an_event(event),
            a_clip(clip),
            a_caption(clip, text=text),
            a_summary(event, text=text),
            a_summary(video_id, text=text, video_id=video_id, granularity="video"),
        )
    run_named(dataset, "instruct")
    return dataset


def exported(dataset: Dataset, name: str = "draft", **changes: Any) -> ExportReport:
    known: dict[str, Any] = {"formats": ("hivau-raw", "llava"), "name": name}
    return export(dataset, ExportOptions(**(known | changes)))


def page(report: ExportReport, name: str) -> str:
    return (report.dir_path / name).read_text(encoding="utf-8")


def test_card_tells_counts_per_split_and_category_durations_and_words(tmp_path: Path) -> None:
    card = page(exported(a_told_dataset(tmp_path)), "README.md")
    assert "| train | 2 | 2 | 2 |" in card
    assert "| Abuse | 2 | 2 | 2 |" in card
    assert "| Assault | 2 | 2 | 2 |" in card
    assert "| clips | 6.0 | 6.0 | 6.0 | 3.0 | 3.0 | 3.0 |" in card
    assert "| videos | 60.0 | 60.0 | 60.0 | 3.0 | 3.0 | 3.0 |" in card
    assert "| hivau | clip | caption | 2 | 3.0 |" in card
    assert "14 questions with answers of" in card


def test_card_says_that_nobody_measured_and_what_it_is_for(tmp_path: Path) -> None:
    card = page(exported(a_told_dataset(tmp_path)), "README.md")
    assert "Not measured." in card
    assert "## Intended use and privacy" in card
    assert "ucf-crime: 2 videos" in card
    assert "contents.jsonl" in card


def test_card_tells_films_of_xd_violence_that_are_in_two_splits(tmp_path: Path) -> None:
    """185 of 448 sources of the official test list are in its training list: no fault of ours."""
    dataset = a_told_dataset(tmp_path)
    for number, split in enumerate(("train", "test")):
        name = f"Casino.2006__#0{number}-00-00_label_B1-0-0"
        bring_in(dataset, a_video(name, source="xd-violence", split=split))
    assert "1 films or uploads of XD-Violence have scenes in several splits" in page(
        exported(dataset), "README.md"
    )


def test_card_names_models_with_revisions_and_prompts(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path / "ds")
    add_video(dataset, "Abuse001.mp4")
    bring_in(dataset, a_click("Abuse001_K0", time_seconds=2.0, frame=50))
    run_all(dataset, executor=executor)
    card = page(exported(dataset), "README.md")
    assert "| caption | baseline/captioner-1 |" in card
    assert "| summarize | baseline/summarizer-1 |" in card


def test_first_release_says_so_and_the_next_compares_with_it(tmp_path: Path) -> None:
    dataset = a_told_dataset(tmp_path)
    assert "There is no earlier release" in page(exported(dataset, "v1"), "CHANGES.md")
    assert "Nothing changed." in page(exported(dataset, "v2"), "CHANGES.md")
    add_review(
        dataset,
        a_review("caption", "Abuse1_E0C0", EditText(field="text", text="A woman falls.")),
        a_review("event", "Abuse2_E0", MoveBoundaries(start_seconds=1.0, end_seconds=8.0)),
        a_review("video", "Abuse2", Discard(reason="blurred")),
    )
    bring_in(
        dataset, a_video("Abuse3"), a_summary("Abuse3", video_id="Abuse3", granularity="video")
    )
    run_named(dataset, "instruct")
    changes = page(exported(dataset, "v3"), "CHANGES.md")
    assert "Against the release v2" in changes
    assert "| added | 1 | 0 | 0 |" in changes
    assert "| removed | 1 | 1 | 1 |" in changes
    assert "| changed | 0 | 0 | 1 |" in changes
    assert "`Abuse1_E0C0`: text: A man falls. → A woman falls." in changes


def test_a_moved_boundary_is_a_change_and_texts_are_no_markdown(tmp_path: Path) -> None:
    dataset = a_told_dataset(tmp_path)
    exported(dataset, "v1")
    move = MoveBoundaries(start_seconds=1.5, end_seconds=8.0)
    edit = EditText(field="text", text="# <b>x</b> | y\nz")
    add_review(dataset, a_review("event", "Abuse2_E0", move))
    add_review(dataset, a_review("caption", "Abuse1_E0C0", edit))
    changes = page(exported(dataset, "v2"), "CHANGES.md")
    assert "`Abuse2_E0`: start_seconds: `2.0` → `1.5`" in changes
    assert "A man falls. → \\# \\<b\\>x\\</b\\> \\| y z" in changes


def test_release_to_compare_with_can_be_named_and_must_be_there(tmp_path: Path) -> None:
    dataset = a_told_dataset(tmp_path)
    exported(dataset, "v1")
    exported(dataset, "v2")
    assert "Against the release v1" in page(exported(dataset, "v3", since="v1"), "CHANGES.md")
    with pytest.raises(UsageError, match="no release 'v9'"):
        exported(dataset, "v4", since="v9")


def test_the_release_before_is_decided_by_names_in_natural_order(tmp_path: Path) -> None:
    for name in ("v1", "v2", "v10", "draft", ".v3.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "contents.jsonl").touch()
    before = {
        name: previous_release(tmp_path, name, draft_name="draft")
        for name in ("v1", "v2", "v10", "v11", "draft")
    }
    assert before == {"v1": None, "v2": "v1", "v10": "v2", "v11": "v10", "draft": "v10"}


def test_report_escapes_what_people_and_models_wrote(tmp_path: Path) -> None:
    report = page(exported(a_told_dataset(tmp_path, text=EVIL)), "report.html")
    assert "<script" not in report
    assert "onerror=y>" not in report
    assert "&lt;script&gt;" in report
    assert report.count("no picture") >= 2


def test_report_needs_nothing_from_outside(tmp_path: Path) -> None:
    report = page(exported(a_told_dataset(tmp_path)), "report.html")
    addresses = re.findall(r"(?:src|href)=\"([^\"]*)\"|url\(([^)]*)\)", report)
    assert all(one.startswith("data:") for pair in addresses for one in pair if one)
    assert "http" not in report


def test_report_shows_pictures_of_the_footage_the_same_every_time(
    tmp_path: Path, executor: LocalExecutor
) -> None:
    dataset = a_dataset(tmp_path / "ds")
    add_video(dataset, "Abuse001.mp4")
    bring_in(dataset, a_click("Abuse001_K0", time_seconds=2.0, frame=50))
    run_all(dataset, executor=executor)
    first = page(exported(dataset), "report.html")
    assert first.count("data:image/jpeg;base64,") >= 2
    assert page(exported(dataset), "report.html") == first
    (dataset.videos_dir_path / "Abuse001.mp4").unlink()
    assert "no picture" in page(exported(dataset), "report.html")


def test_report_is_bounded_whatever_the_size(tmp_path: Path) -> None:
    """A sample of 12 of each label, 6 events of 8 clips, texts cut at 1,200 characters."""
    dataset = a_dataset(tmp_path)
    text = "word " * 2_000
    for number in range(30):
        video_id = f"Abuse{number}"
        clips = [f"{video_id}_E0C{place}" for place in range(20)]
        bring_in(
            dataset,
            a_video(video_id),
            an_event(f"{video_id}_E0"),
            *(a_clip(clip) for clip in clips),
            *(a_caption(clip, text=text) for clip in clips),
        )
    bring_in(dataset, a_summary("Abuse0", video_id="Abuse0", granularity="video"))
    run_named(dataset, "instruct")
    report = page(exported(dataset), "report.html")
    assert report.count("<details>") == 12
    assert report.count("<li>") == 12 * 8
    assert "and 12 more clips" in report
    assert len(report) < 12 * 10 * 1_500


def test_sample_depends_on_ids_alone(tmp_path: Path) -> None:
    dataset = a_told_dataset(tmp_path, *(f"Abuse{number}" for number in range(40)))
    nodes = list(Trees(Index(dataset)).all())
    samples = []
    for order in (nodes, nodes[::-1]):
        figures = Figures()
        for node in order:
            figures.add(node)
        samples.append([node.video.id for node in figures.sample()])
    assert samples[0] == samples[1]
    assert len(samples[0]) == 12


def test_shares_of_bins_sum_to_one_and_an_edge_belongs_above() -> None:
    assert share_per_bin([1.0, 2.0, 5.0, 9.0], (2.0, 5.0)) == [0.25, 0.25, 0.5]
    assert share_per_bin([], (2.0,)) == [0.0, 0.0]


def test_a_missing_footage_folder_is_no_reason_to_fail(tmp_path: Path) -> None:
    dataset = a_told_dataset(tmp_path)
    bring_in(dataset, a_video("Abuse9", media=a_media(path="gone.mp4")))
    assert "Abuse9" in page(exported(dataset), "report.html")
