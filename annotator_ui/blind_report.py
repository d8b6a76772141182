"""Votes of a blind evaluation in; shares with intervals, agreement and judgement accuracy out."""

import csv
import io
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from annotator_ui.acts import Act, Vote
from annotator_ui.blind import ASPECTS, LABELS, BlindItem
from annotator_ui.session import standing
from engine.quality.polarity import judgement_polarity
from engine.store import write_whole_file

NUM_RESAMPLES = 2000
_SEED = 0
_OTHERS = ("tie", "none")


@dataclass(frozen=True)
class CastVote:
    """One vote that stands."""

    voter: str
    item_id: str
    aspect: str
    place: str
    """The label that was chosen, or `tie` or `none`."""
    model: str
    """Or `tie` or `none`."""
    at: str


@dataclass(frozen=True)
class Figure:
    """One line of the report; `low` and `high` bound 95 % of resamples of the items."""

    measure: str
    aspect: str
    subject: str
    """A model, or a place."""
    value: float | None
    low: float | None
    high: float | None
    num: int
    """What the value is a share of."""


def cast_votes(acts: Sequence[Act], items: Sequence[BlindItem]) -> list[CastVote]:
    """The newest vote that stands of every voter, item and aspect."""
    known = {item.id for item in items}
    newest: dict[tuple[str, str, str], CastVote] = {}
    for act in standing(acts):
        do = act.do
        if isinstance(do, Vote) and act.voted_for is not None and act.voted_for[0] in known:
            item_id, model = act.voted_for
            vote = CastVote(act.user, item_id, do.aspect, do.choice, model, act.at)
            newest[act.user, item_id, do.aspect] = vote
    return list(newest.values())


def report(items: Sequence[BlindItem], votes: Sequence[CastVote]) -> list[Figure]:
    """Vote shares, agreement, shares by place, Judgement Accuracy."""
    figures: list[Figure] = []
    for aspect in (str(one["id"]) for one in ASPECTS):
        of_aspect = [vote for vote in votes if vote.aspect == aspect]
        figures += _shares(items, of_aspect, aspect)
        figures.append(_agreement(of_aspect, aspect))
        figures += _by_place(of_aspect, aspect)
    figures += _judgement_accuracy(items)
    return figures


def _shares(items: Sequence[BlindItem], votes: Sequence[CastVote], aspect: str) -> Iterator[Figure]:
    by_item: dict[str, Counter[str]] = defaultdict(Counter)
    for vote in votes:
        by_item[vote.item_id][vote.model] += 1
    models = sorted({answer.model for item in items for answer in item.answers})
    for subject in (*models, *_OTHERS):
        pairs = [(counts[subject], counts.total()) for counts in by_item.values()]
        yield _figure("vote_share", aspect, subject, pairs)


def _by_place(votes: Sequence[CastVote], aspect: str) -> Iterator[Figure]:
    """Were answers chosen for where they stood? Every place should win alike."""
    named = [vote.place for vote in votes if vote.place not in _OTHERS]
    counts = Counter(named)
    for place in sorted(counts, key=LABELS.find):
        yield Figure(
            "win_share_of_place", aspect, place, counts[place] / len(named), None, None, len(named)
        )


def _agreement(votes: Sequence[CastVote], aspect: str) -> Figure:
    """Share of pairs of voters of one item who chose the same."""
    by_item: dict[str, list[str]] = defaultdict(list)
    for vote in votes:
        by_item[vote.item_id].append(vote.model)
    pairs = [one == other for said in by_item.values() for one, other in combinations(said, 2)]
    value = sum(pairs) / len(pairs) if pairs else None
    return Figure("agreement_of_voters", aspect, "", value, None, None, len(pairs))


def _judgement_accuracy(items: Sequence[BlindItem]) -> Iterator[Figure]:
    """Does the answer's Yes or No fit the label? Needs no votes."""
    judged: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for item in items:
        for answer in item.answers if item.is_anomalous is not None else ():
            said = judgement_polarity(answer.text)
            if said is not None:
                judged[answer.model].append((int(said == item.is_anomalous), 1))
    for model, pairs in sorted(judged.items()):
        yield _figure("judgement_accuracy", "", model, pairs)


def unparsable(items: Iterable[BlindItem]) -> list[tuple[str, str, str]]:
    """(item, model, text) of answers to labelled items that say neither yes nor no."""
    return [
        (item.id, answer.model, answer.text)
        for item in items
        if item.is_anomalous is not None
        for answer in item.answers
        if judgement_polarity(answer.text) is None
    ]


