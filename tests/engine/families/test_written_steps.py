"""Written families in the flow: one step each, through the runner, at an endpoint."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.config import Config
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.flow import FAMILIES, Step, look_at, run_step
from engine.formats import TIMES_FAMILIES, WRITTEN_FAMILIES
from engine.index import Index
from engine.preview import preview
from engine.rejects import current_rejects
from engine.runner import StageReport
from engine.stage import fingerprint_of
from engine.stages.instruct_written import WrittenInstructStage
from engine.statistics import dataset_tables
from engine.status import dataset_status
from schemas import Instruction
from schemas.review import EditText, Relabel
from tests.builders import (
    HERE,
    QUIET,
    a_caption,
    a_clip,
    a_dataset,
    a_review,
    a_summary,
    a_video,
    add_review,
    an_event,
    bring_in,
    reconfigured,
)
from tests.engine.families.examples import (
    CHAIN_REPLY,
    CLIP_REPLY,
    KINDS_REPLY,
    QUIET_CHAIN_REPLY,
    SHOVES,
    as_said,
)
from tests.fake_replies import Behavior
from tests.fakes import FakeOpenAiServer

E0, C0 = "Abuse1_E0", "Abuse1_E0C0"
STEPS: dict[str, Step] = {str(step.family): step for step in FAMILIES}
REPLIES = [CLIP_REPLY, CHAIN_REPLY, KINDS_REPLY, QUIET_CHAIN_REPLY]


def answer(body: dict[str, Any], _images: object) -> str:
    """The example whose keys the schema has."""
    wanted = set(body["response_format"]["json_schema"]["schema"]["properties"])
    return next(as_said(reply) for reply in REPLIES if set(reply) == wanted)


@pytest.fixture
def server() -> Iterator[FakeOpenAiServer]:
    with FakeOpenAiServer(Behavior(answer=answer)) as fake:
        yield fake


SETTINGS = """
[summarize]
model = "tiny"
endpoints = ["{url}"]

