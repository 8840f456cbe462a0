import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records.class_codes import decode_classes, encode_classes


@st.composite
def classes_of_images(draw: st.DrawFn) -> tuple[list[int], int]:
    """Draw classes and how many classes there are."""
    n_classes = draw(st.integers(1, 256))
    return draw(st.lists(st.integers(0, n_classes - 1), max_size=60)), n_classes


@given(classes_of_images())
def test_what_is_encoded_is_decoded(drawn: tuple[list[int], int]) -> None:
    """Any classes come back, of any number of classes and of images, even or odd."""
    classes, n_classes = drawn
    text = encode_classes(np.array(classes, dtype=np.uint8), n_classes)
    assert decode_classes(text, n_classes, len(classes)).tolist() == classes


def test_up_to_sixteen_classes_are_two_to_a_byte() -> None:
    """Classes 1, 2, 15 are the bytes 0x12 0xf0, in base64 EvA=; of seventeen classes each is a byte."""
    classes = np.array([1, 2, 15], dtype=np.uint8)
    assert encode_classes(classes, 16) == "EvA="
    assert encode_classes(classes, 17) == "AQIP"


def test_ten_thousand_images_take_less_than_seven_kilobytes() -> None:
    """Half a byte an image, a third more in base64."""
    assert len(encode_classes(np.zeros(10_000, dtype=np.uint8), 10)) == 6668


@pytest.mark.parametrize(
    ("text", "n_classes", "n_images", "complaint"),
    [
        ("EvA", 16, 3, "not base64"),
        ("Ev A=", 16, 3, "not base64"),
        ("EvA=", 16, 5, "2 bytes, but 5 images of 16 classes take 3"),
        ("AQIP", 17, 4, "3 bytes, but 4 images of 17 classes take 4"),
        ("EvE=", 16, 3, "the last four bits are no image's"),
        ("EvA=", 15, 3, "class 15: of 15 classes the last is 14"),
        ("AQIP", 257, 3, "257 classes"),
    ],
)
def test_text_that_holds_other_images_or_classes_is_refused(
    text: str, n_classes: int, n_images: int, complaint: str
) -> None:
    """Nothing is padded, cut or clipped to what was expected."""
    with pytest.raises(ValueError, match=complaint):
        decode_classes(text, n_classes, n_images)


def test_a_class_that_is_none_is_not_encoded() -> None:
    """It would come back as another one."""
    with pytest.raises(ValueError, match="class 4: of 4 classes the last is 3"):
        encode_classes(np.array([4], dtype=np.uint8), 4)
