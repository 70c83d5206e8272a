#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Apps, built against an installed tree with what pkg-config says, use libvirt: with a connection of their own, and
# through the module. What links lxcmon-glib only loads no libvirt before it needs the module.
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

# The tree is in another directory than its prefix, as that of a package before it is installed; what it
# requires is installed as usual.
move_pkg_config () {
  sed -i "s|^prefix=.*|prefix=$tree|" "$tree/$libdir"/pkgconfig/lxcmon*.pc
}

flags () {
  PKG_CONFIG_LIBDIR="$tree/$libdir/pkgconfig:$("$PKG_CONFIG" --variable pc_path pkg-config)" PKG_CONFIG_PATH="" \
    "$PKG_CONFIG" "$@"
}

# compile PACKAGE PROGRAM SOURCE [OPTION...]
# shellcheck disable=SC2046,SC2086
compile () {
  package=$1 program=$2 source=$3
  shift 3
  $CC -std=gnu11 -Wall -Werror ${SANITIZE:+-fsanitize=$SANITIZE} "$@" -o "$folder/$program" "$source" \
    $(flags --cflags --libs "$package") -Wl,-rpath,"$tree/$libdir" -Wl,-rpath-link,"$tree/$libdir"
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
  LXCMON_MODULE_DIR="$tree/$libdir/lxcmon-1.0/modules" run "$folder/$1" test:///default | grep -x test
}

# lists_nothing TEXT: the module is not there, or not usable; the error says so.
lists_nothing () {
  LXCMON_MODULE_DIR="$folder" run "$folder/module" test:///default 2>"$folder/errors" || true
  cat "$folder/errors"
  grep "$1" "$folder/errors"
}

lists_nothing_without_module () {
  lists_nothing "not installed.*$folder/liblxcmon-backend-libvirt.so.*install"
}

lists_nothing_with_broken_module () {
  echo broken >"$folder/liblxcmon-backend-libvirt.so"
  lists_nothing "cannot be loaded.*$folder/liblxcmon-backend-libvirt.so"
}

echo 1..12
try installs "$MESON" install -C "$build" --no-rebuild --quiet --destdir "$folder/tree"
move_pkg_config
try has-headers has_all include/lxcmon-libvirt-1.0/lxcmon-libvirt/lxcmon-libvirt.h \
  include/lxcmon-libvirt-1.0/lxcmon-libvirt/lxcmon-libvirt-host.h
try knows-its-version flags --modversion lxcmon-libvirt-1.0
try_shared has-its-soname soname liblxcmon-libvirt-1.0.so liblxcmon-libvirt-1.0.so.0
try compiles compile lxcmon-libvirt-1.0 connection "$sources/installed-host.c" -DWITH_CONNECTION
try runs lists connection
try loads-libvirt loads connection 'libvirt\.so'
try module-compiles compile lxcmon-glib-1.0 module "$sources/installed-host.c"
try_shared module-runs lists module
try_shared module-loads-no-libvirt loads_no_libvirt module
try_shared module-missing lists_nothing_without_module
try_shared module-broken lists_nothing_with_broken_module
