"""A gRPC stream over a plain socket, for clients that no library would be: one whose window stays closed."""

import socket
import struct

DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
FRAME_MAX = 16384


def literal(name, value):
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def message(payload):
    return b"\0" + struct.pack(">I", len(payload)) + payload


class RawStream:
    """One stream of one connection. It takes what the server's first window of 65,535 bytes allows, and no more until open_window()."""

    def __init__(self, endpoint, path):
        host, port = endpoint.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.buffer, self.window, self.stream_window = b"", 65535, 65535
        self.received, self.ended = 0, False
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(SETTINGS, 0, 0, b""))
        headers = b"".join(literal(n, v) for n, v in (
            (b":method", b"POST"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"test"),
            (b"content-type", b"application/grpc"), (b"te", b"trailers")))
        self.socket.sendall(self.frame(HEADERS, END_HEADERS, 1, headers))

    @staticmethod
    def frame(kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    def read_frame(self):
        while True:
            if len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + length:
                    kind, flags = self.buffer[3], self.buffer[4]
                    stream, payload = int.from_bytes(self.buffer[5:9], "big"), self.buffer[9:9 + length]
                    self.buffer = self.buffer[9 + length:]
                    return self.on_frame(kind, flags, stream, payload)
            more = self.socket.recv(1 << 16)
            if not more:
                raise ConnectionError("the server closed the connection")
            self.buffer += more

    def on_frame(self, kind, flags, stream, payload):
        if kind == DATA:
            self.received += len(payload)
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                if name == 4:  # the initial window of streams
                    self.stream_window += value - 65535
            self.socket.sendall(self.frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            self.socket.sendall(self.frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE and stream == 0:
            self.window += int.from_bytes(payload, "big")
        elif kind == WINDOW_UPDATE:
            self.stream_window += int.from_bytes(payload, "big")
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self.ended = True

    def send(self, payload):
        """In as many frames as it takes, within what the server allows; reads only what says how much that is."""
        while payload:
            room = min(FRAME_MAX, self.window, self.stream_window)
            if room <= 0:
                self.read_frame()
                continue
            piece, payload = payload[:room], payload[room:]
            self.window -= len(piece)
            self.stream_window -= len(piece)
            self.socket.sendall(self.frame(DATA, 0, 1, piece))

    def open_window(self):
        more = struct.pack(">I", 1 << 30)
        self.socket.sendall(self.frame(WINDOW_UPDATE, 0, 0, more) + self.frame(WINDOW_UPDATE, 0, 1, more))

    def close(self):
        self.socket.close()
