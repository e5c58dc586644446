"""A server on the loopback that can do what servers and networks do wrong."""

import http.server
import re
import threading


class Server:
    """Serves `files` (path -> bytes) until closed, and writes down what it was asked.

    A fault is the name of a path and what happens to it:
        cut     the number of requests whose connection breaks half-way
        ranges  False: a request for a part gets the whole
        wrong   bytes sent in place of the file's
        status  the HTTP status of every answer
        busy    the number of requests that get a 503
        stall   True: promises all, and sends nothing
    """

    def __init__(self, files):
        self.files = files
        self.faults = {path: {} for path in files}
        self.requests = []  # (path, first byte asked for)
        self.released = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.lstrip("/")
            faults = server.faults.get(path, {})
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            begin = int(asked[1]) if asked else 0
            server.requests.append((path, begin))
            if path not in server.files or "status" in faults:
                return self.send_error(faults.get("status", 404))
            if faults.get("busy", 0) > 0:
                faults["busy"] -= 1
                return self.send_error(503)
            body = faults.get("wrong", server.files[path])
            if not faults.get("ranges", True):
                begin = 0
            if begin and begin >= len(body):
                return self.send_error(416)
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(body) - begin))
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
            self.end_headers()
            half = begin + (len(body) - begin) // 2
            if faults.get("cut", 0) > 0:
                faults["cut"] -= 1
                self.wfile.write(body[begin:half])
                self.wfile.flush()
                self.close_connection = True
                return
            if faults.get("stall"):
                server.released.wait(60)
                return
            self.wfile.write(body[begin:])

        def log_message(self, *arguments):
            pass

    return Handler
