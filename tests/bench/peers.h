/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Who is measured, one file for each.
 */

#include "bench.h"

extern const BenchPeer bench_peer_limit;
extern const BenchPeer bench_peer_signal;
extern const BenchPeer bench_peer_core;
extern const BenchPeer bench_peer_client;
extern const BenchPeer bench_peer_decoder;
extern const BenchPeer bench_peer_xdrmem;
extern const BenchPeer bench_peer_obvious;
extern const BenchPeer bench_peer_libvirt;
extern const BenchPeer bench_peer_gio;
extern const BenchPeer bench_peer_gdbus;
