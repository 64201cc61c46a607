# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the daemon loses no finding that `cordon findings --follow` has shown.

CORDON_KILLS sets how often it is killed (8)."""

import json
import os
import random
import threading

from agent import hostnames, wait_for

KILLS = int(os.environ.get("CORDON_KILLS", "8"))
LOOKUPS = 40


def collect(stream, shown):
    for line in stream:
        finding = json.loads(line)
        shown[finding["finding_info"]["uid"]] = finding


def test_what_was_shown_is_in_the_journal(make_agent, namespace):
    """Killed at a moment of chance under lookups, and started again on the same state."""
    chance = random.Random(2)
    names = [f"k{round}-{i}.cordon-test.invalid" for round in range(KILLS) for i in range(LOOKUPS)]
    agent = make_agent(names)
    agent.start()
    follower, shown = agent.follow(), {}
    reader = threading.Thread(target=collect, args=(follower.stdout, shown))
    reader.start()
    try:
        for round in range(KILLS):
            stop_after = chance.randrange(1, LOOKUPS)
            for i in range(stop_after):
                namespace.look_up("sendto", f"k{round}-{i}.cordon-test.invalid")
            agent.kill()
            agent.start()
            # The last ones before the kill need not be there; the first ones after it must.
            name = f"k{round}-{LOOKUPS - 1}.cordon-test.invalid"
            namespace.look_up("sendto", name)
            wait_for(lambda: any(name in hostnames(f) for f in list(shown.values())),
                     "the follower goes on after the restart")
    finally:
        follower.terminate()
        reader.join()
        follower.wait()
        follower.stdout.close()
        follower.stderr.close()
    kept = {finding["finding_info"]["uid"]: finding for finding in agent.findings()}
    assert len(shown) > KILLS
    for uid, finding in shown.items():
        assert uid in kept, f"shown, but lost: {finding}"
        assert kept[uid]["count"] >= finding["count"]
