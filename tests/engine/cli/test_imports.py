"""`vau-data import …`."""

import json
from pathlib import Path

import pytest

from engine.dataset import Dataset
from engine.index import Index
from schemas import Click, Event, HumanCaption, Video
from tests.engine.cli.command_line import REPOSITORY, ingested, new_dataset, vau

SHARED = REPOSITORY.parent / "shared" / "data"


def click_file(dir_path: Path, *rows: str) -> Path:
    path = dir_path / "clicks.csv"
    path.write_text("\n".join(("video-id,glance", *rows)) + "\n")
    return path


def events_file(dir_path: Path, entries: object) -> Path:
    path = dir_path / "events.json"
    path.write_text(json.dumps(entries))
    return path


def index_of(dir_path: Path) -> Index:
    return Index(Dataset.open(dir_path))


def test_clicks_get_the_time_of_their_frame(dataset: Path) -> None:
    outcome = vau("import", "clicks", click_file(dataset, "a,100", "a.mp4,50"), cwd=dataset)
    assert outcome.code == 0
    assert "imported" in outcome.out
    assert "2 clicks; 1 video" in outcome.out
    times = {click.id: click.time_seconds for click in index_of(dataset).all(Click)}
    assert times == {"a_K0": 4.0, "a_K1": 2.0}


def test_same_clicks_again_change_nothing(dataset: Path) -> None:
    path = click_file(dataset, "a,100")
    vau("import", "clicks", path, cwd=dataset)
    before = (dataset / "clicks.jsonl").read_bytes()
    outcome = vau("import", "clicks", path, cwd=dataset)
    assert "nothing new" in outcome.out
    assert (dataset / "clicks.jsonl").read_bytes() == before


def test_equal_click_keeps_its_id_and_a_new_one_never_takes_an_old_id(dataset: Path) -> None:
    vau("import", "clicks", click_file(dataset, "a,100", "a,200"), cwd=dataset)
    vau("import", "clicks", click_file(dataset, "a,30", "a,200"), cwd=dataset)
    frames = {click.id: click.frame for click in index_of(dataset).all(Click)}
    assert frames == {"a_K1": 200, "a_K2": 30}


def test_click_past_the_end_of_its_video_is_refused_with_its_line(dataset: Path) -> None:
    outcome = vau("import", "clicks", click_file(dataset, "a,1", "a,250"), cwd=dataset)
    assert outcome.code == 2
    assert "line 3: frame 250, but a has 250 frames" in outcome.err
    assert not (dataset / "clicks.jsonl").exists()


def test_clicks_on_unknown_videos_are_counted_and_passed_over(dataset: Path) -> None:
    outcome = vau("import", "clicks", click_file(dataset, "a,1", "zz,5", "b,0"), cwd=dataset)
    assert "passed over: 1 video that the dataset does not have" in outcome.out
    assert "1 rows say that there is no click" in outcome.out


def two_of_one_stem(dir_path: Path, footage: Path, *, stem: str = "x") -> Path:
    """A dataset of `one/x.mp4`, whose id is `x`, and `two/x.mp4`, whose id is `two_x`."""
    for folder in ("one", "two"):
        path = dir_path / "videos" / folder / f"{stem}.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes((footage / "normal" / "b.mp4").read_bytes())
    return ingested(new_dataset(dir_path / "ds", dir_path / "videos"))


def test_click_on_a_stem_that_two_folders_hold_is_refused_and_nothing_is_imported(
    footage: Path, tmp_path: Path
) -> None:
    home = two_of_one_stem(tmp_path, footage)
    outcome = vau("import", "clicks", click_file(home, "two/x.mp4,7", "x,5"), cwd=home)
    assert outcome.code == 2
    assert "line 3: 'x' could be x (one/x.mp4) or two_x (two/x.mp4); write the path" in outcome.err
    assert not (home / "clicks.jsonl").exists()


def test_click_named_by_path_lands_on_that_folders_video(footage: Path, tmp_path: Path) -> None:
    home = two_of_one_stem(tmp_path, footage)
    rows = ("two/x.mp4,7", "one/x.mp4,5", "two_x,9")
    assert vau("import", "clicks", click_file(home, *rows), cwd=home).code == 0
    frames = {(click.video_id, click.frame) for click in index_of(home).all(Click)}
    assert frames == {("two_x", 7), ("x", 5), ("two_x", 9)}


@pytest.mark.parametrize("kind", ["uca", "hivau", "events"])
def test_published_entry_of_a_stem_that_two_folders_hold_is_told_and_not_guessed(
    kind: str, footage: Path, tmp_path: Path
) -> None:
    name, other = "v=x__#1_label_B1-0-0", "v=y__#1_label_B1-0-0"
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / f"{other}.mp4").write_bytes((footage / "c.mp4").read_bytes())
    home = two_of_one_stem(tmp_path, footage, stem=name)
    said = {"timestamps": [[1.0, 2.0]], "sentences": ["A man runs."]}
    texts = {
        "uca": json.dumps({name: said, other: said}),
        "hivau": json.dumps({name: raw_entry(), other: raw_entry()}),
        "events": f"{name} 1 9\n{other} 1 9\n",
    }
    path = home / "xd_database_test.json"
    path.write_text(texts[kind])
    outcome = vau("import", kind, path, cwd=home)
    assert outcome.code == 4
    assert f"{name}: the dataset has several files of this name (one/{name}.mp4, " in outcome.out
    index = index_of(home)
    about = {record.video_id for type_ in (Event, HumanCaption) for record in index.all(type_)}
    assert about == {other}


def test_clicks_before_ingest_are_refused_and_say_what_comes_first(empty: Path) -> None:
    outcome = vau("import", "clicks", click_file(empty, "a,1"), cwd=empty)
    assert outcome.code == 2
    assert "vau-data ingest" in outcome.err


