"""A dataset folder: where its files lie, and how it is found from where a person stands."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.config import Config, load_config
from engine.errors import UsageError
from engine.media.remote import VideoFile, VideosFolder, file_in, videos_folder
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
    def videos_folder(self) -> VideosFolder:
        """The folder that `Media.path` is relative to, here or in a store."""
        path, cache_gib = self.config.videos.path, self.config.media.cache_gib
        return videos_folder(path, base_dir=self.dir_path, cache_gib=cache_gib)

    @property
    def videos_dir_path(self) -> Path:
        """The same, where it is a folder of this machine. Raises `UsageError` where it is not."""
        if isinstance(self.videos_folder, Path):
            return self.videos_folder
        raise UsageError(f"{self.videos_folder} is no folder of this machine")

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
    def canaries_path(self) -> Path:
        """Every canary that was asked about, and what was said."""
        return self.dir_path / "runs" / "canaries.jsonl"

    @property
    def serving_path(self) -> Path:
        """For how long servers of ours held GPUs, and for what."""
        return self.dir_path / "runs" / "serving.jsonl"

    def hint_audit_path(self, stage_name: str) -> Path:
        """What a model said with and without the label, item by item."""
        return self.dir_path / "runs" / f"hint_audit_{stage_name}.jsonl"

    @property
    def releases_dir_path(self) -> Path:
        """Where exports go."""
        return self.dir_path / "releases"

    def video_file(self, video: Video) -> VideoFile:
        """The file of a video, for `at_hand`. Raises `UsageError` for annotation-only videos."""
        if video.media is None:
            raise UsageError(
                f"{video.id} has annotations but no video file; put the file under "
                f"{self.videos_folder} and run `vau-data ingest`"
            )
        media = video.media
        return file_in(self.videos_folder, media.path, size_bytes=media.size_bytes)
