import pytest

from harness.recipe.costs import product_flops, train_flops

GRAY = ((1, 28, 28), 10)


@pytest.mark.parametrize(
    ("model", "mega_flops"),
    [
        ({"name": "fcn", "hidden": [300, 200]}, 1.3128),
        ({"name": "lenet5"}, 1.517040),
        ({"name": "simple_cnn"}, 67.741184),
    ],
)
def test_the_operations_of_a_sample_by_hand(model: dict[str, object], mega_flops: float) -> None:
    """Six a multiplication, four in the first layer.

    fcn: 4 * 235,200 + 6 * 62,000. lenet5: 4 * 86,400 + 6 * (153,600 + 30,720 + 10,080 + 840).
    simple_cnn: 4 * 627,200 + 6 * (10,035,200 + 802,816 + 32,768 + 1,280).
    """
    assert train_flops(model, *GRAY) == pytest.approx(mega_flops * 1e6)


def test_models_that_use_a_core_badly_cost_more_products() -> None:
    """Operation by operation, LeNet-5 trains slower than the wide networks."""
    cost = {
        name: product_flops({"name": name, "hidden": [300, 200]}, *GRAY, samples=1, steps=0)
        / train_flops({"name": name, "hidden": [300, 200]}, *GRAY)
        for name in ("fcn", "lenet5", "simple_cnn")
    }
    assert cost["lenet5"] > cost["fcn"] > cost["simple_cnn"] >= 1


@pytest.mark.parametrize("name", ["fcn", "lenet5", "simple_cnn"])
def test_the_same_samples_in_more_steps_cost_more(name: str) -> None:
    """A step has its price, so that tiny batches take longer; in large ones it hardly counts."""
    model = {"name": name, "hidden": [300, 200]}
    tiny, large = (product_flops(model, *GRAY, samples=54_000, steps=54_000 / size) for size in (2, 512))
    without = product_flops(model, *GRAY, samples=54_000, steps=0)
    assert tiny > 1.5 * without
    assert large < 1.1 * without
