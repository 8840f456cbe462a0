"""The data sets that recipes can name: one row each, all that a study and a loader must know. No torch.

A user's own data need no row: `idx:`, `npz:` and `image_folder:` with a place.
"""

from pathlib import PurePath

from harness.errors import nearest
from harness.recipe.data import Archive, ArrayFile, DatasetSpec
from harness.recipe.imported import DATA_PREFIX, imported_data

OWN_FORMATS: dict[str, str] = {
    "idx:": "four IDX files named as MNIST's",
    "npz:": "an .npz file with x_train, y_train, x_test and y_test",
    DATA_PREFIX: "a function of your own that returns inputs and targets",
    "image_folder:": "a folder with train/CLASS/*.png and test/CLASS/*.png",
}
"""What stands before the place of a user's own data, and what is expected there."""


def own_place(name: str) -> tuple[str, str] | None:
    """Return prefix and place of a user's own data; None for a name."""
    for prefix in OWN_FORMATS:
        if name.startswith(prefix):
            return prefix, name.removeprefix(prefix)
    return None


def checked_dataset(name: str) -> str:
    """Return a recipe's data set if it is a known name, or a user's own at an absolute place.

    Raises:
        ValueError: It is neither.
    """
    if name in DATASETS:
        return name
    own = own_place(name)
    if own is None:
        raise ValueError(
            f"{name!r} is not known. {nearest(name, DATASETS)}, or your own data: idx:FOLDER, npz:FILE, "
            f"image_folder:FOLDER"
        )
    prefix, place = own
    if prefix == DATA_PREFIX:
        imported_data(name)
    elif not PurePath(place).is_absolute():
        what = "file" if prefix == "npz:" else "folder"
        raise ValueError(
            f"{name!r}: the {what} must be absolute, since runs start elsewhere. Remedy: {prefix}/path"
        )
    return name


_EMNIST = Archive(
    url="https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", md5="58c8d27c78d21e728a6bc7b3cc06412e"
)

