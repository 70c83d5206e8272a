#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Each public header of the core compiles alone, first and only: as pedantic C99, as C11 and C17, and
# as C++, without a warning and without the project's own flags.
#
#   test-headers.sh SOURCE_ROOT BUILD_ROOT HEADER...
#
# CC and CXX are the compilers; where there is no CXX, its cases are skipped.

set -eu

source=$1
build=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number=0

# compile NAME COMPILER FLAG...: compiles $folder/test.c.
compile () {
  name=$1
  shift
  number=$((number + 1))
  # $1 may be a compiler with arguments.
  compiler=$1
  shift
  # shellcheck disable=SC2086
  if $compiler "$@" -Wall -Wextra -Werror -pedantic-errors -fsyntax-only -I"$source" -I"$build" "$folder/test.c" \
      2>"$folder/errors"; then
    echo "ok $number $name"
  else
    echo "not ok $number $name"
    sed 's/^/# /' "$folder/errors"
  fi
}

echo "1..$(($# * 4 + 2))"
for header; do
  printf '#include <lxcmon/%s>\n#include <lxcmon/%s>\nint main (void) { return 0; }\n' "$header" "$header" >"$folder/test.c"
  compile "$header/c99" "$CC" -std=c99
  compile "$header/c11" "$CC" -std=c11
  compile "$header/c17" "$CC" -std=c17
  if [ -n "${CXX:-}" ]; then
    compile "$header/c++" "$CXX" -std=c++11 -x c++
  else
    number=$((number + 1))
    echo "ok $number $header/c++ # SKIP there is no C++ compiler"
  fi
done

# A table of callbacks, in the languages that have designated initialisers.
printf '#include <lxcmon/lxcmon.h>\n%s\n%s\nint main (void) { return callbacks.size == 0; }\n' \
  'static void on_init (LxcmonConnection *connection, int pid, void *user_data) { (void) connection; (void) pid; (void) user_data; }' \
  'static const LxcmonCallbacks callbacks = { LXCMON_CALLBACKS_INIT, .init = on_init };' >"$folder/test.c"
# -Wextra warns of each member that is not named.
compile callbacks/c99 "$CC" -std=c99 -Wno-missing-field-initializers
if [ -n "${CXX:-}" ]; then
  compile callbacks/c++20 "$CXX" -std=c++20 -x c++ -Wno-missing-field-initializers
else
  number=$((number + 1))
  echo "ok $number callbacks/c++20 # SKIP there is no C++ compiler"
fi
