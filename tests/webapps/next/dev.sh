#!/bin/sh
# Next.js' development server. For processors that are emulated: code that is compiled at run time has to be translated again
# there, so V8 compiles little of it, and does not take its protection away and put it back for each piece.
# Usage: dev.sh PORT
export NEXT_TELEMETRY_DISABLED=1
exec node --no-opt --no-write-protect-code-memory --single-threaded-gc node_modules/next/dist/bin/next dev --turbo --port "$1"
