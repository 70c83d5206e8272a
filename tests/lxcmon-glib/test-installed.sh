#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Two programs of somebody else, built against an installed tree by what pkg-config says: a client, and
# a test of it with the test controller.
#
#   test-installed.sh BUILD_ROOT PREFIX LIBDIR SOURCE_DIR
#
# CC is the compiler, MESON and PKG_CONFIG are the programs, SANITIZE is what -fsanitize= is given, or empty,
# DEFAULT_LIBRARY is Meson's option.

set -eu

build=$1
prefix=$2
libdir=$3
sources=$4
# shellcheck source=tests/common/cases.sh
. "$(dirname "$0")/../common/cases.sh"
tree=$folder/tree$prefix

# The tree stands elsewhere than where it says, as a package's does before it is installed; what it
# requires stands where it always does.
move_pkg_config () {
  sed -i "s|^prefix=.*|prefix=$tree|" "$tree/$libdir"/pkgconfig/lxcmon*.pc
}

flags () {
  PKG_CONFIG_LIBDIR="$tree/$libdir/pkgconfig:$("$PKG_CONFIG" --variable pc_path pkg-config)" PKG_CONFIG_PATH="" \
    "$PKG_CONFIG" "$@"
}

# compile PACKAGE PROGRAM
# shellcheck disable=SC2046,SC2086
compile () {
  $CC -std=gnu11 -Wall -Werror ${SANITIZE:+-fsanitize=$SANITIZE} -o "$folder/$2" "$sources/$2.c" \
    $(flags --cflags --libs "$1") -Wl,-rpath,"$tree/$libdir" -Wl,-rpath-link,"$tree/$libdir"
}

run () {
  LD_LIBRARY_PATH="$tree/$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" timeout 60 "$@"
}

# has_all FILE...: what an installed tree has to have.
has_all () {
  for file; do
    test -e "$tree/$file" || { echo "no $file"; return 1; }
  done
}

soname () {
  readelf -d "$tree/$libdir/$1" | grep "SONAME.*\[$2\]"
}

echo 1..9
try installs "$MESON" install -C "$build" --no-rebuild --quiet --destdir "$folder/tree"
move_pkg_config
try has-headers has_all include/lxcmon-glib-1.0/lxcmon-glib/lxcmon-glib.h include/lxcmon-glib-1.0/lxcmon-glib/lxcmon-enums.h \
  include/lxcmon-mock-1.0/lxcmon-mock/lxcmon-mock.h
try glib-knows-its-version flags --modversion lxcmon-glib-1.0
try mock-knows-its-version flags --modversion lxcmon-mock-1.0
try_shared glib-has-its-soname soname liblxcmon-glib-1.0.so liblxcmon-glib-1.0.so.0
try_shared mock-has-its-soname soname liblxcmon-mock-1.0.so liblxcmon-mock-1.0.so.0
try client-compiles compile lxcmon-glib-1.0 installed-client
try test-compiles compile lxcmon-mock-1.0 installed-test
try runs run "$folder/installed-test" "$folder/web1.sock" "$folder/installed-client"
