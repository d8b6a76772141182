from pathlib import Path, PurePosixPath

import pytest

from engine.errors import UsageError
from engine.sources.folder import FileLabel, SourceName, label_files
from engine.sources.manifest import SOURCES, load_manifest
from tests.engine.sources.reference import needs_reference_data, reference


def label_of(
    name: str,
    *,
    source: SourceName = "folder",
    labels_csv: Path | None = None,
    lists_dir: Path | None = None,
    root: Path = Path("nowhere"),
) -> FileLabel:
    path = PurePosixPath(name)
    labels = label_files(
        [path], source=source, labels_csv=labels_csv, root=root, lists_dir=lists_dir
    )
    return labels[path]


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("robbery.mp4", "Robbery"),
        ("ROBBERY_02.MP4", "Robbery"),
        ("explosion2.mp4", "Explosion"),
        ("car_accident.mp4", "Car accident"),
        ("RoadAccidents133_x264_270_451.mp4", "RoadAccidents"),
        ("v=JfLYNEsrTew__#1_label_G-0-0_52_431.mp4", "Explosion"),
        ("videos/robbery.mp4", "Robbery"),
        ("fight/fi007.mp4", "Fighting"),
        ("test/Abuse/anything.mp4", "Abuse"),
        ("Anomaly-Videos-Part-1/Abuse/Abuse001_x264.mp4", "Abuse"),
        ("abnormal/robbery.mp4", "Robbery"),
        ("smoking/a.mp4", "smoking"),
    ],
)
def test_name_tells_the_category(name: str, category: str) -> None:
    assert label_of(name).categories == (category,)
    assert label_of(name).is_anomalous is True


@pytest.mark.parametrize(
    "name",
    [
        "normal/a.mp4",
        "Normal/explosion.mp4",
        "non_fight/a.mp4",
        "nofight/a.mp4",
        "NonViolence/V_1.mp4",
        "no_anomaly/a.mp4",
        "Training_Normal_Videos_Anomaly/Normal_Videos001_x264.mp4",
        "Normal_Videos_003_x264.mp4",
        "A.Beautiful.Mind.2001__#01-14-30_01-16-59_label_A_1845_2101.mp4",
        "normal_07.mp4",
    ],
)
def test_name_tells_that_a_video_is_normal(name: str) -> None:
    assert label_of(name).is_anomalous is False
    assert label_of(name).categories == ()


@pytest.mark.parametrize(
    "name",
    [
        "car-detection.mp4",
        "DKZg4kIEa0A_31_36.avi",
        "videos/clip1.mp4",
        "train/clip1.mp4",
        "camera 3/2024-05-01.mp4",
        "2024-05-01/a.mp4",
        "firefighter_at_work.mp4",
        "anti_robbery_drill.mp4",
        "how_to_report_a_robbery.mp4",
        "back_to_normal_2.mp4",
        "fighting_and_robbery.mp4",
        "no_fighting_but_robbery.mp4",
    ],
)
def test_name_that_says_nothing_gives_no_label(name: str) -> None:
    label = label_of(name)
    assert (label.is_anomalous, label.categories) == (None, ())


@pytest.mark.parametrize("folder", ["abnormal", "anomaly", "not_normal", "Anomaly_Videos"])
def test_folder_of_abnormal_videos_names_no_category(folder: str) -> None:
    assert label_of(f"{folder}/a.mp4").is_anomalous is True
    assert label_of(f"{folder}/a.mp4").categories == ()


def test_split_folder_gives_the_split_and_not_the_label() -> None:
    assert label_of("val/a.mp4") == FileLabel(None, (), "validation", None, "nothing names a label")
    assert label_of("fight/train/a.mp4").split == "train"
    assert label_of("fight/train/a.mp4").categories == ("Fighting",)


def test_xd_name_gives_up_to_three_categories_without_padding() -> None:
    name = "Bad.Boys.1995__#01-11-55_01-12-40_label_G-B2-B6.mp4"
    assert label_of(name, source="xd-violence").categories == (
        "Explosion",
        "Shooting",
        "Car accident",
    )
    assert label_of("-x=@__#1_label_B4-0-0.mp4", source="xd-violence").categories == ("Riot",)


def test_ucf_normal_videos_split_by_their_names() -> None:
    assert label_of("Normal_Videos_003_x264.mp4", source="ucf-crime").split == "test"
    assert label_of("Normal_Videos003_x264.mp4", source="ucf-crime").split == "train"


def test_ucf_abnormal_video_without_lists_has_no_split() -> None:
    assert label_of("Abuse001_x264.mp4", source="ucf-crime").split is None


def test_list_beside_the_videos_decides_the_split(tmp_path: Path) -> None:
    (tmp_path / "Anomaly_Train.txt").write_text("Abuse/Abuse001_x264.mp4\n")
    label = label_of("Abuse/Abuse001_x264.mp4", source="ucf-crime", root=tmp_path)
    assert label.split == "train"
    assert "Anomaly_Train.txt" in label.reason


