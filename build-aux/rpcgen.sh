#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# rpcgen writes the path of its input into the #include line of what it makes. Run beside the input,
# that line is right wherever the build directory is. Output goes to standard output.
#
# usage: rpcgen.sh RPCGEN MODE INPUT.x
set -eu
rpcgen=$1 mode=$2 input=$3
cd "$(dirname "$input")"
exec "$rpcgen" "$mode" "$(basename "$input")"
