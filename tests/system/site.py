#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Servers on loopback for the tests of roads beyond port 53: HTTP, HTTPS, and an HTTP proxy that
answers every request itself. Prints "ready" and each request's target and Host as a JSON line.

    site.py CERTIFICATE KEY HTTP_PORT HTTPS_PORT
"""

import http.server
import json
import ssl
import sys
import threading

LOCK = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        with LOCK:
            print(json.dumps({"target": self.path, "host": self.headers.get("Host")}), flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_CONNECT = do_GET


def serve(port, context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # clients that are cut off are what the tests are about
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    certificate, key, http_port, https_port = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    serve(int(http_port))
    serve(int(https_port), context)
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
