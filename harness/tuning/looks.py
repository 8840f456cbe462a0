"""What a look at a study's claims decides: which stay open, and which arms go on for them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen."""

    open: tuple[int, ...]
    """Places of the claims, from 0, that a further look may decide."""
    arms: tuple[str, ...]
    """Arms that these claims need further replicates of."""
    why: str
    """In words, for the screen."""


TakeLook: TypeAlias = Callable[[int], Look]
"""Rules a study's claims by what its journal holds, at a number of replicates that have all ended."""
