# SPDX-License-Identifier: Apache-2.0
"""A policy evaluator: what identity policies allow and refuse, as IAM decides it: an explicit deny,
else an allow of every resource that the call is about, else no. Only the elements and operators
that our policies have; others are an error, not a guess."""

import fnmatch
import json
import re


class Request:
    """One call: an action, each resource that it is about, and the context's keys."""

    def __init__(self, action, resources, **context):
        self.action, self.resources = action, resources
        self.context = {key.lower(): value for key, value in context.items()}


def as_list(value):
    return value if isinstance(value, list) else [value]


def like(pattern, text):
    return re.fullmatch("".join(".*" if c == "*" else "." if c == "?" else re.escape(c)
                                for c in pattern), text, re.S) is not None


class Policies:
    OPERATORS = {"StringEquals": lambda wanted, value: wanted == value,
                 "StringLike": like, "ArnLike": like,
                 "StringNotEquals": lambda wanted, value: wanted != value}

    def __init__(self, *paths):
        self.statements = [statement for path in paths
                           for statement in json.loads(path.read_text())["Statement"]]

    def _fill(self, text, context):
        """Policy variables; one that is not known matches nothing."""
        def value(found):
            return context.get(found[1].lower(), "\0unknown")
        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _condition(self, operator, key, wanted, context):
        value = context.get(key.lower())
        wanted = [self._fill(text, context) for text in as_list(wanted)]
        if operator == "Null":
            return (value is None) == (wanted == ["true"])
        many, _, name = operator.rpartition(":")
        test = self.OPERATORS[name]
        if many == "ForAllValues":
            return all(any(test(text, one) for text in wanted) for one in value or [])
        assert not many, operator
        if value is None:
            return False
        assert isinstance(value, str), key
        return any(test(text, value) for text in wanted)

    def _fits(self, statement, action, resource, context):
        known = {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert set(statement) <= known, set(statement) - known
        return any(fnmatch.fnmatchcase(action.lower(), text.lower())
                   for text in as_list(statement["Action"])) and \
            any(like(self._fill(text, context), resource)
                for text in as_list(statement["Resource"])) and \
            all(self._condition(operator, key, wanted, context)
                for operator, keys in statement.get("Condition", {}).items()
                for key, wanted in keys.items())

    def allows(self, request):
        for resource, own in request.resources.items():
            context = {**request.context, **{key.lower(): value for key, value in own.items()}}
            fitting = [statement["Effect"] for statement in self.statements
                       if self._fits(statement, request.action, resource, context)]
            if "Deny" in fitting or "Allow" not in fitting:
                return False
        return True
