"""Who may sign in: names and scrypt hashes in `annotators.json`; guesses are slowed down."""

import hashlib
import hmac
import os
import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotator_ui.keyfile import fingerprint
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.stamps import FileState, state_of

ACCOUNTS_NAME = "annotators.json"
MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 200
_MOST_MEMORY_BYTES = 2**27
_LOCK_WAIT_SECONDS = 10
MOST_FAILURES_PER_NAME = 5
MOST_FAILURES_PER_ADDRESS = 20
WINDOW_SECONDS = 300.0

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]


class Cost(BaseModel):
    """Of one scrypt hash. The default is one of the settings that OWASP's sheet names: 32 MiB and
    about a quarter of a second."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = 2**15
    r: int = 8
    p: int = 3


class Account(BaseModel):
    """One person. The hash is of the password with the salt, both in hex."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    salt: str
    cost: Cost
    hash: str

    @property
    def generation(self) -> str:
        """Changes with the password, so that a session ends when it is set anew."""
        return fingerprint(self.salt + self.hash)


DEFAULT_COST = Cost()


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    annotators: tuple[Account, ...]


@dataclass
class Accounts:
    """The accounts of one dataset; the file is read again when it changes."""

    path: Path
    _known: dict[str, Account] = field(default_factory=dict)
    _state: FileState | None = None
    _hashing: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(2))
    """Bounds the memory that sign-ins can take."""

    @classmethod
    def of(cls, dataset: Dataset) -> "Accounts":
        """Those of a dataset; there may be none."""
        return cls(dataset.dir_path / ACCOUNTS_NAME)

    def all(self) -> dict[str, Account]:
        """Name -> account, in the order in which they were added."""
        state = state_of(self.path)
        if state != self._state:
            self._known, self._state = _read(self.path), state
        return self._known

    def is_right(self, name: str, password: str) -> bool:
        """Whether this is the person's password. As slow for a name that does not exist."""
        account = self.all().get(name)
        salt, cost = (account.salt, account.cost) if account else ("00" * 16, DEFAULT_COST)
        if len(password) > MAX_PASSWORD_LENGTH:
            return False
        with self._hashing:
            found = _hash(password, salt, cost)
        return account is not None and hmac.compare_digest(found, account.hash)

    def add(self, name: str, password: str, *, cost: Cost = DEFAULT_COST) -> None:
        """Make an account. Raises `UsageError` for a name that is taken or a bad password."""
        if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
            raise UsageError(
                f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters, "
                f"this one has {len(password)}"
            )
        salt = secrets.token_hex(16)
        try:
            hashed = _hash(password, salt, cost)
            account = Account(name=name, salt=salt, cost=cost, hash=hashed)
        except ValidationError as error:
            raise UsageError(
                f"{name!r} cannot be a name: letters, digits, `.`, `_` and `-`, at most 40, "
                "a letter or digit first"
            ) from error
        with self._changing() as accounts:
            if name in accounts:
                raise UsageError(f"there is an annotator {name} already; remove it first")
            accounts[name] = account

    def remove(self, name: str) -> None:
        """Remove an account; what the person did is kept. Raises `UsageError` for no such name."""
        with self._changing() as accounts:
            if name not in accounts:
                known = ", ".join(accounts) or "none"
                raise UsageError(f"there is no annotator {name!r} (there are: {known})")
            del accounts[name]

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Account]]:
        lock = self.path.parent / ".locks" / f"{self.path.name}.lock"
        lock.parent.mkdir(exist_ok=True)
        with FileLock(lock, timeout=_LOCK_WAIT_SECONDS):
            accounts = dict(self.all())
            yield accounts
            _write(self.path, _File(annotators=tuple(accounts.values())))


def _read(path: Path) -> dict[str, Account]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        found = _File.model_validate_json(content)
    except ValidationError as error:
        raise UsageError(
            f"{path} cannot be read ({error.errors()[0]['msg']}); mend it, or delete it and add "
            "the annotators anew: what they did is kept"
        ) from error
    return {account.name: account for account in found.annotators}


def _write(path: Path, file: _File) -> None:
    """Whole or not at all, and for nobody else to read at any moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(file.model_dump_json(indent=2).encode() + b"\n")
        target.flush()
        os.fsync(target.fileno())
    temporary.replace(path)


def _hash(password: str, salt: str, cost: Cost) -> str:
    content, grains = password.encode(), bytes.fromhex(salt)
    memory = _MOST_MEMORY_BYTES
    return hashlib.scrypt(content, salt=grains, n=cost.n, r=cost.r, p=cost.p, maxmem=memory).hex()


@dataclass
class Throttle:
    """Remembers failed sign-ins of the last five minutes, by name and by address."""

    now: Callable[[], float] = time.monotonic
    _failures: dict[tuple[str, str], deque[float]] = field(
        default_factory=lambda: defaultdict(deque)
    )
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def seconds_to_wait(self, name: str, address: str) -> float:
        """0 where another attempt may be made now."""
        with self._mutex:
            return max(
                self._wait(("name", name), MOST_FAILURES_PER_NAME),
                self._wait(("address", address), MOST_FAILURES_PER_ADDRESS),
            )

    def note_attempt(self, name: str, address: str) -> None:
        """Count an attempt before its password is looked at, so that a burst counts in full."""
        with self._mutex:
            self._drop_old()
            for key in (("name", name), ("address", address)):
                self._failures[key].append(self.now())

    def note_success(self, name: str, address: str) -> None:
        """The person knew the password: the attempts of this name do not count."""
        with self._mutex:
            self._failures.pop(("name", name), None)
            if self._failures[("address", address)]:
                self._failures[("address", address)].pop()

    def _wait(self, key: tuple[str, str], most: int) -> float:
        failures = self._failures.get(key, ())
        recent = [at for at in failures if at > self.now() - WINDOW_SECONDS]
        if len(recent) < most:
            return 0.0
        return recent[-most] + WINDOW_SECONDS - self.now()

    def _drop_old(self) -> None:
        for key, failures in list(self._failures.items()):
            while failures and failures[0] <= self.now() - WINDOW_SECONDS:
                failures.popleft()
            if not failures:
                del self._failures[key]
