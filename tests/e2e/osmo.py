"""A real SMSC: osmo-msc with its HLR and STP, of Debian's packages, on a loopback address of its
own, so that several laboratories run side by side with the ports that these programs insist on.

The kernel may lack SCTP: osmo-msc's interface to 4G (SGs), behind which our phone is, then runs
over TCP by sctp_over_tcp.c. SS7 is configured and not used.
"""
import os
import secrets
import shutil
import socket

from process import Process, ProcessError, wait_until, write_atomically

SMPP_PORT, SGS_PORT, HLR_VTY_PORT = 2775, 29118, 4258
PROGRAMS = ("osmo-stp", "osmo-hlr", "osmo-msc")

LOGGING = """
log stderr
 logging filter all 1
 logging color 0
 logging print category 1
 logging timestamp 1
 logging level set-all notice
line vty
 bind {ip}
"""
STP = LOGGING + """
cs7 instance 0
 xua rkm routing-key-allocation dynamic-permitted
 listen ipa 5000
  local-ip {ip}
  accept-asp-connections dynamic-permitted
"""
HLR = LOGGING + """
ctrl
 bind {ip}
hlr
 gsup
  bind ip {ip}
"""
MSC = LOGGING + """
ctrl
 bind {ip}
cs7 instance 0
 point-code 0.23.1
 asp asp-msc 5000 0 ipa
  local-ip {ip}
  remote-ip {ip}
 as as-msc ipa
  asp asp-msc
  routing-key 0 0.23.1
  point-code override dpc 0.23.1
network
 network country code 1
 mobile network code 1
 encryption a5 0
msc
 mgw remote-ip {ip}
hlr
 remote-ip {ip}
 remote-port 4222
sgs
 local-ip {ip}
 local-port {sgs}
smsc
 database {database}
smpp
 local-tcp-ip {ip} {smpp}
 system-id osmomsc
 policy closed
 esme {esme}
  password {password}
  default-route
  alert-notifications
  dcs-transparent
"""


def installed():
    return all(shutil.which(program) for program in PROGRAMS)


class Osmo:
    """STP, HLR and MSC in a folder. ip, system_id and password are what an ESME needs."""

    system_id, password = "bv", "secret"

    def __init__(self, folder, library):
        self._folder, self._library = folder, os.path.abspath(library)
        self.ip = f"127.{100 + secrets.randbelow(100)}.{secrets.randbelow(256)}." \
                  f"{1 + secrets.randbelow(254)}"
        self._processes = []

    def path(self, name):
        return os.path.join(self._folder, name)

    def start(self):
        os.makedirs(self._folder, exist_ok=True)
        try:
            for name, text in (("stp", STP), ("hlr", HLR), ("msc", MSC)):
                write_atomically(self.path(name + ".cfg"), text.format(
                    ip=self.ip, sgs=SGS_PORT, smpp=SMPP_PORT, esme=self.system_id,
                    password=self.password, database=self.path("sms.db")))
            self._run("stp", [5000])
            self._run("hlr", [HLR_VTY_PORT, 4222], "-l", self.path("hlr.db"))
            self._run("msc", [SMPP_PORT, SGS_PORT])
        except BaseException:
            self.stop()
            raise

    def _run(self, name, ports, *more):
        environment = dict(os.environ, LD_PRELOAD=self._library)
        process = Process([shutil.which("osmo-" + name), "-c", self.path(name + ".cfg"), *more],
                          self.path(name + ".log"), cwd=self._folder, env=environment)
        self._processes.append(process)

        def listening():
            if not process.running():
                raise ProcessError(f"osmo-{name} ended: {process.log()[-500:]}")
            return all(connects(self.ip, port) for port in ports)
        wait_until(listening, 30, f"osmo-{name}, {process.log_path}", every=0.05)

    def add_subscriber(self, imsi, msisdn):
        with Vty(self.ip, HLR_VTY_PORT) as vty:
            vty.run("enable")
            vty.run(f"subscriber imsi {imsi} create")
            vty.run(f"subscriber imsi {imsi} update msisdn {msisdn}")
            if msisdn not in vty.run(f"subscriber imsi {imsi} show"):
                raise ProcessError(f"the HLR does not know {imsi}")

    def log(self):
        return self._processes[-1].log()

    def stop(self):
        for process in reversed(self._processes):
            process.stop(seconds=5)
        self._processes = []


def connects(ip, port):
    try:
        with socket.create_connection((ip, port), timeout=1):
            return True
    except OSError:
        return False


class Vty:
    """The command line of an Osmocom program."""

    def __init__(self, ip, port):
        self._socket = socket.create_connection((ip, port), timeout=10)
        self._until_prompt()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def run(self, command):
        self._socket.sendall(command.encode() + b"\n")
        return self._until_prompt()

    def _until_prompt(self):
        text = b""
        while not text.rstrip(b" ").endswith((b">", b"#")):
            octets = self._socket.recv(4096)
            if not octets:
                raise ProcessError("the command line was closed")
            text += octets
        return text.decode("latin-1")
