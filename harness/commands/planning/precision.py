"""What a dry run tells of a study in bf16: what was measured here, and what a sweep would say to it."""

from collections.abc import Iterator

from harness.study.study import Study
from harness.training import bf16


def precision_lines(study: Study, *, measures: bool) -> Iterator[str]:
    """Yield a line where some arm can train in bf16.

    Args:
        study: The study.
        measures: Measure now, in a process of its own, whatever was measured before.
    """
    arms = bf16.arms_of(study)
    if not arms:
        return
    device = bf16.device_of(study)
    speedup = bf16.asked_speedup(device) if measures else bf16.known_speedup(device)
    if speedup is None:
        yield (
            "precision: whether bf16 is fast on this machine is not yet checked: --measure does that now, a "
            "sweep before it starts anything"
        )
        return
    refused = "" if speedup.is_enough else "; a sweep on this machine is refused"
    yield f"precision: {bf16.in_words(device, speedup)}{refused}"
