# SPDX-License-Identifier: Apache-2.0
"""The instance metadata service, version 2 only: a token first, or 401."""

import json
import secrets
from datetime import timedelta

ROLE = "cordon"
TOKEN_MAX = 21600


class Imds:
    """Paths and what they say; tests change `instance`, `enabled` and `fail`."""

    def __init__(self, emulator):
        self.emulator = emulator
        self.enabled = True  # False: 403, as when the service is turned off
        self.fail = []       # statuses for the next requests
        self.silent = False  # True: no answer ever comes, as behind a hop limit
        self.tags = None     # a dict: tags in the metadata are allowed
        self.role = ROLE     # None: the instance has no role
        self.tokens, self.requests = {}, []
        self.lifetime = timedelta(hours=6)  # of the credentials that it hands out
        self.credentials = None
        self.instance = {
            "ami-id": "ami-0123456789abcdef0", "instance-id": "i-0123456789abcdef0",
            "instance-type": "m6i.large", "local-ipv4": "10.0.0.10", "mac": "02:00:00:00:00:01",
            "placement/region": emulator.region,
            "placement/availability-zone": f"{emulator.region}a",
            "services/partition": emulator.partition, "services/domain": "amazonaws.com",
            "network/interfaces/macs/": "02:00:00:00:00:01/",
            "network/interfaces/macs/02:00:00:00:00:01/interface-id": "eni-0123456789abcdef0",
            "network/interfaces/macs/02:00:00:00:00:01/vpc-id": "vpc-0123456789abcdef0",
            "network/interfaces/macs/02:00:00:00:00:01/vpc-ipv4-cidr-block": "10.0.0.0/16",
            "network/interfaces/macs/02:00:00:00:00:01/subnet-ipv4-cidr-block": "10.0.0.0/24",
            "network/interfaces/macs/02:00:00:00:00:01/security-group-ids": "sg-0aaaaaaaaaaaaaaa1",
        }

    def answer(self, method, path, headers):
        with self.emulator.lock:
            self.requests.append((method, path))
            if self.fail:
                return self.fail.pop(0), {}, "injected"
            if not self.enabled:
                return 403, {}, ""
            if "x-forwarded-for" in headers:
                return 403, {}, ""
            if path == "/latest/api/token":
                return self._token(method, headers)
            token = headers.get("x-aws-ec2-metadata-token")
            if method != "GET" or token not in self.tokens or \
                    self.tokens[token] < self.emulator.now():
                return 401, {}, ""
            return self._get(path.removeprefix("/latest/"))

    def _token(self, method, headers):
        if method != "PUT":
            return 405, {"Allow": "OPTIONS, PUT"}, ""
        seconds = headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not seconds.isdigit() or not 1 <= int(seconds) <= TOKEN_MAX:
            return 400, {}, "X-aws-ec2-metadata-token-ttl-seconds"
        token = secrets.token_urlsafe(40)
        self.tokens[token] = self.emulator.now() + timedelta(seconds=int(seconds))
        return 200, {"X-aws-ec2-metadata-token-ttl-seconds": seconds}, token

    def _get(self, path):
        if path == "dynamic/instance-identity/document":
            return 200, {"Content-Type": "text/plain"}, json.dumps(self._document())
        key = path.removeprefix("meta-data/")
        if key == path:
            return 404, {}, ""
        if key.startswith("iam/security-credentials/") and self.role:
            name = key.removeprefix("iam/security-credentials/")
            if not name:
                return 200, {}, self.role
            if name == self.role:
                return 200, {}, json.dumps(self._credentials())
        if self.tags is not None and key.rstrip("/") == "tags/instance":
            return 200, {}, "\n".join(self.tags)
        if self.tags is not None and key.startswith("tags/instance/"):
            name = key.removeprefix("tags/instance/")
            return (200, {}, self.tags[name]) if name in self.tags else (404, {}, "")
        if key in self.instance:
            return 200, {}, self.instance[key]
        return 404, {}, ""

    def _credentials(self):
        """The same keys until less than five minutes are left of them."""
        emulator = self.emulator
        if not self.credentials or \
                self.credentials[3] - emulator.now() < timedelta(minutes=5):
            self.credentials = emulator.credentials_new(self.lifetime)
        key, secret, token, expiry = self.credentials
        form = "%Y-%m-%dT%H:%M:%SZ"
        return {"Code": "Success", "LastUpdated": emulator.now().strftime(form),
                "Type": "AWS-HMAC", "AccessKeyId": key, "SecretAccessKey": secret,
                "Token": token, "Expiration": expiry.strftime(form)}

    def _document(self):
        return {"accountId": self.emulator.account, "architecture": "x86_64",
                "availabilityZone": self.instance["placement/availability-zone"],
                "imageId": self.instance["ami-id"], "instanceId": self.instance["instance-id"],
                "instanceType": self.instance["instance-type"],
                "privateIp": self.instance["local-ipv4"], "region": self.emulator.region,
                "version": "2017-09-30"}
