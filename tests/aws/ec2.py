# SPDX-License-Identifier: Apache-2.0
"""EC2 as isolation needs it: instances, interfaces, groups, tags, volumes, snapshots and endpoints
of VPCs. What was changed is seen by Describe calls only `lag` seconds later, as in the real one.
Tests put instances there with add_instance(), and say with `denied` what is not permitted."""

import secrets
import time

from model import Refused


def new_id(kind):
    return f"{kind}-{secrets.token_hex(9)[:17]}"


class Lagged:
    """A value that is seen some time after it was set."""

    def __init__(self, value):
        self.history = [(float("-inf"), value)]

    def set(self, value):
        self.history.append((time.monotonic(), value))

    @property
    def now(self):
        return self.history[-1][1]

    def seen(self, lag):
        until = time.monotonic() - lag
        return next(value for at, value in reversed(self.history) if at <= until)


class Ec2:
    INTERFACES_GROUPS_MAX = 5  # AWS's default quota
    TAGS_MAX = 50

    def __init__(self, emulator):
        self.emulator = emulator
        self.lag = 0.0       # seconds
        self.denied = set()  # operations, and ids of resources
        self.instances, self.interfaces, self.groups = {}, {}, {}
        self.snapshots, self.endpoints = {}, {}
        self.changes = []    # (operation, resource, value), as they took effect
        self.add_instance("i-0123456789abcdef0")  # the metadata service's

    # ---- what tests put there ----

    def add_group(self, group, vpc="vpc-0123456789abcdef0", egress=(), ingress=()):
        self.groups[group] = {"GroupId": group, "GroupName": group, "VpcId": vpc,
                              "IpPermissions": list(ingress), "IpPermissionsEgress": list(egress)}
        return group

    def add_instance(self, instance, vpc="vpc-0123456789abcdef0", tags=None, interfaces=1,
                     groups=("sg-0aaaaaaaaaaaaaaa1",)):
        for group in groups:
            if group not in self.groups:
                self.add_group(group, vpc)
        self.instances[instance] = {
            "InstanceId": instance, "VpcId": vpc, "State": {"Code": 16, "Name": "running"},
            "tags": Lagged(dict(tags or {})), "termination": Lagged(False),
            "volumes": {"/dev/xvda": ["vol-" + instance[2:], True]}}
        return [self.add_interface(instance, groups, index) for index in range(interfaces)]

    def add_interface(self, instance, groups, index=1, kind="interface", managed=False):
        interface = "eni-" + instance[2:] if index == 0 else new_id("eni")
        self.interfaces[interface] = {
            "NetworkInterfaceId": interface, "VpcId": self.instances[instance]["VpcId"],
            "InterfaceType": kind, "RequesterManaged": managed, "Status": "in-use",
            "PrivateIpAddress": f"10.0.0.{10 + len(self.interfaces) % 240}",
            "groups": Lagged(tuple(groups)),
            "Attachment": {"AttachmentId": new_id("eni-attach"), "InstanceId": instance,
                           "DeviceIndex": index, "Status": "attached"}}
        return interface

    def groups_of(self, instance):
        """Interface to its groups, as they are."""
        return {name: list(interface["groups"].now) for name, interface in self.interfaces.items()
                if interface["Attachment"]["InstanceId"] == instance}

    def tags_of(self, instance):
        return self.instances[instance]["tags"].now

    # ---- what all have ----

    def _allow(self, request, operation, *resources):
        for name in (operation, *resources):
            if name in self.denied:
                raise Refused("UnauthorizedOperation",
                              f"You are not authorized to perform ec2:{operation}.", 403)
        if request.get("DryRun"):
            raise Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is "
                                             "set.", 412)

    def _instance(self, name):
        if name not in self.instances:
            raise Refused("InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")
        return self.instances[name]

    @staticmethod
    def _page(request, member, rows):
        start = int(request.get("NextToken") or 0)
        size = request.get("MaxResults") or 1000
        reply = {member: rows[start:start + size]}
        if start + size < len(rows):
            reply["NextToken"] = str(start + size)
        return reply

    # ---- what it answers ----

    def DescribeInstances(self, request):
        self._allow(request, "DescribeInstances")
        names = request.get("InstanceIds")
        if names and request.get("MaxResults"):
            raise Refused("InvalidParameterCombination",
                          "The parameter instancesSet cannot be used with maxResults")
        rows = [self._instance(name) for name in names] if names else \
            sorted(self.instances.values(), key=lambda row: row["InstanceId"])
        for one in request.get("Filters", []):
            rows = [row for row in rows if self._fits(row, one["Name"], one["Values"])]
        return self._page(request, "Reservations",
                          [{"Instances": [self._instance_shown(row)]} for row in rows])

    def _fits(self, row, name, values):
        tags = row["tags"].seen(self.lag)
        if name.startswith("tag:"):
            return tags.get(name[4:]) in values
        if name == "tag-key":
            return any(value in tags for value in values)
        if name == "vpc-id":
            return row["VpcId"] in values
        if name == "instance-state-name":
            return row["State"]["Name"] in values
        raise Refused("InvalidParameterValue", f"The filter '{name}' is invalid")

    def _instance_shown(self, row):
        return {"InstanceId": row["InstanceId"], "VpcId": row["VpcId"], "State": row["State"],
                "Tags": [{"Key": key, "Value": value}
                         for key, value in row["tags"].seen(self.lag).items()],
                "BlockDeviceMappings": [
                    {"DeviceName": device, "Ebs": {"VolumeId": volume[0],
                                                   "DeleteOnTermination": volume[1]}}
                    for device, volume in row["volumes"].items()]}

    def DescribeTags(self, request):
        self._allow(request, "DescribeTags")
        rows = [{"ResourceId": name, "ResourceType": "instance", "Key": key, "Value": value}
                for name, row in self.instances.items()
                for key, value in row["tags"].seen(self.lag).items()]
        members = {"resource-id": "ResourceId", "resource-type": "ResourceType", "key": "Key"}
        for one in request.get("Filters", []):
            if one["Name"] not in members:
                raise Refused("InvalidParameterValue", f"The filter '{one['Name']}' is invalid")
            rows = [row for row in rows if row[members[one["Name"]]] in one["Values"]]
        return self._page(request, "Tags", rows)

    def DescribeNetworkInterfaces(self, request):
        self._allow(request, "DescribeNetworkInterfaces")
        names = request.get("NetworkInterfaceIds")
        rows = [self._interface(name) for name in names] if names else \
            list(self.interfaces.values())
        for one in request.get("Filters", []):
            if one["Name"] != "attachment.instance-id":
                raise Refused("InvalidParameterValue", f"The filter '{one['Name']}' is invalid")
            rows = [row for row in rows if row["Attachment"]["InstanceId"] in one["Values"]]
        shown = [{**{key: value for key, value in row.items() if key != "groups"},
                  "Groups": [{"GroupId": group, "GroupName": group}
                             for group in row["groups"].seen(self.lag)]} for row in rows]
        return self._page(request, "NetworkInterfaces", shown)

    def _interface(self, name):
        if name not in self.interfaces:
            raise Refused("InvalidNetworkInterfaceID.NotFound",
                          f"The networkInterface ID '{name}' does not exist")
        return self.interfaces[name]

    def DescribeSecurityGroups(self, request):
        self._allow(request, "DescribeSecurityGroups")
        names = request.get("GroupIds") or list(self.groups)
        for name in names:
            if name not in self.groups:
                raise Refused("InvalidGroup.NotFound",
                              f"The security group '{name}' does not exist")
        return self._page(request, "SecurityGroups", [self.groups[name] for name in names])

    def DescribeVpcEndpoints(self, request):
        self._allow(request, "DescribeVpcEndpoints")
        vpcs = [value for one in request.get("Filters", []) for value in one["Values"]]
        return self._page(request, "VpcEndpoints", [
            row for row in self.endpoints.values() if not vpcs or row["VpcId"] in vpcs])

    def DescribeSnapshots(self, request):
        self._allow(request, "DescribeSnapshots")
        rows = list(self.snapshots.values())
        for one in request.get("Filters", []):
            rows = [row for row in rows
                    if dict((tag["Key"], tag["Value"]) for tag in row["Tags"])
                    .get(one["Name"].removeprefix("tag:")) in one["Values"]]
        return self._page(request, "Snapshots", rows)

    def DescribeInstanceAttribute(self, request):
        self._allow(request, "DescribeInstanceAttribute")
        row = self._instance(request["InstanceId"])
        return {"InstanceId": request["InstanceId"],
                "DisableApiTermination": {"Value": row["termination"].now}}

    # ---- what it changes ----

    def ModifyNetworkInterfaceAttribute(self, request):
        name, groups = request["NetworkInterfaceId"], request.get("Groups")
        row = self._interface(name)
        self._allow(request, "ModifyNetworkInterfaceAttribute", name, *(groups or []))
        if not groups or len(groups) > self.INTERFACES_GROUPS_MAX:
            raise Refused("SecurityGroupsPerInterfaceLimitExceeded", "groups")
        if row["RequesterManaged"]:
            raise Refused("OperationNotPermitted",
                          "You are not allowed to manage requester-managed interfaces", 403)
        for group in groups:
            if group not in self.groups:
                raise Refused("InvalidGroup.NotFound",
                              f"The security group '{group}' does not exist")
            if self.groups[group]["VpcId"] != row["VpcId"]:
                raise Refused("InvalidParameter", f"Security group {group} and interface {name} "
                                                  "belong to different networks.")
        row["groups"].set(tuple(groups))
        self.changes.append(("groups", name, list(groups)))
        return {}

    def ModifyInstanceAttribute(self, request):
        row = self._instance(request["InstanceId"])
        self._allow(request, "ModifyInstanceAttribute", request["InstanceId"])
        wanted = set(request) - {"InstanceId", "DryRun"}
        if len(wanted) != 1:
            raise Refused("InvalidParameterCombination", "one attribute a call")
        if "Groups" in request:
            raise Refused("InvalidInstanceID", "There are multiple interfaces attached")
        if "DisableApiTermination" in request:
            row["termination"].set(request["DisableApiTermination"]["Value"])
        for mapping in request.get("BlockDeviceMappings", []):
            row["volumes"][mapping["DeviceName"]][1] = mapping["Ebs"]["DeleteOnTermination"]
        self.changes.append(("attribute", request["InstanceId"], wanted.pop()))
        return {}

    def CreateTags(self, request):
        for name in request["Resources"]:
            row = self._instance(name)
            self._allow(request, "CreateTags", name)
            tags = {**row["tags"].now, **{tag["Key"]: tag.get("Value", "")
                                          for tag in request["Tags"]}}
            for key, value in tags.items():
                if len(key) > 127 or len(value) > 255 or key.lower().startswith("aws:") and \
                        key not in row["tags"].now:
                    raise Refused("InvalidParameterValue", f"Tag {key}")
            if len(tags) > self.TAGS_MAX:
                raise Refused("TagLimitExceeded", "The maximum number of Tags has been reached.")
            row["tags"].set(tags)
            self.changes.append(("tags", name, {tag["Key"]: tag.get("Value", "")
                                                for tag in request["Tags"]}))
        return {}

    def StopInstances(self, request):
        return {"StoppingInstances": [self._end(request, name, "StopInstances", "stopping")
                                      for name in request["InstanceIds"]]}

    def TerminateInstances(self, request):
        return {"TerminatingInstances": [
            self._end(request, name, "TerminateInstances", "shutting-down")
            for name in request["InstanceIds"]]}

    def _end(self, request, name, operation, state):
        row = self._instance(name)
        self._allow(request, operation, name)
        if operation == "TerminateInstances" and row["termination"].now:
            raise Refused("OperationNotPermitted",
                          f"The instance '{name}' may not be terminated. Modify its "
                          "'disableApiTermination' instance attribute and try again.")
        self.changes.append(("end", name, operation))
        return {"InstanceId": name, "PreviousState": row["State"],
                "CurrentState": {"Code": 64, "Name": state}}

    def CreateSnapshots(self, request):
        name = request["InstanceSpecification"]["InstanceId"]
        row = self._instance(name)
        self._allow(request, "CreateSnapshots", name)
        tags = [tag for one in request.get("TagSpecifications", []) for tag in one["Tags"]]
        made = []
        for volume, _ in row["volumes"].values():
            snapshot = {"SnapshotId": new_id("snap"), "VolumeId": volume, "Tags": tags}
            self.snapshots[snapshot["SnapshotId"]] = snapshot
            made.append(snapshot)
        self.changes.append(("snapshots", name, len(made)))
        return {"Snapshots": made}
