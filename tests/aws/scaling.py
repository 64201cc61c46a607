# SPDX-License-Identifier: Apache-2.0
"""Auto Scaling and target groups of load balancers, as isolation needs them."""

from model import Refused


class AutoScaling:
    def __init__(self, emulator):
        self.emulator = emulator
        self.instances = {}  # id -> {"group", "state", "protected"}
        self.denied, self.changes = set(), []

    def add(self, instance, group="web"):
        self.instances[instance] = {"group": group, "state": "InService", "protected": False}

    def _allow(self, operation):
        if operation in self.denied:
            raise Refused("AccessDenied", f"not authorized to perform: autoscaling:{operation}",
                          403)

    def _members(self, request, states):
        for name in request["InstanceIds"]:
            row = self.instances.get(name)
            if row is None or row["group"] != request["AutoScalingGroupName"]:
                raise Refused("ValidationError", f"The instance {name} is not part of Auto "
                                                 f"Scaling group {request['AutoScalingGroupName']}")
            if row["state"] not in states:
                raise Refused("ValidationError", f"The instance {name} is not in {states[0]}.")
        return [(name, self.instances[name]) for name in request["InstanceIds"]]

    def DescribeAutoScalingInstances(self, request):
        self._allow("DescribeAutoScalingInstances")
        return {"AutoScalingInstances": [
            {"InstanceId": name, "AutoScalingGroupName": row["group"], "AvailabilityZone": "a",
             "LifecycleState": row["state"], "HealthStatus": "HEALTHY",
             "ProtectedFromScaleIn": row["protected"]}
            for name, row in self.instances.items() if name in request.get("InstanceIds", [name])]}

    def _change(self, operation, request, states, state):
        self._allow(operation)
        for name, row in self._members(request, states):
            row["state"] = state
            self.changes.append((operation, name))
        return {}

    def EnterStandby(self, request):
        return self._change("EnterStandby", request, ["InService"], "Standby")

    def ExitStandby(self, request):
        return self._change("ExitStandby", request, ["Standby"], "InService")

    def DetachInstances(self, request):
        reply = self._change("DetachInstances", request, ["InService", "Standby"], "Detached")
        for name in request["InstanceIds"]:
            del self.instances[name]
        return reply

    def AttachInstances(self, request):
        self._allow("AttachInstances")
        for name in request["InstanceIds"]:
            if name in self.instances:
                raise Refused("ValidationError", f"{name} is already part of a group")
            self.add(name, request["AutoScalingGroupName"])
            self.changes.append(("AttachInstances", name))
        return {}

    def SetInstanceProtection(self, request):
        self._allow("SetInstanceProtection")
        for name, row in self._members(request, ["InService", "Standby"]):
            row["protected"] = request["ProtectedFromScaleIn"]
            self.changes.append(("SetInstanceProtection", name))
        return {}


class LoadBalancing:
    def __init__(self, emulator):
        self.emulator = emulator
        self.targets = {}  # ARN of the group -> {(id, port)}
        self.denied, self.changes = set(), []

    def _group(self, operation, arn):
        if operation in self.denied:
            raise Refused("AccessDenied", f"elasticloadbalancing:{operation}", 403)
        if arn not in self.targets:
            raise Refused("TargetGroupNotFound", "One or more target groups not found")
        return self.targets[arn]

    def DescribeTargetHealth(self, request):
        targets = self._group("DescribeTargetHealth", request["TargetGroupArn"])
        wanted = {one["Id"] for one in request.get("Targets", [])}
        return {"TargetHealthDescriptions": [
            {"Target": {"Id": name, "Port": port}, "TargetHealth": {"State": "healthy"}}
            for name, port in sorted(targets) if not wanted or name in wanted]}

    def DeregisterTargets(self, request):
        targets = self._group("DeregisterTargets", request["TargetGroupArn"])
        for one in request["Targets"]:
            targets -= {(name, port) for name, port in targets
                        if name == one["Id"] and port == one.get("Port", port)}
            self.changes.append(("DeregisterTargets", one["Id"]))
        return {}

    def RegisterTargets(self, request):
        targets = self._group("RegisterTargets", request["TargetGroupArn"])
        for one in request["Targets"]:
            targets.add((one["Id"], one.get("Port", 80)))
            self.changes.append(("RegisterTargets", one["Id"]))
        return {}
