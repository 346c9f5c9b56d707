#!/usr/bin/env bash
# Makes the pictures of the dashboard in docs/images, or those that are named: of a Wrenn of its own, filled over the API.
# Usage: screenshots.sh [--out DIRECTORY] [--width PIXELS] [NAME...]
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root screenshots
scripts/js.sh
exec "$PYTHON" scripts/screenshots.py "$@"
