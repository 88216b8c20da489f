"""The Python library watchdog behind the lines that contender.mjs speaks."""

import array
import json
import os
import sys
import time

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

root, capacity = sys.argv[1], int(sys.argv[2])
seen = array.array("d", bytes(8 * capacity))
count = 0


def say(**line):
    os.write(1, (json.dumps(line) + "\n").encode())


class Handler(FileSystemEventHandler):
    def on_any_event(self, event):
        global count
        name = event.src_path.rsplit("/", 1)[-1]
        if not name.startswith("f"):
            return
        index = int(name[1:])
        if seen[index] == 0:
            seen[index] = time.monotonic_ns()
            count += 1


def start():
    global observer
    say(kind="begun", at=time.monotonic_ns())
    observer = Observer()
    observer.schedule(Handler(), root, recursive=True)
    observer.start()
    say(kind="ready", at=time.monotonic_ns())


def stop():
    global seen, count
    observer.stop()
    observer.join()
    seen = array.array("d", bytes(8 * capacity))
    count = 0
    say(kind="stopped")


observer = None
say(kind="loaded")
for text in sys.stdin:
    order = json.loads(text)
    if order["do"] == "start":
        try:
            start()
        except OSError as error:
            say(kind="failed", message=str(error))
    elif order["do"] == "stop":
        stop()
    elif order["do"] == "count":
        say(kind="count", seen=count, troubles=0, trouble="")
    elif order["do"] == "save":
        with open(order["file"], "wb") as file:
            seen.tofile(file)
        say(kind="saved")
os._exit(0)
