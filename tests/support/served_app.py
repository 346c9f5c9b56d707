"""An application in a sandbox, and a client of it beyond the proxy."""
import http.client
import pathlib

from support.machine import wait_for

APP = pathlib.Path(__file__).parent.parent / "apps" / "http_app.py"


def serve(sandbox, wrenn, port=3000):
    """Starts an application on the sandbox's loopback; what a client of the proxy gets from it."""
    assert sandbox.write("/tmp/app.py", APP.read_bytes()).status == 204
    sandbox.background("python3", "/tmp/app.py", str(port), "127.0.0.1")
    given = sandbox.api.post(f"{sandbox.path}/ports/{port}/url", {}).json()

    def get(path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", wrenn.proxy_port, timeout=30)
        try:
            connection.request("GET", path, headers={"Host": f"{port}-{sandbox.id}.localhost:{wrenn.proxy_port}",
                                                    given["traffic_header"]: given["traffic_token"]})
            return connection.getresponse().status
        finally:
            connection.close()

    wait_for(lambda: get() == 200, seconds=60)
    return get
