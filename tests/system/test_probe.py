# SPDX-License-Identifier: Apache-2.0
"""Unusual and broken messages: each is found, or counted as what it is; none passes silently, and
the ledger balances after each."""

import pytest

from agent import wait_for

LISTED = "listed.cordon-test.invalid"
FOUND = "found"

# What becomes of a message of that form that asks for a listed name.
FORMS = {
    "plain": {FOUND},
    "mixed-case": {FOUND},
    "edns": {FOUND},
    "long": {FOUND},
    "two-questions": {FOUND},
    "compressed": {FOUND},
    "compressed-forward": {FOUND, "unread"},
    "trailing": {FOUND},
    "count-too-high": {FOUND, "malformed", "unread"},
    "notify": {FOUND},
    "compressed-loop": {"malformed", "unread"},
    "truncated": {"malformed", "unread"},
    "no-type": {FOUND, "malformed", "unread"},
    "empty": {"empty", "malformed", "unread"},
    "short": {"malformed"},
    "response": {"response"},
}
WAYS = [("sendto", "127.0.0.1"), ("sendto", "::1"), ("splice", "127.0.0.1"), ("tcp", "127.0.0.1"),
        ("tcp-split", "::1"), ("tcp-bytewise", "127.0.0.1")]


def name_for(way, form, address):
    """Below the listed name, and asked once only."""
    return f"{form}.{way}.{'v6' if ':' in address else 'v4'}.{LISTED}"


@pytest.fixture(scope="module")
def agent(start_agent):
    entries = [name_for(way, form, address) for way, address in WAYS for form in FORMS]
    return start_agent([*entries, "plain." + LISTED, "other-port." + LISTED],
                       sensor={"ports": [5300]})


def outcomes(agent, before):
    """Names of outgoing counters that rose."""
    risen = agent.ledger().since(before)
    return {counter.removeprefix("egress.") for counter in risen if counter.startswith("egress.")}


@pytest.mark.parametrize("way,address", WAYS)
@pytest.mark.parametrize("form", FORMS)
def test_form(agent, namespace, way, address, form):
    """Found or counted, as the table says."""
    name = name_for(way, form, address)
    before = agent.ledger()
    namespace.look_up(f"{way}/{form}", name, address)

    def outcome():
        rose = outcomes(agent, before)
        asked = [finding for finding in agent.findings() if name in str(finding)]
        return ({FOUND} if asked else set()) | (rose & FORMS[form])
    wait_for(lambda: outcome() & FORMS[form], f"{form} by {way} is one of {FORMS[form]}")
    if FOUND not in FORMS[form]:
        assert FOUND not in outcome()


@pytest.mark.parametrize("name", ["innocent.example", "notplain." + LISTED, LISTED, "invalid",
                                  "plain.listed.cordon-test.invalid.example"])
def test_other_names_are_clean(agent, namespace, name):
    """A name that is not listed is counted as clean and makes no finding."""
    before, findings = agent.ledger(), len(agent.findings())
    namespace.look_up("sendto", name)
    assert wait_for(lambda: agent.ledger().since(before), "the message is counted") \
        .get("egress.clean") == 1
    assert len(agent.findings()) == findings


def test_configured_port(agent, namespace):
    """DNS on a port that the configuration names is read as well."""
    namespace.look_up("sendto", "other-port." + LISTED, port=5300)
    agent.finding("other-port." + LISTED)


def test_other_ports_are_not_dns(agent, namespace):
    """What goes to another port is not counted at all."""
    before = agent.ledger()
    namespace.look_up("sendto", "plain." + LISTED, port=5301)
    namespace.look_up("sendto", "innocent.example")
    wait_for(lambda: agent.ledger().since(before), "the message after it is counted")
    assert agent.ledger().since(before)["egress.seen"] == 1
