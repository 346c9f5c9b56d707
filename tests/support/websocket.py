"""A WebSocket client that shows everything, with the standard library alone."""
import base64
import collections
import http.client
import io
import json
import os
import socket
import struct
import time

from support import contract

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(Exception):
    """The answer was not 101: `status` and `body` say why."""

    def __init__(self, status, headers, body):
        super().__init__(f"{status} {body[:300]!r}")
        self.status, self.headers, self.body = status, headers, body

    @property
    def code(self):
        return json.loads(self.body)["error"]["code"]


class Closed(Exception):
    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason!r}")
        self.code = code


class WebSocket:
    def __init__(self, host, port, path, headers=None, timeout=60):
        self.address = (host, port, path)
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""
        lines = {"Host": f"{host}:{port}", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), **(headers or {})}
        head = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        self.socket.sendall(head.encode() + b"\r\n")
        while b"\r\n\r\n" not in self.input:
            self.fill()
        answer, _, self.input = self.input.partition(b"\r\n\r\n")
        self.status = int(answer.split()[1])
        if self.status != 101:
            fields = http.client.parse_headers(io.BytesIO(answer.partition(b"\r\n")[2] + b"\r\n\r\n"))
            body = self.take(int(fields.get("Content-Length", 0)))
            self.socket.close()
            refused = Refused(self.status, fields, body)
            contract.check(host, port, "GET", path, refused)
            raise refused

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def fill(self):
        received = self.socket.recv(65536)
        if not received:
            raise Closed(1006, "no close frame")
        self.input += received

    def take(self, count):
        while len(self.input) < count:
            self.fill()
        taken, self.input = self.input[:count], self.input[count:]
        return taken

    def send_frame(self, opcode, payload, final=True):
        size = len(payload)
        head = bytes([(0x80 if final else 0) | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", size)
        mask = os.urandom(4)
        masked = int.from_bytes(payload, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        self.socket.sendall(head + mask + masked.to_bytes(size, "big"))

    def send(self, **fields):
        self.send_frame(TEXT, json.dumps(fields).encode())

    def receive_frame(self):
        first, second = self.take(2)
        assert first & 0x80 and not second & 0x80, "a server's message in parts, or masked"
        size = second & 0x7f
        if size == 126:
            size, = struct.unpack(">H", self.take(2))
        elif size == 127:
            size, = struct.unpack(">Q", self.take(8))
        return first & 0x0f, self.take(size)

    def receive(self):
        """The next message that is no ping; Closed with the code at the end."""
        while True:
            opcode, payload = self.receive_frame()
            if opcode == PING:
                self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                self.send_frame(CLOSE, payload[:2])
                raise Closed(struct.unpack(">H", payload[:2])[0] if payload else 1005, payload[2:].decode())
            elif opcode == TEXT:
                message = json.loads(payload)
                contract.check_message(*self.address, message)
                if message["type"] != "ping":
                    return message

    def close(self, code=1000):
        """Says goodbye and waits for the answer; its code."""
        self.send_frame(CLOSE, struct.pack(">H", code))
        while True:
            opcode, payload = self.receive_frame()
            if opcode == CLOSE:
                self.socket.close()
                return struct.unpack(">H", payload[:2])[0]


class Pty(WebSocket):
    """A terminal in a sandbox. `output`: everything it has shown; `offset`: where that ends."""

    def __init__(self, sandbox, headers=None):
        super().__init__(sandbox.api.host, sandbox.api.port, f"{sandbox.path}/pty",
                         sandbox.api.headers() if headers is None else headers)
        self.output = b""
        self.seconds = 60
        self.deadline = time.monotonic() + self.seconds
        self.offset = 0
        self.exit_code = None

    def start(self, *command, **fields):
        if command:
            fields = {"cmd": command[0], "args": list(command[1:]), **fields}
        self.send(type="start", **fields)
        return self.started()

    def attach(self, tag, **fields):
        self.send(type="connect", tag=tag, **fields)
        return self.started()

    def started(self):
        message = self.receive()
        assert message["type"] == "started", message
        self.tag, self.pid, self.offset = message["tag"], message["pid"], message["offset"]
        return message

    def type(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        self.send(type="input", data=base64.b64encode(data).decode())

    def step(self):
        # Pings come all the time: the socket's own timeout does not see that nothing else does.
        assert time.monotonic() < self.deadline, f"too late; so far: {self.output[-500:]!r}"
        message = self.receive()
        if message["type"] == "output":
            data = base64.b64decode(message["data"])
            assert message["offset"] == self.offset, (message["offset"], self.offset)
            self.output += data
            self.offset += len(data)
        elif message["type"] == "exit":
            self.exit_code = message["exit_code"]
        else:
            raise AssertionError(message)

    def until(self, text):
        """Reads on until the output has `text` in it; what came before it and it are taken from the output."""
        wanted = text if isinstance(text, bytes) else text.encode()
        self.deadline = time.monotonic() + self.seconds
        while wanted not in self.output:
            assert self.exit_code is None, (self.exit_code, self.output[-500:])
            self.step()
        before, _, self.output = self.output.partition(wanted)
        return before + wanted

    def wait(self):
        """Until it has ended: its exit code."""
        self.deadline = time.monotonic() + self.seconds
        while self.exit_code is None:
            self.step()
        return self.exit_code


class Command(WebSocket):
    """A command over exec/stream, or one that runs already."""

    def __init__(self, sandbox, path="exec/stream"):
        super().__init__(sandbox.api.host, sandbox.api.port, f"{sandbox.path}/{path}", sandbox.api.headers())

    def start(self, *command, **fields):
        self.send(type="start", cmd=command[0], args=list(command[1:]), **fields)
        message = self.receive()
        assert message["type"] == "start", message
        self.pid = message["pid"]
        return message

    def write(self, data):
        self.send(type="stdin", data=base64.b64encode(data).decode())

    def rest(self):
        """Standard output, standard error, the exit code, and the messages they came in."""
        outputs = collections.defaultdict(bytes)
        messages = []
        while True:
            message = self.receive()
            messages.append(message)
            if message["type"] == "exit":
                return outputs["stdout"], outputs["stderr"], message["exit_code"], messages
            assert message["type"] in ("stdout", "stderr"), message
            decode = base64.b64decode if message.get("encoding") == "base64" else str.encode
            outputs[message["type"]] += decode(message["data"])
