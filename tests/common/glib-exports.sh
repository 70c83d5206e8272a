#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a library of the GObject layer exports is the list in the tree, and that list is what its
# headers declare, those that are not installed included. The comparison is the core's. Its headers name
# each function plainly, while here some are declared by GLib's macros, so that they are preprocessed first.
#
#   glib-exports.sh TEST_EXPORTS LIBRARY SYMBOLS FOLDER HEADER... -FLAG...
#
# FOLDER: whose headers count, as in their path; HEADER: those that include all of them. CC is the compiler.

set -eu

compare=$1
library=$2
symbols=$3
folder=$4
shift 4
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

while [ "${1#-}" = "$1" ]; do
  printf '#include <%s>\n' "$1"
  shift
done >"$temporary/all.c"

# Lines between "# LINE "FILE"" and the next one come from that file.
# shellcheck disable=SC2086
$CC -E "$@" "$temporary/all.c" |
  awk -v folder="/$folder/" '/^# [0-9]+ "/ { gsub ("[^/]+/[.][.]/", "", $3); ours = index ("/" $3, folder) > 0; next } ours' |
  sed 's/__attribute__ *((visibility *("default")))/LXCMON_EXPORT/g' >"$temporary/declarations.h"

"$compare" "$library" "$symbols" "$temporary/declarations.h"
