"""The category file: ours, and one that brings another domain by itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from annotator_ui.keyfile import Signer
from annotator_ui.library import Library
from engine.categories import Domain, load_domain
from engine.config import Config, load_config
from engine.dataset import Dataset
from engine.errors import UsageError
from engine.quality.audit import audit_texts
from engine.quality.category_words import DomainWords
from engine.sources.manifest import SOURCES, load_manifest
from engine.stage import Item
from engine.tree import EventNode, VideoNode
from schemas import Finding
from tests.builders import a_dataset, a_summary, a_video, an_event

FACTORY = Path(__file__).with_name("factory.toml")


def test_our_file_has_every_category_of_the_public_data_sets() -> None:
    named = {entry.name for source in SOURCES for entry in load_manifest(source).classes}
    assert named == set(load_domain(None).by_name)


def test_every_category_says_what_it_is_and_where_it_starts_and_ends() -> None:
    for category in load_domain(None).categories:
        definition, *_, bounds = category.guideline.splitlines()
        assert definition.endswith(".")
        assert bounds == f"It starts {category.starts}. It ends {category.ends}."
        assert category.called == category.called.lower()


def test_a_text_that_calls_a_category_as_the_file_does_names_it() -> None:
    domain = load_domain(None)
    words = DomainWords.of(domain)
    for category in domain.categories:
        assert words.names_category(f"There is a {category.called}.", category.name)


def a_factory(dir_path: Path) -> Dataset:
    dataset = a_dataset(dir_path)
    (dataset.dir_path / "factory.toml").write_bytes(FACTORY.read_bytes())
    settings = dataset.dir_path / "dataset.toml"
    settings.write_text(settings.read_text() + '\n[categories]\nfile = "factory.toml"\n')
    return replace(dataset, config=load_config(settings))


def test_another_domain_is_one_file_for_guidelines_and_audits(tmp_path: Path) -> None:
    dataset = a_factory(tmp_path)
    crash = {"is_anomalous": True, "categories": ("ForkliftCollision",)}
    video = a_video("hall1", **crash)
    shown = Library(dataset, Signer(b"k" * 32)).guideline(video)
    assert shown is not None
    assert shown[0] == "ForkliftCollision"
    assert "ends when the forklift stands still" in shown[1]
    jam = a_summary("hall1_E0", judgement="There is an anomaly, a jam of the conveyor.")
    event = an_event("hall1_E0", video_id="hall1", **crash)
    node = VideoNode(video, (EventNode(event, (), jam),), None, ())
    found = audit_texts(dataset.config).process(Item("text:hall1", node))
    assert "category-against-text" in {one.rule for one in found if isinstance(one, Finding)}


def test_words_of_the_public_categories_mean_nothing_in_another_domain(tmp_path: Path) -> None:
    words = DomainWords.of(load_domain(a_factory(tmp_path).config.categories.file))
    assert words.categories_named("A robbery, then an explosion.") == set()
    assert words.claims_in("A man fires a gun while the belt is stuck.") == {"jam": "stuck"}


def test_a_category_that_the_file_lacks_is_called_by_its_words() -> None:
    assert load_domain(None).called("FallingPerson") == "falling person"
    assert load_domain(None).called("B7") == "b7"
    assert load_domain(None).called("摔倒") == "摔倒"


def test_an_edited_guideline_makes_no_audit_stale_and_an_edited_word_does() -> None:
    domain = load_domain(str(FACTORY))
    first, *others = domain.categories

    def changed(**changes: object) -> Domain:
        categories = (first.model_copy(update=changes), *others)
        return domain.model_copy(update={"categories": categories})

    assert changed(definition="Another.").words_sha256 == domain.words_sha256
    assert changed(words=("crash",)).words_sha256 != domain.words_sha256


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("categories = [", "is not valid TOML"),
        ('guideline = ""', "`categories`: Field required"),
        (FACTORY.read_text() + 'leek = "spill"', "`claims.leek`"),
        (FACTORY.read_text().replace("ConveyorJam", "ForkliftCollision"), "stands there twice"),
        (FACTORY.read_text().replace("called =", "named ="), "named`: Extra inputs"),
        (
            FACTORY.read_text().replace("[claims]", 'read_as = "Jam"\n[claims]'),
            "ConveyorJam is read as 'Jam', which is none",
        ),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "domain.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=why) as caught:
        load_domain(str(path))
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_refused_by_the_setting_that_names_it() -> None:
    config = Config.model_validate({"categories": {"file": "/nowhere/domain.toml"}})
    with pytest.raises(UsageError, match=r"\[categories\] file: cannot read /nowhere/domain.toml"):
        load_domain(config.categories.file)
