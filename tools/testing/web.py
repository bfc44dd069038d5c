"""An HTTP server on the workstation for guests: behind user networking of QEMU and Bochs it is at 10.0.2.2."""
import hashlib
import http.server
import random
import threading

ADDRESS = "127.0.0.1"


class _Handler(http.server.BaseHTTPRequestHandler):
    """/data and nothing else."""

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path != "/data":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.data)))
        self.end_headers()
        self.wfile.write(self.server.data)

    def log_message(self, *_):
        """Nothing: `requests` has what was asked for."""


class Server:
    """Serves /data, `size` pseudo-random bytes of `seed`, at a free port, inside a `with`.

    port, sum (SHA-256 in hexadecimal) and requests (paths that were asked for) are for the test."""

    def __init__(self, seed, size):
        data = random.Random(seed).randbytes(size)
        self.sum = hashlib.sha256(data).hexdigest()
        self._server = http.server.ThreadingHTTPServer((ADDRESS, 0), _Handler)
        self._server.daemon_threads = True
        self._server.data, self._server.requests = data, []
        self.requests = self._server.requests
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
