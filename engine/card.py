"""A release, its counts and its figures -> the dataset card, its README.md."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.figures import GRANULARITIES, Figures, spread
from engine.mcq import told_letters
from schemas import Release

_BASELINE_WARNING = (
    "> **{count:,} of {total:,} captions and summaries come from vau-data's embedded baseline "
    "models** (`{names}`): classical computer vision and templates. They show that the engine "
    "works; they are no substitute for real captions."
)


@dataclass(frozen=True)
class CardFacts:
    """What the card tells beside counts."""

    stages: tuple[tuple[str, str, str, str], ...]
    """(stage, model, revision, hashes of prompts) of every stage that made records."""
    sources: Mapping[str, int]
    """Where videos come from -> how many."""
    licenses: Mapping[str, str]
    """Model -> license of its weights, as its page calls it; for those that are presets."""
    error_bound: str | None
    """A sentence; None: nobody measured."""
    num_films_in_two_splits: int


def dataset_card(release: Release, counts: Counter[str], figures: Figures, facts: CardFacts) -> str:
    """Markdown; the same release gives the same text."""
    parts = [
        *_baseline_warning(release),
        f"# {release.name}",
        "Hierarchical video-anomaly instructions (clip, event, video), made by vau-data "
        f"{release.vau_data_version}.",
        "## What is in it",
        _counts_table(counts),
        f"{figures.num_queries:,} questions with answers of {figures.mean_answer_words:.2f} words "
        "on average (as VAD-Instruct50k's Table 6 counts them).",
        "### Durations and words",
        "Of segments and of the text about each, as HIVAU-70k's Fig. 3 has them; `report.html` "
        "shows how they are distributed.",
        _spread_table(figures),
        "### Splits and categories",
        "A split is decided by the source video; a video of two categories counts in both.",
        _group_table("split", figures.by_split),
        _group_table("category", figures.by_category),
        "### Questions",
        _question_table(figures),
        *([told_letters(figures.right_letters)] if figures.right_letters else []),
        "## Schema",
        _SCHEMA,
        "## How many answers are wrong",
        facts.error_bound or _NOT_MEASURED,
        "## Files",
        _table(
            ("file", "format", "rows", "sha256"),
            ((f.path, f.format, str(f.num_rows), f"`{f.sha256[:16]}…`") for f in release.files),
        ),
        "`release.json` has all hashes in full, those of this page's neighbors too.",
        "## Who made the records",
        _table(("records", "made by", "count"), _maker_rows(release.makers)),
        _table(("stage", "model", "revision", "prompts (SHA-256)"), facts.stages),
        "## Sources and licenses",
        _sources(facts),
        "## Known limits",
        _limits(release, counts, facts),
        "## Intended use and privacy",
        _INTENDED_USE,
    ]
    return "\n\n".join(parts) + "\n"


_NOT_MEASURED = (
    "Not measured. `vau-data check` serves a sample to a person until a bound is met, and the next "
    "release says it here."
)
_SCHEMA = (
    "A video has events (a stretch in which one thing happens), an event has clips, and each of "
    "the three has a text: a clip its caption, an event and a video a summary of judgement, "
    "description and, where abnormal, analysis. `contents.jsonl` has one line per segment: `id`, "
    "`granularity`, `text`, `start_seconds`, `end_seconds`, and for videos `split`, for events and "
    "videos `is_anomalous` (null: nobody said) and `categories`. Ids are `{video}`, `{video}_E0`, "
    "`{video}_E0C1`; times are seconds on the source's own clock, ends exclusive. The other files "
    "have their trainers' forms."
)
_INTENDED_USE = """\
For research on detecting and explaining unusual events in video. As the authors of Holmes-VAD \
say of theirs (appendix A.1), such data can serve public safety, and can do harm:

