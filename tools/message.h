/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Messages on standard error.
 */

#include "event.h"
#include "options.h"

ExitCode usage_error (const char *format, ...) G_GNUC_PRINTF (1, 2);
void message (const Options *options, const char *format, ...) G_GNUC_PRINTF (2, 3);
void message_attached (const Options *options, const Event *event);
void message_force (const Options *options);
void message_error (const Options *options, const Event *event);
void message_closed (const Options *options, const Event *event);

GLogWriterOutput message_write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                    gpointer user_data);
void message_set_warnings (gboolean are_printed);
