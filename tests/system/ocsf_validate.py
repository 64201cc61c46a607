#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks lines of JSON against the OCSF schemas of their classes.

ocsf_validate.py [FILE...]      (no file: standard input)

Prints each error with its line and where it stands in the object. Exits 0 when every line is
valid, 1 when one is not (or there are none at all), 2 when it cannot check.
"""
import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    print("ocsf_validate.py: needs python3-jsonschema", file=sys.stderr)
    sys.exit(2)

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent / "data" / "ocsf"
CLASSES = {2004: "detection_finding", 4003: "dns_activity",
           7002: "file_remediation_activity", 7003: "process_remediation_activity",
           7004: "network_remediation_activity"}
_validators = {}


def refuse_twice(pairs):
    """A JSON object whose members have different names."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a member comes twice: %s" % keys)
    return dict(pairs)


def validator(class_uid):
    if class_uid not in _validators:
        path = SCHEMAS / (CLASSES[class_uid] + ".schema.json")
        schema = json.loads(path.read_text(encoding="utf-8"))
        _validators[class_uid] = jsonschema.Draft202012Validator(schema)
    return _validators[class_uid]


def resolve(value, path):
    """The attribute that an observable's name points to; None when there is none."""
    for part in path.replace("[", ".[").split("."):
        if part.startswith("["):
            index = int(part[1:-1])
            value = value[index] if isinstance(value, list) and index < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def errors(value):
    """Everything that is wrong with one object, as text."""
    class_uid = value.get("class_uid") if isinstance(value, dict) else None
    if class_uid not in CLASSES:
        yield "class_uid: %r is none of %s" % (class_uid, sorted(CLASSES))
        return
    wrong = list(validator(class_uid).iter_errors(value))
    for error in wrong:
        yield "%s: %s" % (error.json_path, error.message[:300])
    if wrong:
        return
    if value["type_uid"] != class_uid * 100 + value["activity_id"]:
        yield "$.type_uid: does not go with class_uid and activity_id"
    for at, observable in enumerate(value.get("observables", [])):
        found = resolve(value, observable.get("name", ""))
        if str(found) != observable.get("value"):
            yield "$.observables[%d]: %s is not %r" % (at, observable["name"], found)


def check(name, stream):
    """Number of lines, and of bad ones."""
    lines = bad = 0
    for number, line in enumerate(stream, 1):
        lines += 1
        try:
            # Strictly UTF-8, one object.
            found = list(errors(json.loads(line.decode("utf-8"), object_pairs_hook=refuse_twice)))
        except ValueError as error:
            found = [str(error)]
        for text in found:
            print("%s:%d: %s" % (name, number, text))
        bad += bool(found)
    return lines, bad


def main(arguments):
    lines = bad = 0
    if not arguments:
        lines, bad = check("-", sys.stdin.buffer)
    for path in arguments:
        with open(path, "rb") as stream:
            counts = check(path, stream)
        lines, bad = lines + counts[0], bad + counts[1]
    print("%d lines, %d not valid" % (lines, bad), file=sys.stderr)
    return 0 if lines and not bad else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
