"""Memory that training goes on using: freed blocks stay with the process that freed them.

By its defaults the C library gives large blocks back to the system when they are freed. A step frees blocks
and asks for the same again, and the system fills each page with zeros before it hands it out: up to a quarter
of a step of a convolutional network. Numbers do not change, and a process keeps no more than it once needed.
"""

from collections.abc import Mapping

_LARGE = str(1 << 30)

KEEPING_MEMORY: Mapping[str, str] = {
    "MALLOC_ARENA_MAX": "1",  # workers train in a thread, whose own arena is given back in any case
    "MALLOC_MMAP_THRESHOLD_": _LARGE,
    "MALLOC_TRIM_THRESHOLD_": _LARGE,
}
"""Environment of processes that train; the C library reads it when they begin.

Source: mallopt(3), "Environment variables"; glibc only, others ignore it.
"""
