import pytest

from harness.study.costs import product_flops, train_flops


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
    assert train_flops(model) == pytest.approx(mega_flops * 1e6)


def test_models_that_use_a_core_badly_cost_more_products() -> None:
    """Operation by operation, LeNet-5 trains slower than the wide networks."""
    cost = {
        name: product_flops({"name": name, "hidden": [300, 200]})
        / train_flops({"name": name, "hidden": [300, 200]})
        for name in ("fcn", "lenet5", "simple_cnn")
    }
    assert cost["lenet5"] > cost["fcn"] > cost["simple_cnn"] >= 1
