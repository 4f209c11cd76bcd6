"""A webhook receiver: receiver.py FOLDER writes its port to FOLDER/receiver.port and every message that it gets as a line of FOLDER/told."""
import http.server
import os
import sys

folder = sys.argv[1]


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(folder + "/told", "ab") as f:
            f.write(body.replace(b"\n", b" ") + b"\n")
        with open(folder + "/told.always", "ab") as f:
            f.write(body.replace(b"\n", b" ") + b"\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


open(folder + "/told", "ab").close()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
with open(folder + "/receiver.port.new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(folder + "/receiver.port.new", folder + "/receiver.port")
server.serve_forever()
