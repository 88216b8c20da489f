"""A receiver of Fustor Agent in Python's standard library: it keeps a picture of each tree that an agent watches.

`python3 receiver.py [port]`; GET /tree prints the picture, a row a line. It does what receiver.mjs does.
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
DOCUMENT = (Path(__file__).parent / "openapi.json").read_bytes()


class Node:
    def __init__(self):
        self.row, self.below = None, {}

    def rows(self):
        yield from [] if self.row is None else [self.row]
        for child in self.below.values():
            yield from child.rows()


class Stream:
    """One pipe of one agent. `told`: what the snapshot, or the audit, that goes on has told so far."""

    def __init__(self):
        self.root, self.past, self.index, self.complete = Node(), set(), 0, False
        self.begin(None, 0)

    def begin(self, session, sequence):
        # A session that has sent more than we remember began before we did: we miss the beginning of its snapshot.
        self.session, self.sequence, self.whole = session, sequence, sequence == 1
        self.told, self.listed, self.begun = {}, set(), False
        self.past.add(session)

    def take(self, batch):
        """Applies a batch; False when it comes from a session that another one has replaced."""
        session, sequence, phase, events = (batch[name] for name in ("session_id", "sequence", "source_type", "events"))
        if session != self.session:
            if session in self.past:
                return False
            self.begin(session, sequence)
        if sequence < self.sequence:
            return True  # The late twin of a batch that was sent again and is here already.
        self.sequence = sequence
        # Rows of a snapshot leave out what changes told since it was suggested, or asked for, and they come later.
        self.begun = self.begun or (phase == "snapshot" and events != [])
        if self.begun or batch["snapshot_sync_suggested"] or not self.complete:
            self.told.setdefault("snapshot", set())
        if phase == "audit" and events:
            self.told.setdefault("audit", set())
        for event in events:
            for row in event["rows"]:
                self.remove(row) if event["event_type"] == "delete" else self.put(row, event["message_source"])
            self.index = max(self.index, event["index"])
        if batch["is_end"] and phase in ("snapshot", "audit"):
            self.end(phase == "snapshot", self.told.pop(phase, None))
        return True

    def put(self, row, source):
        node = self.root
        for name in names_of(row):
            node = node.below.setdefault(name, Node())
        node.row, node.below = row, node.below if row["is_directory"] else {}
        for told in self.told.values():
            told.add(node)
        if source == "audit" and not row.get("audit_skipped"):
            self.listed.add(node)  # An audit tells all children of such a directory.

    def remove(self, row):
        """With everything below it."""
        *above, last = names_of(row) or [""]
        node = self.root
        for name in above:
            node = node.below.get(name) or Node()
        node.below.pop(last, None)

    def end(self, is_snapshot, told):
        """What a whole snapshot or an audit did not tell is gone; an audit speaks for what it lists alone."""
        if told is not None and (not is_snapshot or (self.begun and self.whole)):
            self.drop(self.root, told, None if is_snapshot else self.listed)
            self.complete = self.complete or is_snapshot
        if is_snapshot:
            self.whole, self.begun = True, False  # The next snapshot is seen from its beginning.
        else:
            self.listed = set()

    def drop(self, node, told, listed):
        if listed is None or node in listed:
            node.below = {name: child for name, child in node.below.items() if child in told}
        for child in node.below.values():
            self.drop(child, told, listed)


def names_of(row):
    return [name for name in row["path"].split("/") if name != ""]


streams, lock = {}, threading.Lock()


def answer(route, body):
    if route == "GET /openapi.json":
        return 200, DOCUMENT
    if route == "GET /tree":
        return 200, "".join(json.dumps(row) + "\n" for each in streams.values() for row in each.root.rows()).encode()
    if route not in ("GET /pipeline-status", "POST /ingest-batch", "POST /heartbeat"):
        return 404, {"detail": "no such route"}
    stream = streams.setdefault((body["agent_id"], body["task_id"]), Stream())
    if route == "GET /pipeline-status":
        return 200, stream.index if stream.complete else 0
    if route == "POST /ingest-batch" and not stream.take(body):
        return 419, {"detail": "this session was replaced"}
    return 200, {"snapshot_needed": not stream.complete}


class Handler(BaseHTTPRequestHandler):
    protocol_version, wbufsize, disable_nagle_algorithm = "HTTP/1.1", -1, True

    def reply(self):
        url, length = urlsplit(self.path), int(self.headers.get("Content-Length", 0))
        if KEY is not None and self.headers.get("Authorization") != f"Bearer {KEY}":
            return 401, {"detail": "wrong key"}
        if length > MAX_BYTES:
            return 413, {"detail": "too long"}
        body = json.loads(self.rfile.read(length)) if self.command == "POST" else dict(parse_qsl(url.query))
        with lock:
            return answer(f"{self.command} {url.path}", body)

    def do_GET(self):
        try:
            status, body = self.reply()
        except (ValueError, KeyError) as error:
            status, body = 400, {"detail": repr(error)}
        # What was not read of a refused request would be taken for the next one.
        self.close_connection = self.close_connection or status in (401, 413)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, *args):
        """Says nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}/openapi.json", flush=True)
    server.serve_forever()
