"""Results that several tables and figures need are worked out once a study."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from analysis.records import StudyRecords

Result = TypeVar("Result")


def once_per_study(compute: Callable[[StudyRecords], Result]) -> Callable[[StudyRecords], Result]:
    """Let a function of the records keep its result for as long as the records live.

    Callers share the result and must not change it.
    """
    results: WeakKeyDictionary[StudyRecords, Result] = WeakKeyDictionary()

    @wraps(compute)
    def known_or_computed(records: StudyRecords) -> Result:
        if records not in results:
            results[records] = compute(records)
        return results[records]

    return known_or_computed