def _figure(measure: str, aspect: str, subject: str, pairs: Sequence[tuple[int, int]]) -> Figure:
    """A ratio of sums over items, and where 95 % of such ratios over resampled items lie."""
    total = sum(whole for _, whole in pairs)
    if not total:
        return Figure(measure, aspect, subject, None, None, None, 0)
    rng = random.Random(_SEED)
    ratios = sorted(
        ratio
        for _ in range(NUM_RESAMPLES)
        if (ratio := _ratio(rng.choices(pairs, k=len(pairs)))) is not None
    )
    low, high = ratios[int(0.025 * len(ratios))], ratios[int(0.975 * len(ratios))]
    return Figure(measure, aspect, subject, _ratio(pairs), low, high, total)


def _ratio(pairs: Sequence[tuple[int, int]]) -> float | None:
    whole = sum(pair[1] for pair in pairs)
    return sum(pair[0] for pair in pairs) / whole if whole else None


def write_report(
    dir_path: Path,
    items: Sequence[BlindItem],
    votes: Sequence[CastVote],
    figures: Sequence[Figure],
) -> list[Path]:
    """`votes.csv`, `report.csv`, `unparsable.csv` and `report.png` in a folder."""
    video_of = {item.id: item.video_id for item in items}
    vote_rows = [
        (v.voter, v.item_id, video_of[v.item_id], v.aspect, v.place, v.model, v.at) for v in votes
    ]
    head = ("voter", "item", "video", "aspect", "place", "model", "at")
    tables = {
        "votes.csv": _csv(head, vote_rows),
        "report.csv": _csv(
            ("measure", "aspect", "subject", "value", "low", "high", "n"),
            [
                (f.measure, f.aspect, f.subject, _cell(f.value), _cell(f.low), _cell(f.high), f.num)
                for f in figures
            ],
        ),
        "unparsable.csv": _csv(("item", "model", "text"), unparsable(items)),
    }
    for name, text in tables.items():
        write_whole_file(dir_path / name, text.encode())
    chart = io.BytesIO()
    draw_report(figures).save(chart, format="PNG")
    write_whole_file(dir_path / "report.png", chart.getvalue())
    return [dir_path / name for name in (*tables, "report.png")]


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


_WIDTH_PX, _ROW_PX, _LABEL_PX, _MARGIN_PX = 900, 30, 330, 24
_INK, _BAR, _RANGE, _GROUND = "#202020", "#4c7fb8", "#1b3a5c", "#ffffff"


def draw_report(figures: Sequence[Figure]) -> Image.Image:
    """Bars with their intervals, one for each share and accuracy."""
    shown = [f for f in figures if f.value is not None and f.measure != "win_share_of_place"]
    height = 2 * _MARGIN_PX + _ROW_PX * max(1, len(shown))
    picture = Image.new("RGB", (_WIDTH_PX, height), _GROUND)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=14)
    if not shown:
        draw.text((_MARGIN_PX, _MARGIN_PX), "no votes yet", fill=_INK, font=font)
    for row, figure in enumerate(shown):
        _draw_row(draw, font, figure, top=_MARGIN_PX + row * _ROW_PX)
    return picture


def _draw_row(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    figure: Figure,
    *,
    top: int,
) -> None:
    label = " · ".join(filter(None, (figure.measure, figure.aspect, figure.subject)))
    draw.text((_MARGIN_PX, top + 6), label.replace("_", " ")[:48], fill=_INK, font=font)
    left = _MARGIN_PX + _LABEL_PX
    room = _WIDTH_PX - left - 110
    value = figure.value or 0.0
    draw.rectangle((left, top + 5, left + round(room * value), top + _ROW_PX - 7), fill=_BAR)
    if figure.low is not None and figure.high is not None:
        middle = top + _ROW_PX // 2 - 1
        ends = [left + round(room * edge) for edge in (figure.low, figure.high)]
        draw.line((ends[0], middle, ends[1], middle), fill=_RANGE, width=2)
        for end in ends:
            draw.line((end, middle - 5, end, middle + 5), fill=_RANGE, width=2)
    said = f"{100 * value:.1f} %  n={figure.num}"
    draw.text((left + room + 10, top + 6), said, fill=_INK, font=font)


def summary_lines(figures: Sequence[Figure]) -> Iterator[str]:
    """The report as lines."""
    for figure in figures:
        name = " ".join(filter(None, (figure.measure, figure.aspect, figure.subject)))
        if figure.value is None:
            yield f"{name}: none (n = {figure.num})"
            continue
        bounds = (
            f" [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"
            if figure.low is not None and figure.high is not None
            else ""
        )
        yield f"{name}: {100 * figure.value:.1f} %{bounds} (n = {figure.num})"