def test_cut_of_a_video_is_in_the_split_of_its_source_video(tmp_path: Path) -> None:
    (tmp_path / "annotations.txt").write_text("v=a__#1_label_G-0-0 10 90\n")
    name = "v=a__#1_label_G-0-0_52_431.mp4"
    assert label_of(name, source="xd-violence", lists_dir=tmp_path).split == "test"


def test_lists_that_contradict_are_refused(tmp_path: Path) -> None:
    (tmp_path / "Anomaly_Train.txt").write_text("Abuse/Abuse028_x264.mp4\n")
    (tmp_path / "Temporal_Anomaly_Annotation.txt").write_text(
        "Abuse028_x264.mp4  Abuse  165  240  -1  -1\n"
    )
    with pytest.raises(UsageError, match="Abuse028_x264 is in the test split"):
        label_of("Abuse028_x264.mp4", source="ucf-crime", lists_dir=tmp_path)


@needs_reference_data
def test_official_ucf_lists_split_all_1900_videos_as_published() -> None:
    lists = reference("ucf_crime")
    lines = (lists / "Anomaly_Train.txt").read_text() + (lists / "UCF_Annotation.txt").read_text()
    paths = [PurePosixPath(line.split()[0]) for line in lines.splitlines()]
    labels = label_files(paths, source="ucf-crime", labels_csv=None, root=lists, lists_dir=None)
    splits = [label.split for label in labels.values()]
    assert (splits.count("train"), splits.count("test")) == (1610, 290)
    assert sum(label.is_anomalous is False for label in labels.values()) == 950
    assert len({label.categories for label in labels.values() if label.is_anomalous}) == 13


@needs_reference_data
def test_every_published_xd_name_tells_its_label_and_split() -> None:
    lists = reference("clicks")
    names = [
        name
        for split in ("training", "testing")
        for name in (lists / f"xd-violence.{split}.csv").read_text().split()[1:]
    ]
    paths = [PurePosixPath(f"{name}.mp4") for name in names]
    labels = label_files(paths, source="xd-violence", labels_csv=None, root=lists, lists_dir=None)
    assert len(labels) == 4754
    assert sum(label.is_anomalous is False for label in labels.values()) == 2349
    assert all(label.split and label.is_anomalous is not None for label in labels.values())


def test_official_annotations_name_abnormal_test_videos_only(tmp_path: Path) -> None:
    (tmp_path / "annotations.txt").write_text("v=a__#1_label_G-0-0.mp4 10 90\n")
    label = label_of("v=b__#1_label_A.mp4", source="xd-violence", lists_dir=tmp_path)
    assert label.split is None
    label = label_of("v=a__#1_label_G-0-0.mp4", source="xd-violence", lists_dir=tmp_path)
    assert label.split == "test"


def csv_of(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_csv_wins_over_folder_and_file_name(tmp_path: Path) -> None:
    labels = csv_of(tmp_path, "video,label,split\nrobbery,Arson|Theft; Arson,val\n")
    label = label_of("fight/train/robbery.mp4", labels_csv=labels)
    assert label == FileLabel(
        True, ("Arson", "Theft"), "validation", "labels csv", "labels csv, line 2"
    )


def test_labels_csv_says_normal_in_any_case(tmp_path: Path) -> None:
    label = label_of(
        "robbery.mp4", labels_csv=csv_of(tmp_path, "video,label\nrobbery.mp4,NORMAL\n")
    )
    assert (label.is_anomalous, label.categories) == (False, ())


def test_csv_without_a_split_leaves_the_folders_split(tmp_path: Path) -> None:
    labels = csv_of(tmp_path, "video,label\na,Arson\n")
    assert label_of("val/a.mp4", labels_csv=labels).split == "validation"


def test_csv_without_a_label_leaves_the_names_label(tmp_path: Path) -> None:
    labels = csv_of(tmp_path, "video,label,split\nrobbery,,test\n")
    label = label_of("train/robbery.mp4", labels_csv=labels)
    assert (label.categories, label.split) == (("Robbery",), "test")


def test_video_that_the_csv_leaves_out_is_labelled_by_its_name(tmp_path: Path) -> None:
    paths = [PurePosixPath("robbery.mp4"), PurePosixPath("explosion2.mp4")]
    labels = csv_of(tmp_path, "video,label\nrobbery.mp4,normal\n")
    found = label_files(paths, source="folder", labels_csv=labels, root=tmp_path, lists_dir=None)
    assert found[paths[1]].categories == ("Explosion",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,tag\na,b\n", "columns are video, tag"),
        ("video,label,note\na,b,c\n", "columns are video, label, note"),
        ("video,label\na,Arson\na.mp4,Arson\n", "line 3: a.mp4 already stands in line 2"),
        ("video,label\nghost,Arson\n", "line 2: there is no video 'ghost'"),
        ("video,label\na,Arson;normal\n", "line 2: .*normal and something else"),
        ("video,label,split\na,Arson,dev\n", "line 2: split 'dev' is none of train"),
        ("video,label\na,Arson,train\n", "line 2: fields do not fit"),
        ("video,label\nb,Arson\n", "line 2: 'b' could be x/b.mp4, y/b.mp4"),
        ("video,label\na.mp4,Arson\n", r"line 2: 'a.mp4' could be ./a.mp4, z/a.mp4"),
    ],
)
def test_bad_labels_csv_is_refused_naming_the_row(tmp_path: Path, text: str, message: str) -> None:
    names = ["a.mp4", "x/b.mp4", "y/b.mp4"] + (["z/a.mp4"] if "z/a" in message else [])
    paths = [PurePosixPath(name) for name in names]
    labels = csv_of(tmp_path, text)
    with pytest.raises(UsageError, match=message):
        label_files(paths, source="folder", labels_csv=labels, root=tmp_path, lists_dir=None)


