"""An S3 server on this machine (moto's), and what a process must have in its environment for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
from moto.server import ThreadedMotoServer

SHARED_VIDEOS = Path(__file__).parents[3] / "shared" / "data" / "videos"
_OWNER = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=tester/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
}
"""Who puts files there; this server does not check the signature."""


@dataclass(frozen=True)
class S3Store:
    """Where it listens."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """For any process that is to reach it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def put(self, bucket: str, files: dict[str, Path]) -> None:
        """Upload files by key."""
        httpx.put(f"{self.url}/{bucket}", headers=_OWNER).raise_for_status()
        for key, path in files.items():
            there = f"{self.url}/{bucket}/{quote(key)}"
            httpx.put(there, content=path.read_bytes(), headers=_OWNER).raise_for_status()

    def remove(self, path: str) -> None:
        """Delete `bucket/key`."""
        httpx.delete(f"{self.url}/{quote(path)}", headers=_OWNER).raise_for_status()

    def check_keys(self, *, is_checked: bool) -> None:
        """Whether a key that nobody made is refused."""
        count = b"0" if is_checked else b"inf"
        httpx.post(f"{self.url}/moto-api/reset-auth", content=count).raise_for_status()


@contextmanager
def s3_store() -> Iterator[S3Store]:
    """A server for as long as the context lasts."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield S3Store(f"http://{host}:{port}")
    finally:
        server.stop()


@contextmanager
def environment_of(store: S3Store, *, cache_dir_path: Path) -> Iterator[None]:
    """This process's environment, as a person would set it for that store."""
    changes = store.environment | {"VAU_DATA_CACHE": str(cache_dir_path)}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
