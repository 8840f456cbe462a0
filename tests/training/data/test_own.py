"""A user's own arrays and images, as files of their own: what is taken, and what is told of the rest."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from harness.errors import DataError
from harness.recipe.data import DataFacts
from harness.training.data.arrays import load_test_samples, load_training_samples
from harness.training.data.own import facts_of
from harness.training.data.prepare import known_spec, prepare_dataset, prepare_declared
from harness.training.data.splits import split_of

RANDOM = np.random.default_rng(5)


def table(**changes: Any) -> dict[str, Any]:
    """Return the arrays of a regression: 12 training and 4 test rows of 3 features."""
    arrays = {"x_train": RANDOM.normal(size=(12, 3)), "y_train": RANDOM.normal(size=12)}
    arrays |= {"x_test": RANDOM.normal(size=(4, 3)), "y_test": RANDOM.normal(size=4)}
    return {name: values for name, values in (arrays | changes).items() if values is not None}


def images(shape: tuple[int, ...], **changes: Any) -> dict[str, Any]:
    """Return the arrays of three classes of images of bytes: 12 for training, 6 for the test."""
    arrays = {"x_train": RANDOM.integers(0, 256, (12, *shape), dtype=np.uint8), "y_train": np.arange(12) % 3}
    arrays |= {"x_test": RANDOM.integers(0, 256, (6, *shape), dtype=np.uint8), "y_test": np.arange(6) % 3}
    return arrays | changes


@pytest.fixture
def npz(tmp_path: Path) -> Callable[[dict[str, Any]], str]:
    """A function that writes arrays to a file and returns how a recipe names it."""

    def write(arrays: dict[str, Any]) -> str:
        np.savez(tmp_path / "my data.npz", **arrays)
        return f"npz:{tmp_path}/my data.npz"

    return write


@pytest.mark.parametrize(
    ("arrays", "kind", "shape", "task", "n_outputs"),
    [
        (table(), "table", (3,), "regression", 1),
        (table(y_train=np.ones((12, 2)), y_test=np.ones((4, 2))), "table", (3,), "regression", 2),
        (table(y_train=np.arange(12) % 2, y_test=np.arange(4) % 2), "table", (3,), "classification", 2),
        (images((5, 4)), "image", (1, 5, 4), "classification", 3),
        (images((1, 5, 4)), "image", (1, 5, 4), "classification", 3),
        (images((3, 5, 4)), "image", (3, 5, 4), "classification", 3),
        (table(x_train=np.ones((12, 7, 2)), x_test=np.ones((4, 7, 2))), "tensor", (7, 2), "regression", 1),
    ],
)
def test_kind_and_task_follow_from_the_arrays(
    npz: Callable[[dict[str, Any]], str],
    arrays: dict[str, Any],
    kind: str,
    shape: tuple[int, ...],
    task: str,
    n_outputs: int,
) -> None:
    """Whole-number targets are classes; bytes of two axes are gray images, other samples of one a table."""
    name = npz(arrays)
    facts = facts_of(name)
    assert (facts.kind, facts.shape, facts.task, facts.n_outputs) == (kind, shape, task, n_outputs)
    prepared = prepare_dataset(name)
    training, test = load_training_samples(prepared), load_test_samples(prepared, phase="confirm")
    assert (training.kind, training.shape, training.n_outputs) == (kind, shape, n_outputs)
    for samples, part in ((training, "train"), (test, "test")):
        given = np.asarray(arrays[f"x_{part}"]).reshape(samples.inputs.shape)
        assert samples.inputs.numpy().tolist() == given.astype(samples.inputs.numpy().dtype).tolist()
        targets = np.asarray(arrays[f"y_{part}"])
        assert samples.targets.tolist() == targets.astype(samples.targets.numpy().dtype).tolist()
    assert training.greatest == (255 if training.inputs.dtype == torch.uint8 else None)


def test_it_is_known_by_its_content(npz: Callable[[dict[str, Any]], str]) -> None:
    """The same arrays are the same data; one other number makes others, which a study refuses."""
    arrays = table()
    name = npz(arrays)
    declared = prepare_dataset(name).sha256
    assert set(declared) == {"train-inputs", "train-targets", "test-inputs", "test-targets"}
    assert known_spec(name) == prepare_declared(name, declared).spec
    assert prepare_dataset(name).folder.name.startswith("npz-my_data-")
    npz(arrays | {"y_test": arrays["y_test"] + 1})
    with pytest.raises(DataError, match=r"is not the data that this study declared .*: test-targets is"):
        prepare_declared(name, declared)


def test_a_validation_part_may_be_given(npz: Callable[[dict[str, Any]], str]) -> None:
    """It comes after the training samples, and every seed's split is the same: exactly this part."""
    arrays = table(x_val=RANDOM.normal(size=(5, 3)), y_val=RANDOM.normal(size=5))
    name = npz(arrays)
    assert facts_of(name) == DataFacts(
        n_train=17, shape=(3,), n_outputs=1, kind="table", n_val=5, is_bytes=False
    )
    samples = load_training_samples(prepare_dataset(name))
    for seed in (0, 1):
        split = split_of(samples, 0.1, seed)
        assert (split.train.tolist(), split.val.tolist()) == (list(range(12)), list(range(12, 17)))
    assert samples.targets[12:].tolist() == arrays["y_val"].astype(np.float32).tolist()


