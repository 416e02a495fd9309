"""Two agents for one call, by their accounts ([vault] two_person): who asks does not approve."""
import json
import os

import wire
from peer import an_image

HOUR_MS = 3_600_000


def locked(lab, card):
    """Stored, and then three wrong keys."""
    image = an_image(200, 3)
    with lab.channel(card) as channel:
        key = channel.store(image).key
        for _ in range(3):
            channel.fetch(wire.other_key(key))
    return image


def state(lab, card):
    return lab.show(card.iccid)["state"]


def ask(report, desk, user, *call):
    done = desk.care(user, "request", "--json", *call)
    report.equal("request " + call[0], (done.returncode, done.stderr), (0, ""), show="")
    return str(json.loads(done.stdout)["request"])


def refused(report, what, done, text, code=1):
    report.equal(what, done.returncode, code, show="")
    report.contains(what, done.stderr, text, done.stderr.strip().split(": ", 1)[-1])


def two_agents(report, desk, lab, card, mei, li):
    image = locked(lab, card)
    refused(report, "alone", desk.care(mei, "unlock", card.iccid), "a second agent has to approve")
    number = ask(report, desk, mei, "unlock", card.iccid)
    refused(report, "approves his own", desk.care(mei, "approve", number),
            "cannot approve his own request")
    refused(report, "as another", desk.care(mei, "approve", "--agent", "li", number),
            "cannot call as another")
    refused(report, "another document", desk.care(li, "approve", number, document="X0000000"),
            "not the document")
    report.equal("the record", state(lab, card), "locked", "is locked as before")
    listed = desk.care(li, "pending")
    report.contains("pending", listed.stdout, f"request {number}: unlock, card {card.iccid}")
    done = desk.care(li, "approve", number)
    report.equal("the second agent", (done.returncode, done.stdout),
                 (0, f"request {number} approved. {card.iccid} unlocked\n"), done.stdout.strip())
    report.equal("the record", state(lab, card), "held", "is unlocked")
    refused(report, "once more", desk.care(li, "approve", number), "done already")
    expired_and_changed(report, desk, lab, card, mei, li)
    content(report, desk, card, image, mei, li)


def expired_and_changed(report, desk, lab, card, mei, li):
    late = ask(report, desk, mei, "erase", card.iccid)
    lab.move_clock(HOUR_MS + 1000)
    refused(report, "an hour later", desk.care(li, "approve", late), "has expired")
    early = ask(report, desk, mei, "erase", card.iccid)
    lab.care("suspend", card.iccid)
    lab.care("resume", card.iccid)
    refused(report, "after a change", desk.care(li, "approve", early), "the record has changed")
    done = desk.care(mei, "reject", early)
    report.equal("withdrawn", (done.returncode, done.stdout),
                 (0, f"request {early} withdrawn\n"), show="")


def content(report, desk, card, image, mei, li):
    """What is approved is handed to who has asked, and to nobody else."""
    folder = os.path.join(desk.folder, "two")
    os.mkdir(folder, 0o700)
    os.chown(folder, mei, mei)
    take = ("export", "--format", "raw", "--output", os.path.join(folder, "content"), card.iccid)
    number = ask(report, desk, mei, "export", card.iccid, "--format", "raw")
    refused(report, "not yet", desk.care(mei, *take), "a second agent has to approve")
    report.equal("approved", desk.care(li, "approve", number).returncode, 0, show="")
    other = take[:4] + (os.path.join(desk.folder, "stolen"), card.iccid)
    os.chmod(desk.folder, 0o777)
    refused(report, "the approver takes it", desk.care(li, *other), "a second agent has to approve")
    os.chmod(desk.folder, 0o755)
    done = desk.care(mei, *take)
    report.equal("who has asked takes it", (done.returncode, done.stderr), (0, ""), show="")
    with open(os.path.join(folder, "content"), "rb") as file:
        report.equal("content", file.read() == image, True, f"{len(image)} octets as stored")
    again = take[:4] + (os.path.join(folder, "again"), card.iccid)
    refused(report, "a second time", desk.care(mei, *again), "a second agent has to approve")


def history(report, lab, card):
    entries = json.loads(lab.care("audit", "--json", card.iccid).out)["history"]
    told = [f"{entry['kind']} {entry['actor']}" for entry in entries
            if entry["kind"].startswith(("request", "unlocked", "exported"))]
    report.equal("history", told,
                 ["requested agent:mei", "request_refused agent:li",
                  "request_approved agent:li", "unlocked agent:mei",
                  "requested agent:mei", "requested agent:mei", "request_withdrawn agent:mei",
                  "requested agent:mei", "request_approved agent:li", "exported agent:mei"],
                 f"{len(told)} entries")
