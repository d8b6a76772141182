import pytest

from engine.sources.video_names import VideoNames, names_of
from tests.engine.sources.builders import a_video


def names(**paths: str) -> VideoNames:
    """Ids and the paths of their files."""
    return names_of(a_video(id_, path=path) for id_, path in paths.items())


def found(known: VideoNames, name: str) -> str | None:
    video = known.find(name)
    return None if video is None else video.id


@pytest.mark.parametrize(
    "name", ["x", "x.mp4", "a/x.mp4", "./a/x.mp4", r"a\x.mp4", "a/x", "videos/a/x.mp4", "q/x.mp4"]
)
def test_only_video_of_a_name_is_found_however_it_is_written(name: str) -> None:
    assert found(names(x="a/x.mp4", y="a/y.mp4"), name) == "x"


def test_file_that_has_another_id_than_its_stem_is_found_by_both() -> None:
    known = names(S01_E02_v="S01_E02.mp4")
    assert (found(known, "S01_E02"), found(known, "S01_E02_v")) == ("S01_E02_v", "S01_E02_v")


@pytest.mark.parametrize(
    ("name", "video_id"),
    [
        ("a/x.mp4", "x"),
        ("b/x.mp4", "b_x"),
        ("b/x", "b_x"),
        ("footage/b/x.mp4", "b_x"),
        ("b_x", "b_x"),
        ("b_x.mp4", "b_x"),
        ("./x.mp4", "_x"),
        ("_x", "_x"),
    ],
)
def test_namesakes_are_told_apart_by_folder_or_by_an_id_of_their_own(
    name: str, video_id: str
) -> None:
    assert found(names(x="a/x.mp4", b_x="b/x.mp4", _x="x.mp4"), name) == video_id


@pytest.mark.parametrize("name", ["x", "x.mp4", "Robbery/x.mp4"])
def test_name_of_several_files_is_refused_naming_each_and_a_path_that_works(name: str) -> None:
    known = names(x="x.mp4", b_x="b/x.mp4")
    with pytest.raises(ValueError, match="could be") as caught:
        known.find(name)
    assert str(caught.value) == (
        f"{name!r} could be b_x (b/x.mp4) or x (./x.mp4); write the path instead, such as b/x.mp4"
    )
    assert (found(known, "./x.mp4"), found(known, "b/x.mp4")) == ("x", "b_x")


def test_id_that_is_another_files_stem_is_refused() -> None:
    known = names(b_x="b/x.mp4", c_b_x="c/b_x.mp4")
    with pytest.raises(ValueError, match=r"b_x \(b/x\.mp4\) or c_b_x \(c/b_x\.mp4\)"):
        known.find("b_x")


def test_suffix_tells_files_of_one_stem_apart() -> None:
    known = names(x="x.avi", _x="x.mp4")
    assert (found(known, "x.avi"), found(known, "x.mp4")) == ("x", "_x")
    assert len(known.meant("x")) == 2


def test_unknown_name_is_no_video() -> None:
    assert found(names(x="a/x.mp4"), "y") is None


def test_dots_in_an_id_are_no_suffix() -> None:
    assert found(names(**{"Bad.Boys.ts": "Bad.Boys.ts.mp4"}), "Bad.Boys.ts") == "Bad.Boys.ts"


def test_video_without_a_file_is_found_by_its_id() -> None:
    assert found(names_of([a_video("x")]), "x.mp4") == "x"
