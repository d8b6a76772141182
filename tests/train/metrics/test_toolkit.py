from pathlib import Path

import pytest

from engine.errors import ServiceError
from tests.train.metrics.coco import needs_java, needs_package
from train.metrics.toolkit import Missing, Toolkit, find_toolkit, meteor, tokenized

PAIRS = [
    ("a man in a shirt leaves the café", "the man in a white shirt left the cafe"),
    ("two cars collide", "a crash between two vehicles"),
    ("", "a man runs"),
]


def found() -> Toolkit:
    toolkit = find_toolkit()
    assert isinstance(toolkit, Toolkit)
    return toolkit


@pytest.fixture
def broken(tmp_path: Path) -> Toolkit:
    """A Java that fails, as one too old for the jars would."""
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'no such class' >&2\nexit 3\n")
    java.chmod(0o755)
    (tmp_path / "meteor").mkdir()
    return Toolkit(str(java), tmp_path)


def test_failing_tokenizer_is_told_and_its_output_not_taken(broken: Toolkit) -> None:
    with pytest.raises(ServiceError, match="0 lines for 1 texts and ended with 3: no such class"):
        tokenized(["A man."], broken)


@pytest.mark.parametrize("wait", ["", "sleep 0.2;", "read line;"])
def test_failing_meteor_is_told_and_is_no_figure(broken: Toolkit, wait: str) -> None:
    """Before, while and after it is asked: a pipe breaks at other places."""
    java = Path(broken.java)
    java.write_text(java.read_text().replace("echo", f"{wait} echo"))
    with pytest.raises(ServiceError, match=r"METEOR stopped: .*no such class"):
        meteor([PAIRS], broken)


@needs_package
def test_without_java_the_toolkit_is_missing_and_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = find_toolkit()
    assert isinstance(missing, Missing)
    assert "needs Java" in missing.reason


@needs_java
def test_texts_keep_their_places_whatever_lines_they_are_made_of() -> None:
    texts = ["A man 😀 in a café", "", "x\u2028y\r z\x85q\x0bw", "", ""]
    assert tokenized(texts, found()) == [
        ["a", "man", "in", "a", "café"],
        [],
        ["x", "y", "z", "q", "w"],
        [],
        [],
    ]


@needs_java
@pytest.mark.slow
def test_meteor_is_the_toolkit_s_own() -> None:
    from pycocoevalcap.meteor.meteor import Meteor

    theirs = Meteor()
    expected, _ = theirs.compute_score(
        {n: [reference] for n, (_, reference) in enumerate(PAIRS)},
        {n: [answer] for n, (answer, _) in enumerate(PAIRS)},
    )
    for stream in (theirs.meteor_p.stdout, theirs.meteor_p.stderr):
        stream.close()
    same, alone = meteor([PAIRS, PAIRS[:1]], found())
    assert same == expected
    assert alone != same
    assert 0 < same < 1
