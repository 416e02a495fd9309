"""The acts in which keys are wrong and customer care helps; and what the history keeps."""
import wire
from story_parts import date, kinds

NUMBER, DOCUMENT = "+8613800010004", "G20458817"
AGENT, REASON = "lin.wei", "forgot the key, found the note"


def three_wrong_keys(s):
    r, lab = s.report, s.lab
    r.step("A fourth user backs up, and later wants to restore: three wrong keys. The third is "
           "answered by the lock.")
    s.iccids["fourth"] = lab.new_iccid()
    lab.make_keys([s.iccids["fourth"]])
    lab.import_cards([{"iccid": s.iccids["fourth"], "msisdn": NUMBER}])
    sim = s.new_sim("fourth", contacts=50, msisdn=NUMBER)
    sim.fill(40, 5, 1, seed=3)
    key = s.key_file("fourth")
    s.live("fourth", "phone-4", "menu Back up", key.saved, "expect result done")
    wrong = s.key_file("fourth-wrong", wire.other_key(key.key))
    life = s.live("fourth", "phone-4", "menu Restore", wrong.typed, wrong.typed, wrong.typed)
    r.equal("answers", life.results("FETCH BEGIN"),
            ["key required", "wrong key", "wrong key", "locked"], "wrong key, wrong key, locked")
    r.true("the user is told", life.said("customer care"), life.screens(),
           life.said("customer care"))

    r.step("Now the right key does not help, neither to restore nor to back up.")
    locked_for_all(s, key)

    r.step("Nor does a restart of the platform.")
    r.equal("host ended with", lab.restart(), 0)
    locked_for_all(s, key)


def locked_for_all(s, key):
    for item, command in (("Restore", "FETCH BEGIN"), ("Back up", "STORE BEGIN")):
        life = s.live("fourth", "phone-4", "menu " + item, key.typed)
        s.report.equal(item, life.results(command), ["locked"], f"{command} -> locked")


def at_the_counter(s):
    r, lab, sim, key = s.report, s.lab, s.sims["fourth"], s.keys["fourth"]
    call = {"agent": AGENT, "document": DOCUMENT, "reason": REASON}
    r.step("The customer goes to the counter with a passport. Customer care looks at the record.")
    shown = lab.care("show", NUMBER, **call).out
    r.contains("found by number", shown, sim.iccid, f"{NUMBER} is {sim.iccid}")
    record = lab.show(sim.iccid)
    r.equal("state", (record["state"], record["attempts_left"]), ("locked", 0),
            f"locked since {date(record['locked_at'])}, {record['lock_reason']}")
    r.evidence("advice", record["advice"])
    r.true("no key, no content in it", key.key not in shown and DOCUMENT not in shown)

    r.step("Without a document nothing is done; with document and reason the record is unlocked.")
    refused = lab.care("unlock", sim.iccid, **{**call, "document": ""}, code=2)
    r.evidence("without document", refused.err.strip().split(": ", 1)[-1].split(":")[0])
    done = lab.care("unlock", sim.iccid, **call)
    r.contains("unlocked", done.out, "unlocked", done.out.strip())
    r.equal("attempts left", lab.show(sim.iccid)["attempts_left"], 3)

    r.step("The restore works.")
    before = sim.image()
    lab.run("bipvault-card", "wipe", "--card", sim.file)
    r.equal("contacts left by a mishap", sim.show()["contacts"], 0)
    life = s.live("fourth", "phone-4", "menu Restore", key.typed)
    r.equal("answer", life.results("FETCH BEGIN")[-1:], ["done"], "FETCH BEGIN -> done")
    r.equal("image", sim.image() == before, True, f"{len(before)} octets as they were")


def history(s):
    r, lab, sim = s.report, s.lab, s.sims["fourth"]
    r.step("The history shows who did what.")
    entries = [entry for entry in lab.show(sim.iccid)["history"] if entry["kind"] != "shown"]
    for entry in entries:
        r.evidence(date(entry["at"]), f"{entry['kind']:<14}{entry['actor']:<16}{entry['detail']}")
    r.equal("in order", kinds({"history": entries}),
            ["imported", "stored", "key_confirmed", "wrong_key", "wrong_key", "locked", "unlocked",
             "fetched", "restored"], show="")
    unlocked = next(entry for entry in entries if entry["kind"] == "unlocked")
    r.equal("who unlocked", unlocked["actor"], "agent:" + AGENT, show="")
    r.true("why", REASON in unlocked["detail"], unlocked)
    r.true("the document's number is not kept", DOCUMENT not in unlocked["detail"] and
           DOCUMENT[-4:] in unlocked["detail"], unlocked)
    audit = lab.care("audit", "--agent", AGENT).out
    r.contains("by agent", audit, "unlocked", f"{len(audit.splitlines())} entries of {AGENT}")

    r.step("Every entry is chained to the one before, under a key that is not in the database.")
    r.evidence("audit verify", lab.care("audit", "verify").out.strip())

    r.step("Everything went through BIP channels that the cards' proactive commands had opened.")
    opened, sent, received = s.channels()
    r.true("channels", opened and sent and received,
           show=f"{opened} OPEN CHANNEL, {sent} SEND DATA, {received} RECEIVE DATA "
                f"in {len(s.traces)} traces")
    counters = lab.health()["counters"]
    r.evidence("platform since restart", f"{counters['bip.proven']} proven channels, "
               f"{counters['bip.packets']} packets")
    r.equal("host ended with", lab.stop(), 0)
    lab.start()
