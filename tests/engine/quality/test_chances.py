import pytest

from engine.quality.chances import binomial_head, binomial_tail, chi_squared_tail, upper_bound


@pytest.mark.parametrize(
    ("chi_squared", "chance"), [(0.0, 1.0), (7.815, 0.05), (11.345, 0.01), (16.266, 0.001)]
)
def test_chi_squared_with_three_degrees_of_freedom_is_the_table_s(
    chi_squared: float, chance: float
) -> None:
    assert chi_squared_tail(chi_squared) == pytest.approx(chance, rel=1e-3)


@pytest.mark.parametrize(
    ("count", "num", "bound"),
    [(0, 59, 0.04950), (0, 58, 0.05034), (0, 1, 0.95), (1, 10, 0.39416), (5, 100, 0.10225)],
)
def test_bound_is_clopper_and_pearson_s(count: int, num: int, bound: float) -> None:
    assert upper_bound(count, num, alpha=0.05) == pytest.approx(bound, abs=2e-5)


@pytest.mark.parametrize(("count", "num"), [(0, 300), (7, 300), (299, 300), (40, 5000)])
def test_at_the_bound_so_few_are_exactly_as_rare_as_alpha(count: int, num: int) -> None:
    bound = upper_bound(count, num, alpha=0.05)
    assert binomial_head(count, num, share=bound) == pytest.approx(0.05, abs=1e-9)


def test_bound_is_one_where_all_are_wrong_or_nothing_is_known() -> None:
    assert upper_bound(3, 3, alpha=0.05) == 1.0
    assert upper_bound(0, 0, alpha=0.05) == 1.0


def test_head_and_tail_make_up_all() -> None:
    for share in (0.0, 0.25, 1.0):
        whole = binomial_head(3, 9, share=share) + binomial_tail(4, 9, share=share)
        assert whole == pytest.approx(1.0)
