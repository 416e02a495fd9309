"""Proves what docs/scale.md promises of a Galera cluster: three nodes on this machine, two hosts
that prefer different nodes. Wrong keys that come over both at once evaluate three, though the nodes
refuse commits of one for the other's; a record that is due gets one reminder, though both instances
claim; a node killed under load takes nothing with it
that was acknowledged, and the host that it served goes on at another one within seconds; the node
comes back by IST, and an empty one by SST, with the same content as the others."""
import shutil
import threading
import time

import lab as laboratory
import wire
from checks import CheckFailed, Report
from galera import Cluster
from kill_test import Load, join_keys, park
from lab import Lab
from peer import Card, Channel, PeerError, an_image
from process import Runner, wait_until, write_secret
from smsc_peer import SmscPeer

DAY_MS = 86_400_000
CARDS = 60           # of the park, for each host
PEOPLE = 100
ROUNDS = 3           # of reminders at most, until both instances have claimed
GUESSED, GUESSES = 5, 100
LOAD_SECONDS = 6
# "status 02": the other host had taken a higher counter already, so this key was not evaluated.
REFUSALS = {"wrong key", "locked", "try later", "status 02"}
LIMITS = {"bad_per_ip": "0", "bad_per_iccid": "0", "max_security_errors": "100"}


class Twin(Lab):
    """Another host for the same store, keys and cards, with files of its own."""

    def __init__(self, lab, **sections):
        super().__init__(lab.build, "sqlite", None, **sections)
        self.clock_file = lab.clock_file
        self.sections["keys"] = {f"{name}_file": lab.path("etc", name.split("_")[0] + ".keys")
                                 for name in ("master_key", "pepper", "audit_key")}
        self.sections["host"] = {"card_keys": lab.path("etc", "cards.csv")}
        self.write_config()


def sections(cluster, preferred, instance, smsc, folder):
    """Settings of a host that prefers one node and knows them all."""
    nodes = [cluster.nodes[(preferred + i) % 3] for i in range(3)]
    return {"store": {"engine": "mysql", "instance": instance,
                      "host": " ".join(f"127.0.0.1:{node.port}" for node in nodes),
                      "password_file": folder + "/db.password"},
            "bip": LIMITS, "vault": {"agent_daily_limit": "0"},
            "smsc.main": {"host": "127.0.0.1", "port": smsc.port, "system_id": "bipvault",
                          "password_file": folder + "/smsc.password", "source": "12345",
                          "reconnect_min": "100ms"},
            # One by one, so that both instances have begun before all are claimed.
            "reminder": {"enabled": "yes", "hours": "00:00-00:00", "batch": "1",
                         "repeat_times": "0"}}


# --- wrong keys ----------------------------------------------------------------------------------

class Guesser(threading.Thread):
    """Fifty wrong keys down one channel, none of which waits for the answer before."""

    def __init__(self, port, card, counters, begin):
        super().__init__(daemon=True)
        self.port, self.card, self.counters, self.begin = port, card, counters, begin
        self.answers, self.fault = [], None

    def run(self):
        try:
            with Channel(self.card, self.port, timeout=60) as channel:
                self.begin.wait(30)
                for counter in self.counters:
                    key = wrong_key(counter)
                    channel.send(self.card.wrap(
                        wire.message(wire.FETCH_BEGIN, iccid=self.card.iccid, key=key),
                        counter=counter))
                for _ in self.counters:
                    answer = channel.receive()
                    if answer is None:
                        return
                    self.answers.append(answer.name)
        except (OSError, PeerError, wire.WireError) as failure:
            self.fault = failure


def wrong_key(number):
    digits = f"{(number * 7919) % 10 ** 8:08d}"
    return digits + wire.damm_digit(digits)


def guess(hosts, card):
    """A hundred wrong keys over both hosts at once; what they were answered."""
    begin = threading.Barrier(2)
    first = card.counter + 1
    card.counter += GUESSES
    counters = [range(first + i, first + GUESSES, 2) for i in range(2)]
    guessers = [Guesser(host.port, card, mine, begin) for host, mine in zip(hosts, counters)]
    for one in guessers:
        one.start()
    for one in guessers:
        one.join(120)
        if one.fault:
            raise CheckFailed(f"guesses: {one.fault}")
    return [name for one in guessers for name in one.answers]


