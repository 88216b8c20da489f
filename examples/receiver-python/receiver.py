"""A receiver of Fustor Agent in Python's standard library: it keeps a picture of each tree that an agent watches.

    python3 receiver.py [port]

GET /tree prints the picture, a row a line. With RECEIVER_KEY set, every request has to bring it as a bearer token.
It does what examples/receiver/receiver.mjs does, with the same OpenAPI document.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

KEY = os.environ.get("RECEIVER_KEY")
MAX_BYTES = 32 * 1024 * 1024
DOCUMENT = (Path(__file__).parent.parent / "receiver" / "openapi.json").read_bytes()


class Node:
    """An entry. `snapshot` and `audit`: the last pass that told it; `listed`: the audit that tells all its children."""

    def __init__(self):
        self.row, self.below = None, {}
        self.snapshot = self.audit = self.listed = 0

    def rows(self):
        if self.row is not None:
            yield self.row
        for child in self.below.values():
            yield from child.rows()

    def drop(self, is_listed, is_told):
        """Drops the children that were not told, of every directory that was told completely."""
        for name, child in list(self.below.items()):
            if is_listed(self) and not is_told(child):
                del self.below[name]
            else:
                child.drop(is_listed, is_told)


class Stream:
    """One pipe of one agent. `snapshot` and `audit` number the pass that goes on; 0: none does."""

    def __init__(self):
        self.root, self.past, self.session = Node(), set(), None
        self.sequence = self.passes = self.snapshot = self.audit = self.index = 0
        self.whole = self.complete = False

    def take(self, batch):
        """Applies one batch; False when it comes from a session that another one has replaced."""
        session, sequence, phase = batch["session_id"], batch["sequence"], batch["source_type"]
        if session != self.session:
            if session in self.past:
                return False
            # A session that has sent more than we remember began before we did: its snapshot is not whole.
            self.session, self.sequence, self.snapshot, self.audit, self.whole = session, 0, 0, 0, sequence == 1
            self.past.add(session)
        # The late twin of a batch that was sent again and is here already.
        if sequence < self.sequence:
            return True
        self.sequence = sequence
        if phase in ("snapshot", "audit") and batch["events"] and getattr(self, phase) == 0:
            self.passes += 1
            setattr(self, phase, self.passes)
        for event in batch["events"]:
            for row in event["rows"]:
                if event["event_type"] == "delete":
                    self.remove(row["path"])
                else:
                    self.put(row, event["message_source"])
            self.index = max(self.index, event["index"])
        if batch["is_snapshot_end"]:
            self.end_snapshot()
        elif batch["is_end"] and phase == "audit":
            self.end_audit()
        return True

    def put(self, row, source):
        node = self.root
        for name in names_of(row["path"]):
            node = node.below.setdefault(name, Node())
        node.row, node.snapshot, node.audit = row, self.snapshot, self.audit
        if source == "audit":
            node.listed = 0 if row.get("audit_skipped") else self.audit
        if not row["is_directory"]:
            node.below.clear()

    def remove(self, path):
        """With everything below it."""
        names = names_of(path)
        if not names:
            return  # the root itself stays
        *above, last = names
        node = self.root
        for name in above:
            node = node.below.get(name, Node())
        node.below.pop(last, None)

    def end_snapshot(self):
        if self.snapshot > 0 and self.whole:
            self.root.drop(lambda node: True, lambda child: child.snapshot == self.snapshot)
            self.complete = True
        # What follows is seen from its beginning.
        self.snapshot, self.whole = 0, True

    def end_audit(self):
        if self.audit > 0:
            self.root.drop(lambda node: node.listed == self.audit, lambda child: child.audit == self.audit)
        self.audit = 0


def names_of(path):
    return [name for name in path.split("/") if name != ""]


streams, lock = {}, threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def answer(self, status, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_route(self, body=None):
        url = urlsplit(self.path)
        if KEY is not None and self.headers.get("Authorization") != f"Bearer {KEY}":
            return self.answer(401, {"detail": "wrong key"})
        route = f"{self.command} {url.path}"
        if route == "GET /openapi.json":
            return self.answer(200, DOCUMENT)
        names = body if body is not None else dict(parse_qsl(url.query))
        with lock:
            if route == "GET /tree":
                rows = [json.dumps(row) + "\n" for stream in streams.values() for row in stream.root.rows()]
                return self.answer(200, "".join(rows).encode())
            stream = streams.setdefault((names.get("agent_id"), names.get("task_id")), Stream())
            if route == "GET /pipeline-status":
                return self.answer(200, stream.index if stream.complete else 0)
            if route not in ("POST /ingest-batch", "POST /heartbeat"):
                return self.answer(404, {"detail": "no such route"})
            if route == "POST /ingest-batch" and not stream.take(body):
                return self.answer(419, {"detail": "this session was replaced"})
            return self.answer(200, {"snapshot_needed": not stream.complete})

    def do_GET(self):
        self.handle_route()

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BYTES:
            self.close_connection = True
            return self.answer(413, {"detail": "too long"})
        try:
            return self.handle_route(json.loads(self.rfile.read(length)))
        except (ValueError, KeyError) as error:
            return self.answer(400, {"detail": repr(error)})

    def log_message(self, *args):
        """Says nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}/openapi.json", flush=True)
    server.serve_forever()
