"""An adapter and its base -> one model that needs neither, in transformers' own form."""

import shutil
from pathlib import Path

import orjson

from engine.errors import UsageError
from train.mllm.base import load_model, with_adapter
from train.mllm.card import CARD_NAME, card_text
from train.mllm.generate import ADAPTER_CONFIG, base_of
from train.mllm.run import read_card
from train.scorer.checkpoint import write_whole

_OF_PROCESSORS = ("*preprocessor_config.json", "processor_config.json", "chat_template*")
"""What a server needs beside weights and tokenizer; copied from the base where it has them."""


def merge(adapter_dir_path: Path, out_dir_path: Path, *, base: str | None = None) -> Path:
    """Write the merged model with its card; the folder.

    Raises `UsageError` where the folder holds no adapter, another base is named, or something is
    in the way.
    """
    if not (adapter_dir_path / ADAPTER_CONFIG).is_file():
        raise UsageError(
            f"{adapter_dir_path} holds no adapter; name the folder that `vau-data train mllm` wrote"
        )
    if out_dir_path.exists() and any(out_dir_path.iterdir()):
        raise UsageError(f"{out_dir_path} is not empty; name a new folder with --out")
    from transformers import AutoTokenizer

    card = read_card(adapter_dir_path)
    base_dir_path = base_of(card, base=base)
    plain = load_model(base_dir_path, precision=card.recipe["precision"])
    merged = with_adapter(plain, adapter_dir_path).merge_and_unload()
    merged.to(plain.dtype).save_pretrained(out_dir_path)
    AutoTokenizer.from_pretrained(adapter_dir_path).save_pretrained(out_dir_path)
    for pattern in _OF_PROCESSORS:
        for path in base_dir_path.glob(pattern):
            shutil.copy2(path, out_dir_path / path.name)
    write_whole(out_dir_path / "README.md", card_text(card, is_merged=True).encode())
    write_whole(out_dir_path / CARD_NAME, orjson.dumps(card, option=orjson.OPT_INDENT_2))
    return out_dir_path
