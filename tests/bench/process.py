"""What the operating system says: of a running gateway by kind of process, and of a short batch."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds that the gateway's own processes and its PostgreSQL have used."""

    gateway: float
    postgres: float

    def since(self, earlier: "Spent") -> "Spent":
        return Spent(self.gateway - earlier.gateway, self.postgres - earlier.postgres)


def members(pid: int) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """Return the processes of the gateway *pid*: its own, and those of its PostgreSQL."""
    root = psutil.Process(pid)
    tree = [root, *root.children(recursive=True)]
    servers = [process for process in tree if process.name() == "postgres"]
    return [process for process in tree if process not in servers], servers


def spent(pid: int) -> Spent:
    gateway, postgres = members(pid)
    return Spent(sum(map(_cpu, gateway)), sum(map(_cpu, postgres)))


def resident_mib(pid: int) -> float:
    """Resident memory of the gateway's own processes, in MiB."""
    return sum(process.memory_info().rss for process in members(pid)[0]) / MIB


def reset_peak(pid: int) -> None:
    """Let the kernel measure the peak of each gateway process from here on."""
    for process in members(pid)[0]:
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def peak_mib(pid: int) -> float:
    """Peak resident memory of the gateway's own processes since `reset_peak`, in MiB."""
    return sum(_high_water(process.pid) for process in members(pid)[0]) / 1024


def _high_water(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise LookupError(f"no peak of process {pid}")


def _cpu(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return times.user + times.system
    return 0.0


def batch_ms(work: Callable[[], object], seconds: float) -> float:
    """CPU milliseconds that *work* takes, as the mean of a batch of *seconds*."""
    start, count = time.process_time(), 0
    while (spent := time.process_time() - start) < seconds:
        work()
        count += 1
    return spent / count * 1000
