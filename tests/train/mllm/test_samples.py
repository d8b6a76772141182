import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make install-train)")

from train.mllm.samples import Order


def an_order(*, is_grouped: bool, seed: int = 0, epoch: int = 0) -> list[int]:
    lengths = np.random.default_rng(0).integers(10, 1000, 700).tolist()
    return list(Order(lengths, seed=seed, batch_size=4, is_grouped=is_grouped, epoch=epoch))


@pytest.mark.parametrize("is_grouped", [False, True])
def test_each_sample_comes_once_an_epoch_in_an_order_of_seed_and_epoch(is_grouped: bool) -> None:
    first = an_order(is_grouped=is_grouped)
    second = an_order(is_grouped=is_grouped, epoch=1)
    assert sorted(first) == list(range(700))
    assert sorted(second) == list(range(700, 1400))
    assert first == an_order(is_grouped=is_grouped)
    assert first != [number - 700 for number in second]
    assert first != an_order(is_grouped=is_grouped, seed=1)


def test_grouping_pads_a_tenth_of_what_chance_pads() -> None:
    lengths = np.random.default_rng(0).integers(10, 1000, 700)

    def padding(order: list[int]) -> int:
        batches = [lengths[order[start : start + 4]] for start in range(0, 700, 4)]
        return sum(int(batch.max() * len(batch) - batch.sum()) for batch in batches)

    assert padding(an_order(is_grouped=True)) < padding(an_order(is_grouped=False)) / 10
