"""benches/run calendar: appointments on a Cyrus of its own, beside vdirsyncer."""
import base64
import concurrent.futures
import datetime as dt
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import uuid

from measure import CRMSYNC, SERVERS, TARGET, TOKEN, Run, cpu_of, head, median, ratio, row, verdict

VDIRSYNCER = "vdirsyncer==0.21.0"
HOME = "/dav/calendars/user/alice/"
CALENDAR = HOME + "bench/"
LOGIN = "Basic " + base64.b64encode(b"alice:pw-alice").decode()


def event(number):
    """An appointment of about 500 bytes, as phones write them."""
    day = (dt.date.today() + dt.timedelta(days=number % 300)).strftime("%Y%m%d")
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Phone//EN", "BEGIN:VEVENT", f"UID:bench-{number:05}", "DTSTAMP:20260101T080000Z",
        f"DTSTART:{day}T{number % 20:02}0000Z", f"DTEND:{day}T{number % 20:02}3000Z", f"SUMMARY:Besprechung Nr. {number}", "LOCATION:Büro 4",
        "DESCRIPTION:" + "Bitte die Unterlagen mitbringen. " * 3, "CATEGORIES:Kunden", "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT15M",
        "DESCRIPTION:Besprechung", "END:VALARM", "END:VEVENT", "END:VCALENDAR", "",
    ]
    return "\r\n".join(lines).encode()


