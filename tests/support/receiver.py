"""An HTTP server of a test that keeps what is posted to it: a webhook, a collector."""
import http.server
import threading
import time
from dataclasses import dataclass

LIMIT_S = 120


@dataclass
class Post:
    path: str
    headers: dict  # as they came; names in lower case
    body: bytes


class Receiver(http.server.ThreadingHTTPServer):
    """Listens on loopback at a port that is free, until stop(). The first posts get the statuses of
    `first`, and are not kept; all others get 204 (or `status`) and are, in the order of `got`."""

    daemon_threads = True

    def __init__(self, first=(), status=204):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got, self.refused, self.first, self.status = [], [], list(first), status
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, post):
        """The status that it is answered."""
        with self.lock:
            if self.first:
                self.refused.append(post)
                return self.first.pop(0)
            self.got.append(post)
            return self.status

    def stop(self):
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.take(Post(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def wait_for(what, why):
    """What `what()` gives once it is true; fails where it is not within LIMIT_S."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{why}: not within {LIMIT_S} s")
