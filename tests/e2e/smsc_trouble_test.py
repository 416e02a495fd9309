"""Proves what an operator sees of an SMSC that refuses us or is away: an alarm once, the reason in
health and in `smsc status`, no fast retry; that cards are served meanwhile; and that it is over by
itself when the SMSC takes us. A message waits in the store until then, and a stop with an SMSC that
never answers ends within its deadline."""
import json
import time

import lab as laboratory
from checks import Report
from lab import Lab
from peer import an_image
from process import wait_until, write_secret
from smsc_peer import SmscPeer


def refused(lab, report, smsc):
    report.step("The SMSC refuses our password")
    wait_until(lambda: "alarm smsc.main: " in lab.host.log(), 20, "an alarm")
    report.contains("health", json.dumps(lab.health()["alarms"]), "smsc.main", None)
    card, = lab.new_cards(1)
    with lab.channel(card) as channel:
        report.equal("a card stores meanwhile", channel.store(an_image(100, 1)).name, "done")
    wait_until(lambda: "not bound" in lab.ops("smsc", "status", code=None).out, 20,
               "the instance's row")
    wait_until(lambda: "ALARM smsc.main: " in lab.ops("status", code=None).out, 20, "the alarm's")
    status = lab.ops("smsc", "status", code=1)
    report.contains("smsc status", status.out, "not bound", "not bound")
    late = lab.ops("smsc", "send-test", "+491729999999", "Hello", "--wait", "1s", code=4)
    report.contains("send-test", late.err, "1 instance runs and has not done it yet", None)
    wait_until(lambda: smsc.refused >= 2, 20, "a second try")
    report.equal("alarms", lab.host.log().count("alarm smsc.main: "), 1, "one")


def taken(lab, report, smsc):
    report.step("It takes us")
    smsc.password = "secret"
    wait_until(lambda: "alarm smsc.main is over" in lab.host.log(), 20, "the end of the alarm")
    report.equal("health", lab.health()["alarms"], {})
    report.equal("what waited", smsc.wait_submitted(1)[0].text, "Hello")


def silent(lab, report, smsc):
    """The answer never comes: the message counts as written, the stop does not wait for ever."""
    report.step("It goes silent, and the platform stops")
    smsc.answer = lambda submitted: None
    lab.ops("smsc", "send-test", "+491729999999", "Again", "--wait", "0", code=4)
    smsc.wait_submitted(2)
    began = time.monotonic()
    report.equal("the host ended with", lab.stop(), 0)
    report.true("in time", time.monotonic() - began < 15, show="yes")
    lab.start()
    smsc.answer = lambda submitted: 0
    smsc.wait(lambda peer: peer.binds == 2, "a bind")
    lab.move_clock(600_000)  # longer than any lease
    done = json.loads(lab.ops("smsc", "send-test", "+491729999999", "Last", "--json").out)
    report.equal("afterwards", done["state"], "done")
    report.equal("messages", [sms.text for sms in smsc.submitted], ["Hello", "Again", "Last"])


def main(options):
    report = Report("An SMSC in trouble")
    smsc = SmscPeer(password="another")
    lab = Lab(options.build, "sqlite", options.keep,
              **{"smsc.main": {"host": "127.0.0.1", "port": smsc.port, "system_id": "bipvault",
                               "password_file": "smsc.password", "source": "12345",
                               "refused_retry": "1s", "reconnect_min": "100ms"}})
    write_secret(lab.path("etc", "smsc.password"), "secret\n")
    with lab:
        lab.start()
        refused(lab, report, smsc)
        taken(lab, report, smsc)
        silent(lab, report, smsc)
        report.equal("no password in the log", "secret" in lab.host.log(), False, show="")
    smsc.close()
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))
