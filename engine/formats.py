"""The names of formats and families, for the command line and `dataset.toml` alike."""

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
    "csv",
]

Family = Literal["hivau", "vad-instruct", "vad-llama", "grounding", "mcq"]
"""What kinds of instructions there are; each is a step of the flow."""

TIMES_FAMILIES: frozenset[Family] = frozenset({"vad-llama", "grounding", "mcq"})
"""Those whose answers are times: they need no caption and no summary."""
