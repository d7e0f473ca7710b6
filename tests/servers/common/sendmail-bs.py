#!/usr/bin/env python3
"""Stands in for sendmail: speaks SMTP on stdin and stdout with -bs, as Cyrus wants it, or takes one message on stdin. Mails land in outbox/ beside it."""
import os
import sys
import time

OUTBOX = os.path.join(os.path.dirname(os.path.realpath(sys.argv[0])), "outbox")


def save(envelope, data):
    path = os.path.join(OUTBOX, f"{time.time_ns()}.eml")
    with open(path + ".tmp", "wb") as f:
        f.write(b"X-Envelope: " + envelope.encode() + b"\r\n" + data)
    os.rename(path + ".tmp", path)


def say(line):
    sys.stdout.buffer.write(line.encode() + b"\r\n")
    sys.stdout.buffer.flush()


def smtp():
    say("220 localhost ESMTP stub")
    envelope = []
    for line in iter(sys.stdin.buffer.readline, b""):
        verb = line.strip().upper()
        if verb.startswith(b"EHLO"):
            say("250-localhost\r\n250-8BITMIME\r\n250-PIPELINING\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES")
        elif verb.startswith(b"DATA"):
            say("354 go")
            data = b""
            for body in iter(sys.stdin.buffer.readline, b""):
                if body in (b".\r\n", b".\n"):
                    break
                data += body[1:] if body.startswith(b".") else body
            save(" ".join(envelope), data)
            envelope = []
            say("250 2.0.0 ok")
        elif verb.startswith(b"QUIT"):
            say("221 bye")
            return
        else:
            if verb[:4] in (b"MAIL", b"RCPT"):
                envelope.append(line.decode().strip())
            say("250 2.0.0 ok")


if "-bs" in sys.argv:
    smtp()
else:
    save(" ".join(sys.argv[1:]), sys.stdin.buffer.read())
