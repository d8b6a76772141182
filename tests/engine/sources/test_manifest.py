import pytest

from engine.errors import UsageError
from engine.sources.manifest import SOURCES, load_manifest, parse_manifest


@pytest.mark.parametrize(
    ("source", "num_classes", "fps"), [("ucf-crime", 13, 30.0), ("xd-violence", 6, 24.0)]
)
def test_manifest_knows_the_classes_and_the_nominal_rate(
    source: str, num_classes: int, fps: float
) -> None:
    manifest = load_manifest(source)
    assert len(manifest.classes) == num_classes
    assert manifest.nominal_fps == fps


def test_codes_are_unique_and_keywords_mean_one_class_within_a_source() -> None:
    for source in SOURCES:
        classes = load_manifest(source).classes
        keywords = [keyword for entry in classes for keyword in entry.keywords]
        assert len(keywords) == len(set(keywords))
        codes = [entry.code for entry in classes if entry.code]
        assert len(codes) == len(set(codes))


def test_unknown_source_is_refused() -> None:
    with pytest.raises(UsageError, match="known: ucf-crime, xd-violence"):
        load_manifest("shanghai")


def test_manifest_without_classes_is_refused_naming_what_is_missing() -> None:
    with pytest.raises(UsageError, match=r"mine\.toml cannot be read: KeyError"):
        parse_manifest('source = "mine"\nnominal_fps = 25\n', name="mine.toml")
