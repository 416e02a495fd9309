"""Proves that the demo's story comes out as it must for a user without any privilege: started by
root, it is told by `nobody`, on a folder of that user's."""
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

import lab as laboratory
from checks import CheckFailed, Report

HERE = os.path.dirname(os.path.abspath(__file__))
USER = "nobody"


def main(options):
    report = Report("The story, told by a user without privilege")
    account, build, tests = pwd.getpwnam(USER), os.path.abspath(options.build), HERE
    who = {}
    if os.geteuid() == 0:
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with tempfile.TemporaryDirectory(prefix="bve2e-") as folder:
        if who:  # who need not be able to look into the tree
            tests, own = os.path.join(folder, "tests"), os.path.join(folder, "build")
            shutil.copytree(HERE, tests)
            for name in ("bin", "lib"):
                shutil.copytree(os.path.join(build, name), os.path.join(own, name))
            build = own
            subprocess.run(["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", folder],
                           check=True)
        kept = os.path.join(folder, "kept")
        told = subprocess.run(
            [sys.executable, "-B", os.path.join(tests, "story.py"), "--build", build,
             "--keep", kept], cwd=folder, env={"PATH": os.environ["PATH"], "HOME": folder},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **who)
        if told.returncode != 0:
            raise CheckFailed(f"exit code {told.returncode}: {told.stdout[-2000:]}")
        report.contains("it came out", told.stdout, "All came out as it must")
        owners = {os.lstat(os.path.join(path, name)).st_uid
                  for path, names, files in os.walk(kept) for name in names + files}
        report.equal("owner of all that it wrote", owners,
                     {account.pw_uid if who else os.geteuid()}, USER if who else "who called")
    report.end()


if __name__ == "__main__":
    laboratory.run(main, laboratory.options(__doc__))
