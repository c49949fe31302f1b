#!/usr/bin/env python3
"""Is a collector for one program: starts it with its address, and checks the spans that come.

    check_otlp.py PROGRAM CAPTURE CALLS
"""

import http.server
import subprocess
import sys
import threading
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

spans = []


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.path == "/v1/traces", self.path
        request = ExportTraceServiceRequest()
        request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        for of in request.resource_spans:
            names = {pair.key: pair.value.string_value for pair in of.resource.attributes}
            spans.extend((names["service.name"], span) for scope in of.scope_spans for span in scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()
program, capture, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
child = subprocess.Popen([program, "serve", "--listen", "127.0.0.1:0", "--otlp-endpoint",
                          f"http://127.0.0.1:{server.server_port}", capture])
until = time.monotonic() + 30
while len(spans) < calls and time.monotonic() < until:
    time.sleep(0.1)
child.terminate()
child.wait(timeout=30)
assert len(spans) == calls, f"{len(spans)} spans of {calls} calls"
assert len({span.span_id for _, span in spans}) == calls, "each has an id of its own"
for service, span in spans:
    assert service and len(span.trace_id) == 16 and len(span.span_id) == 8, span
    assert span.end_time_unix_nano >= span.start_time_unix_nano > 0, span
http_spans = [span for _, span in spans if any(pair.key == "http.request.method" for pair in span.attributes)]
assert http_spans and all(span.name for span in http_spans)
print(f"otlp: {len(spans)} spans, all right")
