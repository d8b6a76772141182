"""The routes of the pages: our own for everything that counts, Gradio's shell beside them."""

from pathlib import Path

import orjson
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field

from annotator_ui.guard import Guard, session_cookie
from annotator_ui.intake import MalformedError, take_events
from annotator_ui.office import Office
from annotator_ui.passes import COOKIE_NAME, SESSION_SECONDS
from annotator_ui.queues import Page, queue
from annotator_ui.thumbs import NUM_THUMBS
from annotator_ui.views import VideoView, blind_view, me_view, progress_view
from engine.errors import ServiceError

STATIC_DIR_PATH = Path(__file__).parent / "static"
LOGIN_PATH = Path(__file__).parent / "login.html"
MAX_BODY_BYTES = 2 << 20
_IMMUTABLE = "private, max-age=604800, immutable"


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SignIn(_Body):
    """A name and a password."""

    name: str = Field(max_length=100)
    password: str = Field(max_length=1000)


class LeaseRequest(_Body):
    """Which video somebody works on."""

    video: str = Field(max_length=100)


def build_app(office: Office, *, has_shell: bool = True) -> FastAPI:
    """All routes behind the guard. `has_shell=False`: without Gradio, for tests of the rest."""

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, max_body_size=MAX_BODY_BYTES)
    app.add_middleware(Guard, passes=office.passes)
    _add_session_routes(app, office)
    _add_reading_routes(app, office)
    _add_media_routes(app, office)
    _add_writing_routes(app, office)
    app.mount("/static", StaticFiles(directory=STATIC_DIR_PATH), name="static")
    if has_shell:
        from annotator_ui.pages.shell import mount_shell

        app = mount_shell(app, path="/ui", user_of=user_of)
    return app


def user_of(request: Request) -> str | None:
    """Who sent a request; the guard found out."""
    name: str | None = request.scope.get("user_name")
    return name


def _user(request: Request) -> str:
    user = user_of(request)
    assert user is not None, "the guard lets nobody through without a session"
    return user


def _json(content: object, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(content), status, headers, "application/json")


def _unknown(what: str) -> Response:
    return _json({"why": f"there is no such {what}"}, 404)


def _add_session_routes(app: FastAPI, office: Office) -> None:
    @app.get("/")
    def start(request: Request) -> Response:
        response = RedirectResponse("/ui/", status_code=303)
        if user_of(request) is None and office.local_user is not None:
            _set_cookie(request, response, office.passes.issue(office.local_user))
        return response

    @app.get("/login")
    def login_page() -> Response:
        if office.local_user is not None:
            return RedirectResponse("/", status_code=303)
        return FileResponse(LOGIN_PATH, media_type="text/html")

    @app.post("/login")
    def login(request: Request, body: SignIn) -> Response:
        return _login(office, request, body)

    @app.post("/logout")
    def logout(request: Request) -> Response:
        office.passes.end(session_cookie(request.headers))
        response = _json({"is_signed_out": True})
        response.delete_cookie(COOKIE_NAME)
        return response


def _login(office: Office, request: Request, body: SignIn) -> Response:
    address = request.client.host if request.client else ""
    wait_seconds = office.throttle.seconds_to_wait(body.name, address)
    if wait_seconds > 0:
        why = f"too many attempts; try again in {wait_seconds:.0f} s"
        response = _json({"why": why}, 429)
        response.headers["Retry-After"] = str(max(1, round(wait_seconds)))
        return response
    office.throttle.note_attempt(body.name, address)
    if not office.accounts.is_right(body.name, body.password):
        return _json({"why": "the name or the password is wrong"}, 401)
    office.throttle.note_success(body.name, address)
    response = _json({"user": body.name})
    _set_cookie(request, response, office.passes.issue(body.name))
    return response


def _set_cookie(request: Request, response: Response, value: str) -> None:
    response.set_cookie(
        COOKIE_NAME,
        value,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _add_reading_routes(app: FastAPI, office: Office) -> None:
    @app.get("/api/me")
    def me(request: Request) -> Response:
        return _json(me_view(office, _user(request)))

    @app.get("/api/queue")
    def list_of(request: Request, page: Page = "clicks") -> Response:
        rows = queue(office, _user(request), page)
        return _json({"title": office.dataset.config.dataset.name, "videos": rows})

    @app.get("/api/video/{opaque}")
    def video_of(request: Request, opaque: str, page: Page = "clicks") -> Response:
        video = office.library.video(opaque)
        if video is None:
            return _unknown("video")
        user = _user(request)
        if page == "review" and office.journal.state(video.id).marks.is_author(user):
            return _json({"why": "you marked this video yourself; somebody else reviews it"}, 403)
        return _json(VideoView(office, user, video, page).wire())

    @app.get("/api/blind/{opaque}")
    def blind_item(request: Request, opaque: str) -> Response:
        view = blind_view(office, _user(request), opaque)
        return _unknown("item") if view is None else _json(view)

    @app.get("/api/progress")
    def progress_of_all() -> Response:
        return _json(progress_view(office))


def _add_media_routes(app: FastAPI, office: Office) -> None:
    @app.api_route("/media/{media_id}", methods=["GET", "HEAD"])
    def media(media_id: str) -> Response:
        served = office.media.find(media_id, office.library.videos())
        if served is None:
            return _unknown("file")
        headers = {"Cache-Control": _IMMUTABLE}
        return FileResponse(served.path, media_type=served.media_type, headers=headers)

    @app.get("/thumb/{opaque}/{number}")
    def thumb(opaque: str, number: int) -> Response:
        video = office.library.video(opaque)
        if video is None or not 0 <= number < NUM_THUMBS:
            return _unknown("thumbnail")
        path = office.media.thumb(video, number)
        if path is None:
            why = office.media.thumbs_failure(video) or "it is being made"
            return _json({"why": why}, 404)
        return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": _IMMUTABLE})


def _add_writing_routes(app: FastAPI, office: Office) -> None:
    @app.post("/api/events")
    async def events(request: Request) -> Response:
        content = await request.body()
        return await run_in_threadpool(_answer_to, office, _user(request), content)

    @app.post("/api/lease")
    def lease(request: Request, body: LeaseRequest) -> Response:
        video, user = office.library.video(body.video), _user(request)
        if video is None:
            return _unknown("video")
        if len(office.rota.annotators(video.id, round=1)) > 1:
            return _json({"until": None, "is_mine": True})
        held = office.leases.ask(video.id, user)
        is_mine = held.user == user
        return _json({"until": held.until, "is_mine": is_mine}, 200 if is_mine else 409)


def _answer_to(office: Office, user: str, content: bytes) -> Response:
    try:
        return _json(take_events(office, user, content))
    except MalformedError as error:
        return _json({"why": str(error)}, 400)
    except ServiceError as error:
        return _json({"why": str(error)}, 503)
