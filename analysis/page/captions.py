"""Captions for a page: a line that is read, the rest for who asks, and what several of them say only once."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_END = re.compile(r"(?<=[.?!]) (?=[A-Z*×(])")  # noqa: RUF001 - the sign of runs that diverged
_SHORT = 25
"""Letters of a sentence that says nothing without its neighbours."""


@dataclass(frozen=True, kw_only=True)
class Caption:
    """What stands below a table or a figure."""

    first: str
    """Its first sentence, which is always shown."""
    rest: str
    """What is folded; without what the page says once for all."""


def sentences(text: str) -> list[str]:
    """Return the sentences of a text."""
    return _END.split(text) if text else []


def shared(texts: Iterable[str]) -> list[str]:
    """Return what two or more captions say in the same words, in the order of reading.

    The first sentence of a caption stays its own.
    """
    counts = Counter(said for text in texts for said in dict.fromkeys(sentences(text)[1:]))
    return [said for said, times in counts.items() if times > 1 and len(said) > _SHORT]


def folded(text: str, told: Sequence[str]) -> Caption:
    """Return a caption as a page shows it.

    Args:
        text: The whole caption.
        told: What the page says once for all its captions.
    """
    first, *others = sentences(text) or [""]
    return Caption(first=first, rest=" ".join(said for said in others if said not in told))
