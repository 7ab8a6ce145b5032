"""A tiny HTTP server that answers 200 to everything: ``dummy_server.py NAME PORT [FLAG...]``, in the state folder."""

import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


def end(number: int, frame: Any) -> None:
    with open("ended", "a") as file:
        file.write(f"{NAME}\n")
    if "--stubborn" not in FLAGS:
        sys.exit(0)


NAME, PORT, *FLAGS = sys.argv[1:]
signal.signal(signal.SIGTERM, end)
if "--broken" in FLAGS and not Path("mended").exists():
    sys.exit("the frobnicator is not connected")
if "--with-child" in FLAGS:
    apart = "--apart" in FLAGS
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=apart)
    Path("child.pid").write_text(str(child.pid))
while "--wait-for-go" in FLAGS and not Path("go").exists():
    time.sleep(0.02)
HTTPServer(("127.0.0.1", int(PORT)), Answer).serve_forever()
