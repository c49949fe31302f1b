#!/usr/bin/env python3
"""Is a collector for one program, by each of the ways of OTLP: starts the program with the collector's
address, and checks the spans that come.

    check_otlp.py PROGRAM CAPTURE CALLS
"""

import concurrent.futures
import http.server
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

spans = []
keys = []


def take(request, key):
    keys.append(key)
    for of in request.resource_spans:
        names = {pair.key: pair.value.string_value for pair in of.resource.attributes}
        spans.extend((names["service.name"], span) for scope in of.scope_spans for span in scope.spans)


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.path == "/v1/traces", self.path
        request = service.ExportTraceServiceRequest()
        request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        take(request, self.headers["x-key"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def by_http(secrets):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    if secrets:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*secrets)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, server.server_port


def by_grpc(secrets):
    def export(request, context):
        take(request, dict(context.invocation_metadata()).get("x-key"))
        return service.ExportTraceServiceResponse()

    method = grpc.unary_unary_rpc_method_handler(
        export, service.ExportTraceServiceRequest.FromString, service.ExportTraceServiceResponse.SerializeToString)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        "opentelemetry.proto.collector.trace.v1.TraceService", {"Export": method}),))
    if secrets:
        certificate, key = (open(path, "rb").read() for path in secrets)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def check(name, begin, protocol, secrets):
    spans.clear()
    keys.clear()
    server, port = begin(secrets)
    words = [program, "serve", "--listen", "127.0.0.1:0", "--otlp-protocol", protocol, "--otlp-header", "x-key=of ours",
             "--otlp-endpoint", f"{'https' if secrets else 'http'}://127.0.0.1:{port}"]
    if secrets:
        words += ["--otlp-authority", secrets[0]]
    child = subprocess.Popen(words + [capture])
    until = time.monotonic() + 30
    while len(spans) < calls and time.monotonic() < until:
        time.sleep(0.1)
    child.terminate()
    child.wait(timeout=30)
    assert server
    assert len(spans) == calls, f"{name}: {len(spans)} spans of {calls} calls"
    assert set(keys) == {"of ours"}, keys
    assert len({span.span_id for _, span in spans}) == calls, "each has an id of its own"
    for name_of, span in spans:
        assert name_of and len(span.trace_id) == 16 and len(span.span_id) == 8, span
        assert span.end_time_unix_nano >= span.start_time_unix_nano > 0, span
    http_spans = [span for _, span in spans if any(pair.key == "http.request.method" for pair in span.attributes)]
    assert http_spans and all(span.name for span in http_spans)
    print(f"otlp by {name}: {len(spans)} spans, all right")


program, capture, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
with tempfile.TemporaryDirectory() as folder:
    secrets = (os.path.join(folder, "server.crt"), os.path.join(folder, "server.key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=collector", "-addext", "subjectAltName=IP:127.0.0.1", "-addext",
                    "basicConstraints=critical,CA:FALSE", "-keyout", secrets[1], "-out", secrets[0]],
                   check=True, capture_output=True)
    check("HTTP", by_http, "http/protobuf", None)
    check("HTTPS", by_http, "http/protobuf", secrets)
    check("gRPC", by_grpc, "grpc", None)
    check("gRPC with TLS", by_grpc, "grpc", secrets)
