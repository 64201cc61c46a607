# SPDX-License-Identifier: Apache-2.0
"""The emulated Systems Manager: inventory by hash, compliance, OpsItems with deduplication, and
parameters."""

import json
import uuid

from model import Refused
from service import Service

OPEN = ("Open", "InProgress")
RESERVED = ("aws", "amazon", "amzn", "ssm", "/aws")


class Ssm(Service):
    CUSTOM_TYPES, ATTRIBUTES, VALUE_BYTES, OPS_VALUE_BYTES = 20, 50, 4096, 20480

    def __init__(self, emulator):
        super().__init__(emulator)
        self.inventory, self.compliance, self.ops_items, self.parameters = {}, {}, {}, {}
        self.managed = None  # instances that run SSM's agent; None: all
        self.ops_item_limit = None
        self.described = 0  # DescribeOpsItems calls

    # ---- inventory ----

    def PutInventory(self, request):
        if self.managed is not None and request["InstanceId"] not in self.managed:
            raise Refused("InvalidInstanceId", request["InstanceId"])
        for item in request["Items"]:
            self._inventory_item(request["InstanceId"], item)
        return {}

    def _inventory_item(self, instance, item):
        key = instance, item["TypeName"]
        if not item["TypeName"].startswith("Custom:"):
            raise Refused("InvalidTypeNameException", item["TypeName"])
        if key not in self.inventory and len(self.inventory) >= self.CUSTOM_TYPES:
            raise Refused("CustomSchemaCountLimitExceededException", item["TypeName"])
        if "Content" not in item:
            if item.get("ContentHash") != self.inventory.get(key, {}).get("ContentHash", ""):
                raise Refused("ItemContentMismatchException", "content hash mismatch")
            self.inventory[key]["CaptureTime"] = item["CaptureTime"]
            return
        for entry in item["Content"]:
            if len(entry) > self.ATTRIBUTES:
                raise Refused("ItemContentMismatchException", "attributes")
            for name, value in entry.items():
                if not 1 <= len(name) <= 64 or len(value) > self.VALUE_BYTES:
                    raise Refused("ItemContentMismatchException", f"attribute {name}")
        self.inventory[key] = item

    # ---- compliance ----

    def PutComplianceItems(self, request):
        if request["ResourceType"] != "ManagedInstance":
            raise Refused("InvalidResourceType", request["ResourceType"])
        if self.managed is not None and request["ResourceId"] not in self.managed:
            raise Refused("InvalidResourceId", request["ResourceId"])
        if request.get("UploadType") == "PARTIAL":
            raise Refused("InvalidItemContentException", "PARTIAL is for associations only")
        for item in request["Items"]:
            if not item.get("Id"):
                raise Refused("InvalidItemContentException", "an item without an id")
        self.compliance[request["ResourceId"], request["ComplianceType"]] = request
        return {}

    # ---- OpsItems ----

    def _duplicate(self, request):
        data = request.get("OperationalData", {}).get("/aws/dedup")
        if not data:
            return None, None
        text = json.loads(data["Value"]).get("dedupString")
        if not text:
            raise Refused("OpsItemInvalidParameterException", "/aws/dedup has no dedupString")
        for uid, item in self.ops_items.items():
            if item["dedup"] == text and item["Status"] in OPEN:
                return text, uid
        return text, None

    def _check_data(self, data, allowed):
        for key, value in data.items():
            if key.startswith(RESERVED) and key not in allowed:
                raise Refused("OpsItemInvalidParameterException", f"reserved key {key}")
            if not value.get("Value") or len(value["Value"].encode()) > self.OPS_VALUE_BYTES:
                raise Refused("OpsItemInvalidParameterException", f"value of {key}")

    def CreateOpsItem(self, request):
        source = request["Source"].lower()
        if any(word in source for word in ("aws", "amazon", "amzn")):
            raise Refused("OpsItemInvalidParameterException", "Source may not contain aws")
        if request.get("Severity", "1") not in ("1", "2", "3", "4"):
            raise Refused("OpsItemInvalidParameterException", "Severity")
        self._check_data(request.get("OperationalData", {}),
                         ("/aws/dedup", "/aws/resources", "/aws/automations"))
        dedup, duplicate = self._duplicate(request)
        if duplicate:
            raise Refused("OpsItemAlreadyExistsException", f"OpsItem {duplicate} exists",
                          OpsItemId=duplicate)
        if self.ops_item_limit is not None and len(self.ops_items) >= self.ops_item_limit:
            raise Refused("OpsItemLimitExceededException", "too many", Limit=self.ops_item_limit,
                          LimitType="OpenOpsItems", ResourceTypes=["OpsItem"])
        uid = "oi-" + uuid.uuid4().hex[:12]
        self.ops_items[uid] = {"Status": "Open", **request, "dedup": dedup, "updates": [],
                               "CreatedTime": self.now()}
        return {"OpsItemId": uid}

    def _ops_item(self, uid):
        if uid not in self.ops_items:
            raise Refused("OpsItemNotFoundException", uid)
        return self.ops_items[uid]

    def UpdateOpsItem(self, request):
        item = self._ops_item(request["OpsItemId"])
        self._check_data(request.get("OperationalData", {}), ("/aws/resources",))
        item["updates"].append(request)
        item.setdefault("OperationalData", {}).update(request.get("OperationalData", {}))
        item.update({key: value for key, value in request.items()
                     if key not in ("OpsItemId", "OperationalData")})
        return {}

    def GetOpsItem(self, request):
        item = self._ops_item(request["OpsItemId"])
        return {"OpsItem": {"OpsItemId": request["OpsItemId"], "Status": item["Status"],
                            "Title": item["Title"]}}

    def DescribeOpsItems(self, request):
        found = [(uid, item) for uid, item in self.ops_items.items()
                 if all(self._fits(item, one) for one in request.get("OpsItemFilters", []))]
        self.described += 1
        return {"OpsItemSummaries": [
            {"OpsItemId": uid, "Status": item["Status"], "Title": item["Title"],
             "Source": item["Source"], "CreatedTime": item["CreatedTime"]}
            for uid, item in found[:request.get("MaxResults", 50)]]}

    @staticmethod
    def _fits(item, one):
        if one["Key"] == "OperationalData" and one["Operator"] == "Equal":
            wanted = [json.loads(value) for value in one["Values"]]
            data = item.get("OperationalData", {})
            return any(data.get(pair["key"], {}).get("Value") == pair["value"] and
                       data[pair["key"]]["Type"] == "SearchableString" for pair in wanted)
        if one["Key"] in ("Source", "Status") and one["Operator"] == "Equal":
            return item[one["Key"]] in one["Values"]
        raise Refused("ValidationException", f"filter {one['Key']} {one['Operator']}")

    # ---- parameters ----

    def GetParameter(self, request):
        name, _, version = request["Name"].partition(":")
        if name not in self.parameters:
            raise Refused("ParameterNotFound", name)
        found, value = self.parameters[name]
        if version and int(version) != found:
            raise Refused("ParameterVersionNotFound", request["Name"])
        return {"Parameter": {"Name": name, "Type": "String", "Value": value, "Version": found,
                              "ARN": f"arn:aws:ssm:{self.region}:{self.account}:parameter{name}"}}
