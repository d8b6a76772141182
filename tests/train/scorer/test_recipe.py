from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

from engine.errors import UsageError
from train.scorer.networks import build_network
from train.scorer.recipe import known_recipes, load_recipe

PAPERS = {
    "ur-dmu", "glancevad-ucf", "glancevad-xd", "holmes-vad", "holmes-vau", "vador-ltc",
    "vador-lstc", "va-gpt-mlp",
}  # fmt: skip
PLAIN = 'about = "x"\nnetwork = "ur_dmu"\nsupervision = "video"\nnum_steps = 1\nbatch_size = 1\n'


def own(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


def test_there_is_a_recipe_for_each_of_the_papers_settings() -> None:
    assert set(known_recipes()) >= PAPERS


def test_an_unknown_recipe_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no recipe 'urdmu'; there are glancevad-ucf, .* ur-dmu"):
        load_recipe("urdmu")


def test_a_recipe_of_ones_own_is_named_after_its_file(tmp_path: Path) -> None:
    assert load_recipe(own(tmp_path, PLAIN)).name == "mine"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("steps = 3", "`steps`: Extra inputs"),
        ("[optimizer]\nlearning_rate = 0.0", "`optimizer.learning_rate`: Input should be greater"),
        ('draw = "videos"', 'needs draw = "halves"'),
        ("num_steps_alone = 1", "num_steps counts num_steps_alone"),
        ("[", "is no TOML"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_recipe(own(tmp_path, PLAIN + line))


def test_a_network_that_cannot_learn_from_clicks_says_so(tmp_path: Path) -> None:
    text = PLAIN.replace("ur_dmu", "mlp").replace('"video"', '"clicks"')
    with pytest.raises(UsageError, match="mlp learns from boundaries, not from clicks"):
        load_recipe(own(tmp_path, text))


def test_an_unknown_size_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="recipe x: no size 'depth'; there are feature_dim, hidd"):
        build_network("mlp", {"depth": 3}, where="recipe x")
