"""A release's figures and a sample of its videos -> report.html: one page that needs nothing else.

Plots are inline SVG, pictures are small JPEGs inside the page, texts are escaped, and there is no
script: what folds is `<details>`. The sample has a fixed number of videos, and each a bounded
number of events and clips, so that the page stays under 20 MB whatever the size of the release.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape

from engine.figures import GRANULARITIES, Figures, share_per_bin, spread
from engine.html_page import html_page, picture
from engine.media.frames import Frame
from engine.tree import EventNode, VideoNode
from schemas import Release
from schemas.base import Span

Thumbnails = Callable[[VideoNode, Mapping[str, float]], Mapping[str, Frame]]
"""(video, segment id -> moment) -> the frame on screen then, for those that can be had."""

THUMBNAIL_SIDE_PX = 200
_MOST_EVENTS, _MOST_CLIPS, _LONGEST_TEXT = 6, 8, 1_200
_DURATION_EDGES = (2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
_WORD_EDGES = (5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 80.0, 100.0, 150.0)
_COLORS = {"clip": "var(--clip)", "event": "var(--event)", "video": "var(--video)"}


def report_html(release: Release, figures: Figures, thumbnails: Thumbnails) -> str:
    """The page; the same release, footage and decoder give the same text."""
    title = escape(release.name)
    body = "\n".join(
        [
            f"<h1>{title}</h1>",
            f'<p class="quiet">vau-data {escape(release.vau_data_version)}</p>',
            _tiles(release, figures),
            "<h2>Durations and words</h2>",
            '<div class="plots">',
            _histogram("Duration", "s", figures.seconds, _DURATION_EDGES),
            _histogram("Words of the text", "words", figures.words, _WORD_EDGES),
            "</div>",
            _spread_table(figures),
            "<h2>Categories and splits</h2>",
            '<div class="plots">',
            _bars("Videos by category", figures.by_category.items()),
            _bars("Videos by split", figures.by_split.items()),
            "</div>",
            _questions_table(figures),
            "<h2>A sample</h2>",
            '<p class="quiet">Drawn evenly by a hash of the id: abnormal videos first, then '
            "others. Open a video to see its events and clips.</p>",
            *(_video(node, thumbnails) for node in figures.sample()),
        ]
    )
    return html_page(title, body)


def _tiles(release: Release, figures: Figures) -> str:
    hours = sum(figures.seconds["video"]) / 3600
    tiles = [
        (f"{release.num_videos:,}", "videos"),
        (f"{hours:,.1f}", "hours"),
        (f"{release.num_events:,}", "events"),
        (f"{release.num_clips:,}", "clips"),
        (f"{figures.num_queries:,}", "questions"),
        (f"{figures.mean_answer_words:.1f}", "words per answer"),
    ]
    cells = "".join(f"<div><b>{number}</b><span>{what}</span></div>" for number, what in tiles)
    return f'<div class="tiles">{cells}</div>'


_PLOT_WIDTH, _PLOT_HEIGHT = 560, 250
_LEFT, _BOTTOM, _TOP = 40, 44, 14


def _histogram(
    title: str, unit: str, columns: Mapping[str, Iterable[float]], edges: tuple[float, ...]
) -> str:
    """Share of segments per bin, one bar for each granularity."""
    shares = {name: share_per_bin(columns[name], edges) for name in GRANULARITIES}
    highest = math.ceil(10 * max(max(row) for row in shares.values())) / 10 or 1.0
    num_bins = len(edges) + 1
    width = (_PLOT_WIDTH - _LEFT) / num_bins
    height = _PLOT_HEIGHT - _BOTTOM - _TOP
    parts = [_share_axis(highest, height)]
    for place, name in enumerate(GRANULARITIES):
        for bin_number, share in enumerate(shares[name]):
            bar = height * share / highest
            x = _LEFT + width * (bin_number + 0.1 + 0.8 * place / 3)
            parts.append(
                f'<rect x="{x:.1f}" y="{_TOP + height - bar:.1f}" width="{0.8 * width / 3:.1f}" '
                f'height="{bar:.1f}" fill="{_COLORS[name]}">'
                f"<title>{name}s, {_bin_name(bin_number, edges)} {unit}: {share:.1%}</title></rect>"
            )
    for number, edge in enumerate(edges, start=1):
        x = _LEFT + width * number
        parts.append(f'<text x="{x:.1f}" y="{_TOP + height + 16}" class="mid">{edge:g}</text>')
    middle = (_LEFT + _PLOT_WIDTH) / 2
    parts.append(f'<text x="{middle}" y="{_PLOT_HEIGHT - 8}" class="mid">{unit}</text>')
    legend = "".join(
        f'<span><i style="background:{_COLORS[name]}"></i>{name}s</span>' for name in GRANULARITIES
    )
    return _figure(title, "".join(parts), _PLOT_HEIGHT, legend)


def _share_axis(highest: float, height: float) -> str:
    lines = []
    for share in (0.0, highest / 2, highest):
        y = _TOP + height - height * share / highest
        lines.append(
            f'<line x1="{_LEFT}" x2="{_PLOT_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="end">{share:.0%}</text>'
        )
    return "".join(lines)


def _bin_name(number: int, edges: tuple[float, ...]) -> str:
    if number == 0:
        return f"under {edges[0]:g}"
    if number == len(edges):
        return f"{edges[-1]:g} or more"
    return f"{edges[number - 1]:g} to {edges[number]:g}"


_ROW, _NAME_WIDTH, _MOST_BARS = 22, 150, 30


def _bars(title: str, counts: Iterable[tuple[tuple[str, str], int]]) -> str:
    """Videos per group; the largest groups."""
    found = {name: count for (name, granularity), count in counts if granularity == "video"}
    largest = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_MOST_BARS]
    most = max((count for _, count in largest), default=1)
    parts = []
    for number, (name, count) in enumerate(largest):
        y = number * _ROW
        width = (_PLOT_WIDTH - _NAME_WIDTH - 70) * count / most
        parts.append(
            f'<text x="{_NAME_WIDTH - 8}" y="{y + 15}" class="end">{escape(_cut(name, 22))}</text>'
            f'<rect x="{_NAME_WIDTH}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 6}" '
            f'fill="var(--video)"/>'
            f'<text x="{_NAME_WIDTH + width + 6:.1f}" y="{y + 15}">{count:,}</text>'
        )
    return _figure(title, "".join(parts), max(_ROW, _ROW * len(largest)), "")


def _figure(title: str, drawn: str, height: int, legend: str) -> str:
    return (
        f"<figure><figcaption>{title}</figcaption>"
        f'<svg viewBox="0 0 {_PLOT_WIDTH} {height}" role="img" aria-label="{title}">{drawn}</svg>'
        f'<div class="legend">{legend}</div></figure>'
    )


def _spread_table(figures: Figures) -> str:
    rows = []
    for name in GRANULARITIES:
        seconds, words = spread(figures.seconds[name]), spread(figures.words[name])
        cells = [f"{seconds.num:,}" if seconds else "0"]
        cells += [f"{value:.1f}" if seconds else "–" for value in (seconds or (0,) * 4)[1:]]
        cells += [f"{value:.1f}" if words else "–" for value in (words or (0,) * 4)[1:]]
        rows.append((f"{name}s", *cells))
    head = ("", "count", "mean s", "median s", "most s", "mean words", "median", "most")
    return _table(head, rows)


def _questions_table(figures: Figures) -> str:
    rows = [
        (family, granularity, task, f"{count:,}", f"{figures.answer_words[key] / count:.1f}")
        for key, count in sorted(figures.questions.items())
        for family, granularity, task in (key,)
    ]
    return _table(("family", "about", "task", "questions", "words per answer"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table><tr>{top}</tr>{body}</table></div>'


def _video(node: VideoNode, thumbnails: Thumbnails) -> str:
    shown = node.events[:_MOST_EVENTS]
    pictures = {id_: picture(frame) for id_, frame in thumbnails(node, _moments(node)).items()}
    label = {True: "abnormal", False: "normal", None: "unlabelled"}[node.video.is_anomalous]
    about = ", ".join([*node.video.categories, node.video.split or "no split"])
    lasts = f"{node.video.duration_seconds:,.1f} s · {_how_many(len(node.events), 'event')}"
    head = (
        f"<summary>{pictures.get(node.video.id, _NO_PICTURE)}<span><b>{escape(node.video.id)}</b> "
        f'<em class="{label}">{label}</em><br><small>{escape(about)} · '
        f"{lasts}</small></span>"
        "</summary>"
    )
    events = "".join(_event(event, pictures) for event in shown)
    more = _more(len(node.events) - len(shown), "event")
    return f"<details>{head}{_text(node.summary)}{events}{more}</details>"


def _event(node: EventNode, pictures: Mapping[str, str]) -> str:
    clips = "".join(
        f"<li>{pictures.get(clip.clip.id, _NO_PICTURE)}<span><small>{_place(clip.clip)}</small>"
        f"{_text(clip.caption)}</span></li>"
        for clip in node.clips[:_MOST_CLIPS]
    )
    more = _more(len(node.clips) - _MOST_CLIPS, "clip")
    return (
        f"<section><h3>{escape(node.event.id)} <small>{_place(node.event)}</small></h3>"
        f"{_text(node.summary)}<ul>{clips}</ul>{more}</section>"
    )


def _moments(node: VideoNode) -> dict[str, float]:
    """Segment id -> its middle, of all that is shown."""
    clips: Iterator[Span] = (
        clip.clip for event in node.events[:_MOST_EVENTS] for clip in event.clips[:_MOST_CLIPS]
    )
    moments = {clip.id: (clip.start_seconds + clip.end_seconds) / 2 for clip in clips}
    first = node.events[0].event if node.events else node.video
    return moments | {node.video.id: (first.start_seconds + first.end_seconds) / 2}


def _place(span: Span) -> str:
    return f"{span.start_seconds:.1f}–{span.end_seconds:.1f} s"


def _more(count: int, what: str) -> str:
    return f'<p class="quiet">and {count:,} more {what}{"s" * (count > 1)}</p>' if count > 0 else ""


def _how_many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _text(said: object) -> str:
    text = getattr(said, "text", None)
    if text is None:
        return '<p class="quiet">no text</p>'
    return f"<p>{escape(_cut(text, _LONGEST_TEXT))}</p>"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


_NO_PICTURE = '<span class="none">no picture</span>'
