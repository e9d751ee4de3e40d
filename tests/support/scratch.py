"""Where tests keep their files: in memory, if the machine has room there.

Servers of tests write to the disk as the real ones do, and wait for it at every commit.  What a
power cut would leave is no test's question, so their disk may be one that never has to be waited
for.  `python -m tests.support.scratch` prints the folder for a script.
"""

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES_MIN = 6 * 2**30
"""Databases and sandboxes of a few processes at once, three times over."""


def scratch_folder():
    """Return where temporary files go: $TMPDIR if it is set, else memory, else the usual place."""
    if os.environ.get("TMPDIR") or not has_room(MEMORY):
        return Path(tempfile.gettempdir())
    return MEMORY


def has_room(folder):
    """Tell whether *folder* and the memory take what tests write, and run what they copy there."""
    try:
        disk = os.statvfs(folder)
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return False
    [free] = (int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    runs = not disk.f_flag & os.ST_NOEXEC and os.access(folder, os.W_OK)
    return runs and min(disk.f_bavail * disk.f_frsize, free) >= ROOM_BYTES_MIN


if __name__ == "__main__":
    print(scratch_folder())