def wrong_keys(lab, hosts, report):
    report.step("A hundred wrong keys over both hosts, each card anew")
    seen = []
    for card in lab.guessed:
        with Channel(card, hosts[0].port) as channel:
            key = channel.store(an_image(200, 1)).key
        names = guess(hosts, card)
        report.true("only refusals", set(names) <= REFUSALS, set(names))
        # What was a replay on its own host was not evaluated: the rest of the three, one by one.
        while "locked" not in names:
            with Channel(card, hosts[len(names) % 2].port) as channel:
                names.append(channel.fetch(wrong_key(card.counter + 1))[0].name)
            report.true("at most two go on", names.count("wrong key") <= 2, names)
        for host in hosts:  # each asks its own node, which may be a moment behind the other
            wait_until(lambda: host.show(card.iccid)["state"] == "locked", 30, "LOCKED everywhere",
                       every=0.2)
        entries = lab.care("audit", card.iccid).out
        report.equal("evaluated", (entries.count("wrong_key"), entries.count("locked")), (2, 1),
                     show="")
        for host in hosts:
            with Channel(card, host.port) as channel:
                report.equal("the right key", channel.fetch(key)[0].name, "locked", show="")
        seen += names
    report.evidence("answers",
                    ", ".join(f"{name}: {seen.count(name)}" for name in sorted(set(seen))))
    report.evidence("evaluated", f"three of each of {len(lab.guessed)} cards")
    refused = total(hosts, "db.conflicts")
    report.true("commits refused and repeated", refused > 0, refused, refused)


# --- reminders -----------------------------------------------------------------------------------

def reminders(lab, hosts, smsc, report):
    report.step("One reminder per due record, with two instances at work")
    smsc.wait(lambda peer: peer.binds >= 2, "both instances to bind")
    for i, card in enumerate(lab.people):
        with Channel(card, hosts[i % 2].port) as channel:
            report.equal("a store", channel.store(an_image(300, i)).name, "done", show="")
    for times in range(1, ROUNDS + 1):
        shares = one_round(lab, hosts, smsc, report, times)
        if min(shares) > 0:
            break
    report.true("claimed by both", min(shares) > 0, shares, f"{shares[0]} and {shares[1]}")


def one_round(lab, hosts, smsc, report, times):
    """Everybody is due for the `times`th time; how many reminders each instance has claimed."""
    lab.move_clock(62 * DAY_MS)
    smsc.wait_submitted(times * len(lab.people), 90)
    # Each instance has begun or seen the next day's run: what it wanted to send has gone.
    lab.move_clock(DAY_MS)
    runs = wait_until(lambda: total(hosts, "vault.reminder_runs") >= 2 * times and
                      total(hosts, "vault.reminder_runs"), 60, "the next day's run")
    texts = list(smsc.submitted)
    report.equal("reminded", sorted(sms.dest for sms in texts), sorted(lab.numbers * times),
                 f"{len(texts)} texts, {runs} runs")
    shares = [host.counter("vault.reminders") for host in hosts]
    report.equal("claimed", sum(shares), times * len(lab.people), show="")
    return shares


def total(hosts, counter):
    return sum(host.counter(counter) for host in hosts)


# --- a node dies ---------------------------------------------------------------------------------

def seconds_until_served(lab, host, card, key):
    """From now to the end of the first store that is done."""
    began = time.monotonic()

    def stored():
        try:
            with Channel(card, host.port, timeout=20) as channel:
                answer = channel.store(an_image(300, 3), key)
                return answer is not None and answer.name == "done"
        except (OSError, PeerError, wire.WireError):
            return False

    wait_until(stored, 60, "a store after the node's death", every=0.05)
    return time.monotonic() - began


