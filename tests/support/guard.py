"""Cleans up after a test run that was killed: waits for the end of its standard input, then stops the Wrenn in the
directory and removes it. A run that ends in order says "done" first.

Usage: guard.py WRENN DIR [WORK]    the program, its directory, and a directory to remove as well
"""
import os
import shutil
import signal
import subprocess
import sys


def main():
    program, directory, *work = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    said = sys.stdin.read()
    if "done" in said:
        return
    if os.path.ismount(directory):
        subprocess.run(["fsfreeze", "-u", directory], stderr=subprocess.DEVNULL, check=False)
    subprocess.run([program, "down", "--dir", directory], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=120, check=False)
    for path in [directory, *work]:
        if os.path.ismount(path):
            subprocess.run(["umount", "-l", path], check=False)
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
