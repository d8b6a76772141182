from pathlib import Path

import pytest

from engine.errors import UsageError
from train.mllm.recipe import known_recipes, load_recipe


def test_the_papers_recipes_load_with_their_settings() -> None:
    assert known_recipes() == ["holmes-vad", "holmes-vau", "qwen-vl", "vad-llama"]
    vau, vad, llama = map(load_recipe, ("holmes-vau", "holmes-vad", "vad-llama"))
    assert (vau.lora.rank, vau.lora.alpha, vau.batch_size) == (64, 128, 512)
    assert (vau.train, vau.optimizer.lora_learning_rate) == ("lora", 4e-5)
    assert (vau.frames.sampler, vau.frames.tau) == ("density", 0.1)
    assert (vad.train, vad.batch_size) == ("projector+lora", 128)
    assert vad.optimizer.lora_learning_rate == 2e-4
    assert vad.optimizer.projector_learning_rate == 2e-5
    assert (llama.train, llama.scorer, llama.num_steps) == ("projector", "vador-ltc", 30000)


def test_a_wrong_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('about = "x"\ntrain = "lora"\nbatch_size = 3\nper_device = 2\n')
    with pytest.raises(UsageError, match="batch_size is no multiple of per_device"):
        load_recipe(str(path))
    path.write_text('about = "x"\ntrain = "all"\nbatch_size = 3\n')
    with pytest.raises(UsageError, match="`train`"):
        load_recipe(str(path))
    with pytest.raises(UsageError, match="no recipe 'holmes' for a video LLM; there are"):
        load_recipe("holmes")