def killed_under_load(lab, hosts, cluster, files, report):
    report.step("A node is killed under load")
    probe = lab.probe
    with Channel(probe, hosts[0].port) as channel:
        key = channel.store(an_image(300, 2)).key
    conflicts = total(hosts, "db.conflicts")
    loads = [Load(host, "tcp", *names) for host, names in zip(hosts, files)]
    try:
        time.sleep(LOAD_SECONDS)  # load, not a wait for anything
        cluster.nodes[0].kill()
        away = seconds_until_served(lab, hosts[0], probe, key)
        time.sleep(LOAD_SECONDS)  # load on two nodes
        position = cluster.nodes[0].recover()
        time.sleep(LOAD_SECONDS / 2)  # load on three again
        seen = [load.end() for load in loads]
    finally:
        for load in loads:
            load.kill()
    report.evidence("served again after", f"{away:.1f} s")
    for host, summary in zip("ab", seen):
        wrong = {"lost", "broken", "refused"} & set(summary["failures"])
        report.equal(f"host {host}: wrong answers", sorted(wrong), [],
                     f"{summary['visits']} stores, {summary['failures']}")
    report.evidence("conflicts", total(hosts, "db.conflicts") - conflicts)
    log = cluster.nodes[0].log()
    report.true("came back by IST", "IST received" in log[log.rfind("start-position"):],
                show=f"from {position.split(':')[-1]}")
    for host, names in zip(hosts, files):
        for by in hosts:  # also over the other host, which has other cards
            fetched = park(by, "tcp", *names, "--visit", "fetch", "--visits", str(CARDS),
                           "--at-once", "4")
            report.equal("fetched back", (fetched["visits"], fetched["failures"]), (CARDS, {}),
                         show="" if by is host else f"{CARDS} whole images over each host")


def empty_node(cluster, report):
    report.step("A node comes back with nothing")
    node = cluster.nodes[2]
    node.kill()
    shutil.rmtree(node.data)
    began = time.monotonic()
    node.start()
    node.wait()
    report.evidence("by SST", f"{time.monotonic() - began:.1f} s")


def same_everywhere(cluster, report):
    ask = ("SET SESSION wsrep_sync_wait = 1; SELECT COUNT(*), SUM(version), SUM(history_count) "
           "FROM bipvault.records; SELECT COUNT(*), SUM(CRC32(sealed)) FROM bipvault.images; "
           "SELECT COUNT(*), SUM(CRC32(mac)) FROM bipvault.history;")
    answers = {node.sql(ask) for node in cluster.nodes}
    report.equal("content of the nodes", len(answers), 1, " ".join(answers.pop().split()))
    report.equal("nodes", {node.status("cluster_size") for node in cluster.nodes}, {"3"}, "3")


# --- set-up --------------------------------------------------------------------------------------

def make_cards(lab):
    """The park's for each host, and those that a test speaks for itself."""
    files = [(lab.path("etc", f"park{i}.csv"), lab.path("etc", f"park{i}-state")) for i in (1, 2)]
    for cards, _ in files:
        lab.run("bipvault-card", "park-cards", "--count", str(CARDS), cards)
        lab.ops("import", cards)
    iccids = [lab.new_iccid() for _ in range(GUESSED + PEOPLE + 1)]
    lab.make_keys(iccids)
    own = lab.path("etc", "own.csv")
    shutil.copy(lab.path("etc", "cards.csv"), own)
    join_keys(lab, [own, *(cards for cards, _ in files)])
    lab.numbers = [f"49172100{i:04d}" for i in range(PEOPLE)]
    rows = [{"iccid": iccid} for iccid in iccids]
    for row, number in zip(rows, lab.numbers):
        row.update(msisdn="+" + number, language="en")
    lab.import_cards(rows)
    cards = [Card(iccid, lab.card_keys[iccid]) for iccid in iccids]
    lab.people, lab.guessed = cards[:PEOPLE], cards[PEOPLE:-1]
    lab.probe = cards[-1]
    return files


def main(options):
    report = Report("Three Galera nodes, two hosts")
    smsc = SmscPeer(password="secret")
    cluster = Cluster(Runner(laboratory.Lab._folder(None)))
    folder, failed, twin = cluster.path(), True, None
    try:
        write_secret(folder + "/smsc.password", "secret\n")
        cluster.create(folder + "/db.password")
        report.evidence("nodes", ", ".join(str(node.port) for node in cluster.nodes))
        with Lab(options.build, "sqlite", options.keep,
                 **sections(cluster, 0, "a", smsc, folder)) as lab:
            files = make_cards(lab)
            lab.start()
            twin = Twin(lab, **sections(cluster, 1, "b", smsc, folder))
            twin.start()
            hosts = [lab, twin]
            wrong_keys(lab, hosts, report)
            reminders(lab, hosts, smsc, report)
            killed_under_load(lab, hosts, cluster, files, report)
            empty_node(cluster, report)
            same_everywhere(cluster, report)
            report.equal("history", lab.care("audit", "verify").out.strip(),
                         "the history is whole")
            report.equal("the hosts ended with", [host.stop() for host in hosts], [0, 0])
        failed = False
    finally:
        if twin:
            twin._end(failed)
        cluster.end(keep=failed)
        smsc.close()
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))
