"""The Java programs of the COCO caption toolkit (pycocoevalcap 1.2): its tokenizer and METEOR 1.5.

The package's own wrappers write into its folder and take a short or failed output for a result, so
its jars are run from here, with the same arguments.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from engine.errors import ServiceError
from train.metrics.ptb import PUNCTUATION

_TOKENIZER_JAR = Path("tokenizer", "stanford-corenlp-3.4.1.jar")
_METEOR_JAR = Path("meteor", "meteor-1.5.jar")
_LONGEST_TOKENIZING_SECONDS = 600
_SEPARATOR = "|||"
"""Of METEOR's fields; a text that contains it would be two."""
_MOST_TOLD = 400


@dataclass(frozen=True)
class Toolkit:
    """Where Java and the package are."""

    java: str
    dir_path: Path
    """Of the package."""


@dataclass(frozen=True)
class Missing:
    """Why the programs cannot run, and how they would."""

    reason: str


def find_toolkit() -> Toolkit | Missing:
    """The installed package and the `java` on the path."""
    spec = find_spec("pycocoevalcap")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places:
        return Missing("needs pycocoevalcap: make install-reasoning")
    java = shutil.which("java")
    if java is None:
        return Missing("needs Java: apt-get install default-jre-headless")
    return Toolkit(java, Path(places[0]))


def tokenized(texts: Sequence[str], toolkit: Toolkit) -> list[list[str]]:
    """Each text's tokens, as the toolkit makes them, in the same order.

    A period after one letter that ends a text is judged by the text that comes next; to be equal
    to the toolkit, hand over the same texts in the same order. Raises `ServiceError` where Java
    fails.
    """
    lines = [" ".join(text.splitlines()) for text in texts]
    with tempfile.TemporaryDirectory(prefix="vau-data-ptb-") as dir_path:
        path = Path(dir_path, "texts.txt")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [toolkit.java, "-cp", str(toolkit.dir_path / _TOKENIZER_JAR)]
        command += ["edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase"]
        done = subprocess.run(
            [*command, str(path)],
            capture_output=True,
            timeout=_LONGEST_TOKENIZING_SECONDS,
            check=False,
        )
    found = done.stdout.decode("utf-8").split("\n")[:-1]
    if done.returncode or len(found) != len(lines):
        raise ServiceError(
            f"the toolkit's tokenizer gave {len(found)} lines for {len(lines)} texts and ended "
            f"with {done.returncode}: {_told(done.stderr)}; --no-java does without it"
        )
    return [[token for token in line.split() if token not in PUNCTUATION] for line in found]


def meteor(groups: Iterable[Sequence[tuple[str, str]]], toolkit: Toolkit) -> list[float]:
    """METEOR 1.5 of each group of (answer, reference), tokens joined by spaces.

    One program for all groups, since it reads its paraphrases first. Raises `ServiceError` where it
    stops answering.
    """
    command = [toolkit.java, "-jar", "-Xmx2G", str(toolkit.dir_path / _METEOR_JAR)]
    with tempfile.TemporaryFile() as errors:
        try:
            # Leaving this block writes what a program that is gone has not taken, and fails, too.
            with subprocess.Popen(
                [*command, "-", "-", "-stdio", "-l", "en", "-norm"],
                cwd=toolkit.dir_path / _METEOR_JAR.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            ) as program:
                return _meteor_of_all(groups, program)
        except (BrokenPipeError, ValueError) as error:
            errors.seek(0)
            raise ServiceError(
                f"the toolkit's METEOR stopped: {error}; {_told(errors.read())}; "
                "--no-java does without it"
            ) from error


def _meteor_of_all(
    groups: Iterable[Sequence[tuple[str, str]]], program: subprocess.Popen[bytes]
) -> list[float]:
    known: dict[tuple[str, str], str] = {}
    try:
        return [_meteor_of(group, program, known) for group in groups]
    finally:
        program.kill()


def _meteor_of(
    group: Sequence[tuple[str, str]],
    program: subprocess.Popen[bytes],
    known: dict[tuple[str, str], str],
) -> float:
    """`known` has the counts of pairs, and takes those of new ones: groups may share them."""
    for answer, reference in group:
        if (answer, reference) not in known:
            fields = ("SCORE", _plain(reference), _plain(answer))
            known[answer, reference] = _asked(f" {_SEPARATOR} ".join(fields), program)
    counts = [known[pair] for pair in group]
    said = _asked(f" {_SEPARATOR} ".join(("EVAL", *counts)), program)
    # A figure for each pair comes before that of all.
    for _ in group:
        said = _line(program.stdout)
    return float(said)


def _plain(text: str) -> str:
    return text.replace(_SEPARATOR, "").replace("  ", " ")


def _asked(line: str, program: subprocess.Popen[bytes]) -> str:
    assert program.stdin is not None
    program.stdin.write(f"{line}\n".encode())
    program.stdin.flush()
    return _line(program.stdout)


def _line(stream: IO[bytes] | None) -> str:
    assert stream is not None
    said = stream.readline().decode("utf-8")
    if not said:
        raise ValueError("it said nothing more")
    return said.strip()


def _told(errors: bytes) -> str:
    return errors.decode("utf-8", "replace").strip()[-_MOST_TOLD:] or "it wrote no error"
