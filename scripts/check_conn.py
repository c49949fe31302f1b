#!/usr/bin/env python3
"""Holds callscope's connections against tshark's view of the same captures.

    scripts/check_conn.py CALLSCOPE CAPTURE…

For each TCP connection whose SYN is in the capture: packets and bytes of payload both ways, resets,
retransmissions (tshark: retransmission, without out-of-order and keep-alive), zero windows, and the time of the
handshake (initial_rtt). Prints what differs, and a line with how many agree. Exit status 1 if a capture could not
be read.
"""

import json
import subprocess
import sys
from collections import Counter, defaultdict

FIELDS = [
    "frame.number", "tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport",
    "tcp.len", "tcp.flags.syn", "tcp.flags.ack", "tcp.flags.reset", "tcp.analysis.retransmission",
    "tcp.analysis.zero_window", "tcp.analysis.initial_rtt",
]
FACTS = ["packets", "bytes", "resets", "retransmissions", "zero_windows"]


def of_tshark(path):
    """Connections by (client, server), in order: facts of each side, and the handshake."""
    command = ["tshark", "-r", path, "-o", "tcp.desegment_tcp_streams:FALSE", "-Y", "tcp && !icmp && !icmpv6",
               "-T", "fields", "-E", "separator=\t", "-E", "occurrence=f"]
    for field in FIELDS:
        command += ["-e", field]
    text = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    streams = {}
    for line in text.splitlines():
        row = dict(zip(FIELDS, line.split("\t") + [""] * len(FIELDS)))
        src = (row["ip.src"] or row["ipv6.src"], row["tcp.srcport"])
        dst = (row["ip.dst"] or row["ipv6.dst"], row["tcp.dstport"])
        is_on = lambda name: row[name] in ("1", "True")
        stream = streams.setdefault(row["tcp.stream"], {
            "client": None, "frame": int(row["frame.number"]), "sides": defaultdict(Counter), "rtt": None,
            "ends": (src, dst)})
        if is_on("tcp.flags.syn") and stream["client"] is None:
            stream["client"] = dst if is_on("tcp.flags.ack") else src
        side = stream["sides"][src]
        side["packets"] += 1
        side["bytes"] += int(row["tcp.len"] or 0)
        side["resets"] += is_on("tcp.flags.reset")
        side["retransmissions"] += bool(row["tcp.analysis.retransmission"])
        side["zero_windows"] += bool(row["tcp.analysis.zero_window"])
        stream["rtt"] = stream["rtt"] or row["tcp.analysis.initial_rtt"]
    return streams.values()


def of_callscope(program, path):
    """The same by the number of their first packet."""
    command = [program, "read", "--protocol", "conn", "--format", "ndjson", "-q", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    found = {}
    for line in done.stdout.splitlines():
        call = json.loads(line)
        if call["transport"] == "tcp":
            found[int(call["stream"])] = call
    return found


def side_of(call, half, side):
    fields = call.get(half, {}).get("fields", {})
    return {fact: fields.get(f"conn.{side}.{fact}", 0) for fact in FACTS}


def compare(stream, call):
    """What differs between the two."""
    client = stream["client"]
    server = next((end for end in stream["ends"] if end != client), client)
    differences = []
    for end, half, side in [(client, "request", "client"), (server, "response", "server")]:
        theirs, ours = stream["sides"][end], side_of(call, half, side)
        differences += [(f"{side}.{fact}", theirs[fact], ours[fact]) for fact in FACTS
                        if theirs[fact] != ours[fact]]
    fields = {**call.get("response", {}).get("fields", {}), **call.get("request", {}).get("fields", {})}
    ours = fields.get("conn.handshake_ns")
    if stream["rtt"] and (ours is None or abs(float(stream["rtt"]) * 1e9 - ours) > 1_000):
        differences.append(("handshake_ns", float(stream["rtt"]) * 1e9, ours))
    return differences


def main():
    program, captures = sys.argv[1], sys.argv[2:]
    total, failed = Counter(), False
    for path in captures:
        try:
            ours = of_callscope(program, path)
            streams = of_tshark(path)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"{path}: {error}")
            failed = True
            continue
        for stream in streams:
            if stream["client"] is None:
                total["joined late, not compared"] += 1
                continue
            call = ours.get(stream["frame"])
            if call is None:
                total["not told"] += 1
                print(f"{path}: frame {stream['frame']}: not told")
                continue
            differences = compare(stream, call)
            total["differ" if differences else "agree"] += 1
            for fact, theirs, own in differences:
                total[f"differ in {fact.split('.')[-1]}"] += 1
                print(f"{path}: stream {call['stream']}: {fact}: tshark {theirs}, callscope {own}")
    print(", ".join(f"{count} {what}" for what, count in sorted(total.items())) or "nothing compared")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
