/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The figures, for people and for programs.
 */

#include "rows.h"

void bench_report_list (void);
void bench_report_table (GPtrArray *rows);
void bench_report_json (GPtrArray *rows);
guint bench_report_regressions (GPtrArray *rows);
