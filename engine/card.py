"""A release and its counts -> the dataset card, its README.md."""

from collections import Counter
from collections.abc import Iterable, Mapping

from schemas import Release

_BASELINE_WARNING = (
    "> **{count:,} of {total:,} captions and summaries come from vau-data's embedded baseline "
    "models** (`{names}`): classical computer vision and templates. They show that the engine "
    "works; they are no substitute for real captions."
)


def dataset_card(release: Release, counts: Counter[str]) -> str:
    """Markdown; the same release gives the same text."""
    parts = [
        *_baseline_warning(release),
        f"# {release.name}",
        "Hierarchical video-anomaly instructions (clip, event, video), made by vau-data "
        f"{release.vau_data_version}.",
        "## What is in it",
        _counts_table(counts),
        "## Files",
        _table(
            ("file", "format", "rows", "sha256"),
            ((f.path, f.format, str(f.num_rows), f"`{f.sha256[:16]}…`") for f in release.files),
        ),
        "## Who made the records",
        _table(("records", "made by", "count"), _maker_rows(release.makers)),
        "## Known limits",
        _limits(release, counts),
    ]
    return "\n\n".join(parts) + "\n"


def _baseline_warning(release: Release) -> Iterable[str]:
    texts = Counter[str]()
    for file in ("captions.jsonl", "summaries.jsonl"):
        texts.update(release.makers.get(file, {}))
    names = sorted(name for name in texts if name.startswith("baseline/"))
    if names:
        count, total = sum(texts[name] for name in names), texts.total()
        yield _BASELINE_WARNING.format(count=count, total=total, names="`, `".join(names))


def _counts_table(counts: Counter[str]) -> str:
    labels = _detail(counts, "videos", ("abnormal", "normal", "unlabelled"))
    rows = [
        ("videos", counts["videos"], labels),
        ("events", counts["events"], f"{counts['events unconfirmed']} confirmed by nobody"),
        ("clips", counts["clips"], ""),
    ]
    for granularity in ("clip", "event", "video"):
        tasks = ("caption", "judgement", "description", "analysis")
        num_turns = sum(counts[f"{granularity} {task}"] for task in tasks)
        detail = _detail(counts, granularity, tasks)
        rows.append((f"questions about {granularity}s", num_turns, detail))
    return _table(("", "count", ""), ((name, f"{n:,}", detail) for name, n, detail in rows))


def _detail(counts: Counter[str], group: str, kinds: Iterable[str]) -> str:
    found = [f"{counts[f'{group} {kind}']:,} {kind}" for kind in kinds if counts[f"{group} {kind}"]]
    return ", ".join(found)


def _maker_rows(makers: Mapping[str, Mapping[str, int]]) -> Iterable[tuple[str, ...]]:
    for file, names in makers.items():
        for name, count in names.items():
            yield file.removesuffix(".jsonl"), f"`{name}`", f"{count:,}"


def _limits(release: Release, counts: Counter[str]) -> str:
    limits = [
        f"{counts['events unconfirmed']:,} of {counts['events']:,} events were proposed by rule "
        "and confirmed by nobody.",
    ]
    if without_split := counts["videos without split"]:
        limits.append(f"{without_split:,} videos have no split; their rows stand under `train`.")
    limits += [
        f"{count:,} items are missing because stage `{stage}` rejected them."
        for stage, count in release.num_rejects.items()
    ]
    limits += [
        f"{'an unknown number of' if count is None else f'{count:,}'} items of stage `{step}` were "
        "not settled when this was exported."
        for step, count in release.unsettled.items()
    ]
    return "\n".join(f"- {limit}" for limit in limits)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
