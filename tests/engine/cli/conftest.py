"""Footage and a finished dataset, made once; tests that change anything get a copy."""

import shutil
from pathlib import Path

import pytest

from tests.engine.cli.command_line import ingested, make_footage, new_dataset, vau


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_footage(tmp_path_factory.mktemp("footage") / "videos")


@pytest.fixture(scope="session")
def _ingested_once(footage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ingested(new_dataset(tmp_path_factory.mktemp("ingested") / "dataset", footage))


@pytest.fixture(scope="session")
def finished(_ingested_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Taken through everything, with one click on `a`. Not to be changed."""
    dir_path = tmp_path_factory.mktemp("finished") / "dataset"
    shutil.copytree(_ingested_once, dir_path)
    (dir_path / "clicks.csv").write_text("video-id,glance\na,100\n")
    for arguments in (("import", "clicks", "clicks.csv"), ("run", "--quiet", "--workers", 1)):
        outcome = vau(*arguments, cwd=dir_path)
        assert outcome.code == 0, outcome.err
    return dir_path


@pytest.fixture
def empty(footage: Path, tmp_path: Path) -> Path:
    """Made by init; nothing ingested."""
    return new_dataset(tmp_path / "dataset", footage)


@pytest.fixture
def dataset(_ingested_once: Path, tmp_path: Path) -> Path:
    """Videos ingested, nothing else; a copy of its own."""
    return Path(shutil.copytree(_ingested_once, tmp_path / "dataset"))


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """The finished dataset; a copy of its own."""
    return Path(shutil.copytree(finished, tmp_path / "dataset"))
