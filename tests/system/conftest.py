# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the system tests: a world for one module, and figures for the report."""

import os

import pytest

from agent import CORDON, CORDOND, FLOOD, RESPONDER, SENDER, Agent, Cgroup, Namespace, missing, \
    need

FIGURE = "figure"

# The files that take longest come first, so that none of them is left for the end.
LONG = ["test_isolation", "test_pins", "test_sinks", "test_ssm", "test_feeds", "test_cloud",
        "test_files", "test_contain"]


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(scope="module")
def cgroup():
    if os.geteuid() != 0:
        missing("cgroups and network namespaces need root")
    need(CORDOND, CORDON, SENDER, RESPONDER, FLOOD)
    with Cgroup() as made:
        yield made


@pytest.fixture(scope="module")
def namespace(cgroup):
    """With a responder on port 53."""
    with Namespace(cgroup) as made:
        made.respond()
        yield made


@pytest.fixture(scope="module")
def start_agent(cgroup, tmp_path_factory):
    """Starts an agent that lives as long as the module."""
    started = []

    def start(entries, **options):
        agent = Agent(tmp_path_factory.mktemp("agent"), cgroup, entries, **options)
        agent.start()
        started.append(agent)
        return agent

    yield start
    for agent in started:
        agent.stop()


@pytest.fixture
def make_agent(cgroup, tmp_path):
    """An agent for one test, to be started by it."""
    made = []

    def make(entries, **options):
        made.append(Agent(tmp_path / str(len(made)), cgroup, entries, **options))
        return made[-1]

    yield make
    for agent in made:
        agent.stop()


@pytest.fixture
def figure(request):
    """Takes a line to be shown at the end of the run."""
    return lambda line: request.node.user_properties.append((FIGURE, line))


def pytest_terminal_summary(terminalreporter):
    figures = [line for reports in terminalreporter.stats.values() for report in reports
               for name, line in getattr(report, "user_properties", ())
               if name == FIGURE and report.when == "call"]
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.line(line)
