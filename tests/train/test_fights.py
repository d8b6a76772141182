"""The split of the real clips, which figures in `train/README.md` rest on."""

from pathlib import Path

from tests.benchmarks.fights import SHARES, part_of

FILES = [Path(f"fi{number:03d}.mp4") for number in range(65)]


def test_no_clip_is_in_two_parts_and_none_is_left_over() -> None:
    parts = [part_of(FILES, split) for split in SHARES]
    assert sorted(path for part in parts for path in part) == FILES
    assert [len(part) for part in parts] == [39, 10, 16]


def test_the_part_of_a_clip_depends_on_its_name_alone() -> None:
    assert part_of(FILES[::-1], "test") == part_of(FILES, "test")