def test_groups_stay_together(npz: Callable[[dict[str, Any]], str]) -> None:
    """No group is in both parts, whatever the groups are called; they are part of what is declared."""
    groups = np.array(["Ann", "Bob", "Cid", "Dora"] * 3)
    prepared = prepare_dataset(npz(table(groups_train=groups)))
    assert prepared.spec.facts.is_grouped
    assert len(prepared.sha256) == 5
    samples = load_training_samples(prepared)
    for seed in range(5):
        split = split_of(samples, 0.25, seed)
        assert (len(split.train), len(split.val)) == (9, 3)
        assert not set(groups[split.train]) & set(groups[split.val])


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        (
            table(x_test=None),
            r"lacks x_test: it must hold x_train, y_train, x_test, y_test, and may hold x_val",
        ),
        (table(x_val=np.ones((2, 3))), "lacks y_val"),
        (table(weights=np.ones(12)), "holds weights, which nothing reads"),
        (table(y_train=np.array([None] * 12)), r"is no \.npz file of numbers.*Object arrays"),
        (table(x_train=np.array([["a"] * 3] * 12)), "x_train is of type <U1, and must hold numbers"),
        (table(x_train=np.full((12, 3), np.nan)), "36 of 36 values of x_train are not finite"),
        (table(y_train=np.full(12, 1e300)), r"12 of 12 values of y_train .* too large for float32"),
        (table(x_train=np.ones(12)), r"x_train has shape \(12,\), and must be \(n, features\)"),
        (table(x_train=np.ones((0, 3)), y_train=np.ones(0)), r"x_train has shape \(0, 3\)"),
        (table(y_train=np.ones(11)), "x_train has 12 samples, but y_train has 11"),
        (
            table(y_train=np.ones((12, 1, 1))),
            r"y_train has shape \(12, 1, 1\), and must be \(n,\) or \(n, k\)",
        ),
        (table(y_train=np.ones((12, 1), int)), r"y_train has shape \(12, 1\), and must be \(n,\), one class"),
        (table(x_test=np.ones((4, 2))), r"different shape or type: x_train \(3,\) of float32, x_test \(2,\)"),
        (table(y_test=np.arange(4)), r"y_train one number of float32, y_test one number of whole numbers"),
        (images((5, 4), y_train=np.arange(12) % 3 * 2), r"missing in training: \[1, 3\]"),
        (images((5, 4), y_train=np.full(12, 700)), "regression.* give targets of a float type"),
        (images((5, 4), y_train=np.arange(12) % 3 - 1), r"must be 0, 1, \.\.\. without gaps"),
        (images((5, 4), y_train=np.arange(12) % 3 + 1), r"missing in training: \[0\]; only in the test part"),
        (images((8, 9, 3)), r"look like images with the channels last. Remedy: x.transpose\(0, 3, 1, 2\)"),
        (table(groups_train=np.ones(12, int)), "names one group only"),
        (table(groups_train=np.ones(3, int)), r"groups_train has shape \(3,\).* each of 12 training samples"),
        (
            table(groups_train=np.arange(12), x_val=np.ones((2, 3)), y_val=np.ones(2)),
            "groups_train is not read beside x_val",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    npz: Callable[[dict[str, Any]], str], arrays: dict[str, Any], told: str
) -> None:
    """The message names the file, the array and the rule; a preview tells the same."""
    if "Object" in told:  # numpy writes them as a pickle, which is not read
        arrays |= {"y_train": np.array([pickle.dumps] * 12, dtype=object)}
    name = npz(arrays)
    for ask in (prepare_dataset, facts_of):
        with pytest.raises(DataError, match=told) as caught:
            ask(name)
        assert str(caught.value).startswith(name.removeprefix("npz:"))


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no archive", b"text"])
def test_a_file_that_is_no_npz_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, truncated or of another kind."""
    if content is not None:
        (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.npz (cannot be read|is no .npz file of numbers)"):
        facts_of(f"npz:{tmp_path}/x.npz")


def test_a_single_array_is_no_data_set(tmp_path: Path) -> None:
    """A file of `numpy.save`, whatever it is called."""
    with (tmp_path / "x.npz").open("wb") as stream:
        np.save(stream, np.ones(3))
    with pytest.raises(DataError, match=r"holds a single array. Remedy: numpy.savez"):
        facts_of(f"npz:{tmp_path}/x.npz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of colour images, 4 x 3 pixels: two classes, of three and two for training."""
    root = tmp_path / "my images"
    for place in ("train/cat/a", "train/cat/b", "train/cat/c", "train/dog/a", "train/dog/b", "test/dog/z"):
        save(root / f"{place}.png", RANDOM.integers(0, 256, (4, 3, 3), dtype=np.uint8))
    return root


