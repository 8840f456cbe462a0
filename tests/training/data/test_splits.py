import hypothesis.extra.numpy as npst
import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from harness.errors import StudyError
from harness.recipe.data import DataFacts
from harness.recipe.lengths import share, split_sizes
from harness.training.data.arrays import Samples, load_training_samples
from harness.training.data.prepare import PreparedDataset
from harness.training.data.splits import grouped_split, random_split, split_of, stratified_split

labels_of_few_classes = npst.arrays(np.int64, st.integers(8, 200), elements=st.integers(0, 4)).map(
    torch.from_numpy
)
fractions = st.integers(1, 99).map(lambda percent: percent / 100)
seeds = st.integers(0, 2**64 - 1)


def class_counts(labels: torch.Tensor, indices: torch.Tensor) -> list[int]:
    """Count the chosen images by class."""
    return torch.bincount(labels[indices], minlength=int(labels.max()) + 1).tolist()


def test_every_class_gives_its_share() -> None:
    """A tenth of 100, 50 and 20 images: 10, 5 and 2."""
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor([100, 50, 20]))
    split = stratified_split(labels, 0.1, seed=0)
    assert class_counts(labels, split.val) == [10, 5, 2]
    assert class_counts(labels, split.train) == [90, 45, 18]


def test_remainders_go_to_the_largest() -> None:
    """Shares 1.1, 2.5 and 3.4 of 70 images and a tenth: 1, 2, 3, and the seventh goes to 2.5."""
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor([11, 25, 34]))
    assert class_counts(labels, stratified_split(labels, 0.1, seed=0).val) == [1, 3, 3]


def test_equal_remainders_favour_the_lower_class() -> None:
    """Shares 1.5, 1.5, 1.5 and 1.5 make 6: the first two classes give 2."""
    labels = torch.arange(4).repeat(15)
    assert class_counts(labels, stratified_split(labels, 0.1, seed=0).val) == [2, 2, 1, 1]


def test_the_fraction_is_read_as_written() -> None:
    """A tenth of 25 is exactly 2.5 and gives the even 2, though the float 0.1 is more than a tenth."""
    labels = torch.zeros(25, dtype=torch.int64)
    assert len(stratified_split(labels, 0.1, seed=0).val) == 2


@given(n_images=st.integers(20, 400), hundredths=st.integers(6, 94))
@example(n_images=150, hundredths=7)
def test_a_split_has_the_sizes_that_are_declared(n_images: int, hundredths: int) -> None:
    """Manifest, preview and steps an epoch reckon with them; 7 % of 150 is 10.5, and as a float more."""
    split = stratified_split(torch.zeros(n_images, dtype=torch.int64), hundredths / 100, seed=0)
    facts = DataFacts(n_train=n_images, shape=(1,), class_sizes=(n_images,), n_outputs=1)
    assert split_sizes(facts, hundredths / 100) == (len(split.train), len(split.val))


def test_the_draw_is_part_of_the_protocol() -> None:
    """Generator, seeding and order of drawing never change unseen: published results depend on them."""
    assert stratified_split(torch.arange(20) % 2, 0.2, seed=0).val.tolist() == [5, 10, 12, 15]


@settings(deadline=None)  # a busy machine is no failure
@given(labels=labels_of_few_classes, fraction=fractions, seed=seeds)
def test_a_split_is_stratified_complete_and_sorted(labels: torch.Tensor, fraction: float, seed: int) -> None:
    """Every image is in one part, in ascending order; each class's share is off by less than one image."""
    sizes = labels.bincount()
    assume(all(1 <= size * fraction <= size - 1 for size in sizes.tolist() if size))
    split = stratified_split(labels, fraction, seed)
    assert (split.train.dtype, split.val.dtype) == (torch.int64, torch.int64)
    assert torch.cat([split.train, split.val]).sort().values.tolist() == list(range(len(labels)))
    assert split.train.tolist() == sorted(split.train.tolist())
    assert split.val.tolist() == sorted(split.val.tolist())
    assert abs(len(split.val) - len(labels) * fraction) <= 0.5 + 1e-9
    for size, count in zip(sizes.tolist(), class_counts(labels, split.val), strict=True):
        assert abs(count - size * fraction) < 1


