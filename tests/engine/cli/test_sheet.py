"""`vau-data sheet`: pages for the eye, of videos of any dataset."""

from pathlib import Path

from PIL import Image

from engine.dataset import Dataset
from schemas.review import Discard, Relabel
from tests.builders import a_review, add_review
from tests.engine.cli.command_line import own_footage, vau


def test_sheet_of_a_named_video_is_a_picture_in_the_dataset(done: Path) -> None:
    outcome = vau("sheet", "a", "--quiet", cwd=done)
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"{done / 'sheets' / 'a.png'}\n"
    with Image.open(done / "sheets" / "a.png") as page:
        assert page.format == "PNG"
        assert page.width == 1600


def test_sheets_of_all_abnormal_videos_leave_the_normal_one_out(
    finished: Path, tmp_path: Path
) -> None:
    outcome = vau("sheet", "--all-abnormal", "--output", tmp_path / "pages", "--json", cwd=finished)
    drawn = set(outcome.json["sheets"])
    assert "a" in drawn
    assert "b" not in drawn
    assert {path.stem for path in (tmp_path / "pages").iterdir()} == drawn


def test_video_that_a_person_called_normal_is_not_drawn_as_abnormal(done: Path) -> None:
    correction = Relabel(is_anomalous=False, categories=())
    add_review(Dataset.open(done), a_review("video", "a", correction))
    outcome = vau("sheet", "--all-abnormal", "b", "--json", cwd=done)
    assert "a" not in outcome.json["sheets"]
    assert "b" in outcome.json["sheets"]


def test_video_whose_file_is_broken_fails_alone(done: Path) -> None:
    (own_footage(done) / "Fighting" / "a.mp4").write_bytes(b"no video")
    outcome = vau("sheet", "a", "b", "--json", cwd=done)
    assert outcome.code == 1
    assert list(outcome.json["sheets"]) == ["b"]
    assert "a: no sheet: media_unreadable" in outcome.err


def test_sheet_without_any_video_exits_2_and_says_both_ways(finished: Path) -> None:
    outcome = vau("sheet", cwd=finished)
    assert outcome.code == 2
    assert "--all-abnormal" in outcome.err


def test_sheet_of_an_event_exits_2_and_names_its_video(finished: Path) -> None:
    outcome = vau("sheet", "a_E0C0", cwd=finished)
    assert outcome.code == 2
    assert "`vau-data sheet a`" in outcome.err


def test_sheet_of_an_unknown_video_exits_2_before_anything_is_drawn(done: Path) -> None:
    outcome = vau("sheet", "a", "nobody", cwd=done)
    assert outcome.code == 2
    assert "no video of id 'nobody'" in outcome.err
    assert not (done / "sheets").exists()


def test_sheets_do_not_go_where_a_file_is(done: Path) -> None:
    (done / "pages").touch()
    outcome = vau("sheet", "a", "--output", "pages", cwd=done)
    assert outcome.code == 2
    assert "is a file" in outcome.err


def test_video_of_which_nothing_is_made_yet_has_a_page_too(dataset: Path) -> None:
    assert vau("sheet", "c", cwd=dataset).code == 0
    assert (dataset / "sheets" / "c.png").stat().st_size > 1000


def test_discarded_event_is_not_on_the_sheet(done: Path) -> None:
    def height() -> int:
        assert vau("sheet", "a", "--quiet", cwd=done).code == 0
        with Image.open(done / "sheets" / "a.png") as page:
            return page.height

    before = height()
    add_review(Dataset.open(done), a_review("event", "a_E0", Discard(reason="nothing there")))
    assert height() < before - 300
