"""Run benchmarks and write `tests/benchmarks/README.md`, with machine and date.

Run: `make bench`, or `python -m tests.benchmarks.run serve media` for these sections alone; the
others stay as they are. Every figure is a ratio against a peer or a limit measured in the same run;
seconds stand beside it to judge by, not to compare with another machine's.
"""

import datetime
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from engine.serving.bench import Case
from tests.benchmarks import (
    bench_forms,
    bench_media,
    bench_scale,
    bench_scorer,
    bench_serve,
    bench_start,
)

README_PATH = Path(__file__).parent / "README.md"
_HELP_REPEATS = 7
_NUM_SIMULATED = 2
_NUM_CLIPS = 100_000

_INTRODUCTION = """# benchmarks

Written by `make bench`. Ratios are taken within one run, sides in turn, medians; the machine is
shared, so seconds move by a factor of two between runs.

Beside these: `fit_click_extent.py` refits the click rule (figures in `engine/PROPOSALS.md`);
`motion_quality.py` measures the motion score (figures in `engine/models/README.md`);
`fights_scorer.py` trains scorers on real video (figures in `train/README.md`);
`bench_mllm.py` tunes a random video LLM of InternVL2-2B's size on a GPU (not measured yet).
"""


def main(names: Iterable[str]) -> None:
    """Measure these sections, all where none is named, and write them down one by one."""
    chosen = list(names) or list(_SECTIONS)
    for name in chosen:
        text = f"{_SECTIONS[name]()}\nMeasured on {_today()}: {_machine()}.\n"
        known = _known() | {name: text}
        parts = [f"<!-- {each} -->\n{known[each]}" for each in _SECTIONS if each in known]
        README_PATH.write_text("\n".join([_INTRODUCTION, *parts]), encoding="utf-8")
        print(text)


def _known() -> dict[str, str]:
    """The page's sections as they are, by name."""
    page = README_PATH.read_text(encoding="utf-8") if README_PATH.exists() else ""
    _, *parts = re.split(r"^<!-- (\w+) -->\n", page, flags=re.MULTILINE)
    return dict(zip(parts[::2], (part.rstrip("\n") + "\n" for part in parts[1::2]), strict=True))


def _scale(found: dict[str, dict[str, float]]) -> str:
    rows = [
        (
            f"{run['scale']:g}",
            f"{run['ratio']:.1f}",
            f"{run['seconds']:.1f}",
            f"{run['limit_seconds']:.2f}",
            f"{run['peak_mb']:.0f}",
        )
        for run in found.values()
    ]
    return (
        "## build-instructions + export (hivau-raw, hivau-single)\n\n"
        "Against parsing the same inputs and writing the same outputs with orjson alone. Wanted: "
        "within 5 times (aim 3), under 600 MB at HIVAU-70k's size, linear to ten times it.\n\n"
        + _table(("times HIVAU-70k", "ratio", "seconds", "orjson alone", "peak MB"), rows)
    )


def _forms(found: list[dict[str, Any]]) -> str:
    rows = [
        (
            run["task"],
            f"{run['records']:,}",
            f"{run['seconds']:.1f}",
            f"{run['records_per_second']:,}",
            f"{run['peak_mb']:.0f}",
        )
        for run in found
    ]
    return (
        f"## Every family, form and audit of {_NUM_CLIPS:,} clips\n\nSynthetic texts, each task in "
        "a process of its own. Wanted: linear, and under 1,500 MB at ten times as many; figures of "
        "a million are in engine/exporters/README.md.\n\n"
        + _table(("task", "records", "seconds", "records/s", "peak MB"), rows)
    )


def _start(found: dict[str, dict[str, float]]) -> str:
    rows = [
        (name, f"{run['num_settled']:,}", f"{run['seconds']:.1f}", f"{run['peak_mb']:.0f}")
        for name, run in found.items()
    ]
    return (
        "## Starting `caption` with nothing to do\n\nThe first start looks at every item and "
        "leaves a stamp; by it the next knows that nothing was touched. Wanted: under 10 s and "
        "under 1,000 MB.\n\n" + _table(("start", "settled clips", "seconds", "peak MB"), rows)
    )


def _media(found: dict[str, Any]) -> str:
    rows = [
        (name, f"{run['ratio']:.2f}", str(run["num_clips"]), f"{run['plain_seconds']:.2f}")
        for name, run in found["frames"].items()
    ]
    cut = found["cut"]
    lines = "skipped: " + cut["skipped"] if "skipped" in cut else _cut_line(cut)
    return (
        "## Frames for captioning\n\nAgainst plain decoding of the stretches they lie in. "
        "Wanted: within 1.25.\n\n"
        + _table(("video", "ratio", "clips", "plain seconds"), rows)
        + f"\n## Cutting clips\n\nAgainst one ffmpeg call per clip. Wanted: 3 times.\n\n{lines}\n"
    )


def _cut_line(cut: dict[str, Any]) -> str:
    return (
        f"{cut['times_faster']:.1f} times faster; {cut['num_clips_of_equal_frames']} of "
        f"{cut['num_clips']} clips hold equal frames."
    )


def _serve(cases: list[Case]) -> str:
    rows = [
        (
            case.name,
            f"{case.num_servers} × {case.concurrency // case.num_servers}",
            ", ".join(_capacity(each.capacity_per_second) for each in case.rounds),
            ", ".join(f"{each.raw.clips_per_second:.1f}" for each in case.rounds),
            f"{case.ratio:.3f}",
            ", ".join(f"{each.ratio:.3f}" for each in case.rounds),
            f"{median(each.ours.cores for each in case.rounds):.2f}",
        )
        for case in cases
    ]
    head = (
        "case",
        "servers × under way",
        "capacity, requests/s",
        "raw requests/s",
        "ratio",
        "rounds",
        "cores of the client",
    )
    vllm = "" if len(cases) > _NUM_SIMULATED else "\nvLLM was not measured: not installed here.\n"
    return (
        "## Captioning at a server's speed\n\nOutput tokens per second of captioning over those "
        "of raw requests made beforehand. Simulated servers can do, with decoding, 70 % of what "
        "the cores decode; the real one is vLLM with a tiny random model, on the same cores as "
        "all else. Wanted: 0.95.\n\n" + _table(head, rows) + vllm
    )


def _capacity(requests_per_second: float | None) -> str:
    return "unknown" if requests_per_second is None else f"{requests_per_second:.1f}"


def _scorer(found: dict[str, Any]) -> str:
    told = "\n\n".join(bench_scorer.lines(found))
    return f"## The anomaly scorer\n\nAgainst UR-DMU's formulas written plainly.\n\n{told}\n"


def _help() -> str:
    seconds = []
    for _ in range(_HELP_REPEATS):
        started = time.perf_counter()
        command = [sys.executable, "-m", "engine.cli.main", "--help"]
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return (
        "## `vau-data --help`\n\n"
        f"{median(seconds):.2f} s, median of {_HELP_REPEATS}. Wanted: under 0.5 s.\n"
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


_SECTIONS: dict[str, Callable[[], str]] = {
    "scale": lambda: _scale(bench_scale.main()),
    "forms": lambda: _forms(bench_forms.measure_every(_NUM_CLIPS)),
    "start": lambda: _start(bench_start.main()),
    "media": lambda: _media(bench_media.measure()),
    "serve": lambda: _serve(bench_serve.measure()),
    "scorer": lambda: _scorer(bench_scorer.measure()),
    "help": _help,
}


if __name__ == "__main__":
    main(sys.argv[1:])
