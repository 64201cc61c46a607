# SPDX-License-Identifier: Apache-2.0
"""Equal lists in different formats give equal sets, and whatever a list holds is counted once."""

import base64
import gzip
import json
import subprocess

import pytest

from agent import CORDON

NAMES = [f"n{i}.evil{i % 7}.example" for i in range(50)]
ADDRESSES = [f"192.0.2.{i}" for i in range(20)] + ["198.51.100.0/24", "2001:db8::/48"]
HASHES = [f"{i:064x}" for i in range(10)] + [f"{i:040x}" for i in range(10)]


def compile_list(path, *options):
    pack = path.with_suffix(".pack")
    done = subprocess.run([CORDON, "intel", "compile", "--json", *options, "-o", pack, path],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    entries = report["domains"] + report["addresses"] + report["hashes"]
    assert report["items"] == (entries + report["duplicates"] + sum(report["rejected"].values())
                               + sum(report["skipped"].values()))
    return pack, report


def found(pack, asked):
    """What each of these matches, and by which entry."""
    done = subprocess.run([CORDON, "intel", "lookup", "--json", "--pack", pack, *asked],
                          capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [(answer["asked"], answer["decision"],
             answer["matches"][0]["entry"] if answer["matches"] else None) for answer in answers]


def stix(pattern):
    return {"type": "indicator", "pattern_type": "stix", "pattern": pattern}


def misp(kind, value):
    return {"type": kind, "value": value, "to_ids": True}


def address_pattern(address):
    kind = "ipv6-addr" if ":" in address else "ipv4-addr"
    return f"[{kind}:value = '{address}']"


def hash_pattern(digest):
    kind = "'SHA-256'" if len(digest) == 64 else "'SHA-1'"
    return f"[file:hashes.{kind} = '{digest}']"


def joined(template, values):
    return "".join(template.format(value) + "\n" for value in values)


def encoded(name):
    return base64.b64encode(name.encode()).decode()


DOMAIN_FORMATS = {
    "plain": joined("{}", NAMES), "hosts": joined("0.0.0.0 {}", NAMES),
    "dnsmasq": joined("address=/{}/0.0.0.0", NAMES),
    "unbound": "server:\n" + joined('local-zone: "{}" always_nxdomain', NAMES),
    "rpz": "$TTL 60\n@ SOA localhost. root.localhost. 1 2 3 4 5\n NS localhost.\n"
           + joined("{} CNAME .", NAMES),
    "adblock": "[Adblock Plus]\n" + joined("||{}^", NAMES),
    "csv": "id,domain,tags\n" + joined("1,{},x", NAMES),
    "tsv": "id\tdomain\ttags\n" + joined("1\t{}\tx", NAMES),
    "stix": json.dumps({"type": "bundle", "objects": [
        stix(f"[domain-name:value = '{name}']") for name in NAMES]}),
    "misp": json.dumps({"Event": {"Attribute": [misp("domain", name) for name in NAMES]}}),
    "dataset": "".join(encoded(name) + "\n" for name in NAMES),
    "json": "".join(json.dumps({"domain": name}) + "\n" for name in NAMES),
}
ADDRESS_FORMATS = {
    "plain": joined("{}", ADDRESSES), "drop": joined("{} ; SBL1", ADDRESSES),
    "ipset": "create x hash:net family inet\n" + joined("add x {}", ADDRESSES),
    "json": "".join(json.dumps({"cidr": address}) + "\n" for address in ADDRESSES)
            + '{"type":"metadata","records":22}\n',
    "csv": "ip,note\n" + joined("{},x", ADDRESSES),
    "stix": json.dumps({"type": "bundle", "objects": [
        stix(" OR ".join(address_pattern(address) for address in ADDRESSES))]}),
    "misp": json.dumps({"Event": {"Attribute": [
        misp("ip-dst", address) for address in ADDRESSES]}}),
}
HASH_FORMATS = {
    "plain": joined("{}", HASHES), "hashes": joined("{}  file name.exe", HASHES),
    "csv": "name,ioc\n" + joined("x,{}", HASHES),
    "stix": json.dumps({"type": "bundle", "objects": [
        stix(hash_pattern(digest)) for digest in HASHES]}),
    "misp": json.dumps({"Event": {"Attribute": [
        misp("filename|sha256" if len(digest) == 64 else "filename|sha1", f"x|{digest}")
        for digest in HASHES]}}),
}


@pytest.mark.parametrize("kind,formats,asked", [
    ("domains", DOMAIN_FORMATS, NAMES), ("addresses", ADDRESS_FORMATS, ADDRESSES[:20]),
    ("hashes", HASH_FORMATS, HASHES)])
def test_equal_lists_give_equal_sets(tmp_path, kind, formats, asked):
    """In each format, as it looks, said to be of that format, and in gzip."""
    answers = set()
    for name, text in formats.items():
        path = tmp_path / f"{name}.list"
        for packed, options in ((False, []), (False, ["--format", name]), (True, [])):
            path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
            pack, report = compile_list(path, *options)
            assert report[kind] == len(ADDRESSES if kind == "addresses" else asked), (name, options)
            assert report["rejected"] == {} and report["duplicates"] == 0, (name, options)
            answers.add(tuple(found(pack, asked + ["innocent.example.org", "203.0.113.9"])))
    assert len(answers) == 1
    assert [entry for _, _, entry in answers.pop()][:len(asked)] == asked


@pytest.mark.parametrize("head", [
    "$TTL 60\n$ORIGIN rpz.example.\n@ IN SOA a. b. 1 2 3 4 5\n",
    "rpz.example. 60 IN SOA a. b. 1 2 3 4 5\nrpz.example. 60 IN NS a.\n"])
def test_zone_as_a_server_gives_it(tmp_path, head):
    """Names that are written out to the zone's own name are those without it."""
    path = tmp_path / "zone"
    path.write_text(head + joined("{}.RPZ.example. 60 IN CNAME .", NAMES) +
                    joined("*.{}.rpz.example. 60 IN CNAME .", NAMES))
    pack, report = compile_list(path)
    assert (report["domains"], report["duplicates"], report["rejected"]) == (len(NAMES),) * 2 + ({},)
    assert [entry for _, _, entry in found(pack, NAMES)] == NAMES


def test_stix_that_says_one_thing_twice(tmp_path):
    """Of several hashes of one file the longest is taken, and an address with its kind."""
    hashes = "file:hashes.MD5 = '{0:032x}' AND file:hashes.'SHA-256' = '{0:064x}'"
    traffic = "network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '{}'"
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"type": "bundle", "objects": [
        *[stix("[" + hashes.format(i) + "]") for i in range(5)],
        stix("[" + traffic.format("192.0.2.9") + "]"),
        stix("[" + hashes.format(9) + " AND file:name = 'x']"),
        stix("[file:hashes.MD5 = '" + "e" * 32 + "'] AND [file:hashes.MD5 = '" + "f" * 32 + "']"),
        stix("[network-traffic:dst_ref.type = 'ipv4-addr']")]}))
    pack, report = compile_list(path)
    assert (report["hashes"], report["addresses"]) == (5, 1)
    assert report["rejected"] == {"combined-pattern": 2, "unsupported-type": 1}
    assert [decision for _, decision, _ in found(pack, [f"{3:064x}", "192.0.2.9", f"{3:032x}"])] \
        == ["block", "block", "none"]


def test_warninglist_allows(tmp_path):
    """The same names as known-good ones."""
    path = tmp_path / "w.json"
    path.write_text(json.dumps({"name": "x", "type": "hostname", "list": NAMES, "version": 1}))
    pack, report = compile_list(path)
    assert report["allows"] == len(NAMES)
    assert {decision for _, decision, _ in found(pack, NAMES)} == {"allow"}


def test_what_is_not_taken_is_told(tmp_path):
    """Each with its reason; nothing of it is guessed."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"type": "bundle", "objects": [
        stix("[domain-name:value = 'a.example.com' AND process:name = 'x']"),
        stix("[url:value = 'https://b.example.com/evil/x.exe']"),
        stix("[domain-name:value LIKE '%.c.example.com']"),
        {"type": "domain-name", "value": "seen.example.com"},
        {**stix("[domain-name:value = 'd.example.com']"), "revoked": True},
        stix("[domain-name:value = 'good.example.com']")]}))
    _, report = compile_list(path)
    assert report["domains"] == 1
    assert report["rejected"] == {"combined-pattern": 1, "url-path": 1, "unsupported-rule": 1,
                                  "not-for-detection": 1, "withdrawn": 1}
