"""Audits run as stages do: kept, stale by content, again for nothing else; nothing is dropped."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.dataset import Dataset
from engine.index import Index
from engine.ledger import AUDIT_LEDGER
from engine.quality.audit import (
    AUDITS,
    count_findings,
    findings_of,
    report_on_findings,
    run_audits,
)
from engine.rejects import current_rejects
from engine.release import ExportOptions, export
from engine.stage import fingerprint_of
from engine.status import dataset_status
from schemas import Caption, Finding, Summary
from schemas.review import Discard, EditText
from tests.builders import (
    HERE,
    QUIET,
    VIDEO_ID,
    a_caption,
    a_click,
    a_clip,
    a_dataset,
    a_review,
    a_summary,
    a_video,
    add_review,
    an_event,
    bring_in,
    reconfigured,
    run_named,
)
from tests.fake_replies import Behavior, Fault
from tests.fakes import FakeOpenAiServer

E0, C0, C1 = f"{VIDEO_ID}_E0", f"{VIDEO_ID}_E0C0", f"{VIDEO_ID}_E0C1"
SHOVES = "A man in a red coat shoves a woman beside a parked car."
EVENT_TEXT = "There is abuse. A man draws a gun on a woman. Nobody may do so."


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """One event whose summary tells of a gun that no caption has; two clips that say the same."""
    dataset = a_dataset(tmp_path)
    judgement = "There is an anomaly, abuse."
    bring_in(
        dataset,
        a_video(),
        an_event(),
        a_clip(C0, end_seconds=5.0),
        a_clip(C1, start_seconds=5.0),
        a_caption(C0, text=SHOVES),
        a_caption(C1, text=SHOVES),
        a_summary(
            E0,
            text=EVENT_TEXT,
            judgement=judgement,
            description="A man draws a gun on a woman.",
        ),
        a_summary(VIDEO_ID, text=f"{EVENT_TEXT} It ends.", judgement=judgement),
        a_click(f"{VIDEO_ID}_K0", time_seconds=3.0),
        a_click(f"{VIDEO_ID}_K1", time_seconds=6.0),
        a_click(f"{VIDEO_ID}_K2", time_seconds=6.5),
        a_click(f"{VIDEO_ID}_K3", time_seconds=30.0),
    )
    run_named(dataset, "instruct")
    return dataset


def audit(dataset: Dataset) -> dict[str, tuple[int, int]]:
    """Step -> items looked at, items rejected."""
    reports = run_audits(dataset, executor=HERE, options=QUIET)
    return {name: (one.num_done, one.num_rejected) for name, one in reports.items()}


ALL_RULES = {"near-duplicate-text": 1, "unsupported-claim": 1}


def test_findings_are_records_of_the_segment_they_are_about(dataset: Dataset) -> None:
    assert audit(dataset) == {
        "audit texts": (1, 0),
        "audit claims": (2, 0),
        "audit duplicates": (1, 0),
    }
    assert count_findings(Index(dataset)) == ALL_RULES
    (claim,) = findings_of(dataset, E0)
    assert (claim.rule, claim.target, claim.target_id) == ("unsupported-claim", "summary", E0)
    assert claim.detail == "tells of weapon ('gun'), which none of 2 texts below it does"
    (twin,) = findings_of(dataset, C1)
    assert twin.detail.startswith(f"100% as caption {C0}: ")
    assert findings_of(dataset, C0) == ()


def test_audit_again_looks_at_nothing(dataset: Dataset) -> None:
    audit(dataset)
    before = dataset.record_path(Finding).read_bytes()
    assert set(audit(dataset).values()) == {(0, 0)}
    assert dataset.record_path(Finding).read_bytes() == before


def test_edited_text_is_audited_again_and_its_finding_goes(dataset: Dataset) -> None:
    audit(dataset)
    calm = EditText(field="text", text="A woman waits beside a parked car in the evening.")
    add_review(dataset, a_review("caption", C1, calm))
    assert audit(dataset)["audit duplicates"] == (1, 0)
    assert count_findings(Index(dataset)) == {"unsupported-claim": 1}
    seen = EditText(field="text", text="A man draws a pistol on a woman beside a car.")
    add_review(dataset, a_review("caption", C0, seen))
    assert audit(dataset)["audit claims"] == (1, 0)
    assert count_findings(Index(dataset)) == {}


def test_finding_about_a_discarded_text_goes_with_it(dataset: Dataset) -> None:
    audit(dataset)
    add_review(dataset, a_review("summary", E0, Discard(reason="wrong")))
    audit(dataset)
    assert findings_of(dataset, E0) == ()


def test_changed_setting_makes_its_own_audit_stale_alone(dataset: Dataset) -> None:
    audit(dataset)
    other = reconfigured(dataset, "[audit]\ncaption_words = [3, 10]\n")
    assert audit(other) == {
        "audit texts": (1, 0),
        "audit claims": (0, 0),
        "audit duplicates": (0, 0),
    }
    assert count_findings(Index(other)) == ALL_RULES | {"length-out-of-range": 2}


def test_audit_changes_and_drops_nothing(dataset: Dataset) -> None:
    def told() -> tuple[int, int, bytes]:
        index = Index(dataset)
        options = ExportOptions(("hivau-single",), "draft")
        release = export(dataset, options).dir_path / "release.json"
        return len(index.lines(Caption)), len(index.lines(Summary)), release.read_bytes()

    before = told()
    audit(dataset)
    assert told() == before


def test_each_rule_tells_the_share_of_clicked_frames_it_would_remove(dataset: Dataset) -> None:
    audit(dataset)
    report = report_on_findings(dataset)
    shares = {one.rule: one.share_of_clicks for one in report.rules}
    assert report.num_clicks == 4
    assert shares == {"near-duplicate-text": 0.5, "unsupported-claim": 0.75}
    assert report.together.share_of_clicks == 0.75
    assert report.rules[0].share_of_segments == pytest.approx(1 / 4)


def test_no_clicks_are_no_share(tmp_path: Path) -> None:
    quiet = a_dataset(tmp_path)
    bring_in(quiet, a_video(), an_event(), a_clip(), a_caption(text="A man."))
    audit(quiet)
    (rule,) = report_on_findings(quiet).rules
    assert (rule.rule, rule.share_of_clicks) == ("length-out-of-range", None)


def test_status_counts_findings_and_says_when_the_audit_is_behind(dataset: Dataset) -> None:
    assert dataset_status(dataset).findings == {}
    audit(dataset)
    status = dataset_status(dataset)
    assert status.findings == ALL_RULES
    assert sum(one.num_to_do for one in status.audits) == 0
    edit = EditText(field="text", text="A woman waits beside a parked car in the evening.")
    add_review(dataset, a_review("caption", C1, edit))
    assert {one.stage: one.num_to_do for one in dataset_status(dataset).audits} == {
        "audit texts": 1,
        "audit claims": 1,
        "audit duplicates": 1,
    }


def judged(url: str) -> str:
    return f'[audit]\nmodel = "tiny"\nendpoints = ["{url}"]\npatience_seconds = 2.0\n'


def doubts_guns(body: dict[str, Any], _images: list[Any]) -> str:
    written = body["messages"][0]["content"].partition("wrote:")[2]
    return orjson.dumps({"unsupported": ["a  gun"] if "gun" in written else []}).decode()


def test_judge_is_asked_with_captions_and_text_where_there_is_one(dataset: Dataset) -> None:
    with FakeOpenAiServer(Behavior(answer=doubts_guns)) as server:
        asked = reconfigured(dataset, judged(server.url))
        assert audit(asked)["audit claims"] == (2, 0)
        prompt = server.received(f"{E0}")[0].body["messages"][0]["content"]
    assert SHOVES in prompt
    assert "A man draws a gun on a woman. Pushing is violence." in prompt
    (found,) = findings_of(asked, E0)
    assert (found.detail, found.provenance.name) == ("a gun", "openai/tiny")


def test_reply_of_the_wrong_form_rejects_its_item_alone(dataset: Dataset) -> None:
    behavior = Behavior(
        answer=doubts_guns,
        fault_for=lambda one: Fault("text", text="none") if one.item_id == E0 else None,
    )
    with FakeOpenAiServer(behavior) as server:
        asked = reconfigured(dataset, judged(server.url))
        assert audit(asked)["audit claims"] == (1, 1)
    (reject,) = current_rejects(asked, stage=AUDIT_LEDGER)
    assert (reject.reason, reject.item_id) == ("reply_not_json", f"claim:{E0}")


def test_reply_with_other_keys_is_off_schema(dataset: Dataset) -> None:
    off = Fault("text", text='{"unsupported": [3]}')
    with FakeOpenAiServer(Behavior(fault_for=lambda one: None if one.is_probe else off)) as server:
        asked = reconfigured(
            dataset, judged(server.url) + 'structured_output = "prompt"\nmax_retries = 0\n'
        )
        assert audit(asked)["audit claims"] == (0, 2)
    assert {one.reason for one in current_rejects(asked, stage="audit")} == {"reply_off_schema"}


def test_judge_and_word_list_have_fingerprints_of_their_own(tmp_path: Path) -> None:
    rules = a_dataset(tmp_path).config
    served = reconfigured(a_dataset(tmp_path), judged("http://localhost:1/v1")).config
    elsewhere = reconfigured(a_dataset(tmp_path), judged("http://localhost:2/v1")).config
    marks = [
        [fingerprint_of(step.build(one)) for step in AUDITS] for one in (rules, served, elsewhere)
    ]
    assert marks[0][1] != marks[1][1]
    assert marks[1] == marks[2]
    assert len(set(marks[0])) == 3
