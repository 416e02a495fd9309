"""The acts in which cards and phones play: import, report, back-up, resume, change of card."""
import os

import wire
from checks import masked
from image import ADN, ANR, EMAIL, EXT1, SMS, Image
from process import wait_until
from story_parts import date, kinds

CONTACTS, MESSAGES, MEMOS = 250, 20, 2
NUMBER = {"first": "+8613800010001", "second": "+8613800010002", "third": "+8613800010003"}
# What a card has of its own and never restores: EF_ICCID, EF_MSISDN, the applet's last ICCID.
OWN_FILES = ("2FE2", "6F40", "6F02")


def set_up(s):
    lab, r = s.lab, s.report
    r.step("Operations create keys and an empty database, and check the configuration.")
    r.equal("key files, mode", {oct(os.stat(lab.path("etc", name)).st_mode & 0o777)
                                for name in ("master.keys", "pepper.keys", "audit.keys")},
            {"0o600"}, "3 files, 0600")
    r.evidence("schema", lab.ops("db", "status").out.strip().replace("\n", ", "))
    lab.ops("config", "check")

    r.step("They import three ICCIDs. Before a card is sold, its record holds only that.")
    for name in NUMBER:
        s.iccids[name] = lab.new_iccid()
    lab.make_keys(s.iccids.values())
    done = lab.import_cards([{"iccid": s.iccids[name], "msisdn": number, "customer": f"C-{name}"}
                             for name, number in NUMBER.items()])
    r.contains("import", done.out, "created 3", done.out.strip())
    for name, iccid in s.iccids.items():
        record = lab.show(iccid)
        r.equal(f"{name} card", (record["state"], record["versions"]), ("empty", []),
                f"{iccid} {record['state']}")

    r.step("bipvault-host, the OTA platform, loads the plugin and opens the card channels.")
    lab.start()
    r.true("the plugin is loaded", wait_until(lambda: "loaded Bipvault" in lab.host.log(), 10,
                                              "the host's log says what it loaded"))
    r.evidence("channels", ", ".join(s.turn))


def first_report(s):
    r = s.report
    r.step("A SIM with 250 contacts, 20 messages and two memos goes into a phone. Eleven hours of "
           "use pass:\n     nothing happens. The twelfth: the phone has stored the ICCID, and the "
           "card reports itself.")
    sim = s.new_sim("first", contacts=CONTACTS, msisdn=NUMBER["first"])
    sim.fill(CONTACTS, MESSAGES, MEMOS)
    life = s.live("first", "phone-1", "advance 11h")
    r.equal("reports after 11 hours", len(life.of("message")), 0)
    life = s.live("first", "phone-1", "advance 1h")
    r.equal("report after 12 hours", life.results("REPORT"), ["done"], "REPORT -> done")
    record = s.lab.show(sim.iccid)
    r.true("last report", record.get("reported_at"), record,
           f"{sim.iccid} on {date(record['reported_at'])}")
    r.equal("reported number", record["msisdn_reported"], NUMBER["first"])
    r.equal("phone", record["imei"], "356938035643809")  # what bipvault-card says by itself


def first_back_up(s):
    r, sim = s.report, s.sims["first"]
    r.step('The user chooses "Back up" in the card\'s menu.')
    image = Image(sim.image())
    r.equal("contacts", image.count(ADN), CONTACTS,
            "250: {} names in the GSM alphabet, {} in UCS2".format(*image.names()))
    r.true("both alphabets", all(image.names()))
    r.true("extensions, more numbers", all(map(image.count, (EXT1, ANR, EMAIL))),
           show=f"{image.count(EXT1)} EF_EXT1, {image.count(ANR)} EF_ANR, {image.count(EMAIL)} "
                "EF_EMAIL")
    r.equal("messages, memos", (image.count(SMS), image.memos), (MESSAGES, MEMOS), "20, 2")
    key = s.key_file("first")
    life = s.live("first", "phone-1", "menu Back up", key.saved, "expect text Backed up: 250")
    r.equal("answers", life.results("STORE BEGIN") + life.results("STORE END"), ["done", "done"],
            "STORE BEGIN -> done, STORE END -> done")
    record = s.lab.show(sim.iccid)
    s.same_as_stored(record, sim)
    r.equal("state, first stored", record["state"], "held",
            f"held, {date(record['first_stored_at'])}")

    r.step("The key came back encrypted in the last answer and stands on the screen; the user has "
           "acknowledged it.")
    r.true("8 digits, a check digit", len(key.key) == 9 and wire.damm_ok(key.key),
           show=masked(key.key))
    r.true("shown on the screen", life.said("Your key:"))
    with open(life.trace, "rb") as file:
        r.true("in the clear on channel", key.key.encode() not in file.read(),
               show="in no APDU of the trace")
    r.equal("confirmed by the card", (life.results("KEY CONFIRM"), record["key"]),
            (["done"], "active"), "KEY CONFIRM -> done, key active")


