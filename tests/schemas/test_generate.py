from pathlib import Path

from engine.store import RECORD_FILES
from schemas import Release
from schemas.generate import JSON_DIR_PATH, PUBLISHED, write_schemas


def test_the_published_json_schemas_are_those_of_the_records(tmp_path: Path) -> None:
    write_schemas(tmp_path)
    fresh = {path.name: path.read_text() for path in tmp_path.iterdir()}
    published = {path.name: path.read_text() for path in JSON_DIR_PATH.iterdir()}
    assert published == fresh, "run `python -m schemas.generate`"


def test_every_record_type_that_has_a_file_has_a_schema() -> None:
    assert set(PUBLISHED.values()) == {*RECORD_FILES, Release}


def test_schemas_of_types_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "glance.schema.json").write_text("{}")
    write_schemas(tmp_path)
    assert not (tmp_path / "glance.schema.json").exists()
