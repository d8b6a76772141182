"""`python -m tests.engine.whole_run DATASET [scripted]`: every stage, then a draft release.

Tests start it to kill it. Says `ready` when only the work is left. Heavy imports stay inside
`main`, for decoding processes import this module too.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.config import Config
    from engine.models.chat import CaptionRequest
    from engine.stage import Stage


def main(dir_path: Path, *, is_scripted: bool) -> None:
    """Bring everything up to date, as `vau-data run` does."""
    from engine.dataset import Dataset
    from engine.executors.local import LocalExecutor
    from engine.flow import FLOW, Step, run_step
    from engine.release import ExportOptions, export
    from engine.runner import RunOptions

    flow: tuple[Step, ...] = FLOW
    if is_scripted:
        flow = tuple(
            replace(step, build=scripted_caption) if step.name == "caption" else step
            for step in FLOW
        )
    dataset = Dataset.open(dir_path)
    print("ready", flush=True)
    with LocalExecutor(workers=2) as executor:
        for step in flow:
            run_step(dataset, step, executor=executor, options=RunOptions(is_quiet=True))
    section = dataset.config.export
    export(dataset, ExportOptions(section.formats, section.name, allow_baseline=is_scripted))


def scripted_caption(config: "Config") -> "Stage[Any]":
    """The caption stage with a captioner that is slow and sure."""
    from engine.stages.caption import CaptionStage
    from tests.fakes import ScriptedCaptioner

    return CaptionStage(
        captioner=ScriptedCaptioner(reply=slow_words, concurrency=2),
        prompt=config.caption.prompt,
        decoder="pyav",
        base_deadline_seconds=60.0,
        deadline_per_video_second=0.0,
    )


def slow_words(request: "CaptionRequest") -> str:
    """A sentence about nothing but the clip's id, after 15 ms."""
    time.sleep(0.015)
    return f"This is what happens in {request.id}."


if __name__ == "__main__":
    main(Path(sys.argv[1]), is_scripted="scripted" in sys.argv[2:])