class CalendarBench:
    kind, home, suffix = "text/calendar; charset=utf-8", HOME, ".ics"
    area, login = "calendar", LOGIN

    def __init__(self, items, runs, folder):
        self.items, self.runs, self.folder = items, runs, pathlib.Path(folder)
        imap, imaps, self.port, self.crm_port = subprocess.check_output([SERVERS / "common/freeports", "4"], text=True).split()
        subprocess.run([SERVERS / "cyrus/start", self.folder / "cyrus", imap, imaps, self.port], check=True, stdout=subprocess.DEVNULL)
        self.crm = None
        self.master = int((self.folder / "cyrus/master.pid").read_text().split()[0])

    def server_cpu(self):
        return cpu_of(self.master)

    def crm_cpu(self):
        return cpu_of(self.crm.pid) if self.crm else 0.0

    def close(self):
        if self.crm:
            self.crm.terminate()
            self.crm.wait()
        subprocess.run([SERVERS / "common/stop", self.folder / "cyrus"], check=False)

    def request(self, connection, method, path, body=b"", **headers):
        kind = self.kind if method == "PUT" else "application/xml; charset=utf-8"
        connection.request(method, path, body, {"Authorization": LOGIN, "Content-Type": kind, **headers})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status not in (201, 207):
            sys.exit(f"{method} {path}: {answer.status}\n{text.decode(errors='replace')[:1000]}")
        return text.decode()

    def seed(self):
        self.request(http.client.HTTPConnection("127.0.0.1", self.port), "MKCALENDAR", CALENDAR)

        def put(numbers):
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            for number in numbers:
                self.request(connection, "PUT", f"{CALENDAR}{number:05}.ics", event(number))

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(put, (range(0, self.items, 2), range(1, self.items, 2))))

    def bare(self):
        """Seconds that a client needs which asks the same and throws the answers away."""
        start = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        report = '<d:sync-collection xmlns:d="DAV:"><d:sync-token/><d:sync-level>1</d:sync-level><d:prop><d:getetag/></d:prop></d:sync-collection>'
        hrefs = re.findall(r"href>([^<]*\.ics)</", self.request(connection, "REPORT", CALENDAR, report))
        if len(hrefs) != self.items:
            sys.exit(f"the report names {len(hrefs)} items of {self.items}")
        for at in range(0, len(hrefs), 50):
            wanted = "".join(f"<d:href>{href}</d:href>" for href in hrefs[at : at + 50])
            properties = "<d:prop><d:getetag/><c:calendar-data/></d:prop>"
            body = f'<c:calendar-multiget xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">{properties}{wanted}</c:calendar-multiget>'
            self.request(connection, "REPORT", CALENDAR, body, Depth="1")
        return time.monotonic() - start

    def start_crm(self):
        with open(self.folder / "crm.log", "ab") as log:
            command = [CRMSYNC, "sandbox", "crm", "--port", self.crm_port, "--token", TOKEN, "--dir", self.folder / "crm"]
            self.crm = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        subprocess.run([SERVERS / "common/waitport", self.crm_port], check=True)

    def configure(self):
        # Links are written back to fifty items a run, by design: they would be no part of a first pairing, and none of a quiet run.
        (self.folder / "config.toml").write_text(
            f"""[crm]
url = "http://127.0.0.1:{self.crm_port}"
secret = {{ env = "BENCH_TOKEN" }}
[calendar]
collections = ["{CALENDAR}"]
link_back = false
[accounts.bench]
addresses = ["alice@example.test"]
[accounts.bench.imap]
host = "127.0.0.1"
port = 9
security = "none"
user = "alice"
secret = {{ env = "BENCH_PASSWORD" }}
[accounts.bench.dav]
url = "http://127.0.0.1:{self.port}{HOME}"
""",
            encoding="utf-8",
        )

    def change_each_side(self, number):
        """Changes one appointment in the calendar, and the record of another in the CRM, as people would."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        text = event(number).replace("Büro 4".encode(), f"Büro {number}-{time.monotonic_ns()}".encode())
        connection.request("PUT", f"{CALENDAR}{number:05}.ics", text, {"Authorization": LOGIN, "Content-Type": "text/calendar; charset=utf-8"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 204:
            sys.exit(f"PUT of a change: {answer.status}")
        crm = http.client.HTTPConnection("127.0.0.1", self.crm_port)
        head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        crm.request("GET", f"/v1/items/{self.record}", headers=head)
        version = json.loads(crm.getresponse().read())["version"]
        operation = str(uuid.uuid4())
        write = {"opId": operation, "action": "update", "id": self.record, "ifVersion": version, "fields": {"location": f"Raum {operation}"}}
        body = json.dumps({"agent": "a-colleague", "items": [write]})
        crm.request("POST", "/v1/items/batch", body, {**head, "Idempotency-Key": operation})
        answer = json.loads(crm.getresponse().read())
        if answer["results"][0]["verdict"] != "applied":
            sys.exit(f"the CRM did not take the change: {answer}")

    def last_record(self):
        """Id of a record that the first pairing made."""
        crm = http.client.HTTPConnection("127.0.0.1", self.crm_port)
        crm.request("GET", "/v1/changes?kind=appointment", headers={"Authorization": f"Bearer {TOKEN}"})
        self.record = json.loads(crm.getresponse().read())["changes"][0]["item"]["id"]

    def crmsync(self):
        env = {**os.environ, "BENCH_TOKEN": TOKEN, "BENCH_PASSWORD": "pw-alice", "HOME": str(self.folder)}
        files = ["--config", self.folder / "config.toml", "--data-dir", self.folder / "data"]
        return Run([CRMSYNC, *files, "sync", "--area", self.area, "--all", "--yes", "--json"], self, env)

    def traffic(self, run):
        return traffic(run, self.area)

    def install_vdirsyncer(self, collection="bench"):
        venv = TARGET / "vdirsyncer"
        self.vdirsyncer = venv / "bin/vdirsyncer"
        if not self.vdirsyncer.exists():
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            subprocess.run([venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", VDIRSYNCER], check=True)
        near = self.folder / "near"
        near.mkdir()
        (self.folder / "vdirsyncer.conf").write_text(
            f"""[general]
