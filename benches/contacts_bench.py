"""benches/run contacts: contacts of the CRM and an address book on a Cyrus of its own, beside vdirsyncer."""
import http.client
import os
import re
import shutil
import subprocess
import sys
import time

from calendar_bench import CalendarBench
from measure import RELEASE, TOKEN, head, median, ratio, row, verdict

HOME = "/dav/addressbooks/user/alice/"
BOOK = "CRM bench"


class ContactsBench(CalendarBench):
    kind, home, suffix = "text/vcard; charset=utf-8", HOME, ".vcf"
    area = "contacts"

    @property
    def pictures(self):
        return self.items // 10

    def start_crm(self):
        with open(self.folder / "crm.log", "wb") as log:
            command = [RELEASE / "examples/crowd", self.crm_port, TOKEN, self.folder / "crm", self.items, self.pictures]
            self.crm = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        if self.crm.stdout.readline().strip() != "ready":
            sys.exit(f"the CRM did not start: {(self.folder / 'crm.log').read_text()}")

    def configure(self):
        (self.folder / "config.toml").write_text(
            f"""[crm]
url = "http://127.0.0.1:{self.crm_port}"
secret = {{ env = "BENCH_TOKEN" }}
[contacts]
address_book = "{BOOK}"
collections = ["{BOOK}"]
[accounts.bench]
addresses = ["alice@example.test"]
[accounts.bench.imap]
host = "127.0.0.1"
port = 9
security = "none"
user = "alice"
secret = {{ env = "BENCH_PASSWORD" }}
[accounts.bench.carddav]
url = "http://127.0.0.1:{self.port}{HOME}"
""",
            encoding="utf-8",
        )

    def book(self):
        """Path of the address book that crmsync made, with the paths of its cards and what they say."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        listing = self.request(connection, "PROPFIND", HOME, b"", Depth="1")
        books = [href for href in re.findall(r"href>([^<]*/)</", listing) if "crm" in href.lower()]
        cards = {}
        listing = self.request(connection, "PROPFIND", books[0], b"", Depth="1")
        for href in re.findall(r"href>([^<]*\.vcf)</", listing):
            connection.request("GET", href, headers={"Authorization": self.login})
            cards[href] = connection.getresponse().read()
        return books[0], cards

    def bare(self, cards):
        """Seconds that a client needs which writes the same cards into another address book, one after the other."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        other = HOME + "raw/"
        kind = '<d:resourcetype><d:collection/><c:addressbook/></d:resourcetype>'
        body = f'<d:mkcol xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"><d:set><d:prop>{kind}</d:prop></d:set></d:mkcol>'
        self.request(connection, "MKCOL", other, body)
        start = time.monotonic()
        for number, card in enumerate(cards.values()):
            self.request(connection, "PUT", f"{other}{number}.vcf", card)
        seconds = time.monotonic() - start
        connection.request("DELETE", other, headers={"Authorization": self.login})
        connection.getresponse().read()
        return seconds


def bench_contacts(bench):
    bench.configure()
    bench.start_crm()
    first = bench.crmsync()
    # The sandbox has some of its own besides.
    exported = first.json()["areas"]["contacts"]["changed"]
    path, cards = bench.book()
    if exported < bench.items or len(cards) != exported:
        sys.exit(f"{len(cards)} cards of {bench.items} are in {path}: {first.json()['areas']}")
    bare = bench.bare(cards)
    bench.install_vdirsyncer(path.rstrip("/").rsplit("/", 1)[-1])
    pull = bench.vdirsync()
    # It reads in the CRM's list of changes what it has written itself, and links the last contacts.
    bench.crmsync()
    bench.vdirsync()
    quiet, unchanged = [], []
    for number in range(bench.runs):
        print(f"round {number + 1} of {bench.runs}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
        quiet.append(bench.crmsync())
        unchanged.append(bench.vdirsync())
    shutil.rmtree(bench.folder / "data")
    again = bench.crmsync()
    head()
    row(f"first export of {exported:,}", [first])
    bench.traffic(first)
    row("first pairing, after a lost journal", [again])
    bench.traffic(again)
    row("vdirsyncer, first run (to files)", [pull])
    row("vdirsyncer, nothing new", unchanged)
    row("crmsync, nothing new", quiet, unchanged)
    cost = bench.traffic(quiet[-1])
    print(f"\nfirst export: {first.seconds:.2f} s, of which a client that only writes the same cards takes {bare:.2f} s ({bare / first.seconds:.0%});")
    print(f"  {bench.pictures:,} with a picture; CPU of the server {first.server:.2f} s, of the CRM {first.crm:.2f} s, of crmsync {first.cpu:.2f} s\n")
    verdict("cards written by the pairing after a lost journal", again.json()["areas"]["contacts"]["changed"], 1)
    verdict("listings of the address book home when nothing moved", cost["commands"] - 3, 1.01)
    verdict("peak memory in MiB", max(run.memory for run in [first, again, *quiet]), 64)
    beside = ratio(quiet, unchanged, lambda one: one.cpu)
    print(f"  median CPU of a quiet run: crmsync {median(quiet, lambda one: one.cpu):.3f} s, vdirsyncer {median(unchanged, lambda one: one.cpu):.3f} s ({beside:.2f})")
