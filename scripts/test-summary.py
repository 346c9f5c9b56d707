#!/usr/bin/env python3
"""Prints how many tests passed, failed and were skipped, and why the skipped ones were.

Usage: test-summary.py RESULTS    with RESULTS/unit/*.xml and RESULTS/e2e.xml in JUnit's form
Exit status 1 when a test failed or a kind of tests did not run at all.
"""
import collections
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def count(files):
    counts = collections.Counter()
    reasons = collections.Counter()
    for file in files:
        for case in ElementTree.parse(file).iter("testcase"):
            skipped = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                counts["failed"] += 1
            elif skipped is not None:
                counts["skipped"] += 1
                reasons[(skipped.get("message") or "no reason given").splitlines()[0]] += 1
            else:
                counts["passed"] += 1
    return counts, reasons


def line(name, counts, reasons):
    text = f"{name}: {counts['passed']} passed"
    if counts["failed"]:
        text += f", {counts['failed']} failed"
    if counts["skipped"]:
        why = "; ".join(f"{n}x {reason}" for reason, n in reasons.items())
        text += f", {counts['skipped']} skipped ({why})"
    return text


def main():
    results = pathlib.Path(sys.argv[1])
    good = True
    for name, files in (("unit", sorted(results.glob("unit/*.xml"))), ("e2e", sorted(results.glob("e2e.xml")))):
        counts, reasons = count(files)
        print(line(name, counts, reasons))
        good = good and counts["passed"] > 0 and counts["failed"] == 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