def second_back_up(s):
    r, lab, sim, key = s.report, s.lab, s.sims["first"], s.keys["first"]
    before = lab.show(sim.iccid)["versions"]
    r.step("The user writes a memo in the card's menu and backs up again, without giving the key: "
           "it is asked for.")
    life = s.live("first", "phone-1", "menu Write memo", "type Anna", "type birthday on the 3rd",
                  "menu Back up", "key cancel", "run")
    r.equal("answer", life.results("STORE BEGIN"), ["key required"], "STORE BEGIN -> key required")
    r.true("asked for on the screen", life.said("Enter the key"), life.screens())
    r.equal("the stored image", lab.show(sim.iccid)["versions"], before, "unchanged")

    r.step("With a mistyped key the check digit shows it: told so, no attempt is lost. With the "
           "right one the\n     image is replaced.")
    slip = s.key_file("first-mistyped", wire.mistype(key.key))
    life = s.live("first", "phone-1", "menu Back up", slip.typed, "key cancel", "run")
    r.equal("mistyped", life.results("STORE BEGIN"), ["key required", "mistyped key"],
            f"{masked(slip.key)} -> mistyped key")
    r.true("said on the screen", life.said("mistyped"), life.screens())
    record = lab.show(sim.iccid)
    r.equal("attempts left", record["attempts_left"], 3)
    r.equal("a wrong key in the history", "wrong_key" in kinds(record), False, show="")
    life = s.live("first", "phone-1", "menu Back up", key.typed)
    r.equal("right", life.results("STORE BEGIN")[-1:] + life.results("STORE END"), ["done", "done"],
            f"{masked(key.key)} -> done")
    record = lab.show(sim.iccid)
    s.same_as_stored(record, sim)
    r.equal("versions kept", record["versions"][1:], before, "2: the image before is still there")


def broken_line(s):
    r, lab, sim, key = s.report, s.lab, s.sims["first"], s.keys["first"]
    before = lab.show(sim.iccid)["versions"]
    r.step("Another memo, another back-up; the line breaks after 9,000 octets. The old image "
           "stays.")
    life = s.live("first", "phone-1", "menu Write memo", "type Shop", "type eggs, rice, tea",
                  "cut after 9000 sent", "menu Back up", key.typed)
    r.true("the user is told", life.said("Connection lost"), life.screens(),
           life.said("Connection lost"))
    record = lab.show(sim.iccid)
    got, total = record["upload"]["received"], record["upload"]["total"]
    # Nobody tells the vault that a CAT_TP link has gone: the part is kept when the next one comes.
    told = sim.channel != "cat_tp"
    r.true("a part has come", 0 < got < total if told else got < total, record["upload"],
           f"{got} of {total} octets")
    r.equal("the stored image", record["versions"], before, "unchanged")

    r.step("The next session goes on where the vault says, without asking for the key again.")
    life = s.live("first", "phone-1", "menu Back up")
    begun = [event for event in life.of("message") if event["command"] == "STORE BEGIN"]
    offsets = [int(event.get("offset") or 0) for event in begun]
    r.true("goes on at octet", offsets == [got] if told else 0 < offsets[0] < total, offsets,
           offsets[0])
    r.equal("answer", life.results("STORE END"), ["done"], "STORE END -> done")
    r.equal("key asked for", life.said("Enter the key"), "", "no")
    s.same_as_stored(lab.show(sim.iccid), sim)


def same_phone(s):
    r, lab, old = s.report, s.lab, s.sims["first"]
    r.step("The SIM is replaced. In the same phone, the new one reports after twelve hours: its "
           "own ICCID and the\n     old one, with the key that the user typed. The record moves.")
    new = s.new_sim("second", contacts=CONTACTS, msisdn=NUMBER["first"])
    life = s.live("second", "phone-1", "advance 11h")
    r.equal("reports after 11 hours", len(life.of("message")), 0)
    before = lab.show(old.iccid)
    life = s.live("second", "phone-1", "advance 1h", s.keys["first"].typed)
    r.contains("the card saw", life.last("identity"), old.iccid,
               f"{old.iccid} -> {new.iccid}")
    r.equal("report with the key", life.results("REPORT")[-1:], ["done"], "REPORT -> done")
    record = lab.show(new.iccid)
    kept = {version.pop("kept_until", None) for version in record["versions"]}
    r.true("kept, should the old SIM object", None not in kept, kept, "for a day: " + max(kept))
    r.equal("the record now", (record["state"], record["versions"]), ("held", before["versions"]),
            f"{new.iccid} held, {len(before['versions'])} versions")
    r.true("history", "moved" in kinds(record), kinds(record), "moved")
    r.equal("asked for by the old ICCID", lab.show(old.iccid)["iccid"], new.iccid,
            "found under the new one")

    r.step("The user restores to the new SIM: the key is asked for and accepted.")
    life = s.live("second", "phone-1", "menu Restore", s.keys["first"].typed)
    r.equal("answer", life.results("FETCH BEGIN")[-1:], ["done"], "FETCH BEGIN -> done")
    same_files(s, old, new)


