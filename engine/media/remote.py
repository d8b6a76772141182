"""A video file, here or behind a URL, in; a path to read it by out. Remote ones through a cache.

`[videos] path` may be any URL that fsspec knows (`s3://bucket/prefix`, `gs://…`). A file is
fetched as a whole when it is first read on a machine, by the process that decodes it, and kept in
that machine's cache. Credentials come from the environment of whoever fetches.
"""

import errno
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeVar

from engine.errors import MediaError, ServiceError, UsageError, VauDataError
from engine.media.cache import kept

Got = TypeVar("Got")

_PAUSES_SECONDS = (1.0, 2.0)
"""Between the attempts to reach a file; stores retry within each attempt, too."""
_FINAL = (FileNotFoundError, PermissionError, ImportError, ValueError)
"""What another attempt would not change."""
_GRANTED_SECONDS = 60.0
_GRANTED_BYTES_PER_SECOND = 2_000_000
"""A slow line: a fetch that takes longer is taken to hang, and is killed with its process."""
_VERSION_KEYS = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created")
"""Where stores say that an object was replaced; the first that there is counts."""


class _FileSystem(Protocol):
    """What is used of an fsspec filesystem; paths are without their protocol."""

    def find(self, path: str, *, detail: bool) -> Mapping[str, Mapping[str, Any]]: ...
    def info(self, path: str) -> Mapping[str, Any]: ...
    def get_file(self, rpath: str, lpath: str) -> None: ...
    def invalidate_cache(self) -> None: ...


@dataclass(frozen=True)
class RemoteFolder:
    """A prefix of an object store."""

    url: str
    cache_bytes: int
    """How much of it each machine may keep."""

    def __str__(self) -> str:
        return self.url

    def listed(self) -> dict[PurePosixPath, "RemoteFile"]:
        """All files below it, by their paths in it.

        Raises `UsageError` where a person can mend that it cannot be listed, else `ServiceError`.
        """
        try:
            store, base = _opened(self.url)
            store.invalidate_cache()
            found = store.find(base, detail=True)
        except Exception as error:
            raise _unlisted(self.url, error) from error
        names = {
            key: key.removeprefix(base).lstrip("/")
            for key, info in found.items()
            if info["type"] == "file"
        }
        return {
            PurePosixPath(name): _as_said(RemoteFile(self, name, 0), found[key])
            for key, name in names.items()
        }


@dataclass(frozen=True)
class RemoteFile:
    """One object below a prefix."""

    folder: RemoteFolder
    relative_path: str
    size_bytes: int
    """As last seen."""
    version: str = ""
    """Its ETag or checksum, else when it was written; empty where nobody asked or it is unsaid."""

    def __str__(self) -> str:
        return f"{self.folder.url}/{self.relative_path}"

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.relative_path).name

    @property
    def identity(self) -> str:
        """Hex digits that change when the file is replaced, as far as its store tells."""
        said = f"{self}\n{self.size_bytes}\n{self.version}"
        return hashlib.sha256(said.encode()).hexdigest()


VideosFolder = Path | RemoteFolder
VideoFile = Path | RemoteFile


def file_in(folder: VideosFolder, relative_path: str, *, size_bytes: int) -> VideoFile:
    """The file of that path below a folder."""
    if isinstance(folder, Path):
        return folder / relative_path
    return RemoteFile(folder, relative_path, size_bytes)


def videos_folder(path: str, *, base_dir: Path, cache_gib: float) -> VideosFolder:
    """What `[videos] path` means: a URL, or a folder of this machine, seen from `base_dir`."""
    if "://" in path:
        return RemoteFolder(path.rstrip("/"), cache_bytes=int(cache_gib * 2**30))
    return (base_dir / path).resolve()


@contextmanager
def at_hand(file: VideoFile) -> Iterator[Path]:
    """A path to read the file by, for as long as the context lasts; fetched first if remote.

    Raises `MediaError` "media_unreachable" where this file alone cannot be had, `ServiceError`
    where its whole folder cannot, or where the cache's disk is full.
    """
    if isinstance(file, Path):
        yield file
        return
    today = _tried(file, lambda: _looked_up(file))

    def fill(path: Path) -> None:
        _tried(today, lambda: _fetch(today, path))

    with kept(today.name, today.identity, fill=fill, most_bytes=today.folder.cache_bytes) as path:
        yield path


