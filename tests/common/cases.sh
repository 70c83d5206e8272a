# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For test scripts, which read it with ".": a folder of their own, and cases that are reported as TAP.

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number=0

# try NAME COMMAND...: one case.
try () {
  number=$((number + 1))
  name=$1
  shift
  if "$@" >"$folder/output" 2>&1; then
    echo "ok $number $name"
  else
    echo "not ok $number $name"
    sed 's/^/# /' "$folder/output"
  fi
}

# try_shared NAME COMMAND...: one case of a shared library.
try_shared () {
  if [ "$DEFAULT_LIBRARY" = static ]; then
    number=$((number + 1))
    echo "ok $number $1 # SKIP no shared libraries are built"
  else
    try "$@"
  fi
}
