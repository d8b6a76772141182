"""What ingest says of the files: through the command line, where people read it."""

from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.index import Index
from engine.intake import look_at_intake, split_warnings
from tests.builders import a_dataset, a_media, a_video, bring_in
from tests.engine.cli.command_line import new_dataset, vau
from tests.videos import Coding, constant_rate, remux


@pytest.fixture
def flawed(tmp_path: Path) -> Path:
    """Of four files one is degraded and one is unusable; nothing is ingested yet."""
    videos = tmp_path / "videos"
    source = constant_rate(tmp_path / "source.mp4", num_frames=250, coding=Coding(gop=50))
    for name in ("Fighting/a.mp4", "fightin/b.mp4"):
        (videos / name).parent.mkdir(parents=True)
        constant_rate(videos / name, num_frames=50)
    remux(source, videos / "c.ts", from_frame=60)
    (videos / "d.mp4").write_text("no video at all")
    return new_dataset(tmp_path / "ds", videos)


def test_ingest_says_which_files_are_degraded_and_unusable_and_why(flawed: Path) -> None:
    outcome = vau("ingest", "--quiet", cwd=flawed)
    assert outcome.code == 4
    lines = outcome.out.splitlines()
    assert lines[1] == "files: 1 unusable, 1 degraded, of 4"
    assert lines[2].startswith("  unusable: d: media_unreadable: d.mp4")
    assert lines[3].startswith("  degraded: c.ts: damaged_frames: ")
    assert "40 are lost" in lines[3]
    assert "download or copy it again" in lines[3]


def test_ingest_says_it_again_when_there_is_nothing_to_do(flawed: Path) -> None:
    first, second = (vau("ingest", "--quiet", cwd=flawed) for _ in range(2))
    assert "nothing to do" in second.out
    assert second.out.splitlines()[1:] == first.out.splitlines()[1:]


def test_ingest_counts_videos_by_category_and_warns_of_a_likely_typo(flawed: Path) -> None:
    outcome = vau("ingest", "--quiet", cwd=flawed)
    table = ["videos by category:", "  Fighting    1", "  fightin     1", "  unlabelled  1"]
    assert "\n".join(table) in outcome.out
    assert "warning: categories 'Fighting' and 'fightin' (of 1 and 1 videos)" in outcome.err


def test_ingest_as_json_lists_every_flawed_file(flawed: Path) -> None:
    intake = vau("ingest", "--json", "--quiet", cwd=flawed).json["intake"]
    assert [file["name"] for file in intake["degraded"]] == ["c.ts"]
    assert [file["name"] for file in intake["unusable"]] == ["d"]
    assert intake["categories"]["fightin"] == 1


def test_run_says_it_where_files_were_ingested_and_then_no_more(flawed: Path) -> None:
    flags = ("run", "--quiet", "--no-export", "--max-reject-rate", 1)
    assert "files: 1 unusable, 1 degraded, of 4" in vau(*flags, cwd=flawed).out
    assert "files:" not in vau(*flags, cwd=flawed).out


def test_status_counts_degraded_files(flawed: Path) -> None:
    assert "degraded file" not in vau("status", cwd=flawed).out
    vau("ingest", "--quiet", cwd=flawed)
    status = vau("status", cwd=flawed)
    assert "1 degraded file in use: `vau-data ingest` says what is lost" in status.out
    assert vau("status", "--json", cwd=flawed).json["num_degraded_files"] == 1


def test_many_flawed_files_are_cut_short_with_a_count(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for number in range(8):
        (videos / f"bad{number}.mp4").write_text("no video at all")
    home = new_dataset(tmp_path / "ds", videos)
    out = vau("ingest", "--quiet", cwd=home).out
    assert out.count("  unusable: bad") == 5
    assert "  … and 3 more unusable; `vau-data ingest --json` lists all" in out


def test_reject_of_a_file_that_is_gone_is_counted_no_more(flawed: Path, tmp_path: Path) -> None:
    vau("ingest", "--quiet", cwd=flawed)
    (tmp_path / "videos" / "d.mp4").unlink()
    assert "files: 0 unusable, 1 degraded, of 3" in vau("ingest", "--quiet", cwd=flawed).out


def test_problem_that_loses_nothing_is_no_reason(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path)
    media = a_media()
    damage = media.problems[0].model_copy(update={"code": "damaged_frames", "detail": "2 lost"})
    bring_in(dataset, a_video(media=a_media(problems=(*media.problems, damage))))
    [file] = look_at_intake(Index(dataset)).degraded
    assert file.why == "damaged_frames: 2 lost; nothing to do"


def ucf_without_lists(dir_path: Path) -> Path:
    """One abnormal video, whose split nothing says, and a normal one that is named as a test."""
    (dir_path / "videos").mkdir()
    for name, num_frames in (("Abuse001_x264", 50), ("Normal_Videos_003_x264", 60)):
        constant_rate(dir_path / "videos" / f"{name}.mp4", num_frames=num_frames)
    home = dir_path / "ds"
    vau("init", home, "--videos", dir_path / "videos", "--source", "ucf-crime")
    return home


def warnings_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("warning: ")]


def test_public_videos_without_a_split_are_told_by_ingest_and_by_export_until_the_list_is_there(
    tmp_path: Path,
) -> None:
    home = ucf_without_lists(tmp_path)
    [by_ingest] = warnings_of(vau("ingest", "--quiet", cwd=home).err)
    assert "1 of 2 ucf-crime videos have no split and are exported under `train`" in by_ingest
    assert f"Anomaly_Train.txt, ucf-crime.testing.csv, ucf-crime.training.csv) into {tmp_path}" in (
        by_ingest
    )
    vau("run", "--quiet", "--no-export", cwd=home)
    assert warnings_of(vau("export", "--quiet", cwd=home).err) == [by_ingest]
    release = home / "releases" / "draft"
    rows = (release / "hivau-single" / "merge_instruction_train.jsonl").read_text()
    assert "/train/Abuse001_x264" in rows

    (tmp_path / "videos" / "Temporal_Anomaly_Annotation.txt").write_text(
        "Abuse001_x264.mp4  Abuse  1  9  -1  -1\n"
    )
    assert warnings_of(vau("run", "--quiet", cwd=home).err) == []
    files = sorted(path.name for path in release.rglob("*_t*.json*"))
    assert files == ["merge_instruction_test.jsonl", "ucf_database_test.json"]


def splits_of(dir_path: Path, *splits: str | None) -> Dataset:
    """Videos of a plain folder."""
    dataset = a_dataset(dir_path)
    bring_in(
        dataset,
        *(a_video(f"v{n}", source="folder", split=split) for n, split in enumerate(splits)),
    )
    return dataset


def test_plain_folder_without_any_split_is_all_training_footage_and_no_warning(
    tmp_path: Path,
) -> None:
    assert split_warnings(Index(splits_of(tmp_path, None, None))) == []


def test_plain_folder_with_splits_for_some_videos_alone_is_told(tmp_path: Path) -> None:
    [warning] = split_warnings(Index(splits_of(tmp_path, "test", None, None)))
    assert warning.startswith("2 of 3 folder videos have no split and are exported under `train`")
    assert "[videos] split" in warning