def test_path_that_the_refusal_of_a_shared_name_proposes_is_taken(tmp_path: Path) -> None:
    paths = [PurePosixPath("a.mp4"), PurePosixPath("z/a.mp4")]
    labels = csv_of(tmp_path, "video,label\n./a.mp4,Arson\nz/a.mp4,normal\n")
    found = label_files(paths, source="folder", labels_csv=labels, root=tmp_path, lists_dir=None)
    assert [found[path].is_anomalous for path in paths] == [True, False]


def test_class_that_a_public_source_does_not_know_is_refused_with_the_nearest(
    tmp_path: Path,
) -> None:
    labels = csv_of(tmp_path, "video,label\na,Roberry\nb,robbery|Arson\nc,nromal\nd,???\n")
    paths = [PurePosixPath(f"{name}.mp4") for name in "abcd"]
    with pytest.raises(UsageError) as caught:
        label_files(paths, source="ucf-crime", labels_csv=labels, root=tmp_path, lists_dir=None)
    said = str(caught.value)
    assert "line 2: 'Roberry' is no class of ucf-crime; did you mean 'Robbery'?" in said
    assert "line 3: 'robbery' is no class of ucf-crime; did you mean 'Robbery'?" in said
    assert "line 4: 'nromal' is no class of ucf-crime; did you mean 'normal'?" in said
    assert "line 5: '???' is no class of ucf-crime; there are: Abuse, Arrest, " in said


def test_every_official_class_is_taken_from_a_labels_csv(tmp_path: Path) -> None:
    for source in SOURCES:
        names = [entry.name for entry in load_manifest(source).classes]
        labels = csv_of(tmp_path, f"video,label\na,{'|'.join(names)}\n")
        label = label_of("a.mp4", source=source, labels_csv=labels)  # type: ignore[arg-type]
        assert label.categories == tuple(names)


def test_plain_folder_takes_any_class(tmp_path: Path) -> None:
    labels = csv_of(tmp_path, "video,label\na,Roberry\n")
    assert label_of("a.mp4", labels_csv=labels).categories == ("Roberry",)


def test_folder_of_a_public_source_makes_no_class_that_the_source_does_not_know() -> None:
    assert label_of("Roberry/a.mp4", source="ucf-crime").is_anomalous is None
    assert label_of("Riot/a.mp4", source="ucf-crime").is_anomalous is None
    assert label_of("Roberry/Robbery/a.mp4", source="ucf-crime").categories == ("Robbery",)
    assert label_of("Normal/a.mp4", source="ucf-crime").is_anomalous is False


@pytest.mark.parametrize("source", SOURCES)
def test_file_name_of_a_public_source_counts_by_the_official_grammar_alone(
    source: SourceName,
) -> None:
    for name in ("robbery.mp4", "explosion2.mp4", "normal_07.mp4"):
        assert label_of(name, source=source).is_anomalous is None


@pytest.mark.parametrize(
    ("name", "source", "origin"),
    [
        ("Fighting/a.mp4", "folder", "sub-folder"),
        ("my own class/a.mp4", "folder", "sub-folder"),
        ("abnormal/robbery.mp4", "folder", "file name"),
        ("abnormal/a.mp4", "folder", "sub-folder"),
        ("Robbery048_x264.mp4", "folder", "file name"),
        ("Robbery048_x264.mp4", "ucf-crime", "file name"),
        ("Robbery/a.mp4", "ucf-crime", "sub-folder"),
        ("v=a__#1_label_B1-0-0.mp4", "xd-violence", "file name"),
        ("a.mp4", "folder", None),
        ("a.mp4", "xd-violence", None),
    ],
)
def test_label_says_what_gave_it(name: str, source: SourceName, origin: str | None) -> None:
    assert label_of(name, source=source).origin == origin


def test_row_without_a_label_leaves_the_origin_to_what_gave_it(tmp_path: Path) -> None:
    labels = csv_of(tmp_path, "video,label,split\na,,test\n")
    assert label_of("Fighting/a.mp4", labels_csv=labels).origin == "sub-folder"


def test_every_bad_row_of_a_labels_csv_is_named(tmp_path: Path) -> None:
    labels = csv_of(tmp_path, "video,label\n" + "".join(f"ghost{n},Arson\n" for n in range(15)))
    with pytest.raises(UsageError, match=r"15 bad entries(?s:.*)line 2(?s:.*)line 16"):
        label_of("a.mp4", labels_csv=labels)
