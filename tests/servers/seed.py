#!/usr/bin/env python3
"""Seeds realistic, deterministic mails: the same --seed gives the same mails.
seed.py maildir DIR N   as files in a Maildir, faster than APPEND by far; before the server first looks there, so that --keyword takes
seed.py imap PORT N     by APPEND as --user into --folder
seed.py files DIR N     as .eml files
Prints what, how many, how many bytes, and how long it took."""
import argparse
import base64
import datetime as dt
import os
import pwd
import quopri
import random
import sys
import time

GIVEN = "Jürgen Änne Björn Zoë Łukasz Søren Çağla Ingrid Maximilian Renée Владимир 伟 Anna Peter Sabine Öznur".split()
FAMILY = ["Groß", "Müller-Lüdenscheidt", "Weiß", "Šimůnek", "Ångström", "Özdemir", "Nowak", "Schäfer", "d’Ávila", "Смирнов", "李", "Becker", "O'Neill", "von der Höhe"]
FIRMS = ["Müller & Söhne GmbH", "Straßenbau AG", "Café Zürich", "ÖKO Energie eG", "Acme, Inc.", '"Quoted" Ltd.', "Żubr S.A."]
SUBJECTS = [
    "Angebot Nr. {n}", "Überfällige Rechnung {n}", "Rückfrage zur Bestellung #{n}", "Termin am Freitag?", "AW: AW: Lieferverzögerung {n}",
    "Re: Projekt „Größenänderung“", "Einladung: Jour fixe {n}", "📦 Ihre Sendung {n}", "WG: Vertragsentwurf [vertraulich]", "Urlaubsübergabe",
]
WORDS = "Sehr geehrte Damen und Herren vielen Dank für Ihre Anfrage. Anbei das gewünschte Angebot über 1.234,56 €. Bitte prüfen Sie die Größen bis Freitag.".split()
KEYWORD_LETTER = "a"  # Dovecot's Maildir: the letter of the keyword numbered 0 in dovecot-keywords


def person(r):
    given, family = r.choice(GIVEN), r.choice(FAMILY)
    local = f"{given}.{family}".encode("ascii", "ignore").decode().lower().replace(" ", "").replace("'", "").strip(".") or "kontakt"
    return f"{given} {family}", f"{local}{r.randrange(400)}@{r.choice(['kunde.example', 'mueller.example', 'example.test'])}"


def text(r, lines):
    return "\n".join(" ".join(r.choices(WORDS, k=r.randrange(6, 14))) for _ in range(lines))


def encoded_word(r, value, charset):
    if value.isascii():
        return value
    try:
        raw = value.encode(charset)
    except UnicodeEncodeError:
        charset, raw = "utf-8", value.encode()
    if r.random() < 0.5:
        return f"=?{charset}?B?{base64.b64encode(raw).decode()}?="
    return f"=?{charset}?Q?" + "".join(chr(c) if chr(c).isalnum() and c < 128 else f"={c:02X}" for c in raw) + "?="


