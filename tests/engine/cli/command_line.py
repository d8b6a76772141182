"""Calls the command line in this process, and builds what its tests start from."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from engine.cli.main import run_command_line
from engine.dataset import Dataset
from tests.videos import constant_rate

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Outcome:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        return orjson.loads(self.out)


def vau(*arguments: object, cwd: Path | None = None) -> Outcome:
    """Run `vau-data` with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(cwd or Path.cwd()), redirect_stdout(out), redirect_stderr(err):
        code = run_command_line([str(argument) for argument in arguments])
    return Outcome(code, out.getvalue(), err.getvalue())


def make_footage(dir_path: Path) -> Path:
    """Three videos of 10, 4 and 5 seconds: abnormal `a`, normal `b`, unlabelled `c`."""
    for name, num_frames in (("Fighting/a.mp4", 250), ("normal/b.mp4", 100), ("c.mp4", 125)):
        path = dir_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        constant_rate(path, num_frames=num_frames)
    return dir_path


def new_dataset(dir_path: Path, footage: Path) -> Path:
    """A dataset folder with nothing ingested yet."""
    outcome = vau("init", dir_path, "--videos", footage)
    assert outcome.code == 0, outcome.err
    return dir_path


def ingested(dir_path: Path) -> Path:
    """The same, its videos ingested."""
    outcome = vau("ingest", "--quiet", "--workers", 1, cwd=dir_path)
    assert outcome.code == 0, outcome.err
    return dir_path


def edit_config(dir_path: Path, old: str, new: str) -> None:
    """Change one place of dataset.toml."""
    path = dir_path / "dataset.toml"
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    path.write_text(text.replace(old, new))


def own_footage(dir_path: Path) -> Path:
    """Give a dataset videos of its own, which a test may break; the folder."""
    dataset = Dataset.open(dir_path)
    target = Path(shutil.copytree(dataset.videos_dir_path, dir_path / "footage"))
    edit_config(dir_path, json.dumps(str(dataset.videos_dir_path)), '"footage"')
    return target


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Without root's right to write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
