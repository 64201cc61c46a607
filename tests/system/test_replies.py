# SPDX-License-Identifier: Apache-2.0
"""Replies as servers may frame and write them, byte by byte: whatever botocore reads of them, our
client reads, too."""

import json
import os
import socket
import subprocess
import threading

import pytest

from agent import BUILD, missing

try:
    from botocore.parsers import create_parser
except ImportError:
    missing("python3-botocore is not there")

SERVICES = {"logs": "json", "events": "json", "ssm": "json", "securityhub": "rest-json",
            "sns": "query", "autoscaling": "query", "elasticloadbalancing": "query", "sts": "query",
            "monitoring": "query", "ec2": "ec2", "s3": "rest-xml"}
NAMESPACE = ' xmlns="http://sns.amazonaws.com/doc/2010-03-31/"'
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
JSON_ERRORS = [
    ('{"__type":"InvalidThing","message":"m"}', {}),
    ('{"__type":"com.amazonaws.logs#InvalidThing","Message":"m"}', {}),
    ('{"__type":"InvalidThing:http://internal.amazon.com/coral/","message":"m"}', {}),
    ('{"message":"m","__type":"aws.protocols#InvalidThing:http://x/"}', {}),
    ('{"__type":"InvalidThing"}', {}),
    ('{"__type":"InvalidThing","message":null}', {}),
    ('{"__type":"InvalidThing","message":"m","extra":{"a":[1,2]}}', {}),
]
REST_JSON_ERRORS = JSON_ERRORS + [
    ('{"message":"m"}', {"x-amzn-errortype": "InvalidThing"}),
    ('{"Message":"m"}', {"X-Amzn-ErrorType": "InvalidThing:http://internal.amazon.com/coral/"}),
    ("", {"x-amzn-ErrorType": "InvalidThing"}),
    ('{"code":"InvalidThing","message":"m"}', {}),
]
QUERY_ERRORS = [
    (f"{xml}<ErrorResponse{namespace}>{space}<Error>{kind}<Code>InvalidThing</Code>{space}"
     f"<Message>m</Message></Error>{space}<RequestId>r</RequestId></ErrorResponse>", {})
    for xml, namespace, space, kind in (
        ("", "", "", ""), (XML, NAMESPACE, "\n  ", "<Type>Sender</Type>"),
        (XML, "", "\n", "<Detail/>"))]
EC2_ERRORS = [
    (f"{xml}<Response{namespace}><Errors>{space}<Error><Code>InvalidThing</Code>{space}"
     f"<Message>m</Message></Error></Errors><RequestID>r</RequestID></Response>", {})
    for xml, namespace, space in (("", "", ""), (XML, "", "\n"), (XML, NAMESPACE, "\n\t"))]
S3_ERRORS = [
    (f"{xml}<Error{namespace}>{space}<Code>InvalidThing</Code><Message>m</Message>{space}"
     "<Resource>/b/k</Resource><RequestId>r</RequestId><HostId>h</HostId></Error>", {})
    # botocore reads no namespace here; S3 has none.
    for xml, namespace, space in (("", "", ""), (XML, "", "\n"))]
ERRORS = {"json": JSON_ERRORS, "rest-json": REST_JSON_ERRORS, "query": QUERY_ERRORS,
          "ec2": EC2_ERRORS, "rest-xml": S3_ERRORS}


# ---- framing ----

def head(status, headers, version="1.1"):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/{version} {status} X\r\n{lines}\r\n".encode()


def plain(status, headers, body):
    return head(status, {**headers, "Content-Length": len(body)}) + body


def lower(status, headers, body):
    return head(status, {name.lower(): value for name, value in
                         {**headers, "Content-Length": len(body)}.items()}) + body


def closed(status, headers, body):
    return head(status, {**headers, "Connection": "close", "Content-Length": len(body)}) + body


def until_the_end(status, headers, body):
    return head(status, headers, "1.0") + body


def chunked(status, headers, body):
    parts = [body[i:i + 7] for i in range(0, len(body), 7)]
    return head(status, {**headers, "Transfer-Encoding": "chunked"}) + b"".join(
        f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts) + b"0\r\n\r\n"


def continued(status, headers, body):
    return b"HTTP/1.1 100 Continue\r\n\r\n" + plain(status, headers, body)


FRAMES = (plain, lower, closed, until_the_end, chunked, continued)


