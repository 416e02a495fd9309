"""Two builds of the packages from the same tree, in other folders, at another time, in another time
zone, language and file mode, give the same octets.
"""
import argparse
import glob
import hashlib
import os
import subprocess
import sys
import tempfile

SURROUNDINGS = [
    {"TZ": "UTC", "LC_ALL": "C.UTF-8", "umask": 0o022},
    {"TZ": "Asia/Shanghai", "LC_ALL": "C", "umask": 0o002},
]


def digests(folder):
    found = {}
    for path in glob.glob(folder + "/*.deb") + glob.glob(folder + "/*.spdx.json"):
        with open(path, "rb") as file:
            found[os.path.basename(path)] = hashlib.sha256(file.read()).hexdigest()
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    how = parser.parse_args()
    results = []
    for surrounding in SURROUNDINGS:
        with tempfile.TemporaryDirectory(prefix="bvrep-", dir="/tmp") as work:
            env = dict(os.environ, TZ=surrounding["TZ"], LC_ALL=surrounding["LC_ALL"])
            done = subprocess.run([how.source + "/packaging/build-packages", work], env=env,
                                  umask=surrounding["umask"], check=False)
            if done.returncode != 0:
                sys.exit("FAILED: the packages were not built")
            results.append(digests(work))
    first, second = results
    for name in sorted(first | second):
        same = first.get(name) == second.get(name)
        print(("same   " if same else "OTHER  ") + name, flush=True)
    sys.exit(0 if first and first == second else 1)


if __name__ == "__main__":
    main()