def lost_phone(s):
    r, lab = s.report, s.lab
    r.step("Another user backs up, then loses phone and SIM for good. Operations import a new SIM "
           "and order the swap.")
    s.iccids["lost"] = s.iccids["third"]
    lost = s.new_sim("lost", contacts=CONTACTS, msisdn=NUMBER["third"])
    lost.fill(CONTACTS, MESSAGES, MEMOS, seed=7)
    key = s.key_file("lost")
    s.live("lost", "phone-2", "menu Back up", key.saved, "expect result done")
    s.iccids["new"] = lab.new_iccid()
    lab.make_keys([s.iccids["new"]])
    lab.import_cards([{"iccid": s.iccids["new"], "msisdn": NUMBER["third"], "customer": "C-third"}])
    done = lab.ops("swap", lost.iccid, s.iccids["new"])
    r.contains("order", done.out, s.iccids["new"], done.out.strip())

    r.step("The new SIM in a new phone knows no old ICCID. The user restores at once, without "
           "waiting twelve hours:\n     two wrong keys, then the right one.")
    new = s.new_sim("new", contacts=CONTACTS, msisdn=NUMBER["third"])
    wrong = s.key_file("lost-wrong", wire.other_key(key.key))
    life = s.live("new", "phone-3", "menu Restore", wrong.typed, wrong.typed, key.typed,
                  "expect text Restored: 250")
    answers = [(event["result"], event.get("attempts_left")) for event in life.of("message")
               if event["command"] == "FETCH BEGIN"]
    r.equal("answers", answers, [("key required", "3"), ("wrong key", "2"), ("wrong key", "1"),
                                 ("done", None)],
            "wrong key (2 left), wrong key (1 left), done")
    same_files(s, lost, new)
    record = lab.show(new.iccid)
    r.equal("attempts afterwards", record["attempts_left"], 3)
    told = [entry["detail"] for entry in record["history"] if entry["kind"] == "restored"]
    r.true("the card reported", told, kinds(record), told[-1] if told else None)


def found_by_number(s):
    r, lab = s.report, s.lab
    number, contacts = "+8613800010008", 12
    r.step("Another one has lost both. The shop gives him a SIM and his number; nobody orders a "
           "swap.")
    s.iccids.update({name: lab.new_iccid() for name in ("earlier", "later")})
    lab.make_keys([s.iccids[name] for name in ("earlier", "later")])
    lab.import_cards([{"iccid": s.iccids["earlier"], "msisdn": number},
                      {"iccid": s.iccids["later"], "msisdn": number}])
    earlier = s.new_sim("earlier", contacts=contacts, msisdn=number)
    earlier.fill(contacts, 0, 0, seed=9)
    key = s.key_file("earlier")
    s.live("earlier", "phone-5", "menu Back up", key.saved, "expect result done")

    later = s.new_sim("later", contacts=contacts, msisdn=number)
    wrong = s.key_file("earlier-wrong", wire.other_key(key.key))
    life = s.live("later", "phone-6", "menu Restore", wrong.typed, key.typed,
                  f"expect text Restored: {contacts}")
    answers = [(event["result"], event.get("attempts_left")) for event in life.of("message")
               if event["command"] == "FETCH BEGIN"]
    r.equal("answers", answers, [("key required", "3"), ("wrong key", "2"), ("done", None)],
            "key required (3 left), wrong key (2 left), done")
    same_files(s, earlier, later)
    record = lab.show(later.iccid)
    r.true("the record has moved", "moved" in kinds(record), kinds(record),
           next(entry["detail"] for entry in record["history"] if entry["kind"] == "moved"))


def same_files(s, old, new):
    """The new card's files are octet for octet what the old card's were."""
    r = s.report
    files = [{path: content for path, content in sim.files().items()
              if not path.endswith(OWN_FILES)} for sim in (old, new)]
    octets = sum(len(content) // 2 for content in files[0].values())
    for path in files[0]:
        r.equal(f"file {path}", files[1].get(path), files[0][path], show="")
    r.evidence("files of the card", f"{len(files[0])} files, {octets} octets: equal")
    r.equal("digest", new.show()["digest"], old.show()["digest"],
            old.show()["digest"][:16] + "... on both cards")
