/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What a watch is about: the containers of a host, or one container that has a client of its own.
 */

#include "event.h"

typedef struct _Subject Subject;

/* Returns whether the watch of the event's container goes on. */
typedef gboolean (*SubjectFunc) (const Event *event, gpointer user_data);

Subject *subject_new_for_client (LxcmonClient *client, SubjectFunc func, gpointer user_data);
Subject *subject_new_for_host (LxcmonHost *host, GHashTable *names, const char *uri,
                               SubjectFunc func, gpointer user_data);
void subject_start (Subject *self);
void subject_stop (Subject *self);
void subject_free (Subject *self);
