"""What drives the dashboard of a Wrenn by a browser: tests/js/dashboard.mjs says what its environment is."""
import sys

from support.accounts import first_user
from support.server import ROOT

CHROMIUM = "/usr/lib/chromium/chromium"


def browser_environment(wrenn):
    """For node; the browser keeps its own in a directory that goes with the Wrenn."""
    scratch = wrenn.work / "browser"
    scratch.mkdir(exist_ok=True)
    email, password = first_user(wrenn).groups()
    return {"DASHBOARD_URL": wrenn.url, "CHROMIUM": CHROMIUM, "EMAIL": email, "PASSWORD": password, "API_KEY": wrenn.api.key,
            "MAIL_DIR": str(wrenn.directory / "control" / "mail"), "HOME": str(scratch), "TMPDIR": str(scratch)}


def quiet(wrenn):
    """To be put before the command: sandboxes come and go on this machine, and each time a browser would drop what it loads."""
    return [sys.executable, str(ROOT / "tests" / "support" / "quiet_network.py"), str(wrenn.port), str(wrenn.proxy_port), "--"]
