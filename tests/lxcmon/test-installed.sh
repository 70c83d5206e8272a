#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A program of somebody else: built against an installed tree by what pkg-config says, with GLib
# nowhere in sight, it touches every function and attaches to a socket of its own.
#
#   test-installed.sh BUILD_ROOT PREFIX LIBDIR SYMBOLS PROGRAM_SOURCE
#
# CC is the compiler, MESON and PKG_CONFIG are the programs, SANITIZE is what -fsanitize= is given, or empty,
# DEFAULT_LIBRARY is Meson's option.

set -eu

build=$1
prefix=$2
libdir=$3
symbols=$4
program=$5
# shellcheck source=tests/common/cases.sh
. "$(dirname "$0")/../common/cases.sh"

flags () {
  PKG_CONFIG_LIBDIR="$folder/tree$prefix/$libdir/pkgconfig:$("$PKG_CONFIG" --variable pc_path pkg-config)" \
    PKG_CONFIG_PATH="" "$PKG_CONFIG" --define-variable=prefix="$folder/tree$prefix" "$@" lxcmon
}

# One function that calls nothing and needs everything.
table () {
  echo '#include <lxcmon/lxcmon.h>'
  echo 'typedef void (*Function) (void);'
  echo 'Function functions[] = {'
  sed 's/.*/  (Function) &,/' "$symbols"
  echo '};'
}

# A word of several flags is meant to be several.
# shellcheck disable=SC2046,SC2086
compile () {
  $CC -std=c99 -D_GNU_SOURCE ${SANITIZE:+-fsanitize=$SANITIZE} -o "$folder/program" "$program" "$folder/table.c" \
    $(flags --cflags --libs) -Wl,-rpath,"$folder/tree$prefix/$libdir"
}

no_glib () {
  ! { flags --print-requires; flags --print-requires-private; flags --cflags --libs; ldd "$folder/program"; } |
    tee "$folder/needs" | grep -i -e glib -e gobject
}

# libc and libtirpc, and what a sanitizer brings.
few_libraries () {
  needed=$(readelf -d "$folder/tree$prefix/$libdir/liblxcmon.so.0" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  echo "$needed"
  ! echo "$needed" | grep -v -e '^libc\.so' -e '^libtirpc\.so' -e '^ld-linux' -e '^libpthread\.so' -e '^libasan\.so' \
    -e '^libubsan\.so' -e '^libtsan\.so' -e '^libgcc_s\.so' &&
    echo "$needed" | grep '^libtirpc\.so'
}

soname () {
  readelf -d "$folder/tree$prefix/$libdir/liblxcmon.so" | grep 'SONAME.*\[liblxcmon\.so\.0\]'
}

echo 1..7
try installs "$MESON" install -C "$build" --no-rebuild --quiet --destdir "$folder/tree"
try knows-its-version flags --modversion
table >"$folder/table.c"
try compiles compile
try_shared has-its-soname soname
try_shared needs-few-libraries few_libraries
try needs-no-glib no_glib
try runs "$folder/program"
