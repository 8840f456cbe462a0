"""Every random number of a study derives from its seed; this is how."""

import hashlib
from collections.abc import Iterable


def derive_seed(study_seed: int, *purpose: str | int) -> int:
    """Return a seed in [0, 2**32) for one purpose: equal for equal arguments, independent otherwise.

    Args:
        study_seed: The study's seed.
        purpose: What the seed is for, such as `"confirm", 3`.
    """
    words = "/".join(str(word) for word in (study_seed, *purpose))
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big")


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
