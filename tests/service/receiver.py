"""A webhook receiver for tests/service/run.sh: FOLDER/port says where it listens. Every attempt becomes a line of
FOLDER/received: key, answer, message, separated by tabs. While FOLDER/refuse exists it answers 503."""
import http.server
import os
import sys

folder = sys.argv[1]


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        code = 503 if os.path.exists(folder + "/refuse") else 200
        with open(folder + "/received", "a") as f:
            f.write("%s\t%d\t%s\n" % (self.headers.get("Idempotency-Key"), code, body))
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Receiver)
with open(folder + "/port.new", "w") as f:
    f.write(str(server.server_port))
os.rename(folder + "/port.new", folder + "/port")
server.serve_forever()
