#!/usr/bin/env python3
"""The far end: sends back what asks for it, notes the age of the rest, and reports when asked."""
import collections
import time

import numpy
import pyarrow
from dora import Node

node = Node()
ages_ns = collections.defaultdict(list)  # by series
for event in node:
    now_ns = time.monotonic_ns()
    if event["type"] != "INPUT":
        continue
    order, number = event["metadata"]["order"], event["metadata"]["number"]
    if order == "echo":
        node.send_output("back", event["value"], {"number": number})
    elif order == "time":
        ages_ns[event["metadata"]["series"]].append(now_ns - event["metadata"]["sent_ns"])
    elif order == "report":
        ages = numpy.array(ages_ns[event["metadata"]["series"]], numpy.int64)
        node.send_output("back", pyarrow.array(ages), {"number": number})
    elif order == "end":
        break
