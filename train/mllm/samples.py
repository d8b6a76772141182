"""Shots in, batches of tensors out, in the order that seed and epoch give; made in workers.

A sample that cannot be had is reported by name and counts nothing: its place in the batch is
taken by black frames of which no token is learned, so that every device still has its share to
compute. It is never replaced by another sample.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from torch import Tensor

from engine.errors import ItemError
from engine.media.frames import Frame
from train.mllm.architecture import Architecture, Pictures
from train.mllm.encode import IGNORED, Asked, Encoded, EncodingError
from train.mllm.footage import Shot
from train.mllm.frames import frames_of
from train.mllm.prompt import Exchange

log = logging.getLogger(__name__)

_BLANK = (Exchange("-", "-"),)
_CHARACTERS_PER_TOKEN = 4
_MEGABATCHES = 50


@dataclass(frozen=True)
class Ready:
    """One sample as a model takes it."""

    encoded: Encoded
    pictures: Pictures


@dataclass(frozen=True)
class Samples:
    """Numbered samples; number `epoch * len + n` is sample n as it is in that epoch."""

    shots: tuple[Shot, ...]
    architecture: Architecture
    asked: Asked
    tau: float
    seed: int
    max_tokens: int
    skipped_path: Path
    """A line per sample that could not be had; may tell of one several times."""

    def __len__(self) -> int:
        return len(self.shots)

    def __getitem__(self, number: int) -> Ready:
        epoch, place = divmod(number, len(self.shots))
        shot = self.shots[place]
        try:
            return self._ready(shot, chance=f"{self.seed}/{epoch}")
        except (ItemError, EncodingError) as error:
            self._report(shot, str(error))
            return self.blank(shot)

    def lengths(self) -> list[int]:
        """About how many tokens each sample has; nothing is decoded for it."""
        return [
            self.architecture.num_tokens(shot.most_frames)
            + sum(map(len, (part for one in shot.exchanges for part in one)))
            // _CHARACTERS_PER_TOKEN
            for shot in self.shots
        ]

    def blank(self, shot: Shot) -> Ready:
        """Black frames, and nothing to learn."""
        black = np.zeros((64, 64, 3), np.uint8)
        frames = [Frame(black, float(at)) for at in range(shot.most_frames)]
        pictures = self.architecture.pictures(frames, start_seconds=0.0)
        told = self.asked.exchanges(_BLANK, seconds=pictures.seconds, counts=pictures.counts)
        return Ready(Encoded(told.input_ids, np.full_like(told.labels, IGNORED)), pictures)

    def _ready(self, shot: Shot, *, chance: str) -> Ready:
        side_px = self.architecture.max_side_px
        frames, start = frames_of(shot, tau=self.tau, max_side_px=side_px, chance=chance)
        pictures = self.architecture.pictures(frames, start_seconds=start)
        encoded = self.asked.exchanges(
            shot.exchanges, seconds=pictures.seconds, counts=pictures.counts
        )
        if len(encoded.input_ids) > self.max_tokens:
            raise EncodingError(
                f"{len(encoded.input_ids)} tokens, and [recipe] max_tokens is {self.max_tokens}"
            )
        return Ready(encoded, pictures)

    def _report(self, shot: Shot, why: str) -> None:
        log.warning("%s is skipped: %s", shot.id, why)
        line = orjson.dumps({"sample": shot.id, "why": why}, option=orjson.OPT_APPEND_NEWLINE)
        # One write to a file opened for appending: workers do not cut into each other's lines.
        handle = os.open(self.skipped_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)


def read_skipped(path: Path) -> dict[str, str]:
    """Sample -> why, of all that were reported so far."""
    if not path.exists():
        return {}
    told = map(orjson.loads, path.read_bytes().splitlines())
    return {line["sample"]: line["why"] for line in told}


@dataclass
class Order:
    """Which sample comes when: follows from seed and epoch alone, so a resumed run agrees."""

    lengths: Sequence[int]
    seed: int
    batch_size: int
    is_grouped: bool
    epoch: int = 0

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        draw = np.random.default_rng([self.seed, self.epoch])
        order = draw.permutation(len(self.lengths))
        if self.is_grouped:
            order = self._grouped(order)
        return iter((self.epoch * len(self.lengths) + order).tolist())

    def _grouped(self, order: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Like lengths together within stretches of 50 batches, the longest ones first."""
        size = self.batch_size * _MEGABATCHES
        lengths = np.array(self.lengths)
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        return np.concatenate([part[np.argsort(-lengths[part], kind="stable")] for part in parts])


@dataclass(frozen=True)
class Collate:
    """Samples -> what a model's `forward` takes, with the labels of the positions it says."""

    architecture: Architecture
    pad_id: int

    def __call__(self, batch: Sequence[Ready]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` (B, L); `logits_to_keep` (K,); `labels` (B, K).

        The LLM's head is run only where some sample of the batch learns the next token. Position
        0 is always among them and never learned: the trainer counts labels from the second on.
        """
        longest = max(len(one.encoded.input_ids) for one in batch)
        ids = torch.full((len(batch), longest), self.pad_id)
        labels = torch.full((len(batch), longest), IGNORED)
        mask = torch.zeros_like(ids)
        for row, one in enumerate(batch):
            length = len(one.encoded.input_ids)
            ids[row, :length] = torch.from_numpy(one.encoded.input_ids)
            labels[row, :length] = torch.from_numpy(one.encoded.labels)
            mask[row, :length] = 1
        after = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED)
        after[:, 0] = IGNORED
        is_kept = (after != IGNORED).any(0)
        is_kept[0] = True
        kept = is_kept.nonzero()[:, 0]
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "labels": after[:, kept],
            "logits_to_keep": kept,
            **self.architecture.forward_args([one.pictures for one in batch], ids),
        }
