"""The story of Bipvault, told and checked step by step on a laboratory of its own.

Operations import cards; a SIM reports itself after twelve hours of use; phone books, messages and
memos go up and come back; keys are asked for, mistyped, wrong and locked; a line breaks and the
upload goes on; SIMs and phones change; customer care unlocks; the history shows who did what. Two
months later users are reminded by SMS, and an answer wakes a card.
Every step runs through a BIP channel that the card's proactive commands open, through the plugin
loaded by bipvault-host, and through the command line tools. SIMs speak TCP, CAT_TP and TLS-PSK in
turn, unless --channel or --carried says otherwise.
"""
import os
import signal

import lab as laboratory
import story_cards
import story_care
import story_sms
from checks import Report
from lab import Lab
from story_parts import Story

ACTS = [
    ("The operator", story_cards.set_up),
    ("A SIM in a phone", story_cards.first_report),
    ("The first back-up", story_cards.first_back_up),
    ("The second back-up, and its key", story_cards.second_back_up),
    ("The line breaks", story_cards.broken_line),
    ("Another SIM in the same phone", story_cards.same_phone),
    ("A lost phone", story_cards.lost_phone),
    ("A lost phone, and only the number", story_cards.found_by_number),
    ("Three wrong keys", story_care.three_wrong_keys),
    ("At the counter", story_care.at_the_counter),
    ("The history", story_care.history),
    ("Two months later", story_sms.two_months_later),
]

SERVE = """
The platform runs. Ctrl-C ends it.

  card channels       {channels}
                      (the ports, as JSON: {ports_file})
  the cards' keys     {card_keys} (SIGHUP to {pid}: read again)
  configuration       {config}
                      {host_config}
  log                 {log}

  tools               {ops} --config {config} --clock-file {clock} db status
                      {care} --config {config} --clock-file {clock} \\
                        show --agent me --reason look --document passport {iccid}
  the user's phone    {card} run --card {card_file} \\
                        --phone {phone_file} --server {server} \\
                        --clock-file {clock} --interactive
  its key             in {key_file}
"""


def serve_text(story):
    lab, sim = story.lab, story.sims["new"]
    channels = f"\n{' ' * 22}".join(f"{name:<8} 127.0.0.1:{lab.ports[name]}"
                                    for name in story.turn)
    return SERVE.format(channels=channels, server=sim.server, config=lab.config,
                        host_config=lab.host_config, log=lab.host.log_path,
                        ports_file=lab.ports_file, card_keys=lab.path("etc", "cards.csv"),
                        pid=lab.host.pid,
                        ops=lab.program("bipvault-ops"), care=lab.program("bipvault-care"),
                        card=lab.program("bipvault-card"), clock=lab.clock_file,
                        iccid=sim.iccid, card_file=sim.file,
                        phone_file=lab.path("cards", "phone-3.phone"),
                        key_file=story.keys["lost"].path)


def check_serve_text(story):
    """What --serve prints is true: every channel of the ports file, and files that are there."""
    text, report = serve_text(story), story.report
    for name in story.turn:
        report.contains("--serve names the channel", text,
                        f"{name:<8} 127.0.0.1:{story.lab.ports[name]}\n")
    for path in (story.lab.ports_file, story.lab.path("etc", "cards.csv"), story.lab.config):
        report.contains("--serve names the file", text, path)
        report.true(f"{path} is there", os.path.exists(path))


def serve(story):
    print(serve_text(story), flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print("\nending")


def main(options):
    report = Report(f"The story of Bipvault, on {options.engine}")
    channels = [options.channel or "tcp"]
    if not options.channel and not options.carried:
        channels = ["tcp", "cat_tp", "tls_psk"]
    listen = {name: "127.0.0.1:0" for name in channels}
    with Lab(options.build, options.engine, options.keep,
             **({} if options.carried else {"bip": listen})) as lab:
        story = Story(lab, report, channels)
        for title, act in ACTS:
            report.chapter(title)
            act(story)
        check_serve_text(story)
        report.end()
        if options.keep:
            print(f"data, logs, configuration and APDU traces: {lab.root}")
        if options.serve:
            serve(story)


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(
        __doc__, serve={"action": "store_true",
                        "help": "leave the platform running at the end and say how to talk to it"}))
