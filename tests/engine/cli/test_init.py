"""`vau-data init`."""

import tomllib
from pathlib import Path

from engine.config import Config, load_config
from tests.engine.cli.command_line import vau


def test_init_says_how_many_videos_of_which_label_there_are(footage: Path, tmp_path: Path) -> None:
    outcome = vau("init", tmp_path / "ds", "--videos", footage)
    assert outcome.code == 0
    assert "3 videos (1 abnormal, 1 normal, 1 unlabelled)" in outcome.out
    assert "vau-data run" in outcome.out


def test_init_says_where_labels_come_from_and_what_they_are(footage: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label\nc,Arson\n")
    outcome = vau("init", tmp_path / "ds", "--videos", footage, "--labels", labels)
    assert "labels come from: labels csv 1, sub-folder 2, file name 0\n" in outcome.out
    table = ["videos by category:", "  Arson     1", "  Fighting  1", "  normal    1"]
    assert "\n".join(table) in outcome.out
    assert "warning" not in outcome.err


def test_init_warns_of_a_category_that_looks_like_a_typo_of_another(
    footage: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label\nb,Fightng\nc,Arson\n")
    outcome = vau("init", tmp_path / "ds", "--videos", footage, "--labels", labels)
    assert outcome.code == 0
    assert "  Fightng   1" in outcome.out
    assert "warning: categories 'Fighting' and 'Fightng' (of 1 and 1 videos)" in outcome.err


def test_class_that_a_public_source_does_not_know_is_refused_before_anything_is_written(
    footage: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label\na,Roberry\n")
    flags = ("--source", "xd-violence", "--labels", labels)
    outcome = vau("init", tmp_path / "ds", "--videos", footage, *flags)
    assert outcome.code == 2
    assert "line 2: 'Roberry' is no class of xd-violence" in outcome.err
    assert not (tmp_path / "ds").exists()


def test_word_of_a_file_name_in_a_plain_folder_is_no_label(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("anti_robbery_drill", "Robbery048_x264", "robbery"):
        (tmp_path / "videos" / f"{name}.mp4").touch()
    outcome = vau("init", tmp_path / "ds", "--videos", tmp_path / "videos")
    assert "3 videos (2 abnormal, 0 normal, 1 unlabelled)" in outcome.out
    assert "labels csv 0, sub-folder 0, file name 2" in outcome.out


def test_init_of_a_public_data_set_without_its_lists_says_so(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("Abuse001_x264", "Normal_Videos_003_x264"):
        (tmp_path / "videos" / f"{name}.mp4").touch()
    flags = ("--videos", tmp_path / "videos", "--source", "ucf-crime")
    outcome = vau("init", tmp_path / "one", *flags)
    assert "warning: 1 of 2 ucf-crime videos have no split" in outcome.err
    assert "warning" not in vau("init", tmp_path / "two", *flags, "--split", "test").err
    (tmp_path / "videos" / "Anomaly_Train.txt").write_text("Abuse/Abuse001_x264.mp4\n")
    assert "warning" not in vau("init", tmp_path / "three", *flags).err


def test_written_settings_are_the_defaults_but_for_the_choices(
    footage: Path, tmp_path: Path
) -> None:
    vau("init", tmp_path / "ds", "--videos", footage, "--split", "test", "--name", 'a "name"')
    found = load_config(tmp_path / "ds" / "dataset.toml").model_dump()
    expected = Config().model_dump()
    expected["dataset"]["name"] = 'a "name"'
    expected["videos"] |= {"path": str(footage), "split": "test"}
    assert found == expected


def test_commented_examples_are_valid_settings(footage: Path, tmp_path: Path) -> None:
    vau("init", tmp_path / "ds", "--videos", footage)
    lines = (tmp_path / "ds" / "dataset.toml").read_text().splitlines()
    settings = [line.removeprefix("# ") for line in lines if " = " in line]
    shown = [line for line in lines if line.startswith("[")]
    for line in settings:
        tomllib.loads(line)
    keys = {line.partition(" = ")[0] for line in settings}
    known = {key for section in Config.model_fields for key in _keys_of(section)}
    assert keys <= known
    named = ["dataset", "videos", "caption", "summarize", "instruct", "splits", "export"]
    assert shown == [f"[{name}]" for name in named]


def _keys_of(section: str) -> set[str]:
    return set(getattr(Config(), section).model_dump())


def test_videos_inside_the_dataset_are_named_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "one.mp4").touch()
    assert vau("init", ".", "--videos", "videos", cwd=tmp_path).code == 0
    assert load_config(tmp_path / "dataset.toml").videos.path == "videos"


def test_labels_csv_is_read_at_once_and_written_down(footage: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label,split\nc,Arson,train\n")
    outcome = vau("init", tmp_path / "ds", "--videos", footage, "--labels", labels)
    assert "2 abnormal, 1 normal, 0 unlabelled" in outcome.out
    assert load_config(tmp_path / "ds" / "dataset.toml").videos.labels == str(labels)


def test_labels_csv_with_a_bad_row_is_refused_before_anything_is_written(
    footage: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label\nnowhere,Arson\n")
    outcome = vau("init", tmp_path / "ds", "--videos", footage, "--labels", labels)
    assert outcome.code == 2
    assert "'nowhere'" in outcome.err
    assert not (tmp_path / "ds").exists()


def test_second_init_of_a_folder_is_refused(footage: Path, empty: Path) -> None:
    before = (empty / "dataset.toml").read_bytes()
    outcome = vau("init", empty, "--videos", footage)
    assert outcome.code == 2
    assert "exists" in outcome.err
    assert (empty / "dataset.toml").read_bytes() == before


def test_videos_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    outcome = vau("init", tmp_path / "ds", "--videos", tmp_path / "nowhere")
    assert outcome.code == 2
    assert "nowhere does not exist" in outcome.err


def test_videos_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.mp4").touch()
    outcome = vau("init", tmp_path / "ds", "--videos", tmp_path / "one.mp4")
    assert outcome.code == 2
    assert "is a file, not a folder" in outcome.err


def test_folder_without_any_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    outcome = vau("init", tmp_path / "ds", "--videos", tmp_path)
    assert outcome.code == 2
    assert "holds no video file (looked for" in outcome.err


def test_missing_labels_file_is_refused(footage: Path, tmp_path: Path) -> None:
    outcome = vau("init", tmp_path / "ds", "--videos", footage, "--labels", tmp_path / "no.csv")
    assert outcome.code == 2
    assert "--labels" in outcome.err


def test_file_in_place_of_the_dataset_folder_is_refused(footage: Path, tmp_path: Path) -> None:
    (tmp_path / "ds").touch()
    outcome = vau("init", tmp_path / "ds", "--videos", footage)
    assert outcome.code == 2
    assert "is a file" in outcome.err
