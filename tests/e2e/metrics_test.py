"""Proves what a Prometheus server reads: text that promtool finds good, figures that are those of
the health report and of what has happened; that the endpoint bears what is no scrape; and that the
alert rules and the dashboard ask for nothing that is not told."""
import json
import os
import re
import secrets
import socket
import subprocess

import lab as laboratory
from checks import Report
from lab import Lab
from peer import an_image
from process import wait_until
from startup_test import with_config

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def ask(port, request, seconds=10):
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as peer:
        peer.sendall(request)
        answer = b""
        while block := peer.recv(65536):
            answer += block
        return answer.decode("utf-8")


def get(port, path="/metrics", method="GET"):
    head, _, body = ask(port, f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).partition(
        "\r\n\r\n")
    return int(head.split()[1]), body


def values(text):
    found = re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.M)
    return {name: float(value) for name, value in found}


def promtool(*arguments, stdin=""):
    done = subprocess.run(["promtool", "check", *arguments], input=stdin, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def metric_of(counter):
    return "bipvault_" + counter.replace(".", "_").replace("counter_", "replay_") + "_total"


def scrape(lab, report):
    report.step("A scrape, after two stores.")
    card, other = lab.new_cards(2)
    for one in (card, other):
        with lab.channel(one) as channel:
            report.equal("a store", channel.store(an_image(50, 2)).name, "done", show="")
    wait_until(lambda: lab.health()["sessions"] == 0, 20, "channels that have ended")
    status, text = get(lab.ports["metrics"])
    report.equal("GET /metrics", status, 200)
    report.equal("promtool check metrics", promtool("metrics", stdin=text), (0, ""), show="good")
    seen = values(text)
    for name, value in lab.health()["counters"].items():
        metric = metric_of(name)
        report.equal(metric, seen.get(metric), float(value), show="")
    report.equal("bipvault_store_up", seen["bipvault_store_up"], 1.0)
    report.equal("what has not happened", seen["bipvault_bip_wrong_cc_total"], 0.0, show="0")
    report.equal("nor in the health", lab.health()["counters"].get("bip.wrong_cc"), None, show="")
    report.equal("sessions counted", seen["bipvault_bip_sessions_total"], 2.0)
    report.equal("sessions timed", seen["bipvault_bip_session_seconds_count"], 2.0)
    report.equal("commits timed", seen["bipvault_db_commit_seconds_count"] >= 4, True, show="")
    return seen


def no_scrapes(lab, report):
    report.step("What is no scrape.")
    port = lab.ports["metrics"]
    report.equal("POST", get(port, method="POST")[0], 405)
    report.equal("GET /", get(port, "/")[0], 404)
    report.equal("HEAD", get(port, method="HEAD"), (200, ""), show="200, no body")
    for what, octets in (("random octets", secrets.token_bytes(2000) + b"\r\n\r\n"),
                         ("a head of 64 KiB", b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 65536)):
        try:
            answer = ask(port, octets)
        except OSError as error:
            answer = error.__class__.__name__
        report.equal(what, "bipvault_" in answer, False, show="not answered")
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    report.equal("20 connections that say nothing", get(port)[0], 200,
                 show="a scrape gets through behind them")
    for one in silent:
        one.close()


def rules(report, seen):
    report.step("Alert rules and dashboard.")
    folder = os.path.join(SOURCE, "packaging", "prometheus")
    code, out = promtool("rules", os.path.join(folder, "bipvault.rules.yml"))
    report.equal("promtool check rules", code, 0, show=out.strip().splitlines()[-1].strip())
    with open(os.path.join(folder, "grafana-dashboard.json"), encoding="utf-8") as file:
        dashboard = json.load(file)
    asked = {t["expr"] for panel in dashboard["panels"] for t in panel["targets"]}
    with open(os.path.join(folder, "bipvault.rules.yml"), encoding="utf-8") as file:
        watched = re.findall(r"expr: (.*)", file.read())
    for name in ("store_up", "db_unavailable_total", "bip_try_later_total", "vault_try_later_total",
                 "alarms"):
        report.true(f"a rule looks at {name}", any("bipvault_" + name in one for one in watched))
    asked |= set(watched)
    names = {n for text in asked for n in re.findall(r"bipvault_\w+", text)}
    with open(os.path.join(SOURCE, "docs", "operations.md"), encoding="utf-8") as file:
        counters = re.findall(r"`([a-z]+\.[a-z_]+)`", file.read())
    known = {re.sub(r"\{.*", "", name) for name in seen}
    known |= {metric_of(counter) for counter in counters}
    # Told once an SMSC or an HSM is configured.
    known.add("bipvault_hsm_up")
    known |= {"bipvault_smsc_" + n for n in ("bound", "binds", "waiting", "in_flight", "trouble")}
    report.equal("asked for and never told", sorted(names - known), [], show="nothing")


def main(options):
    report = Report("Metrics")
    metrics = {"listen": "127.0.0.1:0"}
    with Lab(options.build, "sqlite", options.keep, metrics=metrics) as lab:
        lab.start()
        seen = scrape(lab, report)
        no_scrapes(lab, report)
        rules(report, seen)
        report.step("The port is taken: the plugin says so and does not start.")
        lab.stop()
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = "127.0.0.1:%d" % other.getsockname()[1]
            with_config(lab, {"metrics": {"listen": address}}, report, "port taken",
                        f"listen on {address}: Address")
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))
