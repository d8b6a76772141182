"""`[splits]`: what is official stays; sources are drawn whole, and the same ones every time."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.config import Config
from engine.config_release import SplitsSection
from engine.errors import UsageError
from engine.release import ExportOptions, export
from engine.splits import assign_splits
from schemas import Video
from schemas.base import Split
from tests.builders import a_dataset, a_media, a_summary, a_video, bring_in, run_named


def drawn(
    videos: list[Video], *, validation: float = 0.0, test: float = 0.0, seed: int = 0
) -> dict[str, Split]:
    shares = SplitsSection(validation=validation, test=test)
    return assign_splits(videos, shares, seed=seed)


def own_videos(num: int, split: Split | None = None, **changes: Any) -> list[Video]:
    """Of a person's own folder."""
    return [
        a_video(f"cam{number:04d}", source="folder", split=split, media=None, **changes)
        for number in range(num)
    ]


def test_without_shares_nothing_changes() -> None:
    assert drawn(own_videos(9)) == {}


def test_videos_that_nobody_gave_a_split_are_drawn_about_as_asked() -> None:
    counts = Counter(drawn(own_videos(1000), validation=0.2, test=0.1).values())
    assert 70 < counts["test"] < 130
    assert 140 < counts["validation"] < 220
    assert counts.total() == 1000


def test_a_video_that_comes_later_moves_no_other() -> None:
    before = drawn(own_videos(100), validation=0.2, test=0.2)
    after = drawn(own_videos(150)[::-1], validation=0.2, test=0.2)
    assert {id_: after[id_] for id_ in before} == before
    assert drawn(own_videos(100), validation=0.2, test=0.2, seed=1) != before


def test_an_official_split_stays_but_training_may_be_drawn_for_validation() -> None:
    for official in ("test", "validation"):
        assert drawn(own_videos(50, official), validation=0.9, test=0.9) == {}
    moved = drawn(own_videos(200, "train"), validation=0.5, test=0.9)
    assert set(moved.values()) == {"validation"}
    assert 60 < len(moved) < 140


def test_footage_of_a_public_set_without_its_lists_is_never_drawn_for_testing() -> None:
    """It may be what everybody else trains on."""
    videos = [a_video(f"Abuse{n:03d}_x264", source="ucf-crime", split=None) for n in range(50)]
    assert set(drawn(videos, test=0.9).values()) == {"train"}


@pytest.mark.parametrize(
    "names",
    [
        ["yard", "yard_270_451", "yard_E0", "yard_E0C1"],
        ["first", "second", "third"],
    ],
)
def test_all_videos_of_one_source_are_drawn_together(names: list[str]) -> None:
    """By name, or by the bytes of their files."""
    for seed in range(20):
        same = a_media(sha256="a" * 64) if "first" in names else None
        videos = [a_video(name, source="folder", split=None, media=same) for name in names]
        splits = drawn(videos, validation=0.4, test=0.4, seed=seed)
        assert len({splits[name] for name in names}) == 1


def test_scenes_of_one_film_are_drawn_together() -> None:
    scenes = [
        a_video(f"Film__#0-{n}_label_A", source="xd-violence", split="train") for n in range(30)
    ]
    for seed in range(10):
        assert len(drawn(scenes, validation=0.5, seed=seed)) in (0, 30)


def test_a_cut_of_test_footage_that_nobody_gave_a_split_is_tested_on() -> None:
    """UCA's train list holds 214 official test videos; without a split they would be trained on."""
    videos = [
        a_video("yard", source="folder", split="test", media=None),
        a_video("yard_E0", source="folder", split=None, media=None),
    ]
    assert drawn(videos, validation=0.1) == {"yard_E0": "test"}


def a_split_dataset(dir_path: Path, *videos: Video, **shares: float) -> Any:
    dataset = a_dataset(dir_path)
    for video in videos:
        bring_in(dataset, video, a_summary(video.id, video_id=video.id, granularity="video"))
    run_named(dataset, "instruct")
    splits = Config.model_validate({"splits": shares}).splits
    return replace(dataset, config=dataset.config.model_copy(update={"splits": splits}))


def test_a_release_has_a_file_for_each_split_that_was_drawn(tmp_path: Path) -> None:
    dataset = a_split_dataset(tmp_path, *own_videos(40), validation=0.3, test=0.3)
    report = export(dataset, ExportOptions(("llava", "hivau-single"), "draft"))
    names = {path.name for path in (report.dir_path / "llava").iterdir()}
    assert names == {f"llava_{split}.jsonl" for split in ("train", "validation", "test")}
    assert sum(file.num_rows for file in report.release.files if file.format == "llava") == 40
    first = [file.sha256 for file in report.release.files if file.format == "llava"]
    again = export(dataset, ExportOptions(("llava", "hivau-single"), "draft"))
    assert [file.sha256 for file in again.release.files if file.format == "llava"] == first


def test_a_source_in_two_splits_is_refused_also_where_splits_are_drawn(tmp_path: Path) -> None:
    videos = (
        a_video("yard", source="folder", split="test", media=None),
        a_video("yard_E0x", source="folder", split="train", media=None),
        a_video("yard_1_2", source="folder", split="train", media=None),
    )
    dataset = a_split_dataset(tmp_path, *videos, validation=0.5)
    with pytest.raises(UsageError, match="source videos stand in two splits"):
        export(dataset, ExportOptions(("llava",), "draft"))
