"""`export --recipe` and `vau-data rebuild`."""

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from engine.dataset import Dataset
from engine.errors import UsageError
from engine.executors.local import LocalExecutor
from engine.exporters.frame_hashes import frame_hashes
from engine.rebuild import RebuildReport, RebuildTask, rebuild
from engine.release import ExportOptions, export
from tests.builders import a_click, a_dataset, add_video, bring_in, run_all
from tests.videos import Coding, constant_rate, remux

FORMATS: Any = ("hivau-raw", "swift", "trl", "webdataset")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, executor: LocalExecutor) -> Dataset:
    dataset = a_dataset(tmp_path_factory.mktemp("rebuild") / "ds", "[clip]\ntarget_seconds = 2\n")
    add_video(dataset, "in/Abuse001.mp4", num_frames=150)
    add_video(dataset, "Normal_Videos002.mp4", num_frames=100)
    bring_in(dataset, a_click("Abuse001_K0", time_seconds=3.0, frame=75))
    run_all(dataset, executor=executor)
    return dataset


@pytest.fixture(scope="module")
def release(dataset: Dataset, executor: LocalExecutor) -> Path:
    options = ExportOptions(FORMATS, "v1", with_media=True, with_recipe=True, num_frames=2)
    return export(dataset, options, executor=executor).dir_path


def tree(dir_path: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(dir_path)): p.read_bytes() for p in dir_path.rglob("*") if p.is_file()
    }


def rebuilt(release: Path, videos: Path, out: Path, executor: LocalExecutor) -> RebuildReport:
    return rebuild(RebuildTask(release / "recipe.jsonl", videos, out), executor=executor)


def test_the_owners_copy_gives_the_release_byte_for_byte(
    dataset: Dataset, release: Path, executor: LocalExecutor, tmp_path: Path
) -> None:
    """Also when it lies in other folders and in another container."""
    shutil.copyfile(dataset.videos_dir_path / "in" / "Abuse001.mp4", tmp_path / "Abuse001.mp4")
    (tmp_path / "deep").mkdir()
    source = dataset.videos_dir_path / "Normal_Videos002.mp4"
    shutil.copyfile(source, tmp_path / "deep" / source.name)
    report = rebuilt(release, tmp_path, tmp_path / "out" / "v1", executor)
    assert report.mismatches == ()
    assert report.num_frames > 6
    ours, theirs = tree(tmp_path / "out" / "v1"), tree(release)
    assert set(theirs) - set(ours) == {"CHANGES.md", "report.html"}
    assert ours == {path: theirs[path] for path in ours}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["v1"]


def test_a_recipe_has_no_pixels_and_nothing_but_what_is_released(release: Path) -> None:
    lines = (release / "recipe.jsonl").read_bytes().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) < 20_000


def test_footage_encoded_again_is_refused_frame_by_frame(
    dataset: Dataset, release: Path, executor: LocalExecutor, tmp_path: Path
) -> None:
    videos = tmp_path / "videos"
    shutil.copytree(dataset.videos_dir_path, videos)
    coarser = Coding(preset="medium")
    constant_rate(videos / "in" / "Abuse001.mp4", num_frames=150, fps=Fraction(25), coding=coarser)
    report = rebuilt(release, videos, tmp_path / "v1", executor)
    assert report.mismatches
    assert all(line.startswith("Abuse001") for line in report.mismatches)
    assert "Abuse001_E0C0: in/Abuse001.mp4 shows another picture at" in "\n".join(report.mismatches)
    assert not (tmp_path / "v1").exists()


def test_a_missing_file_is_named(
    dataset: Dataset, release: Path, executor: LocalExecutor, tmp_path: Path
) -> None:
    videos = tmp_path / "videos"
    shutil.copytree(dataset.videos_dir_path, videos)
    (videos / "Normal_Videos002.mp4").unlink()
    report = rebuilt(release, videos, tmp_path / "v1", executor)
    assert report.mismatches == ("Normal_Videos002: Normal_Videos002.mp4 is not among the videos",)


def test_a_rewritten_container_has_the_same_frames_and_a_shift_by_one_has_others(
    tmp_path: Path,
) -> None:
    source = constant_rate(tmp_path / "a.mp4", num_frames=50)
    moments = {f"m{number}": number / 25 + 0.02 for number in range(0, 45, 7)}
    expected = frame_hashes(source, moments)
    assert len(set(expected.values())) == len(moments)
    assert frame_hashes(remux(source, tmp_path / "b.mkv"), moments) == expected
    shifted = frame_hashes(source, {name: time + 0.04 for name, time in moments.items()})
    assert not set(shifted.values()) & set(expected.values())


def test_a_moment_before_the_first_or_after_the_last_frame_has_that_frame(tmp_path: Path) -> None:
    source = constant_rate(tmp_path / "a.mp4", num_frames=10)
    found = frame_hashes(source, {"before": -5.0, "first": 0.0, "last": 0.39, "after": 9.0})
    assert found["before"] == found["first"]
    assert found["after"] == found["last"] != found["first"]


def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, executor: LocalExecutor) -> None:
    path = tmp_path / "recipe.jsonl"
    path.write_text('{"id": 1}\n')
    with pytest.raises(UsageError, match=r"recipe\.jsonl, line 1: no recipe"):
        rebuild(RebuildTask(path, tmp_path, tmp_path / "out"), executor=executor)
