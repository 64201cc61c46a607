# SPDX-License-Identifier: Apache-2.0
"""What two measurements in cgroups side by side have in common: empty programs to compare with, and
runs in pairs, in the order AB, BA, AB..., so that what else the machine does hits both sides.

Beside the rate of a run stands the CPU time that its process took for one of what it counts, which
other tenants of the machine disturb less.
"""

import os
import resource
import statistics
from pathlib import Path

from agent import BUILD, need, run

HOOKS = ("egress", "ingress", "connect4", "connect6", "sendmsg4", "sendmsg6", "sock_create",
         "sock_release")


def attach_empty(stack, cgroup):
    """Empty programs on each hook of the cgroup that the agent is on."""
    (bpftool,) = need("bpftool")
    pins = Path(f"/sys/fs/bpf/cordon-bench-{os.getpid()}")
    run(bpftool, "prog", "loadall", BUILD / "tests/bench/empty.bpf.o", pins)
    stack.callback(lambda: run("rm", "-r", pins))
    for hook in HOOKS:
        run(bpftool, "cgroup", "attach", cgroup.path, hook, "pinned", pins / f"empty_{hook}",
            "multi")


def spent():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def timed(measure, cgroup, seconds):
    """A run's rate, and CPU time for one; measure(cgroup) is a second's count."""
    before = spent()
    rate = measure(cgroup)
    return rate, (spent() - before) / (rate * seconds)


def told(ratios):
    """The median with its standard error, and between which half of the pairs lie."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    error = 1.2533 * statistics.stdev(ratios) / len(ratios) ** 0.5
    return f"{middle:.3f} (+- {error:.3f}, half of them {low:.2f}..{high:.2f})"


def compare(measure, one, other, pairs):
    """measure(cgroup): a run's rate, and CPU time for one. What is told of one over the other."""
    rates, costs = [], []
    for pair in range(pairs):
        order = [one, other] if pair % 2 == 0 else [other, one]
        runs = {cgroup: measure(cgroup) for cgroup in order}
        rates.append(runs[one][0] / runs[other][0])
        costs.append(runs[other][1] / runs[one][1])
    return f"{told(rates)}, by CPU time {told(costs)}, {pairs} pairs"
