"""A category file -> what counts as abnormal in a domain; one file drives all that speaks of it."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.errors import UsageError
from schemas.base import NonEmptyText

_OURS = "categories.toml"
_WORD_BREAK = re.compile(r"(?<=[a-z])(?=[A-Z])|[_-]+")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Category(_Entry):
    """One kind of anomaly."""

    name: NonEmptyText
    """The label, as `Video.categories` holds it."""
    called: NonEmptyText
    """A noun, as a sentence would say it after `the`."""
    definition: NonEmptyText
    """What it is, in a sentence or two."""
    counts: str = ""
    """What counts as it and what does not, where the definition leaves that open."""
    starts: NonEmptyText
    """After `It starts`."""
    ends: NonEmptyText
    """After `It ends`."""
    words: tuple[NonEmptyText, ...] = ()
    """By these, and by what it is called, a text names it; compared by their stems."""
    read_as: str | None = None
    """A category that texts do not tell it from; None: they do."""

    @property
    def guideline(self) -> str:
        """Definition and bounds, as people and models are told them."""
        bounds = f"It starts {self.starts}. It ends {self.ends}."
        return "\n".join(part for part in (self.definition, self.counts, bounds) if part)


class Domain(_Entry):
    """All of a category file."""

    guideline: str
    """Of anomalies in general; stands beside videos whose category has none."""
    categories: tuple[Category, ...] = Field(min_length=1)
    claims: dict[str, tuple[NonEmptyText, ...]] = {}
    """What a text can claim -> the words that claim it."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [category.name for category in self.categories]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the category {name!r} stands there twice")
        for category in self.categories:
            if category.read_as is not None and category.read_as not in names:
                raise ValueError(f"{category.name} is read as {category.read_as!r}, which is none")
        return self

    @property
    def by_name(self) -> Mapping[str, Category]:
        """Name -> category."""
        return {category.name: category for category in self.categories}

    def called(self, name: str) -> str:
        """A category as a sentence would say it; of one that the file lacks, its words."""
        category = self.by_name.get(name)
        return category.called if category else _WORD_BREAK.sub(" ", name).strip().lower()

    def guidelines(self, names: Iterable[str]) -> tuple[str, ...]:
        """`Name: …` for those of the categories that the file has."""
        known = (self.by_name.get(name) for name in names)
        return tuple(f"{one.name}: {one.guideline}" for one in known if one is not None)

    @property
    def words_sha256(self) -> str:
        """Hash of what audits look for, so that mending a guideline makes nothing stale."""
        words = [(one.name, one.called, one.words, one.read_as) for one in self.categories]
        return sha256(repr((words, sorted(self.claims.items()))).encode()).hexdigest()


def load_domain(path: str | None) -> Domain:
    """The file that `[categories] file` names; None: ours, of the public sets' categories.

    Raises `UsageError` where it cannot be read, or says something that it should not.
    """
    text, name = _text_of(path)
    try:
        return Domain.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name} is not valid TOML: {error}") from error
    except ValidationError as error:
        told = "; ".join(
            f"`{'.'.join(map(str, one['loc']))}`: {one['msg']}" for one in error.errors()
        )
        raise UsageError(f"{name} is no category file: {told}") from error


def _text_of(path: str | None) -> tuple[str, str]:
    if path is None:
        file = resources.files("manifests").joinpath(_OURS)
        return file.read_text(encoding="utf-8"), f"manifests/{_OURS}"
    try:
        return Path(path).read_text(encoding="utf-8"), path
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"[categories] file: cannot read {path} ({error}); mend the setting in dataset.toml"
        ) from error
