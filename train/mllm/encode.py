"""A conversation in, token ids and labels out: what is not an answer's token is not learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.mllm.prompt import Chat, Conversation, Exchange, conversation, prompt_text

IGNORED = -100
"""The label of a token that is not learned."""


class EncodingError(ValueError):
    """A text cannot be made into tokens faithfully; the message says why."""


@dataclass(frozen=True)
class Encoded:
    """Tokens of one sample."""

    input_ids: NDArray[np.int64]
    """(L,); each place for pictures already repeated once per picture token."""
    labels: NDArray[np.int64]
    """(L,): the token itself where it is part of an answer, else `IGNORED`."""

    @property
    def num_learned(self) -> int:
        """Tokens that count in the loss."""
        return int((self.labels != IGNORED).sum())


@dataclass(frozen=True)
class Asked:
    """What is the same for all samples of a model."""

    tokenizer: Any
    """A fast one of transformers."""
    chat: Chat
    placeholder_id: int
    """The token that stands for pictures."""

    def exchanges(
        self, exchanges: Sequence[Exchange], *, seconds: Sequence[float], counts: Sequence[int]
    ) -> Encoded:
        """Questions with answers. `counts`: picture tokens at each place, in step with `seconds`.

        Raises `EncodingError` where a text holds one of the model's own marks, or where the
        prompt's tokens alone would differ from those before the answer.
        """
        self._refuse_marks(exchanges)
        whole = conversation(self.chat, seconds, exchanges)
        encoded = self._encode(whole, counts)
        *history, last = exchanges
        alone = self.prompt(last.question, seconds=seconds, counts=counts, history=history)
        if not np.array_equal(encoded.input_ids[: len(alone)], alone):
            raise EncodingError(
                "the answer's first letters join the prompt's last ones in one token, so the model "
                "would be asked otherwise than it was trained; strip white space from the answer"
            )
        return encoded

    def prompt(
        self,
        question: str,
        *,
        seconds: Sequence[float],
        counts: Sequence[int],
        history: Sequence[Exchange] = (),
    ) -> NDArray[np.int64]:
        """(L,) ids of a question, up to where the answer begins."""
        self._refuse_marks([*history, Exchange(question, "")])
        text = prompt_text(self.chat, seconds, question, history)
        return self._encode(Conversation(text, ()), counts).input_ids

    def _encode(self, told: Conversation, counts: Sequence[int]) -> Encoded:
        found = self.tokenizer(told.text, return_offsets_mapping=True)
        ids = np.array(found["input_ids"], np.int64)
        starts, ends = np.array(found["offset_mapping"], np.int64).reshape(-1, 2).T
        is_learned = np.zeros(len(ids), bool)
        for start, end in told.answers:
            is_learned |= (starts >= start) & (ends <= end) & (ends > starts)
        labels = np.where(is_learned, ids, IGNORED)
        repeats = self._repeats(ids, counts)
        return Encoded(np.repeat(ids, repeats), np.repeat(labels, repeats))

    def _repeats(self, ids: NDArray[np.int64], counts: Sequence[int]) -> NDArray[np.int64]:
        places = np.flatnonzero(ids == self.placeholder_id)
        if len(places) != len(counts):
            raise EncodingError(
                f"the prompt has {len(places)} places for pictures, and there are {len(counts)}; "
                "the tokenizer does not know the model's picture token as one token"
            )
        repeats = np.ones(len(ids), np.int64)
        repeats[places] = counts
        return repeats

    def _refuse_marks(self, exchanges: Sequence[Exchange]) -> None:
        """A text that holds `<|im_end|>` or a picture token would be read as that token."""
        marks = [str(token) for token in self.tokenizer.get_added_vocab()]
        for text in (part for exchange in exchanges for part in exchange):
            if found := [mark for mark in marks if mark and mark in text]:
                raise EncodingError(
                    f"the text holds the model's own mark {found[0]!r}: {text[:80]!r}"
                )