def save(path: Path, pixels: NDArray[np.uint8], **options: Any) -> None:
    """Write an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def test_a_folder_of_images_becomes_a_data_set(folder: Path) -> None:
    """Classes are the folders of train/ in their order; images are (C, H, W); hidden files are nothing."""
    (folder / "train" / "cat" / ".DS_Store").touch()
    name = f"image_folder:{folder}"
    assert facts_of(name) == DataFacts(n_train=5, shape=(3, 4, 3), class_sizes=(3, 2), n_outputs=2)
    assert known_spec(name) is None
    prepared = prepare_dataset(name)
    assert prepared.spec.class_names == ("cat", "dog")
    training, test = load_training_samples(prepared), load_test_samples(prepared, phase="confirm")
    assert training.targets.tolist() == [0, 0, 0, 1, 1]
    assert test.targets.tolist() == [1]
    with Image.open(folder / "train" / "dog" / "a.png") as image:
        expected = np.asarray(image).transpose(2, 0, 1)
    assert training.inputs[3].tolist() == expected.tolist()
    assert known_spec(name) == prepared.spec
    assert prepare_declared(name, prepared.sha256) == prepared


def test_gray_images_and_a_validation_part(tmp_path: Path) -> None:
    """JPEG or PNG; val/ is the validation part of every run."""
    gray = np.full((6, 5), 77, dtype=np.uint8)
    for place in ("train/a/1.png", "train/b/1.jpg", "val/a/1.png", "val/b/1.jpeg", "test/a/1.PNG"):
        save(tmp_path / place, gray)
    prepared = prepare_dataset(f"image_folder:{tmp_path}")
    samples = load_training_samples(prepared)
    assert (samples.shape, samples.n_val, samples.inputs.unique().tolist()) == ((1, 6, 5), 2, [77])
    assert samples.targets.tolist() == [0, 1, 0, 1]


def test_another_image_makes_another_data_set(folder: Path) -> None:
    """A changed pixel or name changes what the folder is known by."""
    name = f"image_folder:{folder}"
    declared = prepare_dataset(name).sha256
    save(folder / "train" / "cat" / "b.png", np.zeros((4, 3, 3), dtype=np.uint8))
    with pytest.raises(DataError, match=r"declared .*: train-inputs is"):
        prepare_declared(name, declared)


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (
            lambda root: (root / "test").rename(root / "tests"),
            r"test cannot be listed: No such file .* holds train/",
        ),
        (
            lambda root: save(root / "test" / "cow" / "a.png", np.zeros((4, 3, 3), np.uint8)),
            "test holds cow, and",
        ),
        (
            lambda root: (root / "train" / "dog" / "notes.txt").touch(),
            r"notes\.txt is no image: classes hold",
        ),
        (lambda root: (root / "train" / "emu").mkdir(), "emu holds no images"),
        (
            lambda root: (root / "train" / "cat" / "b.png").write_bytes(b"x"),
            r"b\.png cannot be read as an image",
        ),
        (
            lambda root: save(root / "train" / "cat" / "b.png", np.zeros((9, 3, 3), np.uint8)),
            "must have one size",
        ),
        (
            lambda root: save(root / "test" / "dog" / "z.png", np.zeros((4, 3), np.uint8)),
            "must have one size",
        ),
        (
            lambda root: save(root / "test" / "dog" / "z.png", np.zeros((4, 3, 4), np.uint8)),
            r"z\.png is of mode RGBA",
        ),
    ],
)
def test_folders_that_do_not_fit_are_refused(
    folder: Path, break_it: Callable[[Path], Any], told: str
) -> None:
    """The message names the file or folder, and what to do."""
    break_it(folder)
    with pytest.raises(DataError, match=told):
        prepare_dataset(f"image_folder:{folder}")