status_path = "{self.folder}/vdirsyncer"
[pair bench]
a = "far"
b = "near"
collections = ["{collection}"]
[storage far]
type = "{'carddav' if self.area == 'contacts' else 'caldav'}"
url = "http://127.0.0.1:{self.port}{self.home}"
username = "alice"
password = "pw-alice"
[storage near]
type = "filesystem"
path = "{near}"
fileext = "{self.suffix}"
""",
            encoding="utf-8",
        )
        (near / collection).mkdir()
        subprocess.run([self.vdirsyncer, "-c", self.folder / "vdirsyncer.conf", "discover"], input="y\n" * 4, text=True, check=True, stdout=subprocess.DEVNULL)

    def vdirsync(self):
        return Run([self.vdirsyncer, "-v", "WARNING", "-c", self.folder / "vdirsyncer.conf", "sync"], self)


def traffic(run, name="calendar"):
    answer = run.json()
    area, cost = answer["areas"][name], answer["traffic"]
    print(f"  items {area['count']}, changed {area['changed']}, errors {area['errors']}; journal commits {cost['commits']}")
    dav = "carddav" if name == "contacts" else "dav"
    for side in (dav, "crm"):
        print(f"  {side}: " + ", ".join(f"{name} {value:,}" for name, value in cost[side].items()))
    return cost[dav]


def bench_calendar(bench):
    bench.seed()
    bench.configure()
    bench.install_vdirsyncer()
    bench.start_crm()
    bare = min(bench.bare() for _ in range(2))
    first, first_pull = [bench.crmsync()], [bench.vdirsync()]
    if first[0].json()["areas"]["calendar"]["changed"] != bench.items:
        sys.exit(f"not every appointment was paired: {first[0].json()['areas']}")
    # It reads in the CRM's list of changes what it has written itself.
    bench.crmsync()
    bench.vdirsync()
    quiet, unchanged = [], []
    for number in range(bench.runs):
        print(f"round {number + 1} of {bench.runs}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
        quiet.append(bench.crmsync())
        unchanged.append(bench.vdirsync())
    head()
    row("crmsync, first pairing", first)
    traffic(first[0])
    row("vdirsyncer, first run (to files)", first_pull)
    row("vdirsyncer, nothing new", unchanged)
    row("crmsync, nothing new", quiet, unchanged)
    cost = traffic(quiet[-1])
    run = first[0]
    print(f"\nfirst pairing: {run.seconds:.2f} s, of which a client that throws the same answers away takes {bare:.2f} s ({bare / run.seconds:.0%});")
    print(f"  CPU of the calendar server {run.server:.2f} s, of the CRM {run.crm:.2f} s, of crmsync {run.cpu:.2f} s\n")
    verdict("own CPU of a quiet run beside vdirsyncer's", ratio(quiet, unchanged, lambda one: one.cpu), 0.05)
    # A process looks for the way once: two questions and what the server can do. The rest are listings of the home.
    verdict("listings of the calendar home when nothing moved", cost["commands"] - 3, 1.01)
    verdict("peak memory in MiB", max(one.memory for one in first + quiet), 64)
    print(f"  median CPU of a quiet run: crmsync {median(quiet, lambda one: one.cpu):.3f} s, vdirsyncer {median(unchanged, lambda one: one.cpu):.3f} s")
    shutil.rmtree(bench.folder / "near", ignore_errors=True)


def bench_pairs(bench):
    """One change on each side with many pairs in the journal, beside the same with few."""
    few = CalendarBench(1_000, bench.runs, bench.folder / "few")
    rounds = {}
    try:
        for one in (few, bench):
            one.folder.mkdir(exist_ok=True)
            one.seed()
            one.configure()
            one.start_crm()
            first = one.crmsync()
            if first.json()["areas"]["calendar"]["changed"] != one.items:
                sys.exit(f"not every appointment was paired: {first.json()['areas']}")
            one.last_record()
            # It reads in the CRM's list of changes what it has written itself.
            one.crmsync()
            rounds[one] = []
            print(f"{one.items} paired in {first.seconds:.0f} s, own CPU {first.cpu:.1f} s, peak {first.memory:.0f} MiB", file=sys.stderr, flush=True)
            rounds[one, "first"] = [first]
        for number in range(bench.runs):
            print(f"round {number + 1} of {bench.runs}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
            for one in (few, bench):
                one.change_each_side(number + 1)
                run = one.crmsync()
                if run.json()["areas"]["calendar"]["changed"] != 2:
                    sys.exit(f"not both changes were carried: {run.json()['areas']}")
                rounds[one].append(run)
        head()
        for one in (few, bench):
            row(f"first pairing of {one.items:,}", rounds[one, "first"])
            row(f"one change on each side, {one.items:,}", rounds[one], rounds[few])
            traffic(rounds[one][-1])
        print()
        verdict("time of a run with a change on each side", ratio(rounds[bench], rounds[few]), 1.5)
        verdict("own CPU of it", ratio(rounds[bench], rounds[few], lambda one: one.cpu), 1.5)
        verdict("peak memory in MiB", max(run.memory for run in rounds[bench] + rounds[bench, "first"]), 64)
    finally:
        few.close()
