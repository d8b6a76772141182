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

Family = Literal[
    "hivau",
    "vad-instruct",
    "vad-llama",
    "grounding",
    "va-gpt",
    "reasoning",
    "question-types",
    "mcq",
]
"""What kinds of instructions there are; each is a step of the flow."""

WRITTEN_FAMILIES: frozenset[Family] = frozenset({"va-gpt", "reasoning", "question-types"})
"""Those that a model writes: the one of `[summarize]`."""
TIMES_FAMILIES: frozenset[Family] = frozenset({"vad-llama", "grounding", "mcq"})
"""Those whose answers are times: they need no caption and no summary."""