@settings(deadline=None)  # a busy machine is no failure
@given(labels=labels_of_few_classes, seed=seeds)
def test_a_split_is_a_function_of_its_arguments(labels: torch.Tensor, seed: int) -> None:
    """The same labels, fraction and seed give the same split, whatever torch's and numpy's global state."""
    assume(min(size for size in labels.bincount().tolist() if size) >= 2)
    first = stratified_split(labels, 0.5, seed)
    torch.rand(1)
    again = stratified_split(labels.clone(), 0.5, seed)
    assert first.val.equal(again.val)
    assert first.train.equal(again.train)


def test_another_seed_gives_another_split() -> None:
    """With 500 of 1000 images to choose, two seeds never agree."""
    labels = torch.zeros(1000, dtype=torch.int64)
    splits = {tuple(stratified_split(labels, 0.5, seed).val.tolist()) for seed in range(20)}
    assert len(splits) == 20


def test_every_image_is_as_likely_to_validate() -> None:
    """Over 400 seeds each of 20 images validates in about half; 6 standard deviations are 60 times."""
    labels = torch.arange(20) % 2
    times = sum(stratified_split(labels, 0.5, seed).val.bincount(minlength=20) for seed in range(400))
    assert ((times - 200).abs() < 60).all()


@pytest.mark.parametrize(
    ("fraction", "part"),
    [(0.0, "validation"), (0.01, "validation"), (0.99, "training"), (1.0, "training"), (-0.1, "validation")],
)
def test_a_split_without_some_class_is_an_error(fraction: float, part: str) -> None:
    """The error names the fraction, the class and the part that would lack it."""
    labels = torch.repeat_interleave(torch.arange(2), torch.tensor([100, 10]))
    with pytest.raises(StudyError, match=rf"{fraction} leaves class . .* without {part} samples"):
        stratified_split(labels, fraction, seed=0)


@given(n=st.integers(2, 300), fraction=fractions, seed=seeds)
def test_a_random_split_has_its_sizes_and_every_sample_once(n: int, fraction: float, seed: int) -> None:
    """As many as are declared, in ascending order."""
    assume(0 < share(n, fraction) < n)
    split = random_split(n, fraction, seed)
    assert len(split.val) == share(n, fraction)
    assert torch.cat([split.train, split.val]).sort().values.tolist() == list(range(n))
    assert split.val.tolist() == sorted(split.val.tolist())


@given(
    groups=npst.arrays(np.int32, st.integers(2, 200), elements=st.integers(0, 12)),
    fraction=fractions,
    seed=seeds,
)
def test_a_grouped_split_tears_no_group_apart(groups: np.ndarray, fraction: float, seed: int) -> None:
    """Both parts have groups of their own, whole ones; another one more or less would not come nearer."""
    _, numbers = np.unique(groups, return_inverse=True)
    assume(numbers.max() > 0)
    split = grouped_split(torch.from_numpy(numbers.astype(np.int32)), fraction, seed)
    in_train, in_val = (set(numbers[part.numpy()].tolist()) for part in (split.train, split.val))
    assert in_train
    assert in_val
    assert not in_train & in_val
    assert torch.cat([split.train, split.val]).sort().values.tolist() == list(range(len(groups)))


def test_groups_of_one_size_give_the_exact_share() -> None:
    """A quarter of eight groups of five: two groups; another seed draws others."""
    groups = torch.arange(8, dtype=torch.int32).repeat(5)
    drawn = {tuple(groups[grouped_split(groups, 0.25, seed).val].unique().tolist()) for seed in range(20)}
    assert {len(each) for each in drawn} == {2}
    assert len(drawn) > 5


def test_a_class_that_only_held_out_groups_have_is_told() -> None:
    """Whole groups are not stratified."""
    samples = Samples(
        inputs=torch.zeros(4, 1), targets=torch.tensor([0, 0, 1, 1]), kind="table",
        groups=torch.tensor([0, 0, 1, 1], dtype=torch.int32),
    )  # fmt: skip
    with pytest.raises(StudyError, match=r"holds out all groups that have class [01]: choose a smaller"):
        split_of(samples, 0.5, 0)


@pytest.mark.data
def test_fashion_mnist_keeps_600_of_each_class_for_validation(fashion_mnist: PreparedDataset) -> None:
    """A tenth of the 60,000 training images is 600 of each class."""
    labels = load_training_samples(fashion_mnist).targets
    split = stratified_split(labels, 0.1, seed=0)
    assert class_counts(labels, split.val) == [600] * 10
    assert class_counts(labels, split.train) == [5400] * 10
