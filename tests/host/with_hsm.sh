#!/bin/sh
# with_hsm.sh DIRECTORY COMMAND...: runs COMMAND with "hsm" behind it, in an environment that names
# a fresh token "vault" of softhsm2 (PIN 123456) in DIRECTORY.
set -e
directory=$1
shift
rm -rf "$directory"
mkdir -p "$directory/tokens"
export SOFTHSM2_CONF="$directory/softhsm2.conf"
printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' \
  "$directory" > "$SOFTHSM2_CONF"
softhsm2-util --init-token --free --label vault --so-pin 87654321 --pin 123456 > "$directory/out"
exec "$@" hsm
