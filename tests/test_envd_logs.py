"""What envd logs of the requests it gets, as a process of this machine."""
import contextlib
import http.client
import json
import os
import signal
import subprocess

from support.envd import ENVD
from support.outside import die_with_parent


def test_a_request_is_logged_with_its_id():
    envd = subprocess.Popen([str(ENVD), "--addr", "127.0.0.1", "--port", "0", "--no-cgroups"], stderr=subprocess.PIPE, cwd="/",
                            env={"PATH": os.environ["PATH"], "LOG_LEVEL": "debug", "LOG_FORMAT": "json"},
                            preexec_fn=lambda: die_with_parent(signal.SIGTERM))
    try:
        lines = map(json.loads, envd.stderr)
        port = next(line["port"] for line in lines if line["msg"] == "listening")
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            for request_id, answered in (("a b", None), (None, None), ("trace-envd.1", "trace-envd.1")):
                connection.request("GET", "/health", headers={"X-Request-Id": request_id} if request_id else {})
                response = connection.getresponse()
                response.read()
                assert (response.status, response.headers["X-Request-Id"]) == (200, answered)
        logged = next(line for line in lines if line["msg"] == "request")
        assert (logged["request"], logged["path"], logged["status"], logged["program"]) == ("trace-envd.1", "/health", 200, "envd")
    finally:
        envd.terminate()
        assert envd.wait(timeout=30) == 0
