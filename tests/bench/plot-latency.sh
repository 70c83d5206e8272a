#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Draws how long an event takes, from the write to the handler, among ever more idle connections. Takes
# the benchmark's JSON lines and prints an SVG:
#
#   lxcmon-bench --json --measure latency | plot-latency.sh >latency.svg
#
# Needs jq and gnuplot.
set -eu

data=$(mktemp -d)
trap 'rm -r "$data"' EXIT
cat >"$data/lines"

# Colour, width and name of a peer's curve.
look () {
  case $1 in
    limit) echo "'#888888' 1 the limit, by hand" ;;
    core) echo "'#1a5fb4' 3 lxcmon, plain C" ;;
    client) echo "'#c01c28' 3 lxcmon, GObject signals" ;;
    obvious) echo "'#e66100' 1 a GSource each" ;;
    libvirt) echo "'#613583' 1 libvirt's own client" ;;
    gio) echo "'#26a269' 1 GIO streams" ;;
    gdbus) echo "'#63452c' 1 GDBus peer to peer" ;;
  esac
}

for peer in gdbus gio obvious libvirt client core limit; do
  jq -r "select (.measure == \"latency\" and .peer == \"$peer\" and .value != null) | \"\(.n) \(.value)\"" \
    <"$data/lines" >"$data/$peer"
  [ -s "$data/$peer" ] || continue
  look "$peer" | {
    read -r colour width name
    printf "'%s' with linespoints pointtype 7 pointsize 0.6 linecolor rgb %s linewidth %s title \"%s\", " \
      "$data/$peer" "$colour" "$width" "$name"
  } >>"$data/curves"
done

gnuplot <<END
set terminal svg size 760, 460 dynamic enhanced background rgb 'white'
set logscale xy
set grid
set key top left
set xlabel 'idle connections'
set ylabel 'from the write to the handler, µs'
set xrange [0.8:14000]
plot $(cat "$data/curves")
END
