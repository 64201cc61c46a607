# SPDX-License-Identifier: Apache-2.0
"""Requests and replies of AWS services, by botocore's models of them: what a request says, whether
it is one that the model allows, and how a reply is written. Stricter than a client's own check:
unknown members, lengths, patterns and enumerations count."""

import base64
import functools
import json
import re
from datetime import datetime, timezone
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ServiceModel

# Services by the name in the credential scope; the value is botocore's.
SERVICES = {"ec2": "ec2", "ssm": "ssm", "logs": "logs", "monitoring": "cloudwatch",
            "events": "events", "securityhub": "securityhub", "sns": "sns", "s3": "s3",
            "sts": "sts", "autoscaling": "autoscaling", "elasticloadbalancing": "elbv2"}
TIME_FORMATS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ")


class Refused(Exception):
    """An error reply: code, text, HTTP status."""

    def __init__(self, code, text, status=400, **members):
        super().__init__(f"{code}: {text}")
        self.code, self.text, self.status, self.members = code, text, status, members


@functools.cache
def load_all():
    loader = Loader()
    return {name: ServiceModel(loader.load_service_model(known, "service-2"), name)
            for name, known in SERVICES.items()}


class Checker:
    """Holds a value against a shape; `problems` says what is wrong, each with its place."""

    def __init__(self):
        self.problems = []

    def wrong(self, place, what):
        self.problems.append(f"{place or 'request'}: {what}")

    def check(self, shape, value, place=""):
        kind = "text" if shape.type_name in ("string", "character") else shape.type_name
        getattr(self, f"_{kind}", self._any)(shape, value, place)

    def _any(self, shape, value, place):
        self.wrong(place, f"type {shape.type_name} is not known here")

    def _size(self, shape, size, place):
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if low is not None and size < low:
            self.wrong(place, f"{size} is below the minimum of {low}")
        if high is not None and size > high:
            self.wrong(place, f"{size} is over the maximum of {high}")

    def _structure(self, shape, value, place):
        if not isinstance(value, dict):
            return self.wrong(place, "must be a structure")
        for name in set(value) - set(shape.members):
            self.wrong(f"{place}.{name}", "is not in the model")
        for name in shape.required_members:
            if name not in value:
                self.wrong(f"{place}.{name}", "is required")
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            self.wrong(place, "exactly one member must be set")
        for name, member in shape.members.items():
            if name in value:
                self.check(member, value[name], f"{place}.{name}")

    def _list(self, shape, value, place):
        if not isinstance(value, list):
            return self.wrong(place, "must be a list")
        self._size(shape, len(value), place)
        for number, item in enumerate(value):
            self.check(shape.member, item, f"{place}[{number}]")

    def _map(self, shape, value, place):
        if not isinstance(value, dict):
            return self.wrong(place, "must be a map")
        self._size(shape, len(value), place)
        for key, item in value.items():
            self.check(shape.key, key, f"{place} key")
            self.check(shape.value, item, f"{place}[{key}]")

    def _text(self, shape, value, place):
        if not isinstance(value, str):
            return self.wrong(place, "must be a string")
        self._size(shape, len(value), place)
        if shape.enum and value not in shape.enum:
            self.wrong(place, f"{value!r} is not one of {', '.join(shape.enum)}")
        pattern = shape.metadata.get("pattern")
        if pattern and not matches(pattern, value):
            self.wrong(place, f"{value[:80]!r} does not match {pattern}")

    def _number(self, shape, value, place, types):
        if isinstance(value, bool) or not isinstance(value, types):
            return self.wrong(place, "must be a number")
        self._size(shape, value, place)

    def _integer(self, shape, value, place):
        self._number(shape, value, place, int)

    def _float(self, shape, value, place):
        self._number(shape, value, place, (int, float))

    _long, _double = _integer, _float

    def _boolean(self, _, value, place):
        if not isinstance(value, bool):
            self.wrong(place, "must be a boolean")

    def _timestamp(self, _, value, place):
        if not isinstance(value, datetime):
            self.wrong(place, "must be a time")

    def _blob(self, shape, value, place):
        if not isinstance(value, bytes):
            return self.wrong(place, "must be bytes")
        self._size(shape, len(value), place)