- **Privacy.** Footage of public places shows people who were not asked. Do not use it or models \
trained on it to identify, follow or rate persons; keep to the law where you are; publish \
`recipe.jsonl` rather than footage that is not yours. Whoever finds themselves described can have \
the record discarded: it is then in no later release.
- **Small anomalies are missed.** Quiet ones, such as a theft in a shop, are marked and described \
less reliably than loud ones. A silent detector is no proof that nothing happened.
- **Not for decisions about people.** Labels and texts were partly made by models; nobody should \
be accused, searched or refused because of them."""


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


def _spread_table(figures: Figures) -> str:
    rows = []
    for name in GRANULARITIES:
        seconds, words = spread(figures.seconds[name]), spread(figures.words[name])
        rows.append(
            (
                f"{name}s",
                *(f"{n:.1f}" for n in (seconds[1:] if seconds else ())),
                *(("–",) * 3 if seconds is None else ()),
                *(f"{n:.1f}" for n in (words[1:] if words else ())),
                *(("–",) * 3 if words is None else ()),
            )
        )
    head = ("", "mean s", "median s", "longest s", "mean words", "median words", "most words")
    return _table(head, rows)


def _group_table(name: str, counts: Mapping[tuple[str, str], int]) -> str:
    groups = sorted({group for group, _ in counts})
    rows = (
        (_plain(group), *(f"{counts.get((group, g), 0):,}" for g in reversed(GRANULARITIES)))
        for group in groups
    )
    return _table((name, "videos", "events", "clips"), rows)


def _question_table(figures: Figures) -> str:
    rows = (
        (_plain(key[0]), *key[1:], f"{n:,}", f"{figures.answer_words[key] / n:.1f}")
        for key, n in sorted(figures.questions.items())
    )
    return _table(("family", "about", "task", "questions", "words per answer"), rows)


def _sources(facts: CardFacts) -> str:
    lines = [
        f"- {_plain(name)}: {count:,} videos. The footage stays under its owner's terms; this "
        "release grants no right to it."
        for name, count in sorted(facts.sources.items())
    ]
    lines += [
        f"- texts by `{model}`: its weights are under {license_}; see what that says of outputs."
        for model, license_ in sorted(facts.licenses.items())
    ]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """In a table's cell: people name categories as they like."""
    return text.replace("|", "\\|").replace("\n", " ")


def _detail(counts: Counter[str], group: str, kinds: Iterable[str]) -> str:
    found = [f"{counts[f'{group} {kind}']:,} {kind}" for kind in kinds if counts[f"{group} {kind}"]]
    return ", ".join(found)


def _maker_rows(makers: Mapping[str, Mapping[str, int]]) -> Iterable[tuple[str, ...]]:
    for file, names in makers.items():
        for name, count in names.items():
            yield file.removesuffix(".jsonl"), f"`{name}`", f"{count:,}"


def _limits(release: Release, counts: Counter[str], facts: CardFacts) -> str:
    limits = [
        f"{counts['events unconfirmed']:,} of {counts['events']:,} events were proposed by rule "
        "and confirmed by nobody.",
    ]
    if without_split := counts["videos without split"]:
        limits.append(f"{without_split:,} videos have no split; their rows stand under `train`.")
    if num_films := facts.num_films_in_two_splits:
        limits.append(
            f"{num_films:,} films or uploads of XD-Violence have scenes in several splits, as its "
            "official lists have it; a model may know a test film's look from training."
        )
    limits += [
        f"{count:,} items are missing because stage `{stage}` rejected them."
        for stage, count in release.num_rejects.items()
    ]
    limits += [
        f"{'an unknown number of' if count is None else f'{count:,}'} items of stage `{step}` were "
        "not settled when this was exported."
        for step, count in release.unsettled.items()
    ]
    limits += [
        f"{taken:,} of {count:,} answers of family `{family}` for training were taken (`[mix]`)."
        for family, (taken, count) in release.mixed.items()
    ]
    return "\n".join(f"- {limit}" for limit in limits)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
