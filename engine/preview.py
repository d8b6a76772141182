"""The exact request that a model would get about one clip, event or video; nothing is sent."""

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from pebble import ProcessExpired, ProcessPool

from engine.census import take_census
from engine.config import BASELINE
from engine.dataset import Dataset
from engine.errors import ItemError, MediaError, UsageError
from engine.executors import worker
from engine.flow import FLOW, Step, named_steps
from engine.formats import WRITTEN_FAMILIES
from engine.index import Index
from engine.joins.facts import Facts
from engine.ledger import Ledger
from engine.models.chat import Json
from engine.models.openai_chat import OpenAiCaptioner, OpenAiSummarizer
from engine.models.openai_media import media_io_kwargs
from engine.models.openai_settings import OpenAiSettings
from engine.stage import Item, Stage
from engine.stages.caption import CaptionStage
from engine.stages.instruct_written import WrittenInstructStage
from engine.stages.summarize import SummarizeStage
from schemas import Clip, Event, Video


@dataclass(frozen=True)
class Preview:
    """What a model would be asked about one item, pictures replaced by notes of size and time."""

    item_id: str
    stage: str
    model: str
    endpoints: tuple[str, ...]
    body: dict[str, Json] | None
    """The body of the request; None: nothing is sent."""
    note: str
    """Why nothing is sent; empty otherwise."""
    prompt: str | None = None
    """The filled prompt; None where no prompt comes into it."""


def preview(dataset: Dataset, item_id: str) -> tuple[Preview, ...]:
    """One preview per step that asks a model about this id.

    Raises `UsageError` where no step does, or where the item waits for an earlier step.
    """
    facts = Facts(Index(dataset))
    shown = []
    # The other model's settings may be wrong; that is no matter here.
    asked_in = "caption" if item_id in facts.index.lines(Clip) else "summarize"
    for step in FLOW:
        if step.name == asked_in:
            item = _item_of(facts, step, item_id)
            if item is not None:
                shown.append(_preview(dataset, step.build(dataset.config), item))
    shown += _of_families(facts, item_id)
    if not shown:
        raise UsageError(_why_none(facts, item_id))
    return tuple(shown)


def _of_families(facts: Facts, item_id: str) -> Iterator[Preview]:
    """What is asked for the families in the settings; nothing where there is no model for them."""
    dataset = facts.index.dataset
    if dataset.config.summarize.model == BASELINE:
        return
    for step in named_steps(dataset.config):
        item = _item_of(facts, step, item_id) if step.family in WRITTEN_FAMILIES else None
        if item is not None:
            stage = step.build(dataset.config)
            assert isinstance(stage, WrittenInstructStage)
            settings, prompt = stage.writer.settings, stage.family.prompt(item.body)
            yield _sent(item.id, stage.name, settings, stage.body(item.body), prompt)


def _item_of(facts: Facts, step: Step, item_id: str) -> Item[Any] | None:
    """The item as a run would build it; None: this step has no such item now."""
    stage = step.build(facts.index.dataset.config)
    _, pending = take_census(stage, partial(step.join, facts), ledger=Ledger())
    wanted = f"{step.scope}{item_id}"
    return next((one.ready() for one in pending if one.id == wanted), None)


def _preview(dataset: Dataset, stage: Stage[Any], item: Item[Any]) -> Preview:
    if isinstance(stage, CaptionStage):
        return _caption_preview(dataset, stage, item)
    assert isinstance(stage, SummarizeStage)
    return _summary_preview(stage, item)


def _caption_preview(dataset: Dataset, stage: CaptionStage, item: Item[Any]) -> Preview:
    captioner = stage.captioner
    human = item.body.human_caption
    if human is not None:
        note = f"nothing is sent: the human caption {human.id} is taken ({human.text!r})"
        return Preview(item.id, stage.name, captioner.name, (), None, note)
    if not isinstance(captioner, OpenAiCaptioner):
        return _nothing_sent(item.id, stage.name, captioner.name)
    loaded = _load(dataset, stage, item)
    request = stage.request(loaded)
    body = captioner.settings.sampling_fields() | {"messages": captioner.messages(request)}
    if captioner.settings.video_format == "video_url":
        body["media_io_kwargs"] = media_io_kwargs(
            loaded.loaded,  # type: ignore[arg-type]
            duration_seconds=request.duration_seconds,
        )
    return _sent(item.id, stage.name, captioner.settings, body, request.prompt)


def _summary_preview(stage: SummarizeStage, item: Item[Any]) -> Preview:
    summarizer, request = stage.summarizer, stage.request(item.body)
    if not isinstance(summarizer, OpenAiSummarizer):
        return _nothing_sent(item.body.segment_id, stage.name, summarizer.name)
    body = summarizer.body(request)
    return _sent(request.id, stage.name, summarizer.settings, body, request.prompt)


def _sent(
    item_id: str, stage: str, settings: OpenAiSettings, body: dict[str, Json], prompt: str
) -> Preview:
    return Preview(item_id, stage, settings.name, settings.endpoints, body, "", prompt)


def _nothing_sent(item_id: str, stage: str, model: str) -> Preview:
    note = f"nothing is sent: {model} is computed here, by classical vision and templates"
    return Preview(item_id, stage, model, (), None, note)


def _load(dataset: Dataset, stage: CaptionStage, item: Item[Any]) -> Item[Any]:
    """Read the clip's frames in a process that can be killed, as a run does."""
    memory_bytes = int(dataset.config.media.memory_gib * 2**30)
    deadline_seconds = stage.deadline_seconds([item])
    with ProcessPool(
        max_workers=1,
        initializer=worker.confine,
        initargs=(memory_bytes,),
        context=multiprocessing.get_context("forkserver"),
    ) as pool:
        future = pool.schedule(worker.load_chunk, args=(stage, [item]), timeout=deadline_seconds)
        try:
            (loaded,) = future.result()
        except TimeoutError as error:
            raise MediaError(
                "media_timeout", f"{item.id}: reading took longer than {deadline_seconds:.0f} s"
            ) from error
        except ProcessExpired as error:
            raise MediaError(
                "media_unreadable", f"{item.id}: the process that read the video died ({error})"
            ) from error
    if isinstance(loaded, Item):
        return loaded
    failure: ItemError = loaded[1]
    raise failure


def _why_none(facts: Facts, item_id: str) -> str:
    index = facts.index
    is_known = any(item_id in index.lines(kind) for kind in (Clip, Event, Video))
    if not is_known:
        return f"no clip, event or video of id {item_id!r}; `vau-data show {item_id}` finds others"
    return (
        f"no model is asked about {item_id} now: its text was imported or discarded, or its own "
        "captions are not there yet (`vau-data status`)"
    )