def matches(pattern, text):
    """Patterns of the models are Java's; those that Python cannot read count as matched."""
    pattern = pattern.replace(r"\p{L}", r"^\W\d_").replace(r"\p{Z}", r"\s").replace(
        r"\p{N}", r"\d").replace(r"\p{Graph}", r"!-~").replace(r"\p{Print}", " -~")
    try:
        return re.search(pattern if pattern.startswith("^") else f"^(?:{pattern})$", text,
                         re.DOTALL) is not None
    except re.error:
        return True


def time_read(text, place):
    """A time as JSON (seconds) or text (ISO 8601)."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return datetime.fromtimestamp(text, timezone.utc)
    for form in TIME_FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=timezone.utc)
        except (TypeError, ValueError):
            pass
    raise Refused("SerializationException", f"{place}: {text!r} is no time")


def from_json(shape, value, place=""):
    """JSON into the types that the checker expects; wrong ones are left for it to tell."""
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {member.serialization.get("name", name): name
                 for name, member in shape.members.items()}
        return {names.get(key, key): from_json(shape.members[names[key]], item, f"{place}.{key}")
                if key in names else item for key, item in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [from_json(shape.member, item, place) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: from_json(shape.value, item, place) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return time_read(value, place)
    if shape.type_name == "blob" and isinstance(value, str):
        return base64.b64decode(value, validate=True)
    return value


SCALARS = {"integer": int, "long": int, "float": float, "double": float,
           "boolean": lambda text: {"true": True, "false": False}[text],
           "blob": lambda text: base64.b64decode(text, validate=True)}


class Form:
    """The query protocols: a request as one flat form, "Tag.1.Key=a"."""

    def __init__(self, fields, ec2):
        self.fields, self.ec2, self.used = fields, ec2, set()

    def structure(self, shape, prefix=""):
        value = {}
        for name, member in shape.members.items():
            item = self.read(member, prefix + self._name(name, member))
            if item is not None:
                value[name] = item
        return value

    def _name(self, name, shape):
        if not self.ec2:
            return shape.serialization.get("name", name)
        text = shape.serialization.get("queryName") or shape.serialization.get("name") or name
        return text if "queryName" in shape.serialization else text[0].upper() + text[1:]

    def _there(self, prefix):
        return any(key == prefix or key.startswith(prefix + ".") for key in self.fields)

    def read(self, shape, key):
        if not self._there(key):
            return None
        if shape.type_name == "structure":
            return self.structure(shape, key + ".")
        if shape.type_name == "list":
            return self._list(shape, key)
        if shape.type_name == "map":
            return self._map(shape, key)
        return self._scalar(shape, key)

    def _list(self, shape, key):
        if self.ec2 or shape.serialization.get("flattened"):
            base = key
            if not self.ec2 and "name" in shape.member.serialization:
                parent = key.rpartition(".")[0]
                base = (parent + "." if parent else "") + shape.member.serialization["name"]
        else:
            base = f"{key}.{shape.member.serialization.get('name', 'member')}"
        items = []
        while self._there(f"{base}.{len(items) + 1}"):
            items.append(self.read(shape.member, f"{base}.{len(items) + 1}"))
        return items

    def _map(self, shape, key):
        base = key if shape.serialization.get("flattened") else f"{key}.entry"
        names = [part.serialization.get("name", name)
                 for part, name in ((shape.key, "key"), (shape.value, "value"))]
        found, number = {}, 1
        while self._there(f"{base}.{number}"):
            name = self.read(shape.key, f"{base}.{number}.{names[0]}")
            found[name] = self.read(shape.value, f"{base}.{number}.{names[1]}")
            number += 1
        return found

    def _scalar(self, shape, key):
        text = self.fields.get(key)
        if text is None:
            return None
        self.used.add(key)
        if shape.type_name == "timestamp":
            return time_read(text, key)
        try:
            return SCALARS.get(shape.type_name, str)(text)
        except (KeyError, ValueError):
            raise Refused("MalformedInput", f"{key}: {text!r} is no {shape.type_name}") from None


def read_form(service, body):
    fields = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
    operation = service.operation_model(fields.pop("Action"))
    if fields.pop("Version", None) != service.api_version:
        raise Refused("InvalidAction", f"Version must be {service.api_version}")
    form = Form(fields, service.protocol == "ec2")
    value = form.structure(operation.input_shape) if operation.input_shape else {}
    unused = set(fields) - form.used
    if unused:
        raise Refused("UnknownParameter", f"not in the model: {', '.join(sorted(unused))}")
    return operation, value


def read_json(service, headers, body):
    prefix, _, name = headers.get("x-amz-target", "").partition(".")
    if prefix != service.metadata["targetPrefix"]:
        raise Refused("UnknownOperationException", f"x-amz-target {prefix}")
    version = service.metadata["jsonVersion"]
    if headers.get("content-type") != f"application/x-amz-json-{version}":
        raise Refused("SerializationException", f"content-type must be x-amz-json-{version}")
    operation = service.operation_model(name)
    return operation, from_json(operation.input_shape, json.loads(body))


def uri_values(template, path):
    """The parts of a path that a template names, or None: "/{Bucket}/{Key+}"."""
    pattern = "/".join("(?P<{}>{})".format(*(("g_" + part[1:-2], ".+") if part.endswith("+}")
                                             else ("g_" + part[1:-1], "[^/]+")))
                       if part.startswith("{") else re.escape(part)
                       for part in template.split("?")[0].split("/"))
    found = re.fullmatch(pattern, path)
    return found and {name[2:]: unquote(text) for name, text in found.groupdict().items()}


# Where several operations of a service have one method and path: S3's copies and lists.
PREFERRED = ("PutObject", "GetObject", "HeadObject", "ListObjectsV2")


def read_rest(service, method, target, headers, body):
    """The REST protocols: members in path, query, headers and body."""
    path, query = urlsplit(target).path, dict(parse_qsl(urlsplit(target).query, True))
    fitting = {}
    for name in service.operation_names:
        operation = service.operation_model(name)
        parts = uri_values(operation.http["requestUri"], path)
        wanted = dict(parse_qsl(operation.http["requestUri"].partition("?")[2], True))
        if operation.http["method"] == method and parts is not None and \
                all(query.get(key) == value for key, value in wanted.items()):
            fitting[name] = (operation, parts)
    if not fitting:
        raise Refused("UnknownOperationException", f"{method} {path}", 404)
    name = next((name for name in PREFERRED if name in fitting), next(iter(fitting)))
    operation, parts = fitting[name]
    return operation, rest_members(operation.input_shape, parts, query, headers, body)


def rest_members(shape, parts, query, headers, body):
    value, rest = {}, {}
    if body and shape.serialization.get("payload") is None:
        rest = json.loads(body)
    for name, member in shape.members.items():
        where = member.serialization.get("location")
        key = member.serialization.get("name", name)
        source = {"uri": parts, "querystring": query, "header": headers}.get(where)
        if source is not None:
            key = key.lower() if where == "header" else key
            if key in source:
                text = source[key]
                value[name] = time_read(text, name) if member.type_name == "timestamp" \
                    else SCALARS.get(member.type_name, str)(text) \
                    if member.type_name != "blob" else text
        elif shape.serialization.get("payload") == name:
            value[name] = body if member.type_name == "blob" else json.loads(body)
        elif key in rest:
            value[name] = from_json(member, rest.pop(key), name)
    value.update(rest)  # for the checker to refuse
    return value


def read(service, method, target, headers, body):
    """The operation and its checked parameters."""
    protocol = service.protocol
    try:
        if protocol in ("ec2", "query"):
            operation, value = read_form(service, body)
        elif protocol == "json":
            operation, value = read_json(service, headers, body)
        else:
            operation, value = read_rest(service, method, target, headers, body)
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        raise Refused("SerializationException", f"{type(error).__name__}: {error}") from error
    checker = Checker()
    if operation.input_shape:
        checker.check(operation.input_shape, value)
    if checker.problems:
        raise Refused("ValidationException", "; ".join(checker.problems))
    return operation, value


def to_json(shape, value):
    if shape.type_name == "structure":
        return {shape.members[name].serialization.get("name", name):
                to_json(shape.members[name], item) for name, item in value.items()}
    if shape.type_name == "list":
        return [to_json(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: to_json(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return value.timestamp()
    return value


def to_xml(shape, value, name):
    if shape.type_name == "structure":
        inner = "".join(to_xml(shape.members[key], item,
                               shape.members[key].serialization.get("name", key))
                        for key, item in value.items())
    elif shape.type_name == "list":
        item_name = shape.member.serialization.get("name", "member")
        if shape.serialization.get("flattened"):
            return "".join(to_xml(shape.member, item, item_name if "name" in
                                  shape.member.serialization else name) for item in value)
        inner = "".join(to_xml(shape.member, item, item_name) for item in value)
    elif shape.type_name == "timestamp":
        inner = value.strftime(TIME_FORMATS[0])
    elif shape.type_name == "boolean":
        inner = "true" if value else "false"
    else:
        inner = escape(str(value))
    return f"<{name}>{inner}</{name}>"


def write(service, operation, value, request_id):
    """A reply's content type and body."""
    shape, name = operation.output_shape, operation.name
    inner = "".join(to_xml(shape.members[key], item,
                           shape.members[key].serialization.get("name", key))
                    for key, item in value.items()) if shape else ""
    if service.protocol in ("json", "rest-json"):
        kind = "application/json" if service.protocol == "rest-json" else \
            f"application/x-amz-json-{service.metadata['jsonVersion']}"
        return kind, json.dumps(to_json(shape, value) if shape else {})
    if service.protocol == "ec2":
        space = f"http://ec2.amazonaws.com/doc/{service.api_version}/"
        return "text/xml;charset=UTF-8", (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}Response xmlns="{space}">'
            f"<requestId>{request_id}</requestId>{inner}</{name}Response>")
    if service.protocol == "query":
        wrapper = shape.serialization.get("resultWrapper", f"{name}Result") if shape else None
        result = f"<{wrapper}>{inner}</{wrapper}>" if wrapper else ""
        return "text/xml", (
            f'<{name}Response xmlns="{service.metadata.get("xmlNamespace", "")}">{result}'
            f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
            f"</{name}Response>")
    root = shape.serialization.get("name", f"{name}Result") if shape else name
    return "application/xml", (f'<?xml version="1.0" encoding="UTF-8"?>\n'
                               f"<{root}>{inner}</{root}>" if inner else "")


def write_error(service, refused, request_id):
    """An error reply's content type, body and further headers."""
    protocol = service.protocol if service else "json"
    if protocol in ("json", "rest-json"):
        body = {"message": refused.text, **refused.members}
        if protocol == "json":
            body["__type"] = refused.code
        return "application/json", json.dumps(body), {"x-amzn-ErrorType": refused.code}
    code, text = escape(refused.code), escape(refused.text)
    error = f"<Code>{code}</Code><Message>{text}</Message>"
    if protocol == "ec2":
        return "text/xml;charset=UTF-8", (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>{error}</Error>'
            f"</Errors><RequestID>{request_id}</RequestID></Response>"), {}
    if protocol == "query":
        return "text/xml", (f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error>"
                            f"<RequestId>{request_id}</RequestId></ErrorResponse>"), {}
    more = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in refused.members.items())
    return "application/xml", (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{error}{more}'
                               f"<RequestId>{request_id}</RequestId></Error>"), {}
