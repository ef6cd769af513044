import os
import subprocess
import sys
from pathlib import Path

import pytest

from tronrec import threads
from tronrec.threads import NUMBER, POLICY, SPIN, Meter, read_quota, settle_threads

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's files")


class Machine:
    """A kernel's files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/self/cgroup", "0::/\n")
        self.load(0, 0)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def load(self, lately: float, longer: float) -> None:
        self.write("proc/loadavg", f"{lately} {longer} 1.0 2/300 4711\n")

    def version_2(self, group: str, quotas: dict[str, str]) -> None:
        self.write("proc/self/cgroup", f"0::{group}\n")
        for name, quota in quotas.items():
            self.write(f"sys/fs/cgroup/{name}/cpu.max", f"{quota} 100000\n")

    def version_1(self, group: str, quotas: dict[str, str]) -> None:
        lines = f"9:name=systemd:/x\n5:memory:{group}\n3:cpu,cpuacct:{group}\n0::/\n"
        self.write("proc/self/cgroup", lines)
        for name, quota in quotas.items():
            folder = f"sys/fs/cgroup/cpu/{name}"
            self.write(f"{folder}/cpu.cfs_quota_us", f"{quota}\n")
            self.write(f"{folder}/cpu.cfs_period_us", "50000\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Eight CPUs, and an environment that says nothing of threads."""
    monkeypatch.setattr(threads, "count_cpus", lambda: 8)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    for name in (NUMBER, SPIN, POLICY):
        monkeypatch.setenv(name, "")  # so that what is set here is undone
        monkeypatch.delenv(name)
    return Machine(tmp_path)


def test_a_machine_alone_uses_all_cpus(machine: Machine) -> None:
    line = settle_threads(0.1, machine.root)
    assert line == "Threads: 8, for 8 CPUs (OMP_NUM_THREADS sets another number)"
    assert (os.environ[NUMBER], os.environ[SPIN]) == ("8", "10000")


@pytest.mark.parametrize(
    ("now", "lately", "longer", "number"),
    [(3.2, 5, 4, 4), (3.2, 5, 1.5, 6), (0.2, 9, 9, 8), (9, 9, 9, 1), (2, 0.4, 3, 8)],
)
def test_only_who_stays_is_made_room_for(
    machine: Machine, now: float, lately: float, longer: float, number: int
) -> None:
    machine.load(lately, longer)
    settle_threads(now, machine.root)
    assert os.environ[NUMBER] == str(number)


@pytest.mark.parametrize(
    ("group", "quotas", "expected"),
    [
        ("/", {"": "max"}, None),
        ("/", {"": "250000"}, 2.5),
        ("/a/b", {"": "max", "a": "300000", "a/b": "max"}, 3),
        ("/a/b", {"a": "300000", "a/b": "150000"}, 1.5),
        ("/not/mounted/here", {"": "400000"}, 4),
        ("/", {}, None),
    ],
)
def test_quotas_of_cgroups_version_2(
    machine: Machine, group: str, quotas: dict[str, str], expected: float | None
) -> None:
    machine.version_2(group, quotas)
    assert read_quota(machine.root) == expected


@pytest.mark.parametrize(
    ("group", "quotas", "expected"),
    [
        ("/", {"": "-1"}, None),
        ("/docker/1", {"": "-1", "docker/1": "100000"}, 2),
        ("/docker/1", {"": "75000"}, 1.5),
        ("/docker/1", {"docker": "50000", "docker/1": "-1"}, 1),
    ],
)
def test_quotas_of_cgroups_version_1(
    machine: Machine, group: str, quotas: dict[str, str], expected: float | None
) -> None:
    machine.version_1(group, quotas)
    assert read_quota(machine.root) == expected


def test_no_quota_can_be_read(tmp_path: Path) -> None:
    assert read_quota(tmp_path) is None


def test_a_quota_limits_threads_and_spinning(machine: Machine) -> None:
    machine.version_2("/", {"": "250000"})
    assert "Threads: 2, for 8 CPUs, a quota of 2.5 (" in settle_threads(0, machine.root)
    assert os.environ[SPIN] == "1000"


def test_what_the_user_has_set_stays(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NUMBER, "3")
    monkeypatch.setenv(SPIN, "77")
    line = settle_threads(0, machine.root)
    assert line == "Threads: 3, as OMP_NUM_THREADS says; 8 CPUs"
    assert (os.environ[NUMBER], os.environ[SPIN]) == ("3", "77")


def test_a_policy_of_the_user_stays(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POLICY, "active")
    settle_threads(0, machine.root)
    assert SPIN not in os.environ


@linux
def test_the_meter_counts_others_on_our_cpus(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2})
    clock, own = iter([100.0, 110.0]), iter([5.0, 9.0])
    monkeypatch.setattr(threads.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(threads.time, "process_time", lambda: next(own))
    tick = os.sysconf("SC_CLK_TCK")

    def stat(busy: int) -> str:
        each = f"{busy * tick} 0 0 99 99 0 0 0 0 0"
        return f"cpu 1 2 3\ncpu0 {each}\ncpu1 0 0 0 0 0 0 0\ncpu2 {each}\nintr 5\n"

    machine.write("proc/stat", stat(50))
    meter = Meter(machine.root)
    machine.write("proc/stat", stat(57))
    assert meter.read() == pytest.approx((2 * 7 - 4) / 10)


REACT = """
import os, pathlib, time
import torch
from tronrec.threads import Neighbours, count_cpus

def tasks():
    torch.zeros(1 << 20)
    return len(list(pathlib.Path("/proc/self/task").iterdir()))

def settles_at(number):  # a thread that is joined may be listed a moment longer
    end = time.monotonic() + 10
    while tasks() != number:
        assert time.monotonic() < end, (tasks(), number)
    return True

watch, alone = Neighbours(), tasks()
watch.react(others=0.1)
assert tasks() == alone
for _ in range(3):
    watch.react(others=0.9 + count_cpus())
    crowded = tasks()
    watch.react(others=0.4 + count_cpus())
    assert tasks() == crowded
    watch.react(others=0.0)
    assert settles_at(alone)
print(crowded - alone)
"""


@linux
@pytest.mark.parametrize(("number", "added"), [("2", "2"), ("1", "0")])
def test_idle_threads_come_and_go_with_the_neighbours(number: str, added: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REACT],
        env=os.environ | {NUMBER: number},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == added, done.stderr