DATASETS: dict[str, DatasetSpec] = {
    "fashion_mnist": DatasetSpec(
        name="fashion_mnist",
        torchvision_class="FashionMNIST",
        files=(
            ArrayFile(
                name="train-images-idx3-ubyte",
                sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            ArrayFile(
                name="train-labels-idx1-ubyte",
                sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            ArrayFile(
                name="t10k-images-idx3-ubyte",
                sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            ArrayFile(
                name="t10k-labels-idx1-ubyte",
                sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
        n_train=60_000,
        n_test=10_000,
        shape=(1, 28, 28),
        class_sizes=(6_000,) * 10,
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        system_folders=("/usr/share/datasets/fashion-mnist",),
        debian_package="dataset-fashion-mnist",
        source="H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST (2017), arXiv:1708.07747",
        licence="MIT",
    ),
    "mnist": DatasetSpec(
        name="mnist",
        torchvision_class="MNIST",
        files=(
            ArrayFile(
                name="train-images-idx3-ubyte",
                sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            ArrayFile(
                name="train-labels-idx1-ubyte",
                sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            ArrayFile(
                name="t10k-images-idx3-ubyte",
                sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            ArrayFile(
                name="t10k-labels-idx1-ubyte",
                sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
        n_train=60_000,
        n_test=10_000,
        shape=(1, 28, 28),
        class_sizes=(5_923, 6_742, 5_958, 6_131, 5_842, 5_421, 5_918, 6_265, 5_851, 5_949),
        source="LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition",
        licence="none stated by the authors",
    ),
    "kmnist": DatasetSpec(
        name="kmnist",
        torchvision_class="KMNIST",
        files=(
            ArrayFile(
                name="train-images-idx3-ubyte",
                sha256=None,
                gz_sha256="51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            ),
            ArrayFile(
                name="train-labels-idx1-ubyte",
                sha256=None,
                gz_sha256="e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            ),
            ArrayFile(
                name="t10k-images-idx3-ubyte",
                sha256=None,
                gz_sha256="edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            ),
            ArrayFile(
                name="t10k-labels-idx1-ubyte",
                sha256=None,
                gz_sha256="20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            ),
        ),
        n_train=60_000,
        n_test=10_000,
        shape=(1, 28, 28),
        class_sizes=(6_000,) * 10,
        class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        source="Clanuwat et al. 2018, Deep Learning for Classical Japanese Literature, arXiv:1812.01718",
        licence="CC BY-SA 4.0",
    ),
    "digits": DatasetSpec(
        name="digits",
        shape=(1, 8, 8),
        greatest=16.0,
        n_train=1_442,
        n_test=355,
        class_sizes=(143, 146, 142, 147, 145, 146, 145, 144, 140, 144),
        format="vendored",
        files=(
            ArrayFile(
                name="train-inputs",
                sha256="6c79919002e3ed11143953d311140d576ca9ddd7c446e4f6b3f180db3f338586",
            ),
            ArrayFile(
                name="train-targets",
                sha256="997d8237ea59870b42f811eaad3e13914b38ab6a9a5e9ad6affdff0f34e7cfdc",
            ),
            ArrayFile(
                name="test-inputs",
                sha256="88da4b2d933ed942b8ea93f24d8e589c9c9c227961c9f5667c8e9f8f818b642b",
            ),
            ArrayFile(
                name="test-targets",
                sha256="6ff66f7ef309c514bc431118f706c8249a50930d6256e9191340a2d710351535",
            ),
        ),
        source="Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, doi:10.24432/C50P49",
        licence="CC BY 4.0",
        note="The same 13 people wrote training and test images: on other people's digits networks do worse.",
    ),
    "cifar10": DatasetSpec(
        name="cifar10",
        shape=(3, 32, 32),
        n_train=50_000,
        n_test=10_000,
        class_sizes=(5_000,) * 10,
        class_names=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        format="cifar",
        archives=(
            Archive(
                url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                md5="c32a1d4ab5d03f1284b67883e8d87530",
                sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        source="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        licence="none stated by the author",
    ),
    "cifar100": DatasetSpec(
        name="cifar100",
        shape=(3, 32, 32),
        n_train=50_000,
        n_test=10_000,
        class_sizes=(500,) * 100,
        format="cifar",
        archives=(
            Archive(
                url="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
                md5="03b5dce01913d631647c71ecec9e9cb8",
            ),
        ),
        source="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        licence="none stated by the author",
        note="The 100 fine classes.",
    ),
    "svhn": DatasetSpec(
        name="svhn",
        shape=(3, 32, 32),
        n_train=73_257,
        n_test=26_032,
        class_sizes=(4_948, 13_861, 10_585, 8_497, 7_458, 6_882, 5_727, 5_595, 5_045, 4_659),
        format="svhn",
        archives=(
            Archive(
                url="http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
                md5="e26dedcc434d2e4c54c9b2d4a06d8373",
            ),
            Archive(
                url="http://ufldl.stanford.edu/housenumbers/test_32x32.mat",
                md5="eb5a983be6a315427106f1b164d9cef3",
            ),
        ),
        source="Netzer et al. 2011, Reading Digits in Natural Images with Unsupervised Feature Learning",
        licence="non-commercial use only",
        note="Cropped digits, without the extra training images.",
    ),
    "emnist_letters": DatasetSpec(
        name="emnist_letters",
        shape=(1, 28, 28),
        n_train=124_800,
        n_test=20_800,
        class_sizes=(4_800,) * 26,
        class_names=tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        format="emnist",
        archives=(_EMNIST,),
        source="Cohen et al. 2017, EMNIST: an extension of MNIST to handwritten letters, arXiv:1702.05373",
        licence="none stated; a work of the US government's NIST",
        note="Capital and small letters are one class.",
    ),
    "emnist_balanced": DatasetSpec(
        name="emnist_balanced",
        shape=(1, 28, 28),
        n_train=112_800,
        n_test=18_800,
        class_sizes=(2_400,) * 47,
        class_names=tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"),
        format="emnist",
        archives=(_EMNIST,),
        source="Cohen et al. 2017, EMNIST: an extension of MNIST to handwritten letters, arXiv:1702.05373",
        licence="none stated; a work of the US government's NIST",
        note="Small letters that look like their capitals are one class with them.",
    ),
}
