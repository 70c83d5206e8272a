#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The headers that apps include compile alone, first and only, as C and as C++ of several years,
# without a warning and without the project's own flags; those that are parts of them say what to
# include instead.
#
#   test-headers.sh FLAGS INCLUDE_DIR... -- PART...
#
# FLAGS: what GLib's headers need. CC and CXX are the compilers; where there is no CXX, its cases are skipped.
# HEADERS: those that apps include, where they are not the GObject layer's and the test controller's.

# Flags, and compilers with arguments, are meant to be several words.
# shellcheck disable=SC2086

set -eu

glib_flags=$(echo "$1" | sed 's/-I/-isystem /g')
shift
includes=
while [ "$1" != -- ]; do
  includes="$includes -I$1"
  shift
done
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number=0

# compile COMPILER FLAG...: compiles $folder/test.c.
compile () {
  "$@" -Wall -Wextra -Werror -Wno-unused-parameter -fsyntax-only $includes $glib_flags "$folder/test.c" 2>"$folder/errors"
}

report () {
  number=$((number + 1))
  if [ "$1" = ok ]; then
    echo "ok $number $2"
  else
    echo "not ok $number $2"
    sed 's/^/# /' "$folder/errors"
  fi
}

headers=${HEADERS:-lxcmon-glib/lxcmon-glib.h lxcmon-mock/lxcmon-mock.h}
echo "1..$(($(echo "$headers" | wc -w) * 6 + $#))"
for header in $headers; do
  printf '#include <%s>\n#include <%s>\nint main (void) { return 0; }\n' "$header" "$header" >"$folder/test.c"
  for standard in c99 c11 gnu17; do
    if compile $CC -std=$standard; then report ok "$header/$standard"; else report failed "$header/$standard"; fi
  done
  for standard in c++11 c++17 gnu++20; do
    if [ -z "${CXX:-}" ]; then
      number=$((number + 1))
      echo "ok $number $header/$standard # SKIP there is no C++ compiler"
    elif compile $CXX -std=$standard -x c++; then
      report ok "$header/$standard"
    else
      report failed "$header/$standard"
    fi
  done
done

for part; do
  printf '#include <%s>\n' "$part" >"$folder/test.c"
  if ! compile $CC -std=gnu11 && grep -q 'can be included directly' "$folder/errors"; then
    report ok "$part/refuses"
  else
    report failed "$part/refuses"
  fi
done
