"""Stands before every route, ours and Gradio's: nothing passes without a session but the sign-in.

Requests that change anything must come from our own pages. On a server without accounts the name
in the address must be this machine's, or a stranger's page could reach it under its own name.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from annotator_ui.passes import COOKIE_NAME, Passes

PUBLIC_PATHS = frozenset({"/login"})
PUBLIC_FOLDER = "/static/"
"""Scripts and styles that come with the program: the sign-in page needs some of them."""
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'; object-src 'none'; base-uri 'self'",
}


@dataclass(frozen=True)
class Guard:
    """ASGI middleware."""

    app: ASGIApp
    passes: Passes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal = self._refusal(scope)
        guarded = _with_headers(send)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        await self.app(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self.passes.local_user is not None and not _is_local(headers.get("host", "")):
            return _answer(421, "this server answers under 127.0.0.1 or localhost only")
        if scope["method"] not in _READING and not is_same_origin(headers):
            return _answer(403, "the request comes from another site's page")
        user = self.passes.user(session_cookie(headers))
        scope["user_name"] = user
        if user is not None or _is_public(scope["path"]):
            return None
        return self._unknown_person(scope, headers)

    def _unknown_person(self, scope: Scope, headers: Headers) -> Response | None:
        is_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
        if self.passes.local_user is not None and scope["path"] == "/":
            return None
        if is_page:
            return RedirectResponse("/" if self.passes.local_user else "/login", status_code=303)
        return _answer(401, "sign in first")


def session_cookie(headers: Headers) -> str | None:
    """The value of our cookie."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE_NAME)


def is_same_origin(headers: Headers) -> bool:
    """Whether a page of this very server sent the request; in doubt, no.

    Browsers say where a request comes from in `Sec-Fetch-Site`, old ones in `Origin` alone.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None:
        return site == "same-origin"
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_FOLDER)


def _is_local(host: str) -> bool:
    return urlsplit(f"//{host}").hostname in LOCAL_NAMES


def _answer(status: int, why: str) -> Response:
    return Response(orjson.dumps({"why": why}), status, media_type="application/json")


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return guarded
