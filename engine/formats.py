"""The names of all export formats, for the command line and `dataset.toml` alike."""

from typing import Literal

Format = Literal[
    "hivau-raw",
    "hivau-single",
    "hivau-multi",
    "vad-instruct",
    "vad-llama",
    "llava",
    "llama-factory",
    "swift",
    "internvl",
    "trl",
    "parquet",
    "webdataset",
]
