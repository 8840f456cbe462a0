"""Every random number of a study derives from its seed; this is how."""

import hashlib
from collections.abc import Iterable
from functools import cache

MOST_REPEATS = 1000
"""Repeats that a study can have."""


def derive_seed(study_seed: int, *purpose: str | int) -> int:
    """Return a seed in [0, 2**32) for one purpose: equal for equal arguments, independent otherwise.

    Args:
        study_seed: The study's seed.
        purpose: What the seed is for, such as `"confirm", 3`.
    """
    words = "/".join(str(word) for word in (study_seed, *purpose))
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big")


def of_repeat(repeat: int) -> tuple[str | int, ...]:
    """Return the words that a repeat adds to a seed's purpose; the first, often the only one, adds none."""
    return ("repeat", repeat) if repeat else ()


def distinct_seeds(study_seed: int, purpose: str, count: int, taken: Iterable[int] = ()) -> list[int]:
    """Return `count` derived seeds, none twice and none of `taken`."""
    seen = set(taken)
    seeds: list[int] = []
    index = 0
    while len(seeds) < count:
        seed = derive_seed(study_seed, purpose, index)
        index += 1
        if seed not in seen:
            seen.add(seed)
            seeds.append(seed)
    return seeds


def search_seeds(study_seed: int, arm: str, repeat: int, count: int) -> tuple[int, ...]:
    """Return the seeds of every configuration of an arm's search.

    They are the same for all of them, so that configurations differ by their settings and not by the luck of
    a split.

    Args:
        study_seed: The study's seed.
        arm: The arm's name; in the first repeat all arms have the same seeds.
        repeat: Number of the search, from 0.
        count: Runs a configuration.
    """
    purpose = f"search/{arm}/repeat/{repeat}" if repeat else "search"
    return tuple(distinct_seeds(study_seed, purpose, count))


def confirm_seeds(
    study_seed: int, arm: str, repeat: int, count: int, *, common: bool, searched: int = 1
) -> tuple[int, ...]:
    """Return the seeds on which the choice of an arm's search is confirmed, none of them seen in a search.

    Args:
        study_seed: The study's seed.
        arm: The arm's name.
        repeat: Number of the search, from 0.
        count: Confirm runs a repeat.
        common: Whether all arms have the same seeds, as where each searches at most once. Otherwise each
            repeat of each arm has its own, none twice in an arm.
        searched: Seeds of a searched configuration.
    """
    if common:
        taken = search_seeds(study_seed, arm, 0, searched)
        return tuple(distinct_seeds(study_seed, "confirm", count, taken))
    return _own_confirm_seeds(study_seed, arm, repeat, count)


@cache
def _own_confirm_seeds(study_seed: int, arm: str, repeat: int, count: int) -> tuple[int, ...]:
    taken = set(_all_search_seeds(study_seed, arm))
    for earlier in range(repeat):
        taken.update(_own_confirm_seeds(study_seed, arm, earlier, count))
    return tuple(distinct_seeds(study_seed, f"confirm/{arm}/repeat/{repeat}", count, taken))


@cache
def _all_search_seeds(study_seed: int, arm: str) -> tuple[int, ...]:
    """Return the search seeds of every repeat that an arm can have: more may be asked for later."""
    return tuple(search_seeds(study_seed, arm, repeat, 1)[0] for repeat in range(MOST_REPEATS))
