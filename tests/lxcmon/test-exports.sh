#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What liblxcmon.so exports is the list in the tree, and that list is what its headers declare.
#
#   test-exports.sh LIBRARY SYMBOLS HEADER...

set -eu
LC_ALL=C
export LC_ALL

library=$1
symbols=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# check NUMBER NAME: compares "$folder/found" with the list.
check () {
  if diff "$symbols" "$folder/found" >"$folder/diff"; then
    echo "ok $1 $2"
  else
    echo "not ok $1 $2"
    sed 's/^/# /' "$folder/diff"
  fi
}

echo 1..4

# The sanitizers' own symbols are not ours.
nm -D --defined-only "$library" | awk '{ print $NF }' | grep -v -e '^__asan' -e '^__odr_asan' -e '^__ubsan' |
  sort >"$folder/found"
check 1 exported-symbols

grep -hv '^ *#' "$@" | tr '\n' ' ' | grep -o 'LXCMON_EXPORT [^;(]*(' | sed 's/ *($//; s/.*[ *]//' | sort >"$folder/found"
check 2 declared-functions

if [ "$(sort -u "$symbols")" = "$(cat "$symbols")" ]; then
  echo 'ok 3 list-is-sorted'
else
  echo 'not ok 3 list-is-sorted'
fi

if grep -v '^_\{0,1\}lxcmon_' "$symbols"; then
  echo 'not ok 4 all-begin-with-lxcmon'
else
  echo 'ok 4 all-begin-with-lxcmon'
fi
