"""Prometheus' text form, read by a parser that is not ours, and held against the rules for names."""
import http.client
import re
import socket

from prometheus_client.parser import text_string_to_metric_families

UNITS = ("seconds", "bytes")


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def fetch(connection, token=None, path="/metrics"):
    """Status, content type and text."""
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    response = connection.getresponse()
    got = response.status, response.headers.get("Content-Type"), response.read().decode()
    connection.close()
    return got


class Metrics:
    """One scrape."""

    def __init__(self, text):
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self.samples = {(sample.name, frozenset(sample.labels.items())): sample.value
                        for family in self.families for sample in family.samples}

    @classmethod
    def of(cls, port):
        status, content_type, text = fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=30))
        assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8"), text
        return cls(text)

    def value(self, name, **labels):
        """None for one that is not there."""
        return self.samples.get((name, frozenset(labels.items())))

    def check(self):
        """What `promtool check metrics` would complain about, and what would make a scrape fail."""
        assert self.text.endswith("\n")
        names = [line.split()[2] for line in self.text.splitlines() if line.startswith("# TYPE")]
        assert len(names) == len(set(names)), names
        assert len(self.samples) == sum(len(family.samples) for family in self.families), "a sample is there twice"
        for family in self.families:
            self.check_family(family)

    @staticmethod
    def check_family(family):
        assert family.type in ("counter", "gauge", "histogram"), family
        assert re.fullmatch(r"(wrenn|process)(_[a-z]+)+", family.name), family.name
        assert family.documentation.endswith("."), family
        assert not family.name.endswith(("_count", "_sum", "_bucket", "_ms", "_milliseconds", "_mb", "_total")), family.name
        if "duration" in family.name or family.type == "histogram":
            assert family.name.endswith("_seconds"), family.name
        for word in ("memory", "disk", "cpu"):
            if f"_{word}_" in family.name:
                assert family.name.endswith(UNITS), family.name
        for sample in family.samples:
            if family.type == "counter":
                assert sample.name == family.name + "_total" and sample.value >= 0, sample
            assert all(re.fullmatch(r"[a-z][a-z_]*", name) for name in sample.labels), sample
        if family.type == "histogram":
            Metrics.check_histogram(family)

    @staticmethod
    def check_histogram(family):
        series = {}
        for sample in family.samples:
            labels = frozenset((name, value) for name, value in sample.labels.items() if name != "le")
            series.setdefault(labels, []).append(sample)
        for samples in series.values():
            buckets = [(float(sample.labels["le"]), sample.value) for sample in samples if sample.name.endswith("_bucket")]
            assert buckets == sorted(buckets) and buckets[-1][0] == float("inf"), family.name
            assert [count for _, count in buckets] == sorted(count for _, count in buckets), family.name
            others = {sample.name.rpartition("_")[2]: sample.value for sample in samples if not sample.name.endswith("_bucket")}
            assert set(others) == {"sum", "count"} and others["count"] == buckets[-1][1], family.name