class Server:
    """Answers each request with the next reply, and ends the connection where that is its end."""

    def __init__(self):
        self.replies, self.requests = [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def request(self, stream):
        lines = []
        while (line := stream.readline()).strip():
            lines.append(line.decode().rstrip("\r\n"))
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        body = stream.read(int(headers.get("content-length", 0)))
        return lines and (lines[0], headers, body)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                while self.replies and (request := self.request(stream)):
                    self.requests.append(request)
                    frame, reply = self.replies.pop(0)
                    connection.sendall(reply)
                    if frame in (closed, until_the_end):
                        break

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


def call(server, questions):
    """One after the other, over as few connections as the server lets us have."""
    done = subprocess.run(
        [BUILD / "tests/system/cloud_ask", "call"], text=True, capture_output=True, timeout=60,
        input="".join(json.dumps(question) + "\n" for question in questions),
        env={**os.environ, "AWS_ENDPOINT_URL": server.url, "AWS_REGION": "eu-west-1",
             "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"})
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_errors_like_botocore(server):
    """Code and message of an error, in each protocol's shapes and each way to frame a reply."""
    cases = [(service, frame, body.encode(), headers) for service, protocol in SERVICES.items()
             for number, (body, headers) in enumerate(ERRORS[protocol])
             for frame in (FRAMES if number < 2 else FRAMES[:1])]
    server.replies = [(frame, frame(400, headers, body)) for _, frame, body, headers in cases]
    answers = call(server, [{"service": service, "operation": "Operation"}
                            for service, *_ in cases])
    assert len(answers) == len(cases)
    for (service, frame, body, headers), answer in zip(cases, answers):
        parsed = create_parser(SERVICES[service]).parse(
            {"status_code": 400, "body": body,
             "headers": {name.lower(): value for name, value in headers.items()}}, None)["Error"]
        # Older ones leave a shape's namespace in, or have no legacy code.
        code = parsed["Code"].rsplit("#")[-1].split(":")[0]
        assert code in ("InvalidThing", "400"), (service, body, parsed)
        assert answer["code"] == "InvalidThing", (service, frame.__name__, body, answer)
        assert answer["message"] == (parsed["Message"] or ""), (service, frame.__name__, body)
        assert (answer["status"], answer["attempts"]) == (400, 1)


def test_what_is_no_error_of_theirs(server):
    """Pages, nothing, and bytes: no code; what the status says counts."""
    bodies = [b"", b"<html><body>Not here</body></html>", b"\1\2", b"[]", b"null", b'"text"',
              b"<Error>", b'{"__type":5}', b"<a><Error/></a>", XML.encode()]
    cases = [(service, body, frame) for service in ("logs", "securityhub", "sns", "ec2", "s3")
             for body in bodies for frame in (plain, chunked)]
    server.replies = [(frame, frame(403, {}, body)) for _, body, frame in cases]
    answers = call(server, [{"service": service, "operation": "Operation"}
                            for service, *_ in cases])
    assert [(answer["code"], answer["status"]) for answer in answers] == [("", 403)] * len(cases)


def test_requests(server):
    """What every request has, whoever reads it: HTTP/1.1, a length, no 100-continue, no chunks; the
    target and content type of the protocol."""
    large = "Message=" + "a" * 2_000_000
    server.replies = [(plain, plain(200, {}, b"{}"))] * (len(SERVICES) + 1)
    call(server, [{"service": service, "operation": "Operation", "body": "x=1"}
                  for service in SERVICES] +
         [{"service": "sns", "operation": "Publish", "body": large}])
    for service, (line, headers, body) in zip([*SERVICES, "sns"], server.requests):
        assert line.endswith(" HTTP/1.1") and line.startswith("POST / ")
        assert int(headers["content-length"]) == len(body) and "expect" not in headers
        assert "transfer-encoding" not in headers and "content-encoding" not in headers
        assert headers["authorization"].startswith("aws4-hmac-sha256 credential=akidexample/")
        assert headers["host"] == server.url.removeprefix("http://")
        assert ("x-amz-target" in headers) == (SERVICES[service] == "json")
        assert headers.get("content-type") == {
            "json": "application/x-amz-json-1.1", "rest-json": "application/json",
            "rest-xml": None}.get(SERVICES[service],
                                  "application/x-www-form-urlencoded; charset=utf-8")
        assert ("x-amz-content-sha256" in headers) == (service == "s3")
    assert len(server.requests[-1][2]) > 2_000_000
