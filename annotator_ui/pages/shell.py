"""Gradio as the shell: tabs in, each with one sealed page that Python never touches again.

Everything that a person does on a page goes through our own routes (see `static/`): a Gradio event
drops fast presses, forgets on reload, and wipes what a page's script has drawn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from starlette.requests import Request

if TYPE_CHECKING:
    import gradio
    from fastapi import FastAPI

TABS: Final = (
    ("clicks", "Clicks"),
    ("boundaries", "Boundaries"),
    ("text", "Text"),
    ("review", "Review"),
    ("blind", "Blind evaluation"),
    ("progress", "Progress"),
)
SCRIPT: Final = '<script type="module" src="/static/main.js"></script>'
STYLE: Final = """
.gradio-container .main.app { padding: 0 !important; max-width: none !important; }
.gradio-container .tabitem { padding: 0 !important; border: 0 !important; }
.gradio-container .html-container { padding: 0 !important; }
.gradio-container .tabs { gap: 0 !important; }
.gradio-container .tab-wrapper { margin: 0 !important; padding: 0 8px !important; }
.gradio-container footer { display: none !important; }
"""


def build_shell() -> gradio.Blocks:
    """The tabs; each holds a `<vau-player>`, which does the rest in the browser."""
    import gradio as gr

    with (
        gr.Blocks(title="vau-data annotate", fill_width=True, analytics_enabled=False) as shell,
        gr.Tabs(),
    ):
        for page, title in TABS:
            with gr.Tab(title, id=page):
                gr.HTML(
                    f'<vau-player page="{page}"></vau-player>',
                    js_on_load=None,
                    apply_default_css=False,
                )
    return shell


def mount_shell(
    app: FastAPI,
    *,
    path: str,
    user_of: Callable[[Request], str | Awaitable[str | None] | None],
) -> FastAPI:
    """The app with the shell under `path`, open to those whom `user_of` names.

    Gradio serves no file of ours or of the dataset's: no path is allowed to it. Not to be called
    where an event loop runs.
    """

    async def mounted() -> FastAPI:
        return _mounted(app, path=path, user_of=user_of)

    # Where no loop runs, Gradio opens one for each of its locks and never closes it.
    return asyncio.run(mounted())


def _mounted(
    app: FastAPI,
    *,
    path: str,
    user_of: Callable[[Request], str | Awaitable[str | None] | None],
) -> FastAPI:
    import gradio as gr

    theme = gr.themes.Base(
        font=["system-ui", "Segoe UI", "Noto Sans", "DejaVu Sans", "sans-serif"],
        font_mono=["ui-monospace", "DejaVu Sans Mono", "monospace"],
    )
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build_shell(),
        path=path,
        auth_dependency=user_of,
        allowed_paths=[],
        run_history=False,
        show_error=False,
        footer_links=[],
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=theme,
        css=STYLE,
        head=SCRIPT,
    )
    return mounted
