"""The acts in which the platform writes: two months later users are reminded by SMS; one answers
yes, one no, one not at all."""
from mobile_network import MobileNetwork
from process import wait_until, write_secret
from smsc_peer import SmscPeer
from story_parts import date

SOURCE = "10086"
NUMBER = {"yes": "+8613800010005", "no": "+8613800010006", "silent": "+8613800010007"}
DAY_MS = 86_400_000
REMINDED = "await text last backed up on .* Reply Y"


def connected(s):
    r, lab = s.report, s.lab
    r.step("Operations connect the platform to the SMSC. Three more users back up.")
    s.smsc = SmscPeer(password="secret")
    s.network = MobileNetwork(s.smsc, lab.path("data"))
    write_secret(lab.path("etc", "smsc.password"), "secret\n")
    lab.sections["smsc.main"] = {"host": "127.0.0.1", "port": s.smsc.port, "source": SOURCE,
                                 "system_id": "bipvault", "password_file": "smsc.password"}
    lab.sections["reminder"] = {"enabled": "yes", "hours": "00:00-00:00"}
    lab.write_config()
    lab.restart()
    s.smsc.wait(lambda smsc: smsc.binds == 1, "a bind")
    r.evidence("bound as", s.smsc.system_id)
    for name, number in NUMBER.items():
        s.iccids[name] = lab.new_iccid()
    lab.make_keys([s.iccids[name] for name in NUMBER])
    lab.import_cards([{"iccid": s.iccids[name], "msisdn": number}
                      for name, number in NUMBER.items()])
    for seed, name in enumerate(NUMBER, 5):
        sim = s.new_sim(name, contacts=50, msisdn=NUMBER[name])
        sim.fill(30, 3, 1, seed=seed)
        key = s.key_file(name)
        live(s, name, "menu Back up", key.saved, "expect text Backed up: 30")
    r.evidence("backed up", ", ".join(NUMBER.values()))


def live(s, name, *script):
    """The SIM lives in a phone with a network around it."""
    life = s.sims[name].run("phone-" + name, *script,
                            radio=s.network.phone(NUMBER[name].lstrip("+")))
    s.traces.append(life.trace)
    return life


def yes(s):
    r, lab, sim, key = s.report, s.lab, s.sims["yes"], s.keys["yes"]
    before = lab.show(sim.iccid)
    r.step('Two months pass. The first has a new contact, reads the reminder and answers "Y": the '
           "card is woken,\n     opens a channel, and asks for the key.")
    lab.move_clock(62 * DAY_MS)
    sim.fill(1, 0, 0, seed=9)
    life = live(s, "yes", REMINDED, "reply Y", key.typed, "await text Backed up: 31")
    r.evidence("on the screen", life.of("text")[0]["text"])
    r.equal("wake-up", life.last("wake-up"), "to update, status 00")
    r.equal("answers", life.results("STORE BEGIN") + life.results("STORE END"),
            ["key required", "done", "done"],
            "STORE BEGIN -> key required, done; STORE END -> done")
    after = lab.show(sim.iccid)
    s.same_as_stored(after, sim)
    r.true("updated", after["updated_at"] > before["updated_at"],
           show=f"{date(before['updated_at'])} -> {date(after['updated_at'])}")
    wait_until(lambda: "status 00" in lab.care("audit", sim.iccid).out, 20,
               "the card's proof of receipt in the history")
    r.evidence("proof of receipt", "in the history")


def no(s):
    r, lab, sim = s.report, s.lab, s.sims["no"]
    before = lab.show(sim.iccid)["updated_at"]
    r.step('The second answers "N": nothing has changed, and the date moves.')
    life = live(s, "no", REMINDED, "reply N")
    r.equal("channels opened", len(life.of("channel")), 0)
    wait_until(lambda: lab.show(sim.iccid)["updated_at"] > before, 20, "the date to move")
    r.evidence("updated", f"{date(before)} -> {date(lab.show(sim.iccid)['updated_at'])}")


def silent(s):
    r, lab, sim = s.report, s.lab, s.sims["silent"]
    r.step("The third does not answer. A week later there is a second reminder, for him alone.")
    live(s, "silent", REMINDED)
    mine = {number.lstrip("+") for number in NUMBER.values()}
    before = len(s.smsc.submitted)
    lab.move_clock(8 * DAY_MS)
    live(s, "silent", REMINDED)
    again = {sms.dest for sms in s.smsc.submitted[before:]} & mine
    r.equal("reminded again", again, {NUMBER["silent"].lstrip("+")}, NUMBER["silent"])
    r.equal("his backup", lab.show(sim.iccid)["state"], "held", "as it was")


def two_months_later(s):
    connected(s)
    yes(s)
    no(s)
    silent(s)
    s.network.close()
