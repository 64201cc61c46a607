# SPDX-License-Identifier: Apache-2.0
"""AWS and the instance metadata service on loopback, for tests and for trying the agent without an
account. Every request's signature is checked, and its parameters are held against botocore's model
of the service; what came is recorded; faults can be put in its way.

    with Emulator() as aws:
        environment = aws.environment()     # for the agent
        aws.fault("logs", "throttle", times=3)
        ...
        assert aws.calls("PutLogEvents")
"""

import http.server
import json
import secrets
import socket
import threading
import time
import uuid
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import urlsplit

import model
import signature
from imds import Imds
from model import Refused
from services import services, utc_now

BODY_MAX = 64 * 1024 * 1024


class Call:
    """A request as it came."""

    def __init__(self, service, operation, parameters, headers, at):
        self.service, self.operation, self.parameters = service, operation, parameters
        self.headers, self.at, self.error = headers, at, None

    def __repr__(self):
        return f"{self.service}:{self.operation}{f' {self.error}' if self.error else ''}"


class Fault:
    """What happens to the next `times` requests of a service (and operation)."""

    KINDS = {
        "throttle": "refused as throttled",
        "error": "an error reply: code, status",
        "slow": "answered after `seconds`",
        "hang": "never answered",
        "reset": "the connection is reset",
        "truncate": "half of the reply, then the connection ends",
        "garbage": "200 with bytes that are no reply",
        "endless": "a body without end",
        "drip": "a byte now and then",
        "redirect": "a redirect elsewhere",
        "after": "carried out, and then the connection is reset",
        "partial": "entries of a batch are refused one by one",
    }
    THROTTLED = {"ec2": ("RequestLimitExceeded", 503), "s3": ("SlowDown", 503),
                 "events": ("ThrottlingException", 400),
                 "securityhub": ("TooManyRequestsException", 429)}

    def __init__(self, service, kind, operation=None, times=1, **options):
        if kind not in self.KINDS:
            raise ValueError(f"fault {kind}: one of {', '.join(self.KINDS)}")
        self.service, self.kind, self.operation = service, kind, operation
        self.times, self.options = times, options

    def fits(self, service, operation):
        return self.times > 0 and self.service in (service, "*") and \
            self.operation in (operation, None)

    def refused(self, service):
        if self.kind == "throttle":
            code, status = self.THROTTLED.get(service, ("ThrottlingException", 400))
            return Refused(code, "Rate exceeded", status)
        return Refused(self.options.get("code", "InternalFailure"), "injected",
                       self.options.get("status", 500))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "AmazonEC2"

    def log_message(self, *_):
        pass

    def _any(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(min(length, BODY_MAX))
        headers = {}
        for name, value in self.headers.items():
            headers[name.lower()] = f"{headers[name.lower()]},{value}" \
                if name.lower() in headers else value.strip()
        emulator = self.server.emulator
        if urlsplit(self.path).path.startswith("/latest/"):
            if emulator.imds.silent:
                emulator.stopping.wait()
                return self.drop()
            self._send(*emulator.imds.answer(self.command, self.path, headers))
        else:
            emulator.answer(self, headers, body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any

    def date_time_string(self, _=None):
        return format_datetime(self.server.emulator.now(), usegmt=True)

    def _send(self, status, headers, body):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def drop(self):
        """Ends the connection with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   b"\1\0\0\0\0\0\0\0")
        self.close_connection = True
        self.connection.close()
        self.rfile = self.wfile = open("/dev/null", "r+b", buffering=0)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # a client that goes away is what some tests are about


class Emulator:
    account = "123456789012"
    # Of a reply itself, when nothing failed.
    OPTIONAL = {"Entries", "FailedFindings", "OpsItemId", "OpsItemArn", "nextSequenceToken",
                "Account", "UserId"}

    def __init__(self, region="eu-west-1", port=0, partition="aws"):
        self.region, self.partition = region, partition
        self.skew = timedelta()  # of its clock against this host's
        self.lock = threading.RLock()
        self.keys, self.faults, self.recorded, self.refused = {}, [], [], []
        self.sparse = False  # replies lack what the models call optional, where it says nothing
        self.models = model.load_all()
        self.services = services(self)
        self.imds = Imds(self)
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.emulator = self
        self.stopping = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def now(self):
        return utc_now() + self.skew

    def credentials_new(self, lifetime=timedelta(hours=6), token=True):
        """Keys that are good for a while: (id, secret, session token, expiry)."""
        with self.lock:
            key = ("ASIA" if token else "AKIA") + secrets.token_hex(8).upper()
            value = (secrets.token_urlsafe(30), secrets.token_urlsafe(60) if token else None,
                     self.now() + lifetime)
            self.keys[key] = value
        return key, *value

    def environment(self, credentials=False):
        """What the agent needs to find it; with credentials it needs no metadata service."""
        found = {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": self.region,
                 "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url}
        if credentials:
            key, secret, token, _ = self.credentials_new()
            found |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
                      "AWS_SESSION_TOKEN": token}
        return found

    def fault(self, service, kind, operation=None, times=1, **options):
        with self.lock:
            self.faults.append(Fault(service, kind, operation, times, **options))

    def faults_clear(self):
        with self.lock:
            self.faults.clear()

    def faults_left(self):
        with self.lock:
            return sum(fault.times for fault in self.faults)

    def calls(self, operation=None, service=None, failed=False):
        """What was asked for, in order; those that were refused only when wanted."""
        with self.lock:
            return [call for call in self.recorded
                    if operation in (call.operation, None) and service in (call.service, None) and
                    (failed or call.error is None)]

    def partial(self, service):
        """For batches: whether this entry is to fail."""
        with self.lock:
            for fault in self.faults:
                if fault.kind == "partial" and fault.service == service and fault.times > 0:
                    fault.times -= 1
                    return fault.options.get("code", "injected")
        return None

    def _fault_take(self, service, operation):
        for fault in self.faults:
            if fault.kind != "partial" and fault.fits(service, operation):
                fault.times -= 1
                return fault
        return None

    def answer(self, handler, headers, body):
        """One request to a service."""
        request_id, service, operation, fault = str(uuid.uuid4()), None, None, None
        try:
            with self.lock:
                name = signature.parse(headers)["service"]
                service = self.models.get(name)
                if service is None:
                    raise Refused("UnknownServiceException", f"service {name}")
                signature.check(handler.command, handler.path, headers, body, self.keys,
                                self.now())
                if signature.parse(headers)["region"] != self.region:
                    raise Refused("InvalidSignatureException", "Credential should be scoped to "
                                  f"a valid region, {self.region}", 403)
                operation, value = model.read(service, handler.command, handler.path, headers,
                                              body)
                call = Call(name, operation.name, value, headers, self.now())
                self.recorded.append(call)
                fault = self._fault_take(name, operation.name)
                reply = self._carry_out(name, operation, value, fault, call)
        except Refused as refused:
            if self.sparse:
                refused.members = {}
            with self.lock:
                self.refused.append((handler.command, handler.path, str(refused)))
            kind, text, more = model.write_error(service, refused, request_id)
            return handler._send(refused.status, {"Content-Type": kind,
                                                  "x-amzn-RequestId": request_id, **more}, text)
        self._reply(handler, service, operation, reply, request_id, fault)

    def _carry_out(self, name, operation, value, fault, call):
        if fault and fault.kind in ("throttle", "error"):
            refused = fault.refused(name)
            call.error = refused.code
            raise refused
        if fault and fault.kind in ("hang", "reset", "garbage", "endless", "drip", "redirect"):
            call.error = fault.kind
            return None
        method = getattr(self.services.get(name), operation.name, None)
        if method is None:
            call.error = "not emulated"
            raise Refused("UnknownOperationException", f"{operation.name} is not emulated", 501)
        try:
            reply = method(value)
            return {name: part for name, part in reply.items() if name not in self.OPTIONAL} \
                if self.sparse and not reply.get("FailedEntryCount") else reply
        except Refused as refused:
            call.error = refused.code
            raise

    def _reply(self, handler, service, operation, reply, request_id, fault):
        kind = fault.kind if fault else None
        if kind in ("reset", "after"):
            return handler.drop()
        if kind == "hang":
            self.stopping.wait()
            return handler.drop()
        if kind == "slow":
            self.stopping.wait(fault.options.get("seconds", 5))
        if kind == "redirect":
            return handler._send(301, {"Location": fault.options.get("to", "http://127.0.0.1:1/")},
                                 "")
        if kind == "garbage":
            return handler._send(200, {}, fault.options.get("body", b"\0<\xff{]]>" * 100))
        if kind == "endless":
            return self._endless(handler, b"x" * 4096, 0.0001)
        if kind == "drip":
            return self._endless(handler, b" ", 0.1)
        headers = {"x-amzn-RequestId": request_id}
        if service.protocol == "rest-xml" and reply is not None and "Body" in reply:
            headers |= {"ETag": reply["ETag"], "Content-Type": "binary/octet-stream"}
            body = reply["Body"]
        else:
            if service.protocol == "rest-xml" and reply:
                headers |= {"ETag": reply.pop("ETag", "")}
            headers["Content-Type"], body = model.write(service, operation, reply, request_id)
        if kind == "truncate":
            return self._truncate(handler, headers, body)
        return handler._send(200, headers, body)

    @staticmethod
    def _truncate(handler, headers, body):
        body = body.encode() if isinstance(body, str) else body
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body) + 100))
        handler.end_headers()
        handler.wfile.write(body[:len(body) // 2])
        handler.wfile.flush()
        handler.drop()

    def _endless(self, handler, part, pause):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            while not self.stopping.is_set():
                handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                time.sleep(pause)
        except OSError:
            pass
        handler.drop()

    def log(self):
        """All calls as JSON lines."""
        with self.lock:
            return [json.dumps({"time": call.at.isoformat(), "service": call.service,
                                "operation": call.operation, "error": call.error,
                                "parameters": call.parameters}, default=str)
                    for call in self.recorded]
