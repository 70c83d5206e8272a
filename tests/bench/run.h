/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * One cell, in a process of its own.
 */

#include "rows.h"

void bench_run_cell (BenchRow *row, gboolean quick);
