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

void
json_expect_keys (JsonObject *object, const char *const *keys)
{
  for (guint i = 0; keys[i] != NULL; i++)
    if (!json_object_has_member (object, keys[i]))
      g_error ("there is no key \"%s\"", keys[i]);
  g_assert_cmpuint (json_object_get_size (object), ==, g_strv_length ((char **) keys));
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

/* Reads the next event, and checks the keys that all events have, and that there are only @keys. */
static JsonObject *
expect_any_event (Events *self, const char *event, const char *const *keys)
{
  g_autofree char *line = command_read_line (self->command);
  JsonObject *object = json_parse (line);

  g_assert_cmpstr (json_expect_string (object, "event"), ==, event);
  g_assert_cmpint (json_expect_int (object, "seq"), ==, ++self->seq);
  g_assert_cmpstr (json_expect_string (object, "source"), ==,
                   self->through_libvirt ? "libvirt" : "direct");
  assert_matches (json_expect_string (object, "time"), TIME_PATTERN);
  json_expect_keys (object, keys);
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

void
events_expect_closed (Events *self, const char *code)
{
  const char *const keys[] = { COMMON, "error", NULL };
  g_autoptr (JsonObject) object = expect_event (self, "closed", keys);

  expect_error (object, code);
}

void
events_expect_connection (Events *self, gboolean is_back)
{
  const char *const keys[] = { OF_ALL, "error", NULL };
  g_autoptr (JsonObject) object
      = expect_any_event (self, is_back ? "source-back" : "source-lost", keys);

  expect_error (object, is_back ? NULL : "lost");
}
