"""The real server in a process of its own, so that it can be killed: `python -m … DIR PORT`."""

import sys
from pathlib import Path

from annotator_ui.serve import ServeOptions, serve
from engine.dataset import Dataset


def main(dir_path: str, port: str) -> None:
    options = ServeOptions(port=int(port), opens_browser=False)
    serve(Dataset.open(Path(dir_path)), options, say=lambda url: print(url, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