def fetch_deadline_seconds(file: VideoFile | None) -> float:
    """What fetching a file may add to the time that reading it may take; 0 for local files."""
    if not isinstance(file, RemoteFile):
        return 0.0
    return _GRANTED_SECONDS + file.size_bytes / _GRANTED_BYTES_PER_SECOND


def _opened(url: str) -> tuple[_FileSystem, str]:
    """The store, and the folder's path in it. Raises whatever fsspec and its plugins raise."""
    from fsspec.core import url_to_fs

    store, base = url_to_fs(url)
    return store, base.rstrip("/")


def _as_said(file: RemoteFile, info: Mapping[str, Any]) -> RemoteFile:
    said = (info.get(key) for key in _VERSION_KEYS)
    version = next((str(value) for value in said if value is not None), "")
    return replace(file, size_bytes=int(info["size"]), version=version)


def _looked_up(file: RemoteFile) -> RemoteFile:
    store, base = _opened(file.folder.url)
    return _as_said(file, store.info(f"{base}/{file.relative_path}"))


def _fetch(file: RemoteFile, path: Path) -> None:
    store, base = _opened(file.folder.url)
    store.get_file(f"{base}/{file.relative_path}", str(path))
    if (got_bytes := path.stat().st_size) != file.size_bytes:
        raise OSError(errno.EIO, f"{got_bytes} of {file.size_bytes} bytes came")


def _tried(file: RemoteFile, act: Callable[[], Got]) -> Got:
    pauses_seconds = list(_PAUSES_SECONDS)
    while True:
        try:
            return act()
        except Exception as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            if not pauses_seconds or isinstance(error, _FINAL):
                raise _unreachable(file, error) from error
        time.sleep(pauses_seconds.pop(0))


def _unreachable(file: RemoteFile, error: Exception) -> VauDataError:
    """This file's trouble alone, or that of all files? Its folder tells."""
    try:
        store, base = _opened(file.folder.url)
        store.info(base)
    except Exception as fault:  # noqa: BLE001 - each store raises what its library raises
        return ServiceError(
            f"{file}: cannot be read, nor anything else of its folder: {_explained(fault)}. What "
            "is done is kept; mend that and run the same command again"
        )
    if isinstance(error, FileNotFoundError):
        hint = "it is gone from there; put it back, or run `vau-data ingest`"
    elif isinstance(error, PermissionError):
        hint = "the credentials may read the folder but not this file; mend its rights"
    else:
        hint = "try again with --retry-rejects"
    return MediaError("media_unreachable", f"{file}: cannot be fetched ({_said(error)}); {hint}")


def _unlisted(url: str, error: Exception) -> VauDataError:
    what = f"[videos] path {url} cannot be listed: {_explained(error)}"
    is_mendable = isinstance(error, _FINAL) or _is_about_credentials(error)
    return UsageError(what) if is_mendable else ServiceError(what)


def _explained(error: Exception) -> str:
    """What went wrong with a whole folder, and what to do about it."""
    if isinstance(error, ImportError | ValueError):
        hint = "pip install 'vau-data[s3]', or the fsspec package of another kind of store"
    elif _is_about_credentials(error):
        hint = (
            "set credentials in the environment that may list and read it (for S3: "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE)"
        )
    elif isinstance(error, FileNotFoundError):
        hint = "there is no such bucket or folder; mend [videos] path"
    else:
        hint = (
            "is the network up, and is the store's address right (for S3 elsewhere than at "
            "Amazon: AWS_ENDPOINT_URL)?"
        )
    return f"{_said(error)}; {hint}"


def _is_about_credentials(error: Exception) -> bool:
    """Libraries have classes of their own for credentials that are missing or malformed."""
    return isinstance(error, PermissionError) or "Credentials" in type(error).__name__


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
