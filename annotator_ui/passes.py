"""Session cookies: who is signed in, until when; signed, and void when the account changes."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from annotator_ui.accounts import Accounts
from annotator_ui.keyfile import Signer
from engine.store import write_whole_file

COOKIE_NAME = "vau_session"
SESSION_SECONDS = 14 * 86_400
LOCAL_GENERATION = "local"


@dataclass
class Passes:
    """Makes and checks sessions of one server."""

    signer: Signer
    accounts: Accounts
    ended_path: Path
    """Sessions that were signed out before their time."""
    local_user: str | None
    """The one person of a server without accounts; None: everybody signs in."""
    now: Callable[[], float] = time.time
    _ended: dict[str, float] = field(default_factory=dict)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.ended_path.exists():
            self._ended = orjson.loads(self.ended_path.read_bytes())

    def issue(self, user: str) -> str:
        """A cookie value for somebody whose word was taken."""
        generation = self._generation(user)
        assert generation is not None, f"{user} has no account"
        content = [user, generation, secrets.token_hex(8), int(self.now()) + SESSION_SECONDS]
        return self.signer.sign(orjson.dumps(content))

    def user(self, cookie: str | None) -> str | None:
        """Whose session it is; None where it is no session, or no longer one."""
        found = self._content(cookie)
        return None if found is None else found[0]

    def end(self, cookie: str | None) -> None:
        """Sign out: the cookie is worth nothing any more, not even as a copy."""
        found = self._content(cookie)
        if found is None:
            return
        with self._mutex:
            self._ended = {id_: until for id_, until in self._ended.items() if until > self.now()}
            self._ended[found[1]] = found[2]
            write_whole_file(self.ended_path, orjson.dumps(self._ended))

    def _content(self, cookie: str | None) -> tuple[str, str, float] | None:
        """(user, session id, until) of a valid cookie."""
        signed = self.signer.verified(cookie) if cookie else None
        if signed is None:
            return None
        user, generation, session_id, until = orjson.loads(signed)
        is_over = until <= self.now() or session_id in self._ended
        if is_over or generation != self._generation(user):
            return None
        return user, session_id, until

    def _generation(self, user: str) -> str | None:
        if self.local_user is not None:
            return LOCAL_GENERATION if user == self.local_user else None
        account = self.accounts.all().get(user)
        return None if account is None else account.generation
