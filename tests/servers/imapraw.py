#!/usr/bin/env python3
"""A raw IMAP client for the launchers and for looking at servers: keeps the exact bytes and interprets no more than it must.
imapraw.py logins  PORT USER...          logs each USER in with pw-USER, waiting for a server that is still starting
imapraw.py command PORT USER COMMAND...  logs in and prints the answers to each COMMAND
imapraw.py capability PORT               prints the greeting and the capabilities before and after login as alice"""
import re
import socket
import ssl
import sys
import time


def quoted(text):
    if isinstance(text, str):
        text = text.encode()
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


class Raw:
    """One connection. `tls` is None, "implicit" or "starttls"."""

    def __init__(self, port, host="127.0.0.1", tls=None, ca=None, timeout=60):
        self.count = 0
        self.buffer = b""
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = ssl.create_default_context(cafile=ca) if tls else None
        if tls == "implicit":
            self.socket = context.wrap_socket(self.socket, server_hostname=host)
        self.greeting = self.line()
        if tls == "starttls":
            self.checked("STARTTLS")
            self.socket = context.wrap_socket(self.socket, server_hostname=host)

    def receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("connection closed")
        self.buffer += data

    def line(self):
        """One response with its literals, without the line end."""
        whole = b""
        while True:
            while b"\n" not in self.buffer:
                self.receive()
            line, self.buffer = self.buffer.split(b"\n", 1)
            whole += line + b"\n"
            literal = re.search(rb"\{(\d+)\}\r?\n$", whole)
            if not literal:
                return whole.rstrip(b"\r\n")
            size = int(literal[1])
            while len(self.buffer) < size:
                self.receive()
            whole += self.buffer[:size]
            self.buffer = self.buffer[size:]

    def command(self, *parts):
        """Sends `parts` (str or bytes, joined by blanks; a tuple (bytes,) goes as a literal) and returns the answers, the tagged one last."""
        self.count += 1
        tag = b"a%d" % self.count
        line = tag
        answers = []
        for part in parts:
            if isinstance(part, tuple):
                self.socket.sendall(line + b" {%d}\r\n" % len(part[0]))
                while not (answer := self.line()).startswith(b"+"):
                    answers.append(answer)
                    if answer.startswith(tag + b" "):
                        return answers
                line = part[0]
            else:
                line += b" " + (part.encode() if isinstance(part, str) else part)
        self.socket.sendall(line + b"\r\n")
        while True:
            answers.append(self.line())
            if answers[-1].startswith(tag + b" "):
                return answers

    def checked(self, *parts):
        answers = self.command(*parts)
        if answers[-1].split()[1] != b"OK":
            raise RuntimeError(f"{parts[0]}: {answers[-1]!r}")
        return answers

    def login(self, user, password=None):
        return self.checked("LOGIN", quoted(user), quoted(password or f"pw-{user}"))

    def close(self):
        try:
            self.command("LOGOUT")
        except (OSError, EOFError):
            pass
        self.socket.close()


def connect_when_ready(port, user):
    end = time.monotonic() + 120
    while True:
        try:
            connection = Raw(port)
            connection.login(user)
            return connection
        except (OSError, EOFError, RuntimeError):
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


def main():
    match sys.argv[1:]:
        case ["logins", port, *users]:
            for user in users:
                connect_when_ready(int(port), user).close()
        case ["command", port, user, *commands]:
            connection = connect_when_ready(int(port), user)
            for command in commands:
                for answer in connection.checked(command):
                    print(answer.decode("utf-8", "backslashreplace"))
            connection.close()
        case ["capability", port]:
            connection = Raw(int(port))
            print(connection.greeting.decode())
            for answer in connection.command("CAPABILITY") + connection.login("alice") + connection.command("CAPABILITY"):
                print(answer.decode())
            connection.close()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
