/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the checks of JSON lines: exactly the documented keys, each of its type.
 */

#include "event.h"

JsonObject *
json_parse (const char *line)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) root = json_from_string (line, &error);

  g_assert_no_error (error);
  g_assert_true (JSON_NODE_HOLDS_OBJECT (root));
  return json_node_dup_object (root);
}

static void
expect_keys (JsonObject *object, const char *const *keys, guint n_more)
{
  for (guint i = 0; keys[i] != NULL; i++)
    if (!json_object_has_member (object, keys[i]))
      g_error ("there is no key \"%s\"", keys[i]);
  g_assert_cmpuint (json_object_get_size (object), ==, g_strv_length ((char **) keys) + n_more);
}

void
json_expect_keys (JsonObject *object, const char *const *keys)
{
  expect_keys (object, keys, 0);
}

static JsonNode *
expect_type (JsonObject *object, const char *key, GType type)
{
  JsonNode *node = json_object_get_member (object, key);

  g_assert_nonnull (node);
  if (json_node_get_value_type (node) != type)
    g_error ("\"%s\" has the type %s", key, g_type_name (json_node_get_value_type (node)));
  return node;
}

gint64
json_expect_int (JsonObject *object, const char *key)
{
  return json_node_get_int (expect_type (object, key, G_TYPE_INT64));
}

const char *
json_expect_string (JsonObject *object, const char *key)
{
  return json_node_get_string (expect_type (object, key, G_TYPE_STRING));
}

/* Returns whether the next event is the given one. Then it has been read. */
gboolean
events_skip (Events *self, const char *event)
{
  g_autofree char *part = g_strdup_printf ("\"event\":\"%s\"", event);
  g_autofree char *line = command_peek_line (self->command);
  gboolean is_event = strstr (line, part) != NULL;

  if (!is_event)
    return FALSE;
  g_free (command_read_line (self->command));
  self->seq++;
  return TRUE;
}

/* Reads the next event, and checks the keys that all events have, and that there are only @keys. */
static JsonObject *
expect_any_event (Events *self, const char *event, const char *const *keys)
{
  g_autofree char *line = command_read_line (self->command);
  JsonObject *object = json_parse (line);

  if (!g_str_equal (json_expect_string (object, "event"), event))
    g_error ("%s is not \"%s\"", line, event);
  g_assert_cmpint (json_expect_int (object, "seq"), ==, ++self->seq);
  g_assert_cmpstr (json_expect_string (object, "source"), ==,
                   self->through_libvirt ? "libvirt" : "direct");
  assert_matches (json_expect_string (object, "time"), TIME_PATTERN);
  if (self->host != NULL)
    g_assert_cmpstr (json_expect_string (object, "host"), ==, self->host);
  expect_keys (object, keys, self->host != NULL);
  return object;
}

static JsonObject *
expect_event (Events *self, const char *event, const char *const *keys)
{
  JsonObject *object = expect_any_event (self, event, keys);

  g_assert_cmpstr (json_expect_string (object, "container"), ==, self->container);
  return object;
}

#define OF_ALL "time", "seq", "source", "event"
#define COMMON OF_ALL, "container"

static void
expect_pid (JsonObject *object, const char *key, int pid)
{
  if (pid == 0)
    g_assert_true (json_object_get_null_member (object, key));
  else
    g_assert_cmpint (json_expect_int (object, key), ==, pid);
}

/* @controller_pid, @init_pid: 0 if it must be null */
void
events_expect_attached (Events *self, int controller_pid, int init_pid)
{
  const char *const keys[] = { COMMON, "controller_pid", "init_pid", NULL };
  g_autoptr (JsonObject) object = expect_event (self, "attached", keys);

  expect_pid (object, "controller_pid", controller_pid);
  expect_pid (object, "init_pid", init_pid);
}

void
events_expect_init (Events *self, int pid)
{
  const char *const keys[] = { COMMON, "pid", NULL };
  g_autoptr (JsonObject) object = expect_event (self, "init", keys);

  expect_pid (object, "pid", pid);
}

void
events_expect_exit (Events *self, const char *status, int raw)
{
  const char *const keys[] = { COMMON, "status", "raw", NULL };
  g_autoptr (JsonObject) object = expect_event (self, "exit", keys);

  g_assert_cmpstr (json_expect_string (object, "status"), ==, status);
  g_assert_cmpint (json_expect_int (object, "raw"), ==, raw);
  g_strlcpy (self->status, status, sizeof self->status);
}

/* @code: the code of the error, or NULL if the error must be null */
static void
expect_error (JsonObject *object, const char *code)
{
  const char *const keys[] = { "code", "message", NULL };

  if (code == NULL)
    {
      g_assert_true (json_object_get_null_member (object, "error"));
      return;
    }
  JsonObject *error = json_object_get_object_member (object, "error");
  g_assert_nonnull (error);
  json_expect_keys (error, keys);
  g_assert_cmpstr (json_expect_string (error, "code"), ==, code);
  g_assert_cmpuint (strlen (json_expect_string (error, "message")), >, 0);
}

/* @end: how it has ended; @code: of the error, or NULL */
void
events_expect_end (Events *self, const char *end, const char *code)
{
  const char *const keys[] = { COMMON, "end", "error", NULL };
  g_autoptr (JsonObject) object = expect_event (self, "closed", keys);

  g_assert_cmpstr (json_expect_string (object, "end"), ==, end);
  expect_error (object, code);
}

/* The end follows from the exit, or from the code of the error if that was seen. */
void
events_expect_closed (Events *self, const char *code)
{
  if (code == NULL)
    events_expect_end (self, self->status, NULL);
  else if (g_str_equal (code, "truncated"))
    events_expect_end (self, "lost", code);
  else if (g_str_equal (code, "lost") || g_str_equal (code, "destroyed"))
    events_expect_end (self, code, code);
  else
    events_expect_end (self, "none", code);
}

void
events_expect_unwatched (Events *self, const char *code)
{
  const char *const keys[] = { COMMON, "error", NULL };
  g_autoptr (JsonObject) object = expect_event (self, "unwatched", keys);

  expect_error (object, code);
}

void
events_expect_listed (Events *self, int n_containers)
{
  const char *const keys[] = { OF_ALL, "containers", NULL };
  g_autoptr (JsonObject) object = expect_any_event (self, "listed", keys);

  g_assert_cmpint (json_expect_int (object, "containers"), ==, n_containers);
}

/* @event: "source-lost", "source-back" or "source-changed"; after the latter, the source is the other one */
void
events_expect_source (Events *self, const char *event, const char *code)
{
  const char *const keys[] = { OF_ALL, "error", NULL };

  if (g_str_equal (event, "source-changed"))
    self->through_libvirt = !self->through_libvirt;
  g_autoptr (JsonObject) object = expect_any_event (self, event, keys);
  expect_error (object, code);
}
