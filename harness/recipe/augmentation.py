"""How images are augmented by what is built in: its settings, and how they are told."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Pixels = Annotated[int, Field(ge=0, le=2**63 - 1)]


class Augmentation(BaseModel):
    """Random changes of every training image, anew in each batch, in this order. What is left out is off."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    flip: bool = False
    """Mirror left and right, with probability 1/2."""
    shift: Pixels = 0
    """Move by up to so many pixels up or down and left or right; the border reflects."""
    cutout: Pixels = 0
    """Set a square of so many pixels a side to 0, its centre anywhere in the image."""


def _checked(value: Any) -> Any:
    """Return `none`.

    Raises:
        ValueError: It is another value.
    """
    if value != "none":
        told = str(value).lower() if isinstance(value, bool) else repr(value)
        raise ValueError(
            f"{told} is not known. Valid: none, or changes of images, such as {{flip: true, shift: 2}}"
        )
    return value


Nothing = Annotated[Literal["none"], BeforeValidator(_checked)]


def augmentation_in_words(value: Mapping[str, Any]) -> str | None:
    """Return what a recipe's mapping does to images, such as `flip + shift 2`; None for another field's.

    Args:
        value: All settings, or those that are fixed where others are searched.
    """
    if not value or value.keys() - Augmentation.model_fields.keys():
        return None
    told = {
        name: value[name] for name in Augmentation.model_fields if value.get(name)
    }  # a record may sort them
    parts = [name if own is True else f"{name} {own}" for name, own in told.items()]
    is_whole = value.keys() == Augmentation.model_fields.keys()
    return " + ".join(parts) or ("none" if is_whole else "nothing else")
