#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# An app, built against an installed tree with what pkg-config says, uses libvirt. An app that links
# lxcmon-glib only does not load libvirt.
#
#   test-installed.sh BUILD_ROOT PREFIX LIBDIR SOURCE_DIR GLIB_SOURCE_DIR
#
# CC is the compiler, MESON and PKG_CONFIG are the programs, SANITIZE is what -fsanitize= is given, or empty,
# DEFAULT_LIBRARY is Meson's option.

set -eu

build=$1
prefix=$2
libdir=$3
sources=$4
glib_sources=$5
# shellcheck source=tests/common/cases.sh
. "$(dirname "$0")/../common/cases.sh"
tree=$folder/tree$prefix

# The tree is in another directory than its prefix, as that of a package before it is installed; what it
# requires is installed as usual.
move_pkg_config () {
  sed -i "s|^prefix=.*|prefix=$tree|" "$tree/$libdir"/pkgconfig/lxcmon*.pc
}

flags () {
  PKG_CONFIG_LIBDIR="$tree/$libdir/pkgconfig:$("$PKG_CONFIG" --variable pc_path pkg-config)" PKG_CONFIG_PATH="" \
    "$PKG_CONFIG" "$@"
}

# compile PACKAGE PROGRAM [SOURCE_DIR]
# shellcheck disable=SC2046,SC2086
compile () {
  $CC -std=gnu11 -Wall -Werror ${SANITIZE:+-fsanitize=$SANITIZE} -o "$folder/$2" "${3:-$sources}/$2.c" \
    $(flags --cflags --libs "$1") -Wl,-rpath,"$tree/$libdir" -Wl,-rpath-link,"$tree/$libdir"
}

run () {
  LD_LIBRARY_PATH="$tree/$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" timeout 60 "$@"
}

# has_all FILE...: what an installed tree must contain.
has_all () {
  for file; do
    test -e "$tree/$file" || { echo "no $file"; return 1; }
  done
}

soname () {
  readelf -d "$tree/$libdir/$1" | grep "SONAME.*\[$2\]"
}

# What the loader would bring into a program.
loads () {
  LD_LIBRARY_PATH="$tree/$libdir" ldd "$folder/$1" >"$folder/loads"
  cat "$folder/loads"
  ! grep 'not found' "$folder/loads" && grep "$2" "$folder/loads"
}

loads_no_libvirt () {
  loads "$1" liblxcmon-glib && ! grep -i virt "$folder/loads"
}

lists () {
  run "$folder/installed-host" test:///default | grep -x test
}

echo 1..9
try installs "$MESON" install -C "$build" --no-rebuild --quiet --destdir "$folder/tree"
move_pkg_config
try has-headers has_all include/lxcmon-libvirt-1.0/lxcmon-libvirt/lxcmon-libvirt.h \
  include/lxcmon-libvirt-1.0/lxcmon-libvirt/lxcmon-libvirt-host.h
try knows-its-version flags --modversion lxcmon-libvirt-1.0
try_shared has-its-soname soname liblxcmon-libvirt-1.0.so liblxcmon-libvirt-1.0.so.0
try compiles compile lxcmon-libvirt-1.0 installed-host
try runs lists
try loads-libvirt loads installed-host 'libvirt\.so'
try client-compiles compile lxcmon-glib-1.0 installed-client "$glib_sources"
try_shared client-loads-no-libvirt loads_no_libvirt installed-client
