"""The secret of one dataset's server: signs sessions and makes ids opaque. One file, mode 0600."""

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from engine.dataset import Dataset
from engine.errors import UsageError

PRIVATE_DIR_NAME = ".annotate"
_KEY_BYTES = 32
_ID_BYTES = 12


def private_dir_path(dataset: Dataset) -> Path:
    """Where the server keeps what nobody else should read; made when first asked for."""
    path = dataset.dir_path / PRIVATE_DIR_NAME
    path.mkdir(mode=0o700, exist_ok=True)
    return path


@dataclass(frozen=True)
class Signer:
    """Makes and checks what only this server can have made."""

    key: bytes

    def opaque_id(self, kind: str, name: str) -> str:
        """An id that tells nothing about the name, the same for ever; 16 URL-safe characters."""
        mac = self._mac(f"id/{kind}", name.encode())
        return base64.urlsafe_b64encode(mac[:_ID_BYTES]).decode()

    def sign(self, content: bytes) -> str:
        """`content.signature`, both URL-safe."""
        return f"{_encode(content)}.{_encode(self._mac('session', content))}"

    def verified(self, signed: str) -> bytes | None:
        """The content, if it was signed with this key."""
        content_text, dot, mac_text = signed.partition(".")
        content, mac = _decode(content_text), _decode(mac_text)
        if not dot or content is None or mac is None:
            return None
        return content if hmac.compare_digest(mac, self._mac("session", content)) else None

    def _mac(self, purpose: str, content: bytes) -> bytes:
        return hmac.digest(self.key, purpose.encode() + b"\0" + content, "sha256")


def load_signer(dataset: Dataset) -> Signer:
    """Read the key, or make it. Raises `UsageError` where others than the owner may read it."""
    path = private_dir_path(dataset) / "key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return Signer(_read_key(path))
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
    return Signer(_read_key(path))


def _read_key(path: Path) -> bytes:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise UsageError(
            f"others can read {path} (mode {mode:o}), and with it sign in as anybody; delete it, "
            "and all sign in anew"
        )
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise UsageError(f"{path} is damaged ({len(key)} bytes); delete it, and all sign in anew")
    return key


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return None


def fingerprint(text: str) -> str:
    """A short digest, to notice that something changed."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
