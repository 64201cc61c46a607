# SPDX-License-Identifier: Apache-2.0
"""Our signer and botocore's sign the same requests the same way."""

import json
import random
import string
import subprocess
from urllib.parse import quote

from agent import BUILD, missing

try:
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError:
    missing("python3-botocore is not there")

SERVICES = {"ec2": "POST", "ssm": "POST", "logs": "POST", "monitoring": "POST", "events": "POST",
            "securityhub": "POST", "sns": "POST", "s3": "PUT", "sts": "GET"}
ODD = string.ascii_letters + string.digits + " -._~!$&'()*+,;=:@%/?#[]\"<>\\^`{|}äß漢\U0001f512"
REQUESTS = 500


def request_random(dice, service):
    """A request as our own code would put it together: path and query are encoded by the sender."""
    odd = lambda length: "".join(dice.choice(ODD) for _ in range(length))  # noqa: E731
    path = "/"
    if service == "s3":
        path += quote(odd(dice.randrange(1, 60)), safe="/~")
    elif service == "securityhub":
        path = "/findings/import"
    query = "&".join(f"{quote(odd(dice.randrange(1, 8)), safe='~')}="
                     f"{quote(odd(dice.randrange(0, 20)), safe='~')}"
                     for _ in range(dice.randrange(0, 5)))
    headers = {"content-type": "application/x-amz-json-1.1",
               "x-amz-target": f"Logs_20140328.{odd(5).strip() or 'a'}"}
    url = f"https://{service}.eu-west-1.amazonaws.com{path}" + (f"?{query}" if query else "")
    body = bytes(dice.randrange(256) for _ in range(dice.randrange(0, 300)))
    return AWSRequest(SERVICES[service], url, headers, body), path, query


def sign_both(dice, service):
    """What botocore signs it with, and the question to our signer."""
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                              dice.choice([None, "token/with+odd==characters"]))
    request, path, query = request_random(dice, service)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(credentials, service, "eu-west-1").add_auth(request)
    signed = request.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    headers = {name: request.headers.get(name) or f"{service}.eu-west-1.amazonaws.com"
               for name in signed}
    body_hash = request.headers.get("X-Amz-Content-SHA256")
    return request.headers["Authorization"], {
        "method": request.method, "path": path, "query": query, "headers": headers,
        "date": request.headers["X-Amz-Date"],
        "hash": body_hash or auth(credentials, service, "eu-west-1").payload(request),
        "region": "eu-west-1", "service": service, "access_key": credentials.access_key,
        "secret_key": credentials.secret_key, "path_as_is": service == "s3"}


def test_like_botocore():
    dice = random.Random(20150830)
    expected, questions = zip(*(sign_both(dice, dice.choice(list(SERVICES)))
                                for _ in range(REQUESTS)))
    done = subprocess.run([BUILD / "tests/system/sign"], text=True, capture_output=True,
                          input="".join(json.dumps(question) + "\n" for question in questions))
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    assert len(answers) == REQUESTS
    for question, one, other in zip(questions, expected, answers):
        assert one == other, question
