#!/usr/bin/env bash
# Makes src/lib/api/schema.d.ts of the description of the API, unless that is what it was made of.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
made=../build/web/openapi
mkdir -p "$made/new"
exec 9>"$made/.lock"
flock 9
/usr/bin/python3 -B ../src/control/api/openapi/build.py "$(tr -d '\n' <../VERSION)" "$made/new"
if [ -f src/lib/api/schema.d.ts ] && cmp -s "$made/new/openapi.yaml" "$made/openapi.yaml"; then exit 0; fi
node_modules/.bin/openapi-typescript "$made/new/openapi.yaml" --output src/lib/api/schema.d.ts >"$made/log" 2>&1 || { cat "$made/log" >&2; exit 1; }
mv "$made/new/openapi.yaml" "$made/openapi.yaml"
