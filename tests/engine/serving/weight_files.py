"""Folders that look like a model's weights; nothing could be computed with them."""

from pathlib import Path

import orjson


def write_model(folder: Path, *, shards: int = 2, written: int = 2) -> Path:
    """A model of so many weight files, of which so many are there."""
    names = [f"model-{n}.safetensors" for n in range(shards)]
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    index = {"weight_map": {f"layer.{n}": name for n, name in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_bytes(orjson.dumps(index))
    for name in names[:written]:
        (folder / name).write_text("")
    return folder
