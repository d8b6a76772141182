"""An explanation as one page with its curve and pictures, which opens without a server."""

from collections.abc import Iterator, Sequence
from html import escape

from engine.html_page import html_page, picture
from engine.media.frames import Frame
from train.mllm.explain import Explanation

_WIDTH, _HEIGHT, _BOTTOM = 1000.0, 190.0, 160.0
_TICKS = 8
_MOST_POINTS = 2000
_VERDICTS = {
    True: ("abnormal", "an anomaly, says the model"),
    False: ("normal", "no anomaly, says the model"),
    None: ("unlabelled", "the answer says neither"),
}


def explanation_html(explanation: Explanation, frames: Sequence[Frame]) -> str:
    """`frames`: those that the model saw, in order of time."""
    kind, verdict = _VERDICTS[explanation.is_abnormal]
    has_judgement = any(one.task == "judgement" for one in explanation.answers)
    title = escape(explanation.video)
    body = [
        f"<h1>{title}</h1>",
        f'<p><em class="{kind}">{verdict}</em></p>' if has_judgement else "",
        '<p class="quiet">',
        f"scores: {escape(explanation.scorer)} · answers: {escape(explanation.model)}, which "
        f"learned from the release {escape(explanation.release)}</p>",
        *_answers(explanation),
        "<h2>Scores and events</h2>",
        _curve(explanation),
        _events(explanation),
        "<h2>What the model saw</h2>",
        f'<p class="quiet">{len(frames)} frames, chosen by {explanation.sampler}</p>',
        "<ul>",
        *(f"<li>{picture(one)}<p>{one.time_seconds:.2f} s</p></li>" for one in frames),
        "</ul>",
    ]
    return html_page(title, "\n".join(body))


def _answers(explanation: Explanation) -> Iterator[str]:
    for one in explanation.answers:
        yield f"<h2>{escape(one.question)}</h2>"
        said = escape(one.answer) or '<span class="quiet">The model said nothing.</span>'
        yield f"<p>{said}</p>"


def _curve(explanation: Explanation) -> str:
    curve = explanation.curve
    first, last = curve.snippet_starts_seconds[0], curve.end_seconds
    scale = _WIDTH / max(last - first, 1e-9)

    def x(seconds: float) -> float:
        return round((seconds - first) * scale, 2)

    def y(score: float) -> float:
        return round(_BOTTOM - score * (_BOTTOM - 10), 2)

    bands = "".join(
        f'<rect x="{x(one.start_seconds)}" y="10" height="{_BOTTOM - 10}" '
        f'width="{round((one.end_seconds - one.start_seconds) * scale, 2)}" fill="var(--event)" '
        f'opacity="0.25"><title>{one.start_seconds:.1f} to {one.end_seconds:.1f} s</title></rect>'
        for one in explanation.events
    )
    points = " ".join(f"{x(at)},{y(score)}" for at, score in _highest(explanation))
    seen = "".join(
        f'<circle cx="{x(at)}" cy="{_BOTTOM + 6}" r="3.5" fill="var(--video)"/>'
        for at in explanation.frame_seconds
    )
    ticks = "".join(
        f'<text class="mid" x="{round(_WIDTH * n / _TICKS)}" y="{_HEIGHT - 4}">'
        f"{first + (last - first) * n / _TICKS:.1f}</text>"
        for n in range(1, _TICKS)
    )
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" '
        f'aria-label="Anomaly score over time">{bands}'
        f'<line x1="0" x2="{_WIDTH:.0f}" y1="{_BOTTOM:.0f}" y2="{_BOTTOM:.0f}"/>'
        f'<polyline points="{points}" fill="none" stroke="var(--clip)" stroke-width="2"/>'
        f'{seen}{ticks}</svg><div class="legend">'
        '<span><i style="background:var(--clip)"></i>score, 0 to 1</span>'
        '<span><i style="background:var(--event)"></i>event</span>'
        '<span><i style="background:var(--video)"></i>frame that the model saw; seconds below'
        "</span></div></figure>"
    )


def _highest(explanation: Explanation) -> Iterator[tuple[float, float]]:
    """Points of the curve; of very long videos the highest of neighbors."""
    curve = explanation.curve
    pairs = list(zip(curve.snippet_starts_seconds, curve.scores, strict=True))
    step = -(-len(pairs) // _MOST_POINTS)
    for start in range(0, len(pairs), step):
        yield max(pairs[start : start + step], key=lambda pair: pair[1])
    yield curve.end_seconds, curve.scores[-1]


def _events(explanation: Explanation) -> str:
    if not explanation.events:
        return '<p class="quiet">Nothing stands out of the scores.</p>'
    rows = "".join(
        f"<tr><td>{one.start_seconds:.2f}</td><td>{one.end_seconds:.2f}</td>"
        f"<td>{one.score:.3f}</td></tr>"
        for one in explanation.events
    )
    head = "<tr><th>start (s)</th><th>end (s)</th><th>highest score</th></tr>"
    return f'<div class="wide"><table>{head}{rows}</table></div>'