def test_dry_import_writes_nothing(dataset: Path) -> None:
    outcome = vau("import", "clicks", click_file(dataset, "a,1"), "--dry-run", cwd=dataset)
    assert "would import" in outcome.out
    assert not (dataset / "clicks.jsonl").exists()


def test_file_that_is_no_text_is_refused(dataset: Path) -> None:
    (dataset / "clicks.csv").write_bytes(b"\xff\xfe\x00v")
    outcome = vau("import", "clicks", "clicks.csv", cwd=dataset)
    assert outcome.code == 2
    assert "not a text file" in outcome.err


def test_missing_file_is_refused(dataset: Path) -> None:
    outcome = vau("import", "clicks", "nowhere.csv", cwd=dataset)
    assert outcome.code == 2
    assert "nowhere.csv" in outcome.err


def test_events_of_a_person_are_confirmed_and_take_the_place_of_proposals(dataset: Path) -> None:
    vau("import", "clicks", click_file(dataset, "a,100"), cwd=dataset)
    vau("propose", cwd=dataset)
    path = events_file(dataset, {"a": [[1, 2], [5, 6]]})
    assert vau("import", "events", path, "--author", "eva", cwd=dataset).code == 0
    events = {event.id: event for event in index_of(dataset).all(Event) if event.video_id == "a"}
    # The proposal had been a_E0, and ids are never reused for another stretch.
    assert sorted(events) == ["a_E1", "a_E2"]
    assert all(event.is_confirmed and event.provenance.name == "eva" for event in events.values())


def test_official_list_gives_events_of_known_videos_only(dataset: Path) -> None:
    videos = dataset / "official" / "videos"
    videos.mkdir(parents=True)
    source = Dataset.open(dataset).videos_dir_path / "Fighting" / "a.mp4"
    (videos / "Fighting003_x264.mp4").write_bytes(source.read_bytes())
    home = dataset / "official" / "ds"
    vau("init", home, "--videos", videos, "--source", "ucf-crime")
    vau("ingest", "--quiet", cwd=home)
    path = home / "annotation.txt"
    path.write_text(
        "Fighting003_x264.mp4  Fighting  50  100  -1  -1\n"
        "Fighting018_x264.mp4  Fighting  80  420  -1  -1\n"
    )
    outcome = vau("import", "events", path, cwd=home)
    assert "1 event; 1 video" in outcome.out
    assert "passed over: 1 video" in outcome.out
    (event,) = index_of(home).all(Event)
    assert (event.start_seconds, event.end_seconds) == (2.0, 4.0)


def test_uca_captions_are_imported(dataset: Path) -> None:
    entry = {"duration": 10.0, "timestamps": [[1.0, 4.0]], "sentences": [" A man runs."]}
    (dataset / "uca.json").write_text(json.dumps({"a": entry}))
    outcome = vau("import", "uca", "uca.json", "--json", cwd=dataset)
    assert outcome.code == 0
    assert outcome.json["report"]["num_records"] == {"human_caption": 1}


def raw_entry(**changes: object) -> dict[str, object]:
    entry: dict[str, object] = {
        "n_frames": 300,
        "fps": 30.0,
        "label": ["Arrest"],
        "events": [[1.0, 9.0]],
        "clips": [[[1.0, 5.0], [5.0, 9.0]]],
        "clips_caption": [["A man runs.", "A man falls."]],
        "events_summary": ["There is an arrest. A man runs. It is unusual."],
        "video_summary": "There is an arrest. A man runs. It is unusual.",
    }
    return entry | changes


def test_hivau_annotations_come_in_without_the_video_files(dataset: Path) -> None:
    path = dataset / "ucf_database_test.json"
    path.write_text(json.dumps({"Arrest001_x264": raw_entry()}))
    outcome = vau("import", "hivau", path, cwd=dataset)
    assert outcome.code == 0, outcome.err
    video = index_of(dataset).get(Video, "Arrest001_x264")
    assert (video.source, video.split, video.media) == ("ucf-crime", "test", None)
    assert "Arrest001_x264_E0C1" in vau("show", "Arrest001_x264", cwd=dataset).out


def test_hivau_file_of_unclear_source_is_refused_until_it_is_named(dataset: Path) -> None:
    (dataset / "raw.json").write_text(json.dumps({"Arrest001_x264": raw_entry()}))
    assert vau("import", "hivau", "raw.json", cwd=dataset).code == 2
    named = vau(
        "import", "hivau", "raw.json", "--source", "ucf-crime", "--split", "test", cwd=dataset
    )
    assert named.code == 0


def test_entry_that_contradicts_itself_is_told_and_too_many_exit_4(dataset: Path) -> None:
    path = dataset / "ucf_database_test.json"
    path.write_text(json.dumps({"good": raw_entry(), "bad": raw_entry(clips=[])}))
    outcome = vau("import", "hivau", path, cwd=dataset)
    assert outcome.code == 4
    assert "bad: ucf_database_test.json: 1 events, but clips has 0" in outcome.out
    assert "1 of 2 entries" in outcome.err
    assert "import_mismatch" in vau("rejects", "--stage", "import", cwd=dataset).out


@pytest.mark.skipif(not SHARED.exists(), reason=f"reference data is not at {SHARED}")
def test_published_annotations_are_imported_and_validated(empty: Path) -> None:
    path = SHARED / "hivau" / "ucf_database_test_part.json"
    num_videos = len(json.loads(path.read_bytes()))
    outcome = vau("import", "hivau", path, "--json", cwd=empty).json
    assert outcome["report"]["num_videos"] == num_videos
    assert vau("validate", "--quiet", cwd=empty).code == 1
