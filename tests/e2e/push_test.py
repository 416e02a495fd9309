"""Proves wake-up by PUSH with the product's card: the command opens the channel that it names
- TCP, or UDP with a CAT_TP link in it - and the applet at its TAR stores; sent to remote
management's TAR it gets a channel in which nobody speaks, as on a real card; sent to a TAR that the
card does not know it is answered 09. What became of each is in the record's history."""
import lab as laboratory
from checks import Report
from lab import Lab
from mobile_network import MobileNetwork
from phone import KeyFile, Sim
from process import wait_until, write_secret
from smsc_peer import SmscPeer

APPLET, REMOTE_MANAGEMENT, NOBODY = "BFFF01", "000000", "B00010"


class World:
    def __init__(self, lab, report, network):
        self.lab, self.report, self.network, self._cards = lab, report, network, 0

    def card(self):
        """A card that has backed up, and knows no way to the vault that still leads there."""
        self._cards += 1
        number = f"49170100{self._cards:04d}"
        iccid = self.lab.new_iccid()
        self.lab.make_keys([iccid])
        self.lab.import_cards([{"iccid": iccid, "msisdn": "+" + number}])
        sim = Sim(self.lab, iccid, contacts=50, msisdn="+" + number, server="127.0.0.1:1")
        sim.fill(20, 2, 1)
        key = KeyFile(self.lab, iccid)
        sim.run("phone-" + number, "menu Back up", key.saved, "expect text Backed up")
        sim.fill(1, 0, 0, seed=2)
        return sim, number, key

    def told(self, **wake_up):
        """[wake_up] for what follows."""
        self.lab.sections["wake_up"].update(wake_up)
        self.lab.write_config()
        self.lab.reload()

    def live(self, sim, number, *script, **how):
        """Woken by operations while it is in its phone, with nothing but what the PUSH says."""
        radio = self.network.phone(number)
        self.lab.ops("wake", sim.iccid, "--wait", "0", code=None)
        return sim.run("phone-" + number, *script, server=False, radio=radio, **how)

    def history(self, sim, part):
        wait_until(lambda: part in self.lab.care("audit", sim.iccid).out, 30,
                   f"{part} in the history of {sim.iccid}")


def to_applet(world):
    report, lab = world.report, world.lab
    for transport, port in (("tcp", lab.port), ("cat_tp", lab.ports["cat_tp"])):
        report.step(f"PUSH to the applet, {transport}")
        world.told(tar=APPLET, transport=transport, server=f"127.0.0.1:{port}")
        sim, number, key = world.card()
        life = world.live(sim, number, key.typed, "await text Backed up: 21")
        report.equal("response", [event["response"] for event in life.of("script")],
                     ["029000" if transport == "cat_tp" else "019000"], "done, 9000")
        report.equal("channel", life.of("channel")[0].get("server"), f"127.0.0.1:{port}")
        report.equal("STORE END", life.results("STORE END"), ["done"], "done")
        world.history(sim, "status 00")
        report.equal("versions", len(lab.show(sim.iccid)["versions"]), 2)


def to_others(world):
    report, lab = world.report, world.lab
    report.step("PUSH to remote management: a channel, and silence until the vault ends it")
    world.told(tar=REMOTE_MANAGEMENT, transport="tcp", server=f"127.0.0.1:{lab.port}")
    sim, number, _ = world.card()
    life = world.live(sim, number, "await text never", code=1, seconds=15)
    report.equal("response", life.of("script")[-1]["response"], "019000", "done, 9000")
    report.equal("remote management", [event["text"] for event in life.of("remote management")],
                 ["has the channel and waits for the server", "the server has ended it"],
                 "had the channel, until the server ended it")
    report.equal("messages to the vault", len(life.of("message")), 0)
    world.history(sim, "status 00")

    report.step("PUSH to a TAR of nobody")
    world.told(tar=NOBODY)
    sim, number, _ = world.card()
    life = world.live(sim, number, "await text never", code=1, seconds=8)
    report.equal("wake-up", life.last("wake-up"), "refused, status 09")
    world.history(sim, "status 09")
    report.equal("channels", len(life.of("channel")), 0)


def nobody_there(world):
    report = world.report
    report.step("PUSH to an address at which nobody listens")
    world.told(tar=APPLET, transport="tcp", server="127.0.0.1:1")
    sim, number, _ = world.card()
    life = world.live(sim, number, "await text never", code=1, seconds=8)
    report.equal("response", life.of("script")[-1]["response"], "016F0083023A07",
                 "6F00, and the terminal's reason: 3A 07")
    world.history(sim, "status 00")


def main(options):
    report = Report("Wake-up by PUSH")
    smsc = SmscPeer(password="secret")
    lab = Lab(options.build, options.engine, options.keep, **{
        "smsc.main": {"host": "127.0.0.1", "port": smsc.port, "system_id": "bipvault",
                      "password_file": "smsc.password", "source": "12345"},
        "bip": {"cat_tp": "127.0.0.1:0", "identify_timeout": "2s"},
        "wake_up": {"mode": "push", "server": "127.0.0.1:1"}})
    write_secret(lab.path("etc", "smsc.password"), "secret\n")
    with lab:
        lab.start()
        smsc.wait(lambda peer: peer.binds == 1, "a bind")
        network = MobileNetwork(smsc, lab.path("data"))
        world = World(lab, report, network)
        to_applet(world)
        to_others(world)
        nobody_there(world)
        report.equal("history", lab.care("audit", "verify").out.strip(), "the history is whole")
        network.close()
        report.equal("the host ended with", lab.stop(), 0, show="")
    smsc.close()
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))