[instruct]
families = ["va-gpt", "reasoning", "question-types"]
"""


def a_summarized_dataset(
    dir_path: Path, server: FakeOpenAiServer, *, judged: bool | None = True, **label: Any
) -> Dataset:
    dataset = reconfigured(a_dataset(dir_path), SETTINGS.format(url=server.url))
    bring_in(
        dataset,
        a_video("Abuse1", **label),
        an_event(E0, **label),
        a_clip(C0),
        a_caption(C0, text=SHOVES),
        a_summary(E0, is_anomalous=judged),
    )
    return dataset


@pytest.fixture
def dataset(tmp_path: Path, server: FakeOpenAiServer) -> Dataset:
    return a_summarized_dataset(tmp_path, server, categories=("Assault",))


UNLABELLED: dict[str, Any] = {"is_anomalous": None, "categories": ()}


def run(dataset: Dataset, family: str) -> StageReport:
    return run_step(dataset, STEPS[family], executor=HERE, options=QUIET)


def run_all(dataset: Dataset) -> dict[str, int]:
    return {family: run(dataset, family).num_done for family in sorted(WRITTEN_FAMILIES)}


def test_the_lists_of_families_agree_with_their_steps() -> None:
    config = Config.model_validate({"summarize": {"model": "tiny"}})
    written = {
        step.family for step in FAMILIES if isinstance(step.build(config), WrittenInstructStage)
    }
    assert written == WRITTEN_FAMILIES
    assert not WRITTEN_FAMILIES & TIMES_FAMILIES


def test_each_family_asks_once_for_each_of_its_segments(
    dataset: Dataset, server: FakeOpenAiServer
) -> None:
    assert run_all(dataset) == {"question-types": 1, "reasoning": 1, "va-gpt": 1}
    assert server.num_completions == 3
    index = Index(dataset)
    made = {id_: index.get(Instruction, id_) for id_ in index.lines(Instruction)}
    assert set(made) == {f"va-gpt:{C0}", f"reasoning:{E0}", f"question-types:{E0}"}
    assert {one.provenance.name for one in made.values()} == {"openai/tiny"}
    assert all(one.is_anomalous and one.usage is not None for one in made.values())
    assert run_all(dataset) == {"question-types": 0, "reasoning": 0, "va-gpt": 0}
    assert server.num_completions == 3


def test_replies_are_held_to_the_schema_and_have_room(
    dataset: Dataset, server: FakeOpenAiServer
) -> None:
    run(dataset, "reasoning")
    [request] = server.received(f"reasoning:{E0}")
    schema = request.body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["required"] == list(CHAIN_REPLY)
    assert request.body["max_tokens"] == 1024
    assert SHOVES in request.body["messages"][0]["content"]


def test_a_reply_that_contradicts_the_label_is_shown_to_the_model_once(
    dataset: Dataset, server: FakeOpenAiServer
) -> None:
    wrong = as_said(CHAIN_REPLY, why="There is no anomaly in the video.")
    said = iter([wrong, as_said(CHAIN_REPLY)])
    server.behavior.answer = lambda _body, _images: next(said)
    assert run(dataset, "reasoning").num_done == 1
    repair = server.requests[-1].body["messages"]
    assert [one["role"] for one in repair] == ["user", "assistant", "user"]
    assert "the event is abnormal" in repair[2]["content"]


def test_a_reply_that_stays_wrong_is_a_reject_and_the_next_family_goes_on(
    dataset: Dataset, server: FakeOpenAiServer
) -> None:
    server.behavior.answer = lambda _body, _images: as_said(CHAIN_REPLY, severity="none")
    report = run(dataset, "reasoning")
    assert report.rejects == {"reply_off_schema": 1}
    [reject] = current_rejects(dataset)
    assert reject.item_id == f"reasoning:{E0}"
    assert "severity" in reject.detail
    server.behavior.answer = answer
    assert run(dataset, "va-gpt").num_done == 1


def test_what_nobody_could_judge_is_not_asked(tmp_path: Path, server: FakeOpenAiServer) -> None:
    dataset = a_summarized_dataset(tmp_path, server, judged=None, **UNLABELLED)
    assert run_all(dataset) == {"question-types": 1, "reasoning": 1, "va-gpt": 1}
    assert server.num_completions == 0
    assert not Index(dataset).lines(Instruction)


def test_an_unlabelled_event_is_taken_for_what_its_summary_judged(
    tmp_path: Path, server: FakeOpenAiServer
) -> None:
    dataset = a_summarized_dataset(tmp_path, server, judged=False, **UNLABELLED)
    run(dataset, "reasoning")
    assert Index(dataset).get(Instruction, f"reasoning:{E0}").is_anomalous is False
    assert "Nothing abnormal happens" in server.requests[-1].body["messages"][0]["content"]


def to_do(dataset: Dataset) -> set[str]:
    return {item.id for name in WRITTEN_FAMILIES for item in look_at(dataset, STEPS[name])[1]}


def test_an_edit_makes_stale_exactly_what_was_told_it(dataset: Dataset) -> None:
    run_all(dataset)
    edit = EditText(field="description", text="A man shoves a woman twice.")
    add_review(dataset, a_review("summary", E0, edit))
    assert to_do(dataset) == {f"reasoning:{E0}", f"question-types:{E0}"}
    run_all(dataset)
    relabel = Relabel(is_anomalous=True, categories=("Fighting",))
    add_review(dataset, a_review("event", E0, relabel))
    assert to_do(dataset) == {f"va-gpt:{C0}", f"reasoning:{E0}", f"question-types:{E0}"}


def test_another_definition_of_the_category_makes_its_events_stale(
    dataset: Dataset, tmp_path: Path
) -> None:
    ours = Path("manifests/categories.toml").read_text(encoding="utf-8")
    file = tmp_path / "domain.toml"
    file.write_text(ours)
    categories = dataset.config.categories.model_copy(update={"file": str(file)})
    config = dataset.config.model_copy(update={"categories": categories})
    dataset = replace(dataset, config=config)
    run_all(dataset)
    file.write_text(ours.replace("Somebody hides goods in a shop.", "Somebody hides goods."))
    assert to_do(dataset) == set(), "nothing here is of that category"
    file.write_text(ours.replace("One or more persons attack somebody", "Somebody attacks one"))
    assert to_do(dataset) == {f"va-gpt:{C0}", f"reasoning:{E0}", f"question-types:{E0}"}


def test_a_longer_reply_or_another_model_is_another_fingerprint() -> None:
    def fingerprint(**changes: Any) -> str:
        settings: dict[str, Any] = {"summarize": {"model": "tiny"}} | changes
        return fingerprint_of(STEPS["reasoning"].build(Config.model_validate(settings)))

    plain = fingerprint()
    assert fingerprint(summarize={"model": "tiny", "max_tokens": 9}) == plain
    assert fingerprint(summarize={"model": "tiny", "endpoints": ["http://h/v1"]}) == plain
    assert fingerprint(instruct={"max_tokens": 9}) != plain
    assert fingerprint(summarize={"model": "other"}) != plain
    assert fingerprint(dataset={"seed": 1}) != plain


@pytest.mark.parametrize("family", sorted(WRITTEN_FAMILIES))
def test_without_a_model_a_written_family_is_refused_and_says_what_brings_one(
    dataset: Dataset, family: str
) -> None:
    config = f'[instruct]\nfamilies = ["{family}"]\n'
    without = reconfigured(dataset, config)
    with pytest.raises(UsageError, match=rf"family {family} .* set model or preset there"):
        run(without, family)
    [told] = [one for one in dataset_status(without).stages if one.stage == f"instruct {family}"]
    assert told.problem is not None
    assert "baseline" in told.problem


def test_the_exact_request_of_each_family_can_be_looked_at(
    dataset: Dataset, server: FakeOpenAiServer
) -> None:
    shown = {one.item_id: one for id_ in (E0, C0) for one in preview(dataset, id_) if one.body}
    assert server.num_completions == 0
    run_all(dataset)
    for id_ in (f"va-gpt:{C0}", f"reasoning:{E0}", f"question-types:{E0}"):
        [request] = server.received(id_)
        assert orjson.loads(orjson.dumps(shown[id_].body)) == request.body


def test_what_written_instructions_cost_stands_beside_the_other_texts(dataset: Dataset) -> None:
    run_all(dataset)
    rows = {row["record"]: row for row in dataset_tables(dataset)["usage"]}
    assert rows["instruction"]["count"] == 3
    assert rows["instruction"]["made by"] == "openai/tiny"
    tokens = rows["instruction"]["output tokens"]
    assert isinstance(tokens, int | float)
    assert tokens > 0
