"""The live dataset -> tables: how much there is, of what, made by whom, at what cost."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.dataset import Dataset
from engine.index import Index
from engine.mcq import LETTERS
from engine.quality.chances import chi_squared_even, chi_squared_tail
from engine.serving.spans import ServingSpan, serving_spans
from engine.tree import VideoNode
from engine.trees import Trees
from schemas import Caption, Summary, Usage, Video

if TYPE_CHECKING:
    import pandas as pd

Cell = str | int | float | None
TableName = Literal["granularity", "split", "category", "questions", "letters", "usage", "serving"]
NOBODY_SAID = "unlabelled"


@dataclass(frozen=True)
class _Segment:
    granularity: str
    split: str
    categories: tuple[str, ...]
    seconds: float
    num_words: int | None
    """Of its caption or summary; None: it has none."""


def dataset_tables(dataset: Dataset) -> dict[TableName, list[dict[str, Cell]]]:
    """All tables, as rows; `None` in a cell means that there is nothing to say."""
    import pandas as pd

    nodes = list(Trees(Index(dataset)).all())
    segments = pd.DataFrame([vars(one) for node in nodes for one in _segments(node)])
    questions = pd.DataFrame([row for node in nodes for row in _questions(node)])
    usage = pd.DataFrame([row for node in nodes for row in _texts(node)])
    price = dataset.config.vllm.price_per_gpu_hour
    return {
        "granularity": _rows(_by_granularity(segments)),
        "split": _rows(_by_group(segments, "split")),
        "category": _rows(_by_group(_per_category(segments), "category")),
        "questions": _rows(_by_task(questions)),
        "letters": _rows(_right_letters(nodes)),
        "usage": _rows(_by_maker(usage)),
        "serving": _rows(_by_served_model(serving_spans(dataset), usage, price=price)),
    }


def _segments(node: VideoNode) -> Iterator[_Segment]:
    split, categories = node.video.split or "none", _categories(node.video)
    yield _Segment("video", split, categories, node.video.duration_seconds, _words(node.summary))
    for event in node.events:
        words = _words(event.summary)
        yield _Segment("event", split, categories, event.event.duration_seconds, words)
        for clip in event.clips:
            words = _words(clip.caption)
            yield _Segment("clip", split, categories, clip.clip.duration_seconds, words)


def _categories(video: Video) -> tuple[str, ...]:
    if video.is_anomalous is None:
        return (NOBODY_SAID,)
    return video.categories or (("abnormal",) if video.is_anomalous else ("normal",))


def _words(text: Caption | Summary | None) -> int | None:
    return None if text is None else len(text.text.split())


def _questions(node: VideoNode) -> Iterator[dict[str, Cell]]:
    for instruction in node.instructions:
        for turn in instruction.turns:
            yield {
                "family": instruction.family,
                "granularity": instruction.granularity,
                "task": turn.task,
                "words": len(turn.answer.split()),
            }


def _texts(node: VideoNode) -> Iterator[dict[str, Cell]]:
    captions = [clip.caption for event in node.events for clip in event.clips]
    summaries = [*(event.summary for event in node.events), node.summary]
    for caption in filter(None, captions):
        yield _cost("caption", caption.provenance.name, caption.usage)
    for summary in filter(None, summaries):
        yield _cost("summary", summary.provenance.name, summary.usage)
    for instruction in node.instructions:
        if instruction.provenance.made_by == "model":
            yield _cost("instruction", instruction.provenance.name, instruction.usage)


def _cost(kind: str, maker: str, usage: Usage | None) -> dict[str, Cell]:
    return {
        "record": kind,
        "made by": maker,
        "prompt tokens": usage.prompt_tokens if usage else None,
        "output tokens": usage.output_tokens if usage else None,
        "request seconds": usage.seconds if usage else None,
    }


def _by_granularity(segments: "pd.DataFrame") -> "pd.DataFrame":
    if segments.empty:
        return segments
    segments["num_words"] = segments["num_words"].astype("float64")
    table = segments.groupby("granularity").agg(
        **{
            "count": ("seconds", "size"),
            "with text": ("num_words", "count"),
            "hours": ("seconds", lambda seconds: seconds.sum() / 3600),
            "mean s": ("seconds", "mean"),
            "median s": ("seconds", "median"),
            "mean words": ("num_words", "mean"),
        }
    )
    order = [name for name in ("clip", "event", "video") if name in table.index]
    return table.loc[order].reset_index()


def _per_category(segments: "pd.DataFrame") -> "pd.DataFrame":
    """One row per segment and category: a video of two categories counts in both."""
    if segments.empty:
        return segments
    return segments.explode("categories").rename(columns={"categories": "category"})


def _by_group(segments: "pd.DataFrame", column: str) -> "pd.DataFrame":
    if segments.empty:
        return segments
    counts = segments.groupby([column, "granularity"]).size().unstack(fill_value=0)
    table = counts.reindex(columns=["video", "event", "clip"], fill_value=0)
    videos = segments[segments["granularity"] == "video"]
    table["hours"] = videos.groupby(column)["seconds"].sum() / 3600
    named = {"video": "videos", "event": "events", "clip": "clips"}
    return table.rename(columns=named).rename_axis(columns=None).reset_index()


def _by_task(questions: "pd.DataFrame") -> "pd.DataFrame":
    if questions.empty:
        return questions
    groups = questions.groupby(["family", "granularity", "task"])
    table = groups.agg(**{"count": ("words", "size"), "mean words": ("words", "mean")})
    return table.reset_index()


def _right_letters(nodes: Sequence[VideoNode]) -> "pd.DataFrame":
    """Of multiple choice: how evenly the right letter is spread."""
    import pandas as pd

    turns = (turn for node in nodes for row in node.instructions for turn in row.turns)
    found = Counter(turn.answer for turn in turns if turn.task == "mcq")
    if not found:
        return pd.DataFrame()
    counts = {letter: found[letter] for letter in LETTERS}
    chi_squared = chi_squared_even(list(counts.values()))
    row = {"questions": found.total(), **counts, "χ²": chi_squared}
    return pd.DataFrame([row | {"p": chi_squared_tail(chi_squared)}])


def _by_maker(usage: "pd.DataFrame") -> "pd.DataFrame":
    if usage.empty:
        return usage
    costs = ["prompt tokens", "output tokens", "request seconds"]
    usage[costs] = usage[costs].astype("float64")
    groups = usage.groupby(["record", "made by"])
    table = groups[costs].sum(min_count=1)
    table.insert(0, "count", groups.size())
    # Of one request: many are under way at once, so this says nothing about a server's speed.
    table["tokens/s per request"] = table["output tokens"] / table["request seconds"]
    return table.reset_index()


def _by_served_model(
    spans: Sequence[ServingSpan], usage: "pd.DataFrame", *, price: float | None
) -> "pd.DataFrame":
    """GPU time and its cost, over the texts that are live now.

    What was made over, and what servers did while nothing was asked, is paid for, too.
    """
    import pandas as pd

    table = pd.DataFrame([_span_row(span) for span in spans])
    if table.empty:
        return table
    table = table.groupby(["stage", "made by"], as_index=False).sum(min_count=1)
    made = {} if usage.empty else usage.groupby(["record", "made by"]).size().to_dict()
    stages, makers = table["stage"].map(_RECORD_OF), table["made by"]
    table["texts"] = [made.get(key, 0) for key in zip(stages, makers, strict=True)]
    table["output tokens/s"] = table.pop("output tokens") / (3600 * table["hours"])
    thousands = (table["texts"] / 1000).where(table["texts"] > 0)
    table["GPU hours/1,000"] = table["GPU hours"] / thousands
    if price is not None:
        table["cost"] = price * table["GPU hours"]
        table["cost/1,000"] = table["cost"] / thousands
    return table.replace([float("inf")], float("nan"))


_RECORD_OF = {"caption": "caption", "summarize": "summary", "instruct": "instruction"}


def _span_row(span: ServingSpan) -> dict[str, Cell]:
    return {
        "stage": span.stage,
        "made by": span.model,
        "runs": 1,
        "hours": span.hours,
        "GPU hours": span.hours * span.num_gpus,
        "output tokens": float("nan") if span.output_tokens is None else span.output_tokens,
    }


def _rows(table: "pd.DataFrame") -> list[dict[str, Cell]]:
    """Plain Python values, numbers rounded to three decimals."""
    rows: list[dict[str, Cell]] = table.to_dict("records")  # type: ignore[assignment]
    return [{key: _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: object) -> Cell:
    import numpy as np

    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else round(float(value), 3)
    return int(value) if isinstance(value, np.integer) else value  # type: ignore[return-value]


def table_text(rows: Sequence[Mapping[str, Cell]]) -> str:
    """Aligned columns, as a terminal shows them."""
    import pandas as pd

    shown = pd.DataFrame(rows).astype(object)
    return shown.where(shown.notna(), "–").to_string(index=False)
