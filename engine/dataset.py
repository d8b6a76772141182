"""A dataset folder: where its files lie, and how it is found from where a person stands."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.config import Config, load_config
from engine.errors import UsageError
from engine.store import RECORD_FILES
from schemas import Record, Video

CONFIG_NAME = "dataset.toml"


@dataclass(frozen=True)
class Dataset:
    """Paths and settings of one dataset folder; opening it reads nothing but its settings."""

    dir_path: Path
    config: Config

    @classmethod
    def open(cls, dir_path: Path) -> "Dataset":
        """Open the folder that holds `dataset.toml`."""
        config_path = dir_path / CONFIG_NAME
        if not config_path.is_file():
            raise UsageError(
                f"{dir_path} is no dataset (it has no {CONFIG_NAME}); make one with "
                "`vau-data init DIR --videos PATH`"
            )
        return cls(dir_path=dir_path.resolve(), config=load_config(config_path))

    @classmethod
    def find(cls, start_dir_path: Path) -> "Dataset":
        """The dataset that holds this folder, looked for upward as git looks for `.git`."""
        for dir_path in (start_dir_path.resolve(), *start_dir_path.resolve().parents):
            if (dir_path / CONFIG_NAME).is_file():
                return cls.open(dir_path)
        raise UsageError(
            f"no {CONFIG_NAME} in {start_dir_path.resolve()} or above it; go into a dataset, name "
            "one with --dataset DIR, or make one with `vau-data init DIR --videos PATH`"
        )

    @cached_property
    def videos_dir_path(self) -> Path:
        """The folder that `Media.path` is relative to."""
        return (self.dir_path / self.config.videos.path).resolve()

    def record_path(self, record_type: type[Record]) -> Path:
        """The JSONL file of one record type."""
        return self._record_paths[record_type]

    @cached_property
    def _record_paths(self) -> dict[type[Record], Path]:
        return {record_type: self.dir_path / name for record_type, name in RECORD_FILES.items()}

    def ledger_path(self, stage_name: str) -> Path:
        """The ledger of one stage."""
        return self.dir_path / "runs" / f"{stage_name}.jsonl"

    @property
    def fingerprints_path(self) -> Path:
        """What each fingerprint stands for."""
        return self.dir_path / "runs" / "fingerprints.jsonl"

    @property
    def releases_dir_path(self) -> Path:
        """Where exports go."""
        return self.dir_path / "releases"

    def video_path(self, video: Video) -> Path:
        """The file of a video. Raises `UsageError` for annotation-only videos."""
        if video.media is None:
            raise UsageError(
                f"{video.id} has annotations but no video file; put the file under "
                f"{self.videos_dir_path} and run `vau-data ingest`"
            )
        return self.videos_dir_path / video.media.path
