"""An HTTP front of chdb (ClickHouse as a library), as far as the tests need it: one question at a time.

Usage: chdb_front.py PORT FOLDER
"""

import os
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from chdb import session

SESSION = session.Session(sys.argv[2])
LOCK = threading.Lock()


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        query = parse_qs(urlsplit(self.path).query).get("query")
        try:
            if query:
                answer = insert(query[0], body)
            else:
                answer = ask(body.decode())
            self.answer(200, answer)
        except Exception as error:
            self.answer(500, str(error).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def insert(query, body):
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(body)
    try:
        before, form = query.rsplit(" FORMAT ", 1)
        return ask(f"{before} FROM INFILE '{file.name}' FORMAT {form}")
    finally:
        os.unlink(file.name)


def ask(query):
    with LOCK:
        return SESSION.query(query, "TabSeparated").bytes()


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Front).serve_forever()