def part(content_type, data, encoding="base64", extra=""):
    if encoding == "base64":
        data = base64.encodebytes(data)
    elif encoding == "quoted-printable":
        data = quopri.encodestring(data)
    head = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n{extra}\r\n"
    return head.encode() + data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def multipart(r, kind, parts):
    boundary = f"=_{r.getrandbits(64):x}"
    body = b"".join(f"--{boundary}\r\n".encode() + p + b"\r\n" for p in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode() + body + f"--{boundary}--\r\n".encode()


def attachment(r, name, content_type, data):
    extended = "".join(chr(c) if chr(c).isalnum() and c < 128 or c in b"._-" else f"%{c:02X}" for c in name.encode())
    return part(f'{content_type}; name="{encoded_word(r, name, "utf-8")}"', data, extra=f"Content-Disposition: attachment;\r\n filename*=utf-8''{extended}\r\n")


def mail(i, seed):
    """Mail number `i`, with CRLF line ends, addressed to alice@example.test."""
    r = random.Random(f"{seed}/mail/{i}")
    (name, address), (to_name, to_address) = person(r), person(r)
    charset = r.choice(["utf-8", "utf-8", "utf-8", "iso-8859-1", "windows-1252"])
    subject = r.choice(SUBJECTS).format(n=i)
    date = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(minutes=i * 57)
    kind = r.random()
    headers = {
        "Return-Path": f"<{address}>",
        "Received": f"from mx.{address.split('@')[1]} by mail.example.test with ESMTP id {r.getrandbits(40):x}; {date:%a, %d %b %Y %H:%M:%S +0000}",
        "From": f"{encoded_word(r, name, charset)} <{address}>",
        "To": f"{encoded_word(r, to_name, charset)} <{to_address}>, alice@example.test",
        "Subject": encoded_word(r, subject, charset),
        "Date": f"{date:%a, %d %b %Y %H:%M:%S +0000}",
        "Message-ID": f"<{seed}.{i}.{r.getrandbits(48):x}@{address.split('@')[1]}>",
        "MIME-Version": "1.0",
    }
    if subject.startswith(("AW:", "Re:")):
        headers |= {"In-Reply-To": f"<{i - 1}.x@example.test>", "References": f"<{i - 3}.x@example.test> <{i - 1}.x@example.test>"}
    body = f"Guten Tag {to_name},\n\n{text(r, r.randrange(2, 12))}\n\nMit freundlichen Grüßen\n{name}\n-- \n{r.choice(FIRMS)}\nTel. +49 89 {r.randrange(10**6, 10**7)}\n"

    def plain():
        return part(f"text/plain; charset={charset}", body.encode(charset, "replace"), "quoted-printable")

    def html():
        markup = "<html><body><p>" + body.replace("\n", "<br>\n") + '</p><img src="cid:logo@x"></body></html>'
        return part("text/html; charset=utf-8", markup.encode())

    def logo():
        extra = "Content-ID: <logo@x>\r\nContent-Disposition: inline; filename=logo.png\r\n"
        return part("image/png; name=logo.png", b"\x89PNG\r\n\x1a\n" + r.randbytes(600), extra=extra)

    def pdf(most):
        return b"%PDF-1.4\n" + r.randbytes(r.randrange(2000, most))

    if kind < 0.35:
        content = plain()
    elif kind < 0.72:
        content = multipart(r, "alternative", [plain(), html()])
    elif kind < 0.82:
        related = multipart(r, "related", [html(), logo()])
        content = multipart(r, "mixed", [multipart(r, "alternative", [plain(), related]), attachment(r, "Übersicht Größen.pdf", "application/pdf", pdf(60000))])
    elif kind < 0.92:
        content = multipart(r, "mixed", [plain(), attachment(r, f"Rechnung {i}.pdf", "application/pdf", pdf(30000)), attachment(r, "日本語.bin", "application/octet-stream", r.randbytes(4000))])
    elif kind < 0.95:
        content = multipart(r, "mixed", [plain(), b"Content-Type: message/rfc822\r\n\r\n" + b"From: x@kunde.example\r\nSubject: innen\r\n\r\ninnen\r\n"])
    elif kind < 0.96:
        del headers["Message-ID"], headers["Date"]
        content = plain()
    elif kind < 0.97:
        headers["Subject"] = "Über roh 8bit"
        content = b"Content-Type: text/plain\r\n\r\n" + body.encode("latin-1", "replace").replace(b"\n", b"\r\n")
    elif kind < 0.98:
        headers["Message-ID"] = "<duplicate@example.test>"
        content = plain()
    elif kind < 0.99:
        content = b"Content-Type: multipart/mixed; boundary=absent\r\n\r\nno boundary here\r\n"
    else:
        headers["Subject"] = encoded_word(r, "lang " * 60 + "ü", "utf-8")
        content = plain()
    return "".join(f"{k}: {v}\r\n" for k, v in headers.items()).encode() + content


def small_mail(i, seed):
    date = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(minutes=i)
    return (
        f"From: Kontakt <kontakt{i % 400}@kunde.example>\r\nTo: alice@example.test\r\nSubject: Nachricht {i}\r\n"
        f"Date: {date:%a, %d %b %Y %H:%M:%S +0000}\r\nMessage-ID: <{seed}.small.{i}@kunde.example>\r\n\r\nNachricht {i}\r\n"
    ).encode()


def big_mail(megabytes, seed):
    r = random.Random(f"{seed}/big")
    head = "From: Gross <gross@kunde.example>\r\nTo: alice@example.test\r\nSubject: gross\r\nDate: Mon, 01 Jan 2024 08:00:00 +0000\r\n"
    head += f"Message-ID: <{seed}.big@kunde.example>\r\nMIME-Version: 1.0\r\n"
    return head.encode() + multipart(r, "mixed", [part("text/plain", b"gross\n", "7bit"), attachment(r, "film.bin", "video/mp4", r.randbytes(megabytes * 740_000))])


def to_maildir(folder, mails, owner, keyword):
    user = pwd.getpwnam(owner)
    for d in (folder, f"{folder}/cur", f"{folder}/new", f"{folder}/tmp"):
        os.makedirs(d, exist_ok=True)
        os.chown(d, user.pw_uid, user.pw_gid)
    if keyword:
        with open(f"{folder}/dovecot-keywords", "w", encoding="ascii") as f:
            f.write(f"0 {keyword}\n")
        os.chown(f"{folder}/dovecot-keywords", user.pw_uid, user.pw_gid)
    flags = KEYWORD_LETTER if keyword else ""
    for i, m in enumerate(mails):
        at = 1704067200 + i * 57 * 60
        path = f"{folder}/cur/{at}.M{i}P1.seed,S={len(m)},W={len(m)}:2,{flags}"
        with open(path, "wb") as f:
            f.write(m)
        os.chown(path, user.pw_uid, user.pw_gid)
        os.utime(path, (at, at))
        yield len(m)


def to_imap(port, mails, user, folder, keyword):
    from imapraw import Raw, quoted

    connection = Raw(port)
    connection.login(user)
    if folder.upper() != "INBOX":
        connection.command("CREATE", quoted(folder))
    for m in mails:
        connection.checked("APPEND", quoted(folder), f"({keyword or ''})", (m,))
        yield len(m)
    connection.close()


def to_files(folder, mails):
    os.makedirs(folder, exist_ok=True)
    for i, m in enumerate(mails):
        with open(f"{folder}/{i:05}.eml", "wb") as f:
            f.write(m)
        yield len(m)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("mode", choices=["maildir", "imap", "files"])
    args.add_argument("target", help="folder, or port for imap")
    args.add_argument("count", type=int)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--big", type=int, default=0, metavar="MB", help="one more mail, of this size")
    args.add_argument("--small", action="store_true", help="only the head and one line of text")
    args.add_argument("--keyword", help="IMAP keyword on every mail")
    args.add_argument("--user", default="alice")
    args.add_argument("--folder", default="INBOX")
    args.add_argument("--owner", default="mail", help="owner of the Maildir files")
    o = args.parse_args()
    make = small_mail if o.small else mail
    mails = (make(i, o.seed) if i < o.count else big_mail(o.big, o.seed) for i in range(o.count + (o.big > 0)))
    start = time.monotonic()
    if o.mode == "maildir":
        sizes = list(to_maildir(o.target, mails, o.owner, o.keyword))
    elif o.mode == "imap":
        sizes = list(to_imap(int(o.target), mails, o.user, o.folder, o.keyword))
    else:
        sizes = list(to_files(o.target, mails))
    print(f"{o.mode}: {len(sizes)} mails, {sum(sizes) / 1e6:.1f} MB, {time.monotonic() - start:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
