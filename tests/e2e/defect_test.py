"""Proves that the cut test can fail: against a plugin built without the digest check it must end
with its own verdict that a record holds neither the old nor the new image."""
import argparse
import os
import subprocess
import sys
import tempfile

VERDICT = "the record is neither the old nor the new image"


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--plugin", required=True, help="the plugin without the digest check")
    options = parser.parse_args()
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cut_test.py")
    with tempfile.TemporaryDirectory(prefix="bve2e-", dir="/tmp") as folder:
        done = subprocess.run([sys.executable, "-B", script, "--build", options.build, "--plugin",
                               options.plugin, "--stride", "3", "--keep", folder],
                              capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr)
    if done.returncode != 1 or VERDICT not in done.stderr:
        sys.exit(f"expected the cut test to end with 1 and '{VERDICT}', "
                 f"seen {done.returncode} and: {done.stderr.strip()}")
    print("the missing digest check was found")


if __name__ == "__main__":
    main()
