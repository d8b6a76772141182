"""A small dataset with everything in it, settled, over a fake endpoint that answers by hash."""

import hashlib
from pathlib import Path
from typing import Any

import orjson

from engine.dataset import Dataset
from engine.executors.local import LocalExecutor
from engine.media.frames import RgbImage
from tests.builders import a_click, a_dataset, add_video, bring_in, run_all

LABELS = "video,label,split\nAbuse001,Abuse,train\nCalm002,normal,test\n"
CLICKS = (
    a_click("Abuse001_K0", time_seconds=5.0, frame=125),
    a_click("Abuse001_K1", time_seconds=14.0, frame=350),
)


def answer(body: dict[str, Any], _images: list[RgbImage]) -> str:
    """Another text for every other request, and always the same for the same."""
    code = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
    if "response_format" not in body:
        return f"The scene is number {code}."
    parts = {
        "judgement": f"It is case {code}.",
        "description": f"This is what happens in case {code}.",
        "analysis": f"This is why case {code} stands out.",
        "is_anomalous": True,
    }
    schema = body["response_format"]["json_schema"]["schema"]["properties"]
    return orjson.dumps({name: parts[name] for name in schema}).decode()


def served_config(url: str, **changes: str) -> str:
    """`dataset.toml` with both models behind `url`; `caption="num_frames = 3"` adds lines."""
    model = f'model = "tiny"\nendpoints = ["{url}"]\npatience_seconds = 5.0\n'
    sections = {
        "dataset": "",
        "videos": 'labels = "labels.csv"\n',
        "media": "",
        "score": "",
        "propose": "",
        "clip": "target_seconds = 2.0\n",
        "caption": model + "num_frames = 4\n",
        "summarize": model,
        "instruct": "",
    }
    return "".join(
        f"[{name}]\n{lines}{changes.get(name, '')}\n" for name, lines in sections.items()
    )


def a_settled_dataset(dir_path: Path, url: str, executor: LocalExecutor) -> Dataset:
    """A clicked video, a normal one and one of which nobody said anything; all steps run."""
    dataset = a_dataset(dir_path, served_config(url))
    (dir_path / "labels.csv").write_text(LABELS)
    for name in ("Abuse001", "Calm002", "street"):
        add_video(dataset, f"{name}.mp4", num_frames=500)
    bring_in(dataset, *CLICKS)
    run_all(dataset, executor=executor)
    return dataset
