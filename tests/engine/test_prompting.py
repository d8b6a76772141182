import ast
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.formats import WRITTEN_FAMILIES
from engine.prompting import (
    draw,
    fill,
    placeholders,
    prompt_body,
    prompt_names,
    question_pools,
    questions,
)

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("name", prompt_names())
def test_the_header_of_a_prompt_is_never_sent(name: str) -> None:
    body = prompt_body(name)
    assert body
    assert "---" not in body
    assert "source:" not in body


def test_a_filled_prompt_holds_its_values_and_no_placeholder() -> None:
    values = {"clip_captions": "A {man} runs; 100 % fast.", "categories": "Abuse"}
    said = fill("summarize_event.abnormal", values)
    assert "A {man} runs; 100 % fast." in said
    assert "{clip_captions}" not in said


@pytest.mark.parametrize(
    "values", [{}, {"clip_captions": "x"}, {"clip_captions": "x", "categories": "y", "z": ""}]
)
def test_a_prompt_filled_with_too_little_or_too_much_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"summarize_event\.abnormal\.md has the placeholders"):
        fill("summarize_event.abnormal", values)


def test_a_prompt_or_pool_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="caption_clip"):
        prompt_body("caption_klip")
    with pytest.raises(UsageError, match="judgement"):
        questions("judgment")


def test_the_caption_prompt_asks_for_nothing_to_be_filled_in() -> None:
    assert placeholders("caption_clip") == set()


@pytest.mark.parametrize("pool", question_pools())
def test_questions_are_drawn_evenly_and_always_the_same(pool: str) -> None:
    choices = questions(pool)
    drawn = Counter(draw(pool, f"video{number}") for number in range(100 * len(choices)))
    assert set(drawn) == set(choices)
    assert all(50 <= count <= 170 for count in drawn.values())
    assert draw(pool, "video7") == draw(pool, "video7")


def test_nothing_that_is_said_to_a_model_stands_in_python() -> None:
    """The probes and the repair turn did: nobody found them, and no fingerprint covered them."""
    said = [
        f"{path.name}: {ast.unparse(value)}"
        for path in sorted((REPOSITORY / "engine").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "content"
        if isinstance(value, ast.JoinedStr | ast.Constant | ast.BinOp)
    ]
    assert said == []


FINGERPRINTS_AFTER = """
import json, sys
from pathlib import Path
from engine import prompting
from engine.config import Config
from engine.flow import STEPS
from engine.stage import fingerprint_of

assert prompting.PROMPTS_DIR_PATH == Path("prompts").resolve()
MODEL = {"model": "tiny", "endpoints": ("http://127.0.0.1:8000/v1",)}
SERVED = Config.model_validate({"caption": MODEL, "summarize": MODEL})
found = []
for edit in [None, *json.loads(sys.argv[1])]:
    if edit:
        name, old, new = edit
        path = Path("prompts") / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        prompting.prompt_body.cache_clear()
        prompting.questions.cache_clear()
    built = {step.label: step.build(SERVED) for step in STEPS}
    found.append({label: fingerprint_of(stage) for label, stage in built.items()})
print(json.dumps(found))
"""

WRITTEN = {f"instruct {family}" for family in WRITTEN_FAMILIES}
EDITS = [
    ("caption_clip.md", "source:", "origin:", set()),
    ("summarize_video.normal.md", "source:", "origin:", set()),
    ("caption_clip.md", "Please", "Kindly", {"caption"}),
    ("summarize_event.abnormal.md", "dense", "short", {"summarize events"}),
    ("summarize_video.unlabelled.md", "Your response", "Your answer", {"summarize videos"}),
    ("repair_summary.md", "source:", "origin:", set()),
    ("repair_summary.md", "Error:", "Wrong:", {"summarize events", "summarize videos", *WRITTEN}),
    ("check_schema.md", "Tell me", "Write", set()),
    ("check_alive.md", "Hi", "Hello", set()),
    ("questions/judgement.txt", "?", "??", {"instruct hivau"}),
    ("grounding.none.md", "Nothing", "Not a thing", {"instruct grounding"}),
    ("vad_llama.span.md", "from", "between", {"instruct vad-llama"}),
    ("va_gpt.normal.md", "Write two", "Please write two", {"instruct va-gpt"}),
    ("reasoning.chain.md", "Cause:", "Reason:", {"instruct reasoning"}),
    ("question_types.abnormal.md", "scene:", "place:", {"instruct question-types"}),
    ("questions/va_gpt_spatial.txt", "?", "??", {"instruct va-gpt"}),
    ("questions/vad_instruct.txt", "?", "??", {"instruct vad-instruct"}),
    ("questions/caption.txt", "\n", "\n\n", set()),
]
"""File, what is replaced by what, and the steps for which that matters."""


def test_a_changed_prompt_or_question_makes_its_step_stale_and_a_header_none(
    tmp_path: Path,
) -> None:
    """On a copy of the code, each edit upon the one before."""
    for name in ("engine", "schemas", "prompts", "manifests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=ignored)
    edits = json.dumps([edit[:3] for edit in EDITS])
    done = subprocess.run(
        [sys.executable, "-c", FINGERPRINTS_AFTER, edits],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    for before, after, edit in zip(found, found[1:], EDITS, strict=False):
        stale = {name for name in before if before[name] != after[name]}
        assert stale == edit[3], edit
