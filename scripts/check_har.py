#!/usr/bin/env python3
"""Checks an archive against what HAR 1.2 asks of it (http://www.softwareishard.com/blog/har-12-spec/)."""

import json
import sys

from jsonschema import Draft202012Validator

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
WHOLE = {"type": "integer"}
PAIR = {"type": "object", "required": ["name", "value"], "properties": {"name": TEXT, "value": TEXT}}
PAIRS = {"type": "array", "items": PAIR}


def thing(required: dict, optional: dict | None = None) -> dict:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


REQUEST = thing(
    {"method": TEXT, "url": {**TEXT, "pattern": "^[a-z][a-z0-9+.-]*:"}, "httpVersion": TEXT, "cookies": PAIRS,
     "headers": PAIRS, "queryString": PAIRS, "headersSize": WHOLE, "bodySize": WHOLE},
    {"postData": thing({"mimeType": TEXT, "params": {"type": "array"}, "text": TEXT})},
)
RESPONSE = thing(
    {"status": WHOLE, "statusText": TEXT, "httpVersion": TEXT, "cookies": PAIRS, "headers": PAIRS,
     "content": thing({"size": WHOLE, "mimeType": TEXT}, {"text": TEXT, "encoding": TEXT, "compression": WHOLE}),
     "redirectURL": TEXT, "headersSize": WHOLE, "bodySize": WHOLE},
)
ENTRY = thing(
    {"startedDateTime": {**TEXT, "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}, "time": NUMBER,
     "request": REQUEST, "response": RESPONSE, "cache": {"type": "object"},
     "timings": thing({"send": NUMBER, "wait": NUMBER, "receive": NUMBER})},
    {"serverIPAddress": TEXT, "connection": TEXT, "comment": TEXT},
)
SCHEMA = thing({"log": thing({"version": {"const": "1.2"}, "creator": thing({"name": TEXT, "version": TEXT}),
                              "entries": {"type": "array", "minItems": 1, "items": ENTRY}})})

with open(sys.argv[1], encoding="utf-8") as file:
    archive = json.load(file)
faults = list(Draft202012Validator(SCHEMA).iter_errors(archive))
for fault in faults[:10]:
    print("/".join(map(str, fault.absolute_path)), fault.message[:200])
if faults:
    sys.exit(f"{len(faults)} faults")
print(f"har: {len(archive['log']['entries'])} entries, all right")
