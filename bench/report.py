"""What every benchmark here shares: percentiles, the JSON lines on standard output, the table on standard error."""
import json
import math
import os
import platform
import sys


def percentile(values, percent):
    """Nearest rank: a value that was really measured."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values):
    return percentile(values, 50)


class Report:
    def __init__(self, bench):
        self.bench = bench
        self.rows = []

    def machine(self, **facts):
        facts = {"host kernel": platform.release(), "cores": os.cpu_count(),
                 "load": " ".join(f"{value:.2f}" for value in os.getloadavg()), **facts}
        for name, value in facts.items():
            print(f"{name:<18} {value}", file=sys.stderr)

    def add(self, case, metric, ours, better="lower", peer=None, peers=None):
        ratio = None
        if peers is not None and ours:
            ratio = peers / ours if better == "lower" else ours / peers
        line = {"bench": self.bench, "case": case, "metric": metric, "ours": round(ours, 3), "peer": peer,
                "peers": None if peers is None else round(peers, 3), "ratio": None if ratio is None else round(ratio, 2),
                "better": better}
        self.rows.append(line)
        print(json.dumps(line, separators=(",", ":")), flush=True)

    def table(self):
        print(f"\n{'case':<12} {'metric':<26} {'ours':>10} {'peer':>10} {'times better':>13}  than", file=sys.stderr)
        for row in self.rows:
            peers = "" if row["peers"] is None else f"{row['peers']:.1f}"
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.1f}"
            print(f"{row['case']:<12} {row['metric']:<26} {row['ours']:>10.1f} {peers:>10} {ratio:>13}  {row['peer'] or ''}",
                  file=sys.stderr)
