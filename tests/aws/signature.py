# SPDX-License-Identifier: Apache-2.0
"""Checks the signature of a request (SigV4) with botocore's own code, as strictly as AWS does, and
answers with the error that each service has for it."""

import hmac
import re
from datetime import datetime, timedelta, timezone

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from model import Refused

SKEW = timedelta(minutes=15)
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/, ]+)/(?P<date>\d{8})/(?P<region>[^/, ]+)/"
    r"(?P<service>[^/, ]+)/aws4_request, SignedHeaders=(?P<signed>[a-z0-9;-]+), "
    r"Signature=(?P<signature>[0-9a-f]{64})")

# What each kind of service calls it: JSON, EC2, query, S3.
CODES = {
    "mismatch": ("InvalidSignatureException", "AuthFailure", "SignatureDoesNotMatch",
                 "SignatureDoesNotMatch"),
    "skew": ("InvalidSignatureException", "RequestExpired", "SignatureDoesNotMatch",
             "RequestTimeTooSkewed"),
    "unknown key": ("UnrecognizedClientException", "AuthFailure", "InvalidClientTokenId",
                    "InvalidAccessKeyId"),
    "expired": ("ExpiredTokenException", "RequestExpired", "ExpiredToken", "ExpiredToken"),
    "incomplete": ("IncompleteSignatureException", "AuthFailure", "IncompleteSignature",
                   "AuthorizationHeaderMalformed"),
}
FAMILIES = {"ec2": 1, "sns": 2, "monitoring": 2, "sts": 2, "autoscaling": 2,
            "elasticloadbalancing": 2, "s3": 3}


def refuse(what, service, text):
    family = FAMILIES.get(service, 0)
    status = {1: 401 if what in ("mismatch", "unknown key") else 400, 2: 403, 3: 403}
    raise Refused(CODES[what][family], text, status.get(family, 400))


def parse(headers):
    """Parts of the Authorization header."""
    found = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not found:
        raise Refused("MissingAuthenticationToken", "no Authorization header that can be read",
                      403)
    return found


def check(method, target, headers, body, keys, now):
    """keys: access key id to (secret, session token or None, expiry)."""
    found = parse(headers)
    service = found["service"]
    if found["key"] not in keys:
        refuse("unknown key", service, "The security token included in the request is invalid.")
    secret, token, expiry = keys[found["key"]]
    signed = found["signed"].split(";")
    if signed != sorted(signed):
        refuse("incomplete", service, "SignedHeaders are not in order")
    wanted = {"host", "x-amz-date"} | {name for name in headers if name.startswith("x-amz-")}
    if "content-type" in headers:
        wanted.add("content-type")
    if wanted - set(signed):
        refuse("incomplete", service, f"not signed: {', '.join(sorted(wanted - set(signed)))}")
    if set(signed) - set(headers):
        refuse("incomplete", service, "SignedHeaders name a header that is not there")
    if headers.get("x-amz-security-token") != token:
        refuse("unknown key", service, "The security token included in the request is invalid.")
    if now > expiry:
        refuse("expired", service, "The security token included in the request is expired")
    check_time(found, headers["x-amz-date"], now)
    check_mac(found, method, target, headers, body, Credentials(found["key"], secret))


def check_time(found, text, now):
    try:
        date = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        refuse("incomplete", found["service"], f"x-amz-date {text}")
    if not text.startswith(found["date"]):
        refuse("incomplete", found["service"], "the date of the scope is not x-amz-date's")
    if abs(date - now) > SKEW:
        side = "expired" if date < now else "not yet current"
        refuse("skew", found["service"],
               f"Signature {side}: {text} is not within 15 min. of {now:%Y%m%dT%H%M%SZ}")


def check_mac(found, method, target, headers, body, credentials):
    service = found["service"]
    auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, service, found["region"])
    request = AWSRequest(method, f"http://{headers['host']}{target}",
                         {name: headers[name] for name in found["signed"].split(";")}, body)
    request.context["timestamp"] = headers["x-amz-date"]
    canonical = auth.canonical_request(request)
    expected = auth.signature(auth.string_to_sign(request, canonical), request)
    if not hmac.compare_digest(expected, found["signature"]):
        refuse("mismatch", service, "The request signature we calculated does not match the "
                                    f"signature you provided. Canonical request:\n{canonical}")
    if service == "s3" and headers.get("x-amz-content-sha256") not in (
            auth.payload(AWSRequest(method, "https://s3/", {}, body)), "UNSIGNED-PAYLOAD"):
        raise Refused("XAmzContentSHA256Mismatch", "x-amz-content-sha256 is not the body's", 400)
