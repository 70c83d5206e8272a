#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the sandbox of the other tests promises: nothing of a test is left, whatever way it ends.
#
#   test-sandbox.sh SANDBOX

# The programs inside expand what is in single quotes.
# shellcheck disable=SC2016

set -eu

sandbox=$1
# shellcheck source=tests/common/cases.sh
. "$(dirname "$0")/../common/cases.sh"

# gone PID: it has ended, or does so within 10 seconds.
gone () {
  tries=0
  while kill -0 "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -le 100 ] || return 1
    sleep 0.1
  done
}

exits_alike () {
  "$sandbox" true
  if "$sandbox" sh -c 'exit 7'; then return 1; elif [ $? -ne 7 ]; then return 1; fi
  # A program that has been killed by signal 6 has exit code 134 in a shell.
  if "$sandbox" sh -c 'kill -6 $$'; then return 1; elif [ $? -ne 134 ]; then return 1; fi
  if "$sandbox" /nonexistent; then return 1; elif [ $? -ne 127 ]; then return 1; fi
}

# One child, and one that has nobody's parent but the sandbox's.
leaves_no_process () {
  "$sandbox" sh -c '
    sleep 1000 & echo $! >"$1/child"
    (setsid sleep 1000 & echo $! >"$1/orphan")
    kill -9 $$' sh "$folder" || true
  gone "$(cat "$folder/child")" && gone "$(cat "$folder/orphan")"
}

leaves_no_file () {
  dir=$("$sandbox" sh -c 'mkdir "$TMPDIR/a"; echo text >"$TMPDIR/a/b"; echo "$TMPDIR"')
  [ "${dir#"${TMPDIR:-/tmp}"/}" != "$dir" ] && [ ! -e "$dir" ]
}

ends_when_asked () {
  mkfifo "$folder/started"
  "$sandbox" sh -c 'trap "" TERM; echo $$ >"$1/started"; while :; do sleep 1000; done' sh "$folder" &
  pid=$!
  read -r inner <"$folder/started"
  kill -TERM $pid
  wait $pid && return 1
  gone "$inner"
}

# Inside nothing of libvirt's is there; outside nothing has come.
hides_libvirt () {
  before=$(ls -a /run/libvirt 2>/dev/null) || before=
  "$sandbox" --required sh -c '
    [ "$LXCMON_TEST_SANDBOX" = "$(readlink /proc/self/ns/mnt)" ] && [ "$(ls /run/libvirt)" = "" ] &&
      mkdir /run/libvirt/lxcmon-test && echo "was inside"' >"$folder/said"
  cat "$folder/said"
  [ ! -e /run/libvirt/lxcmon-test ] && grep -qx -e 'was inside' -e '1..0 # SKIP .*' "$folder/said" &&
    { [ -z "$before" ] || [ "$(ls -a /run/libvirt)" = "$before" ]; }
}

echo 1..5
try exits-alike exits_alike
try leaves-no-process leaves_no_process
try leaves-no-file leaves_no_file
try ends-when-asked ends_when_asked
try hides-libvirt hides_libvirt
