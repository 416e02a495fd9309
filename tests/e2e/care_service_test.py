"""Proves what an agent's account can do and what it cannot: with bipvault-cared it unlocks, exports
and finds customers, and is named by the kernel; it opens neither database nor keys, does not read
the history, and calls in nobody else's name, and a call that two agents have to make is made by
two. What is no request is answered or dropped, and the service goes on."""
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile

import care_approval
import lab as laboratory
import wire
from checks import Report
from lab import DOCUMENT, Lab
from peer import an_image
from process import Process, read_text, wait_until

MEI, LI, BROKER, AUDITOR, STRANGER = 64001, 64002, 64003, 64004, 64009


class Desk:
    """A folder that everybody reads: the program, the configuration, the service's socket."""

    def __init__(self, lab):
        self.lab = lab
        self.folder = tempfile.mkdtemp(prefix="bvdesk-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.socket = os.path.join(self.folder, "care")
        self.program = shutil.copy(lab.program("bipvault-care"), self.folder)
        os.chmod(self.program, 0o755)
        self.config = self._config("bipvault.ini")

    def _config(self, name):
        text = re.sub(r"(?m)^((?:path|master_key_file|pepper_file|audit_key_file) = )(.*)$",
                      lambda m: m[1] + os.path.normpath(self.lab.path("etc", m[2])),
                      read_text(self.lab.config))
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def without_service(self):
        path = self._config("own.ini")
        text = re.sub(r"(?m)^socket = .*$", "", read_text(path))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def care(self, user, call, *arguments, config=None, document=DOCUMENT):
        reason = [] if call in ("audit", "erase verify", "pending") else ["--reason", "e2e test"]
        proof = reason + (["--document", "passport"] if reason and call != "reject" else [])
        return self.as_user(user, self.program, "--config", config or self.config, *call.split(),
                            *proof, *arguments, stdin=document + "\n")

    @staticmethod
    def as_user(user, *command, stdin=""):
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60,
                              user=user, group=user, extra_groups=[], check=False, cwd="/")

    def talk(self, octets, seconds=30):
        """What comes back for these octets, as root."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(seconds)
            line.connect(self.socket)
            try:
                line.sendall(octets)
                answer = b""
                while part := line.recv(65536):
                    answer += part
            except (BrokenPipeError, ConnectionResetError):
                return b""
            return answer

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def agents(report, desk, card, lab):
    """What agents may, and in whose name."""
    shown = desk.care(MEI, "show", "--json", card.iccid)
    report.equal("show", (shown.returncode, shown.stderr), (0, ""), show="")
    record = json.loads(shown.stdout)
    report.equal("state", record["state"], "locked", show="")
    done = desk.care(MEI, "unlock", card.iccid)
    report.equal("unlock", (done.returncode, done.stdout), (0, card.iccid + " unlocked\n"),
                 done.stdout.strip())
    report.equal("again", desk.care(MEI, "unlock", card.iccid).returncode, 1, show="")
    for who, agent in ((MEI, "li"), (LI, "mei"), (STRANGER, "mei"), (BROKER, "")):
        named = ["--agent", agent] if agent else []
        refused = desk.care(who, "unlock", *named, card.iccid)
        report.equal(f"user {who} as {agent or 'nobody'}", refused.returncode, 1,
                     refused.stderr.strip().split(": ", 1)[-1])
    report.equal("a broker names the agent",
                 desk.care(BROKER, "show", "--agent", "desk7", card.iccid).returncode, 0, show="")
    history = json.loads(lab.care("audit", "--json", card.iccid).out)["history"]
    actors = [entry["actor"] for entry in history if entry["actor"].startswith("agent:")]
    report.equal("actors", actors, ["agent:mei", "agent:mei", "agent:desk7"], ", ".join(actors))


def customers(report, desk, lab):
    """The operator's reference of a customer in place of a card, as an agent's account may."""
    one, *several = (lab.new_iccid() for _ in range(4))
    lab.import_cards([{"iccid": one, "customer": "C-1"}]
                     + [{"iccid": iccid, "customer": "C-3"} for iccid in several])
    shown = desk.care(MEI, "show", "--json", "--customer", "C-1")
    report.equal("customer with one card", json.loads(shown.stdout)["iccid"], one, "is shown")
    shown = desk.care(MEI, "show", "--json", "--customer", "C-3")
    listed = [card["iccid"] for card in json.loads(shown.stdout)["cards"]]
    report.equal("customer with three", listed, several, "are listed")
    refused = desk.care(MEI, "suspend", "--customer", "C-3")
    report.equal("a change", (refused.returncode, refused.stdout), (5, ""),
                 refused.stderr.strip().split(": ", 1)[-1])
    report.contains("a change", refused.stderr, "by its ICCID", show="")
    done = desk.care(MEI, "suspend", "--customer", "C-1")
    report.equal("of the only card", (done.returncode, done.stdout.split()[:2]),
                 (0, [one, "suspended;"]), show="")
    report.equal("a stranger", desk.care(STRANGER, "show", "--customer", "C-1").returncode, 1,
                 show="")
    told = [json.loads(lab.care("audit", "--json", iccid).out)["history"][1]["kind"]
            for iccid in (one, *several)]
    report.equal("history", told, ["shown", "listed", "listed", "listed"], ", ".join(told))


def auditors(report, desk, card):
    refused = desk.care(MEI, "audit", card.iccid)
    report.equal("an agent reads the history", refused.returncode, 1, refused.stderr.strip())
    report.equal("and nothing of it", refused.stdout, "", show="")
    seen = desk.care(AUDITOR, "audit", card.iccid)
    report.contains("an auditor does", seen.stdout, "unlocked  agent:mei", show="")
    report.contains("and is named", desk.care(AUDITOR, "audit", card.iccid).stdout,
                    f"audited  ops:uid{AUDITOR}", f"ops:uid{AUDITOR}")
    report.equal("but is no agent", desk.care(AUDITOR, "show", card.iccid).returncode, 1, show="")
    report.equal("under another name",
                 desk.care(AUDITOR, "audit", "--operator", "chief").returncode, 1, show="")


def closed(report, desk, lab):
    """Neither database nor keys, with the tools or without."""
    store = lab.db.password_file if lab.db else lab.path("data", "bipvault.db")
    for path in (store, lab.path("etc", "master.keys"), lab.path("etc", "pepper.keys"),
                 lab.path("etc", "audit.keys")):
        report.true("it exists", os.path.exists(path), path, show="here")
        seen = desk.as_user(MEI, "/bin/cat", path)
        report.true(os.path.basename(path), seen.returncode != 0 and not seen.stdout,
                    seen.stdout, seen.stderr.strip().rsplit(": ", 1)[-1])
    own = desk.care(MEI, "show", "--agent", "mei", lab.new_iccid(), config=desk.without_service())
    report.equal("its own configuration without the service", own.returncode, 3, show="")


def export(report, desk, card, image):
    folder = os.path.join(desk.folder, "mei")
    os.mkdir(folder, 0o700)
    os.chown(folder, MEI, MEI)
    path = os.path.join(folder, "content")
    done = desk.care(MEI, "export", "--format", "raw", "--output", path, card.iccid)
    report.equal("export", (done.returncode, done.stderr), (0, ""), done.stdout.strip())
    info = os.stat(path)
    report.equal("whose file", (info.st_uid, stat.S_IMODE(info.st_mode)), (MEI, 0o600),
                 "the agent's, 0600")
    with open(path, "rb") as file:
        report.equal("content", file.read() == image, True, f"{len(image)} octets as stored")
    done = desk.care(MEI, "erase", card.iccid)
    report.equal("erase", done.returncode, 0, show="")
    receipt = done.stdout.splitlines()[-1]
    report.equal("receipt", desk.care(AUDITOR, "erase verify", receipt).returncode, 0, "holds")


def strangers(report, desk):
    """Who is not in [care] is told so at once, before he has said anything."""
    script = ("import socket,sys; s = socket.socket(socket.AF_UNIX); s.settimeout(1.5); "
              "s.connect(sys.argv[1]); print(s.recv(4096).decode())")
    seen = desk.as_user(STRANGER, "/usr/bin/python3", "-c", script, desk.socket)
    report.contains("a stranger who says nothing", seen.stdout, "neither agent nor auditor",
                    "is told to go at once")


def one_user_too_often(report, desk, card):
    """A user whose calls hang keeps no other one out; what he has too many is told so at once."""
    script = ("import socket,sys\n"
              "def line():\n s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); return s\n"
              "hanging = [line() for _ in range(4)]; last = line(); last.settimeout(30)\n"
              "print(last.recv(4096).decode(), flush=True); sys.stdin.read()")
    with subprocess.Popen(["/usr/bin/python3", "-c", script, desk.socket], text=True, user=MEI,
                          group=MEI, extra_groups=[], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, cwd="/") as many:
        told = json.loads(many.stdout.readline())
        report.equal("a fifth call at a time", told["code"], 4, show="")
        report.contains("and why", told["err"], "of this user",
                        "too many of this user")
        report.equal("another agent meanwhile",
                     desk.care(LI, "show", card.iccid).returncode, 0, "is served")
        many.stdin.close()
    wait_until(lambda: desk.care(MEI, "show", card.iccid).returncode == 0, 20,
               "room for this user again")


def strange_requests(report, desk, service):
    request = {"version": 1, "command": "show", "options": {}, "arguments": ["1"],
               "document_number": "x"}
    cases = {"no JSON": b"hello\n", "another version": json.dumps({**request, "version": 2}),
             "a command that is none": json.dumps({**request, "command": "shell"}),
             "a configuration of its own": json.dumps({**request, "options": {"config": "/x"}}),
             "too deep": "[" * 2000, "no text": json.dumps({**request, "arguments": [1]})}
    for name, sent in cases.items():
        octets = sent if isinstance(sent, bytes) else sent.encode() + b"\n"
        report.equal(name, json.loads(desk.talk(octets))["code"], 2, "refused")
    report.equal("too long", desk.talk(b"x" * 20000), b"", "dropped")
    report.equal("half a request", desk.talk(b'{"version":1'), b"", "dropped after its time")
    report.equal("the service runs", service.running(), True)


def told_to_end(report, desk, service):
    """All its processes are told, as a supervisor may; who is in the middle of a call is served."""
    children = f"/proc/{service.pid}/task/{service.pid}/children"
    wait_until(lambda: not read_text(children).strip(), 20, "the end of the calls before")
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(30)
        line.connect(desk.socket)
        wait_until(lambda: read_text(children).strip(), 20, "the process of the call")
        os.killpg(service.pid, signal.SIGTERM)
        line.sendall(b"hello\n")
        report.true("a call under way is answered", line.recv(65536), show="")
    report.equal("the service ended with", service.wait(20), 0)


def main(options):
    report = Report("Care service")
    if os.geteuid() != 0:
        print("skipped: accounts of agents need root")
        sys.exit(77)
    with Lab(options.build, options.engine, options.keep) as lab:
        desk = Desk(lab)
        try:
            care(report, lab, desk)
        finally:
            desk.close()
    report.end()


def service_config(lab):
    return lab.path("etc", "cared.ini")


def write_service(lab):
    """What the service reads at each call; the laboratory itself goes on without it."""
    own = lab.config
    lab.config = service_config(lab)
    lab.write_config()
    lab.config = own


def care(report, lab, desk):
    lab.start()
    card, shared = lab.new_cards(2)
    image = an_image(300, 1)
    with lab.channel(card) as channel:
        key = channel.store(image).key
        for _ in range(3):
            channel.fetch(wire.other_key(key))
    lab.sections["care"] = {"socket": desk.socket, "agents": f"{MEI}=mei {LI}=li",
                            "brokers": BROKER, "auditors": f"{AUDITOR} root",
                            "request_timeout": "4s", "calls_per_user": "4"}
    own = lab.config
    write_service(lab)
    lab.config = service_config(lab)
    desk.config = desk._config("bipvault.ini")
    service = Process([lab.program("bipvault-cared"), "--config", lab.config, "--clock-file",
                       lab.clock_file, "serve"], lab.path("log", "cared.log"))
    lab.config = own
    try:
        wait_until(lambda: "listens at" in service.log() or not service.running(), 20,
                   "the service")
        agents(report, desk, card, lab)
        customers(report, desk, lab)
        auditors(report, desk, card)
        closed(report, desk, lab)
        one_user_too_often(report, desk, card)
        export(report, desk, card, image)
        lab.sections["vault"] = {"two_person": "yes"}
        write_service(lab)
        care_approval.two_agents(report, desk, lab, shared, MEI, LI)
        care_approval.history(report, lab, shared)
        strangers(report, desk)
        strange_requests(report, desk, service)
        told_to_end(report, desk, service)
        log = service.log()
        report.true("each line of the log has its identifier",
                    "[care.called]" in log and "[care.listens]" in log and
                    not [line for line in log.splitlines() if not line.endswith("]")], log, show="")
        report.true("no number of a document, no card in the log",
                    DOCUMENT not in log and card.iccid not in log, log, show="")
        report.equal("audit verify", lab.care("audit", "verify").out.strip(),
                     "the history is whole")
    finally:
        service.stop(signal.SIGTERM)
    gone = desk.care(MEI, "show", card.iccid)
    report.equal("without the service", gone.returncode, 4, gone.stderr.strip().split(": ", 1)[-1])
    lab.stop()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))
