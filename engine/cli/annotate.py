"""`vau-data annotate`: the pages where people mark, correct and review."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import _options as opt

EXAMPLE = "vau-data annotate --host 0.0.0.0 --port 7860 --no-browser"


def annotate(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where to listen. Another than this machine's own needs accounts "
            "(`vau-data annotators add NAME`).",
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 7860,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    tls_cert: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, show_default=False, help="Serve by https."),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, show_default=False, help="Its private key."),
    ] = None,
    dataset: opt.DatasetDir = None,
) -> None:
    """Mark, correct and review in the browser.

    On this machine alone it needs no set-up. Everything is on disk before it is acknowledged;
    Ctrl-C ends it and loses nothing.
    """
    import signal

    from annotator_ui.serve import ServeOptions, is_loopback, serve
    from engine.cli._datasets import open_dataset
    from engine.cli._output import remark

    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("give both --tls-cert and --tls-key, or neither")
    options = ServeOptions(host, port, browser, tls_cert=tls_cert, tls_key=tls_key)
    if not (is_loopback(host) or options.is_secure):
        remark(
            "warning: without --tls-cert and --tls-key, or a proxy that speaks https, passwords "
            "and pictures cross the network readable"
        )
    # Whoever stops a service sends this signal; it should end as Ctrl-C ends it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        serve(open_dataset(dataset), options, say=_say)
    except KeyboardInterrupt:
        remark("ended; all that was acknowledged is on disk")


def _say(url: str) -> None:
    print(f"open {url}   (Ctrl-C ends)", flush=True)
