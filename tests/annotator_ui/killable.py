"""A server to be killed: `python -m tests.annotator_ui.killable DIR`.

Says one line, then forks a fresh server for every line that it reads, and answers with the
server's process and port. So a test can kill fifty of them without fifty starts of Python.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from annotator_ui.office import open_office  # noqa: F401 - imported once, for all that are forked
from annotator_ui.serve import ServeOptions, serve
from engine.dataset import Dataset


def _serve(dir_path: Path, answer: int) -> None:
    def say(url: str) -> None:
        os.write(answer, f"{os.getpid()} {url}\n".encode())

    options = ServeOptions(port=0, opens_browser=False, has_shell=False)
    with suppress(KeyboardInterrupt):
        serve(Dataset.open(dir_path), options, say=say)


def main() -> None:
    """Fork until standard input ends."""
    dir_path = Path(sys.argv[1])
    print("ready", flush=True)
    for _ in sys.stdin:
        if os.fork() == 0:
            _serve(dir_path, sys.stdout.fileno())
            os._exit(0)
        os.wait()


if __name__ == "__main__":
    main()
