#!/usr/bin/env bash
# What the JavaScript tests need: the packages of tests/js/package-lock.json, and clients made from proto/ in build/js/gen.
# Installs nothing while the lock is the one that was installed.
. "$(dirname -- "${BASH_SOURCE[0]}")/node.sh"

modules=$ROOT/tests/js/node_modules
stamp=$modules/.wrenn-lock
# Two test runs may begin at once.
mkdir -p build/js
exec 9>build/js/.lock
flock 9
if ! cmp -s tests/js/package-lock.json "$stamp"; then
  npm ci --prefix tests/js >&2 || die "the JavaScript packages could not be installed" "see npm's message above"
  cp tests/js/package-lock.json "$stamp"
fi

rm -rf build/js/gen.new
mkdir build/js/gen.new
protoc --plugin=protoc-gen-es="$modules/.bin/protoc-gen-es" --es_out=build/js/gen.new --es_opt=target=js,import_extension=js \
  --proto_path=proto --proto_path=src/connect/testing src/connect/testing/echo.proto proto/process.proto proto/filesystem.proto proto/ports.proto
rm -rf build/js/gen
mv build/js/gen.new build/js/gen
# The generated code finds its libraries, and is read as modules.
ln -sfn "$modules" build/js/node_modules
printf '{"type": "module"}\n' >build/js/package.json
