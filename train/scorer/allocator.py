"""Memory that is freed stays with this process, for the next tensor of its size."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc so; whether it heard. Elsewhere nothing happens.

    It gives blocks above 32 MB back to the kernel at once, and every training step then pays for
    their pages again: a quarter of a step of UR-DMU on a CPU.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, _NEVER))
