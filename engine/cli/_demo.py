"""The demo: corpus -> dataset -> release and contact sheets, and where to look at them."""

import shutil
import sys
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from engine.cli._imports import ImportFlags, run_import
from engine.cli._output import remark
from engine.cli._runs import RunFlags, run_all
from engine.cli._sheets import draw_with_progress
from engine.cli._stages import StageFlags, run_stages

if TYPE_CHECKING:
    from engine.dataset import Dataset


_DEMO_SETTINGS = """
[score]
videos = "all"                  # so that every contact sheet shows a curve

[clip]
target_seconds = 3.0            # the demo's events are short
"""


def make_demo(dir_path: Path, flags: StageFlags) -> None:
    """Do everything, from rendering to contact sheets. A second call goes on where one ended.

    Raises `UsageError` where the folder holds something else.
    """
    from engine.dataset import CONFIG_NAME, Dataset
    from engine.demo import render_corpus
    from engine.import_files import import_clicks
    from engine.index import Index
    from engine.setup import Footage, init_dataset
    from schemas import Video

    _refuse_other_content(dir_path)
    dir_path.mkdir(parents=True, exist_ok=True)
    if not (dir_path / CONFIG_NAME).exists():
        remark("rendering seven videos …")
        render_corpus(dir_path)
        init_dataset(dir_path, Footage(dir_path / "videos"), name="demo")
        with (dir_path / CONFIG_NAME).open("a", encoding="utf-8") as config:
            config.write(_DEMO_SETTINGS)
    dataset = Dataset.open(dir_path)
    run_stages(dataset, ("ingest",), flags)
    imported = ImportFlags(dir_path, dir_path / "clicks.csv", False, False, flags.is_quiet)
    run_import(imported, partial(import_clicks, author="demo"))
    run_all(dataset, RunFlags(flags))
    index = Index(dataset)
    album = draw_with_progress(index, list(index.lines(Video)), None, is_quiet=flags.is_quiet)
    _say_where_to_look(dataset, len(album.paths))


def _refuse_other_content(dir_path: Path) -> None:
    from engine.errors import UsageError

    if dir_path.exists() and not dir_path.is_dir():
        raise UsageError(f"{dir_path} is a file; name a folder for the demo")
    is_empty = not dir_path.exists() or not any(dir_path.iterdir())
    if not is_empty and not (dir_path / "clicks.csv").is_file():
        raise UsageError(f"{dir_path} holds something else; name a new or empty folder")


def _say_where_to_look(dataset: "Dataset", num_sheets: int) -> None:
    dir_path = dataset.dir_path
    release = dir_path / "releases" / dataset.config.export.name
    command = "vau-data" if shutil.which("vau-data") else quote(str(Path(sys.argv[0]).resolve()))
    print(
        f"\nlook at\n"
        f"  {dir_path / 'sheets'}: {num_sheets} contact sheets, one per video\n"
        f"  {release}: the release; README.md there says what is in it\n"
        f"  {dir_path / 'captions.jsonl'} and its neighbours: one record a line\n"
        f"then try\n"
        f"  cd {quote(str(dir_path))}\n"
        f"  {command} status; {command} stats; {command} validate\n"
        "the texts are the embedded baseline's: they show that everything works, and are no "
        "substitute for a real model's"
    )
