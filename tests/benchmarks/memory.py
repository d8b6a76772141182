"""Peak memory of this very process."""

import re
from pathlib import Path


def peak_memory_mb() -> float:
    """Largest resident size in MB. Linux only.

    Not `ru_maxrss`: that begins with what the parent held when it started this process.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None, "this kernel does not tell VmHWM"
    return int(found[1]) / 1024
