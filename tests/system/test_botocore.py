# SPDX-License-Identifier: Apache-2.0
"""Our signer and botocore's sign the same requests the same way, and both find services in the same
places."""

import itertools
import json
import random
import string
import subprocess
import sys
from urllib.parse import quote

from agent import BUILD, SOURCE, missing

sys.path.insert(0, str(SOURCE / "tests/aws"))

try:
    import botocore.session
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    import model
except ImportError:
    missing("python3-botocore is not there")

SERVICES = {"ec2": "POST", "ssm": "POST", "logs": "POST", "monitoring": "POST", "events": "POST",
            "securityhub": "POST", "sns": "POST", "s3": "PUT", "sts": "GET"}
ODD = string.ascii_letters + string.digits + " -._~!$&'()*+,;=:@%/?#[]\"<>\\^`{|}äß漢\U0001f512"
REQUESTS = 500


def ask(what, questions):
    done = subprocess.run([BUILD / "tests/system/cloud_ask", what], text=True,
                          capture_output=True,
                          input="".join(json.dumps(question) + "\n" for question in questions))
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    assert len(answers) == len(questions)
    return answers


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
    for question, one, other in zip(questions, expected, ask("sign", questions)):
        assert one == other, question


REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-2", "cn-north-1",
           "cn-northwest-1", "us-gov-west-1", "us-gov-east-1", "us-iso-east-1", "us-isob-east-1")
# botocore itself has two forms for this one in China, and neither is known to exist.
UNKNOWN = {("s3", "cn-north-1", True, True), ("s3", "cn-northwest-1", True, True)}
ENDPOINT_SERVICES = (*SERVICES, "autoscaling", "elasticloadbalancing")


def hostname(resolver, question):
    found = resolver.construct_endpoint(question["service"], question["region"],
                                        use_fips_endpoint=question["fips"],
                                        use_dualstack_endpoint=question["dual_stack"])
    return f"https://{found['hostname']}" if found else "none"


def test_endpoints_like_botocore():
    resolver = botocore.session.Session().get_component("endpoint_resolver")
    questions = [{"service": service, "region": region, "fips": fips, "dual_stack": dual_stack}
                 for service, region, fips, dual_stack in itertools.product(
                     ENDPOINT_SERVICES, REGIONS, (False, True), (False, True))
                 if (service, region, fips, dual_stack) not in UNKNOWN]
    for question, answer in zip(questions, ask("endpoint", questions)):
        assert answer == hostname(resolver, question), question


def variable_of(service):
    """As botocore.utils and the SDKs' reference guide make it of the model's service id."""
    models = model.load_all()
    return f"AWS_ENDPOINT_URL_{models[service].service_id.upper().replace(' ', '_').replace('-', '_')}"


def test_overrides_like_botocore():
    """The variable of each service that is called, by its service id; it stands over the one for all
    services, and those of others say nothing."""
    overrides = {variable_of(service): f"https://{service}.example" for service in model.SERVICES}
    assert len(overrides) == len(model.SERVICES)
    given = {"region": "eu-west-1", "fips": False, "dual_stack": False}
    for service in model.SERVICES:
        others = {name: url for name, url in overrides.items() if name != variable_of(service)}
        everywhere = {"AWS_ENDPOINT_URL": "https://all.example"}
        found = ask("endpoint", [{**given, "service": service, "overrides": one} for one in (
            {**overrides, **everywhere}, {**others, **everywhere}, others)])
        assert found[:2] == [f"https://{service}.example", "https://all.example"]
        assert found[2].startswith(f"https://{service}.eu-west-1.")
