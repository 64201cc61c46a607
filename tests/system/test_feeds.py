# SPDX-License-Identifier: Apache-2.0
"""Feeds from a server of the test to the pack in force: downloaded by cordon-cloud, compiled by a
worker, kept for when the server is gone; what is tampered with, too large, without an end, too slow
or suspicious is refused or held back, told, and the old list stays in force."""

import gzip
import http.server
import json
import os
import subprocess
import threading
import time

import pytest

from agent import CORDON, wait_for
from test_reload import Lookups, total

BEFORE, AFTER = "before.cordon-test.invalid", "after.cordon-test.invalid"


class Server:
    """HTTP on loopback: paths and what each of them does."""

    def __init__(self):
        self.bodies, self.headers, self.asked = {}, {}, []
        self.ending = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.answer(self)

            def do_POST(self):
                outer.parameter(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def answer(self, request):
        self.asked.append((request.path, dict(request.headers)))
        body = self.bodies.get(request.path)
        if callable(body):
            body(request)
        elif body is None:
            self.send(request, 404, b"gone")
        elif request.headers.get("If-None-Match") == self.etag(body):
            self.send(request, 304, b"")
        else:
            self.send(request, 200, body)

    def parameter(self, request):
        """Parameter Store's GetParameter."""
        self.asked.append((request.path, dict(request.headers)))
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        assert request.headers["X-Amz-Target"] == "AmazonSSM.GetParameter"
        value = self.parameters[body["Name"]]
        self.send(request, 200, json.dumps({"Parameter": {"Value": value}}).encode())

    @staticmethod
    def etag(body):
        return f'"{hash(body) & 0xffffffff:x}"'

    def send(self, request, status, body):
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        if status == 200:
            request.send_header("ETag", self.etag(body))
            request.send_header("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT")
        request.end_headers()
        request.wfile.write(body)

    def endless(self, request):
        """A body that goes on as long as somebody reads it."""
        request.send_response(200)
        request.end_headers()
        try:
            while not self.ending.is_set():
                request.wfile.write(b"x.cordon-test.invalid\n" * 1000)
        except OSError:
            pass
        request.close_connection = True

    def slow(self, request):
        """A byte now and then, until nobody waits any more."""
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        try:
            while not self.ending.wait(0.2):
                request.wfile.write(b"a")
                request.wfile.flush()
        except OSError:
            pass
        request.close_connection = True

    def redirect(self, to):
        def answer(request):
            request.send_response(302)
            request.send_header("Location", to)
            request.send_header("Content-Length", "0")
            request.end_headers()
        return answer

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server():
    with Server() as made:
        yield made


def lines(*names):
    return "".join(name + "\n" for name in names).encode()


def many(prefix, count):
    return lines(*(f"{prefix}{i}.cordon-test.invalid" for i in range(count)))


class Fed:
    """An agent with feeds, and what may be asked of them."""

    def __init__(self, agent):
        self.agent = agent

    def intel(self, *command):
        return subprocess.run([CORDON, "intel", *command, "--socket",
                               self.agent.runtime / "control"], capture_output=True, text=True,
                              timeout=120)

    def update(self):
        done = self.intel("update", "--json")
        assert done.returncode in (0, 1), done.stderr + self.agent.log.read_text()
        return json.loads(done.stdout)

    def state(self):
        return self.agent.status()["feeds"]

    def feed(self, name="feed"):
        return [feed for feed in self.state()["feeds"] if feed["name"] == name][0]

    def blocked(self, name):
        done = subprocess.run([CORDON, "intel", "lookup", "--pack", self.agent.pack, name],
                              capture_output=True, text=True)
        return done.returncode == 1

    def in_force(self, name):
        """In the file, and the file is what the daemon has."""
        return self.blocked(name) and self.digest() == self.agent.status()["pack"]["sha256"]

    def digest(self):
        done = subprocess.run([CORDON, "intel", "info", "--json", self.agent.pack],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["sha256"]

    def told(self, detector):
        return [finding for finding in self.agent.findings()
                if finding["finding_info"]["analytic"]["name"] == detector]


@pytest.fixture
def make_fed(make_agent, tmp_path):
    def make(feeds, first=True, mode="audit", **intel):
        agent = make_agent([BEFORE], intel={})
        config = {"feeds": feeds, "pack": str(agent.pack), "builtin_resolvers": False, **intel}
        agent.configure(mode, intel=config, aws={"metadata": "off"})
        if first:
            agent.pack.unlink()
        return Fed(agent)
    return make


def url_feed(server, path="/list", **more):
    return {"name": "feed", "url": server.url(path), "severity": "high", "tags": ["t"], **more}


def test_update_and_not_modified(make_fed, server):
    """A list comes, is asked for with its ETag, and another one takes its place."""
    server.bodies["/list"] = lines(BEFORE, "not a name")
    fed = make_fed([url_feed(server)])
    with fed.agent:
        wait_for(lambda: fed.in_force(BEFORE), "the list is in force", 15)
        feed = fed.feed()
        assert (feed["entries"], feed["rejected"], feed["error"]) == (1, 1, None)
        asked = len(server.asked)
        fed.update()
        path, headers = server.asked[asked]
        assert headers["If-None-Match"] == server.etag(server.bodies["/list"])
        assert headers["If-Modified-Since"] == "Sat, 01 Jan 2022 00:00:00 GMT"
        server.bodies["/list"] = gzip.compress(lines(AFTER))
        fed.update()
        assert fed.in_force(AFTER) and not fed.blocked(BEFORE)


def test_last_good_list_offline(make_fed, server):
    """Without the server, the list that was good is in force after a restart, too, and the error
    is told."""
    server.bodies["/list"] = lines(BEFORE)
    fed = make_fed([url_feed(server)])
    with fed.agent:
        wait_for(lambda: fed.in_force(BEFORE), "the list is in force", 15)
    del server.bodies["/list"]
    fed.agent.pack.unlink()
    with fed.agent:
        assert fed.in_force(BEFORE)
        state = fed.update()
        assert "404" in state["feeds"][0]["error"]
        assert fed.in_force(BEFORE)


@pytest.mark.parametrize("case", ["oversize", "endless", "slow", "truncated", "html", "nothing"])
def test_bad_lists_are_refused(make_fed, server, case):
    """Whatever comes in the place of a list, the old one stays, and why is told."""
    server.bodies["/list"] = lines(BEFORE)
    fed = make_fed([url_feed(server, max_size="64K", timeout="2s")])
    with fed.agent:
        wait_for(lambda: fed.in_force(BEFORE), "the list is in force", 15)
        server.bodies["/list"] = {
            "oversize": many("x", 10000), "endless": server.endless, "slow": server.slow,
            "truncated": gzip.compress(many("x", 100))[:-9], "html": b"<html>no</html>\n",
            "nothing": b"",
        }[case]
        state = fed.update()
        if case == "html":
            wait_for(lambda: not fed.state()["busy"], "it is at rest")
            assert "no list has an entry" in fed.agent.log.read_text()
            assert fed.feed()["error"] == "nothing of what came is an entry"
        else:
            assert state["feeds"][0]["error"], state
        assert fed.in_force(BEFORE)


def test_a_feed_without_entries_is_told(make_fed, server):
    """Beside one that is good, and by the exit status of `cordon intel update`, and by its text."""
    server.bodies["/list"] = lines(BEFORE)
    server.bodies["/page"] = b"<html>\nno list\n</html>\n"
    fed = make_fed([url_feed(server), {**url_feed(server, "/page"), "name": "page"}])
    with fed.agent:
        wait_for(lambda: fed.in_force(BEFORE), "the list is in force")
        done = fed.intel("update")
        assert done.returncode == 1 and "none of its 3 lines is an entry" in done.stdout
        shown = subprocess.run([CORDON, "status", "--socket", fed.agent.runtime / "control"],
                               capture_output=True, text=True).stdout
        assert "none of its 3 lines is an entry" in shown and "CHECKED" in shown


def test_redirects(make_fed, server):
    """Redirects are followed, a few of them; not to plain http elsewhere."""
    server.bodies["/list"] = server.redirect("/moved")
    server.bodies["/moved"] = lines(BEFORE)
    fed = make_fed([url_feed(server)])
    with fed.agent:
        wait_for(lambda: fed.in_force(BEFORE), "the list behind a redirect is in force")
        server.bodies["/list"] = server.redirect("http://192.0.2.1/x")
        assert "not https" in fed.update()["feeds"][0]["error"]
        server.bodies["/list"] = server.redirect("/list")
        assert "too many" in fed.update()["feeds"][0]["error"]
        assert fed.in_force(BEFORE)


def test_popular_name_is_held(make_fed, server):
    """An update that lists a popular name is held back and told; accepting it puts it in force,
    and one command goes back."""
    server.bodies["/list"] = lines(BEFORE)
    fed = make_fed([url_feed(server)])
    with fed.agent:
        wait_for(lambda: fed.in_force(BEFORE), "the list is in force", 15)
        server.bodies["/list"] = lines(AFTER, "www.google.com")
        assert "google.com" in fed.update()["held"]
        assert fed.in_force(BEFORE) and not fed.blocked(AFTER)
        assert len(fed.told("update-held")) == 1
        assert fed.intel("accept").returncode == 0
        assert fed.in_force(AFTER) and fed.state()["held"] is None
        assert fed.intel("rollback").returncode == 0
        assert fed.in_force(BEFORE) and not fed.blocked(AFTER)
        assert fed.intel("accept").returncode == 2


def test_name_in_use_is_held(make_fed, server, namespace):
    """So is one that lists a name which this host has used for long, as its history says."""
    server.bodies["/list"] = lines(BEFORE)
    fed = make_fed([url_feed(server)], mode="enforce")
    fed.agent.state.mkdir(exist_ok=True)
    (fed.agent.state / "names-in-use").write_text("1000 0 www.used.cordon-test.invalid\n")
    with fed.agent:
        wait_for(lambda: fed.in_force(BEFORE), "the list is in force", 15)
        namespace.look_up("sendto", "young.cordon-test.invalid")
        server.bodies["/list"] = lines(BEFORE, "young.cordon-test.invalid")
        assert fed.update()["held"] is None
        server.bodies["/list"] = lines(AFTER, "used.cordon-test.invalid")
        held = fed.update()["held"]
        assert "www.used.cordon-test.invalid, which this host has used for long" in held
        assert fed.in_force(BEFORE) and not fed.blocked(AFTER)
        assert len(fed.told("update-held")) == 1
        assert fed.intel("accept").returncode == 0
        assert fed.in_force(AFTER)


def test_large_change_is_held(make_fed, server):
    """An update that changes more than the set share is held back; a smaller one is not, and takes
    the held one's place."""
    server.bodies["/list"] = many("a", 400)
    fed = make_fed([url_feed(server)], max_change=50)
    with fed.agent:
        wait_for(lambda: fed.in_force("a0.cordon-test.invalid"), "the list is in force")
        server.bodies["/list"] = many("b", 400)
        assert "changes by 200 %" in fed.update()["held"]
        assert fed.in_force("a0.cordon-test.invalid")
        server.bodies["/list"] = many("a", 350)
        assert fed.update()["held"] is None
        assert not fed.blocked("a399.cordon-test.invalid")


def test_local_list_is_compiled_by_a_worker(make_fed, tmp_path):
    """A list in a file is in force when the daemon is up, and a broken one refuses the reload."""
    path = tmp_path / "local.list"
    path.write_bytes(lines(BEFORE))
    fed = make_fed([{"name": "feed", "path": str(path), "format": "plain"}])
    with fed.agent:
        assert fed.in_force(BEFORE)
        path.write_bytes(gzip.compress(lines(AFTER))[:-5])
        fed.agent.reload()
        wait_for(lambda: "damaged or truncated" in fed.agent.log.read_text(), "it is told")
        assert fed.in_force(BEFORE)
        path.write_bytes(lines(AFTER))
        fed.agent.reload()
        wait_for(lambda: fed.in_force(AFTER), "the new list is in force")


def test_canary_waits(make_fed, server):
    """A host that is not among the first takes an update when its time has come."""
    server.bodies["/list"] = lines(BEFORE)
    fed = make_fed([url_feed(server)], canary=1, canary_delay="3s")
    with fed.agent:
        fed.update()
        if fed.feed()["waiting"]:
            assert not fed.agent.pack.exists() or not fed.blocked(BEFORE)
        wait_for(lambda: fed.agent.pack.exists() and fed.in_force(BEFORE), "its time has come")


def test_update_without_a_gap(make_fed, server, namespace):
    """One percent of a list changes while names of it are asked: those that are in both lists are
    matched each time, and the new ones as soon as the update is in force."""
    server.bodies["/list"] = lines(BEFORE) + many("a", 20000)
    fed = make_fed([url_feed(server)])
    with fed.agent:
        wait_for(lambda: fed.in_force(BEFORE), "the list is in force")
        with Lookups(namespace, BEFORE) as lookups:
            for turn in range(3):
                new = f"new{turn}.cordon-test.invalid"
                server.bodies["/list"] = lines(BEFORE, new) + many("a", 20000 - 200 * turn)
                assert fed.update()["held"] is None
                assert fed.in_force(new)
                namespace.look_up("sendto", new)
                fed.agent.finding(new)
        wait_for(lambda: total(fed.agent, BEFORE) >= lookups.count, "all lookups are counted")
        assert total(fed.agent, BEFORE) == lookups.count


# ---- AWS ----

@pytest.mark.parametrize("source", ["s3", "ssm", "pointer"])
def test_from_aws(make_fed, server, source):
    """An object of S3, the value of a parameter, and a parameter that says where the object is."""
    value = lines(BEFORE).decode() if source == "ssm" else "s3://bucket/lists/a b.txt"
    server.bodies["/bucket/lists/a%20b.txt"] = lines(BEFORE)
    server.parameters = {"/cordon/list": value}
    url = "s3://bucket/lists/a b.txt" if source == "s3" else "ssm:/cordon/list"
    fed = make_fed([{"name": "feed", "url": url}])
    fed.agent.environment = {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL_S3": server.url(""),
        "AWS_ENDPOINT_URL_SSM": server.url("")}
    with fed.agent:
        wait_for(lambda: fed.agent.pack.exists() and fed.in_force(BEFORE), "the list is in force",
                 30)
        assert fed.feed()["error"] is None
    for path, headers in server.asked:
        assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")


# ---- signed packs ----

class Builder:
    """What a CI does: keys, and signed packs."""

    def __init__(self, folder):
        self.folder, self.version = folder, 0

    def key(self, name):
        path = self.folder / name
        done = subprocess.run([CORDON, "intel", "keygen", "-o", path], capture_output=True,
                              text=True, check=True)
        return path, done.stdout.split("public ")[1].strip()

    def pack(self, key, *names, version=None, valid=None):
        source, out = self.folder / "source.list", self.folder / "built.pack"
        source.write_bytes(lines(*names))
        self.version = version or self.version + 1
        sign = ["--sign", key, "--version", str(self.version)] if key else []
        subprocess.run([CORDON, "intel", "compile", "-o", out, *sign,
                        *(["--valid", valid] if valid else []), source], capture_output=True,
                       check=True)
        return out.read_bytes()


@pytest.fixture
def builder(tmp_path):
    return Builder(tmp_path)


def refused(fed):
    return fed.update()["feeds"][0]["error"]


def test_signed_packs(make_fed, server, builder):
    """A pack is pulled whole: tampered, truncated, expired, rolled back, unsigned and wrongly
    signed ones are refused and told, the old one stays; a second key takes over."""
    old, old_public = builder.key("old")
    new, new_public = builder.key("new")
    other, _ = builder.key("other")
    good = builder.pack(old, BEFORE, version=5)
    server.bodies["/pack"] = good
    fed = make_fed([], url=server.url("/pack"), keys=[old_public, new_public])
    with fed.agent:
        wait_for(lambda: fed.agent.pack.exists() and fed.in_force(BEFORE), "it is in force")
        bad = builder.pack(old, AFTER, version=6)
        cases = {
            "tampered": (bad[:5000] + bytes([bad[5000] ^ 1]) + bad[5001:], "not what was signed"),
            "truncated": (bad[:-40], "not signed"),
            "unsigned": (builder.pack(None, AFTER), "not signed"),
            "wrong key": (builder.pack(other, AFTER, version=7), "not signed by a key"),
            "older": (builder.pack(old, AFTER, version=4), "older"),
        }
        for what, (body, why) in cases.items():
            server.bodies["/pack"] = body
            assert why in refused(fed), what
            assert fed.in_force(BEFORE) and not fed.blocked(AFTER), what
        server.bodies["/pack"] = builder.pack(old, AFTER, version=8, valid="1s")
        time_past = time.time() + 2
        wait_for(lambda: time.time() > time_past, "it has expired")
        assert "expired" in refused(fed)
        assert fed.told("update-refused")
        server.bodies["/pack"] = builder.pack(new, AFTER, version=9)
        fed.update()
        wait_for(lambda: fed.in_force(AFTER), "the new key's pack is in force")
        server.bodies["/pack"] = good
        assert "older" in refused(fed)
    # The version outlives the daemon; going back by hand is somebody's will.
    with fed.agent:
        assert "older" in refused(fed)
        assert fed.intel("rollback").returncode == 0
        assert fed.in_force(BEFORE)


def test_unsigned_pack_in_place(make_agent, builder):
    """With keys and no feeds of its own, a daemon takes no pack that is put there unsigned."""
    key, public = builder.key("key")
    agent = make_agent([BEFORE])
    agent.configure(intel={"pack": str(agent.pack), "keys": [public]})
    with agent:
        assert agent.status()["pack"]["loaded"] is False
        assert "not signed" in agent.status()["pack"]["error"]
        agent.pack.with_suffix(".new").write_bytes(builder.pack(key, AFTER))
        os.rename(agent.pack.with_suffix(".new"), agent.pack)
        wait_for(lambda: agent.status()["pack"]["loaded"], "the signed one is taken")


def test_signed_policies(make_agent, builder):
    """With keys, a policy must be signed: a tampered, unsigned or older one refuses the reload and
    the old one stays; at the start, the daemon does not come up with it."""
    key, public = builder.key("key")
    agent = make_agent([BEFORE])
    policy = agent.folder / "policy.yaml"
    config = json.loads(agent.config.read_text())
    config["policy"]["keys"] = [public]
    agent.config.write_text(json.dumps(config) + "\n")
    plain = policy.read_bytes()

    def write(version, change=b"", sign=True):
        policy.write_bytes(plain + change)
        if sign:
            subprocess.run([CORDON, "intel", "sign", "--key", key, "--version", str(version),
                            policy], check=True, capture_output=True)

    def reload():
        done = subprocess.run(["/usr/bin/python3", "-c", RELOAD, agent.runtime / "control"],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    write(3)
    with agent:
        write(4, b"# more\n")
        assert reload() == {"reloaded": True}
        write(0, sign=False)
        assert "not signed" in reload()["error"]
        write(3)
        assert "older" in reload()["error"]
        write(5)
        policy.write_bytes(b"# x\n" + policy.read_bytes())
        assert "not what was signed" in reload()["error"]
    agent.launch()
    wait_for(lambda: agent.process.poll() is not None, "it does not start")
    assert agent.process.returncode != 0
    assert "not what was signed" in agent.log.read_text()
    agent.process = None


RELOAD = """
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.send(b'{"request":"reload"}')
print(s.recv(65536).decode())
"""
