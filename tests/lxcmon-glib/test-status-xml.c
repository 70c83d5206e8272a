/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The status XML: what is read from a good one, and that nothing is read from any other.
 */

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/glib-test.h"
#include "lxcmon-glib/lxcmon-status-xml-private.h"

#define CONTROLLER 3735
#define INIT       3740

/* As libvirt writes it, reduced to the relevant elements. */
#define GOOD                                                 \
  "<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE.\n-->\n"    \
  "<domstatus state='running' reason='booted' pid='3735'>\n" \
  "  <init pid='3740'/>\n"                                   \
  "  <domain type='lxc' id='3735'>\n"                        \
  "    <name>web1</name>\n"                                  \
  "    <os><type>exe</type><init>/sbin/init</init></os>\n"   \
  "    <devices><console tty='/dev/pts/0'/></devices>\n"     \
  "  </domain>\n"                                            \
  "</domstatus>\n"

typedef struct
{
  const char *title;
  const char *text;
  gint expected;
} TextCase;

static const TextCase text_cases[] = {
  { "good", GOOD, INIT },
  { "one-line", "<domstatus pid='3735'><init pid='3740'/></domstatus>", INIT },
  { "init-last", "<domstatus pid='3735'><domain/><init pid=\"3740\"></init></domstatus>", INIT },
  { "other-attributes", "<domstatus a='1' pid='3735' b='2'><init c='3' pid='3740'/></domstatus>",
    INIT },
  { "largest", "<domstatus pid='3735'><init pid='2147483647'/></domstatus>", G_MAXINT },
  { "empty", "", 0 },
  { "not-xml", "pid=3735 init=3740\n", 0 },
  { "other-controller", "<domstatus pid='3736'><init pid='3740'/></domstatus>", 0 },
  { "no-controller", "<domstatus><init pid='3740'/></domstatus>", 0 },
  { "no-init", "<domstatus pid='3735'></domstatus>", 0 },
  { "no-pid", "<domstatus pid='3735'><init/></domstatus>", 0 },
  { "other-root", "<domain pid='3735'><init pid='3740'/></domain>", 0 },
  { "init-too-deep", "<domstatus pid='3735'><os><init pid='3740'/></os></domstatus>", 0 },
  { "init-as-root", "<init pid='3740'/>", 0 },
  { "root-too-deep", "<x><domstatus pid='3735'><init pid='3740'/></domstatus></x>", 0 },
  { "domstatus-inside", "<x pid='3735'><domstatus pid='3735'/><init pid='3740'/></x>", 0 },
  { "not-saved-yet", "<domstatus pid='3735'><init pid='0'/></domstatus>", 0 },
  { "negative", "<domstatus pid='3735'><init pid='-3740'/></domstatus>", 0 },
  { "too-large", "<domstatus pid='3735'><init pid='2147483648'/></domstatus>", 0 },
  { "far-too-large", "<domstatus pid='3735'><init pid='99999999999999999999'/></domstatus>", 0 },
  { "no-number", "<domstatus pid='3735'><init pid='x'/></domstatus>", 0 },
  { "trailing", "<domstatus pid='3735'><init pid='3740 '/></domstatus>", 0 },
  { "hexadecimal", "<domstatus pid='3735'><init pid='0xe9c'/></domstatus>", 0 },
  { "entity",
    "<!DOCTYPE d [<!ENTITY e '3740'>]><domstatus pid='3735'><init pid='&e;'/></domstatus>", 0 },
  { "not-utf8", "<domstatus pid='3735'><init pid='3740'/><name>\xff</name></domstatus>", 0 },
};

static void
test_text (gconstpointer data)
{
  const TextCase *test = data;

  g_assert_cmpint (_lxcmon_status_xml_parse (test->text, strlen (test->text), CONTROLLER), ==,
                   test->expected);
}

/* If anything is missing at the end, even one byte, the file is just being written. */
static void
test_truncated (void)
{
  const gsize complete = strlen (GOOD) - strlen ("\n");

  for (gsize length = 1; length < complete; length++)
    {
      /* A copy of that length exactly: reading beyond it would be seen. */
      g_autofree char *text = g_memdup2 (GOOD, length);
      g_assert_cmpint (_lxcmon_status_xml_parse (text, length, CONTROLLER), ==, 0);
    }
  g_assert_cmpint (_lxcmon_status_xml_parse (GOOD, complete, CONTROLLER), ==, INIT);
}

static void
test_nested_deeply (void)
{
  g_autoptr (GString) text = g_string_new ("<domstatus pid='3735'>");

  for (guint i = 0; i < 100000; i++)
    g_string_append (text, "<x>");
  g_assert_cmpint (_lxcmon_status_xml_parse (text->str, text->len, CONTROLLER), ==, 0);
}

typedef struct
{
  char *dir;
  char *socket_path;
  char *xml_path;
} Files;

static Files
make_files (void)
{
  Files files = { .dir = glib_test_make_dir () };

  files.socket_path = g_build_filename (files.dir, "web1.sock", NULL);
  files.xml_path = g_build_filename (files.dir, "web1.xml", NULL);
  return files;
}

static void
remove_files (Files *files)
{
  glib_test_remove_dir (files->dir);
  g_free (files->socket_path);
  g_free (files->xml_path);
}

static void
write_file (const char *path, const char *text, gsize padding)
{
  g_autoptr (GString) padded = g_string_new (text);
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < padding; i++)
    g_string_append_c (padded, '\n');
  g_file_set_contents (path, padded->str, (gssize) padded->len, &error);
  g_assert_no_error (error);
}

static gint
find (const Files *files)
{
  return _lxcmon_status_xml_find_init (files->socket_path, CONTROLLER);
}

static void
test_file (void)
{
  Files files = make_files ();
  gsize limit = 1024 * 1024;

  g_assert_cmpint (find (&files), ==, 0);
  write_file (files.xml_path, GOOD, 0);
  g_assert_cmpint (find (&files), ==, INIT);
  g_assert_cmpint (_lxcmon_status_xml_find_init (files.socket_path, 0), ==, 0);
  g_assert_cmpint (_lxcmon_status_xml_find_init (files.socket_path, CONTROLLER + 1), ==, 0);
  g_assert_cmpint (_lxcmon_status_xml_find_init (files.xml_path, CONTROLLER), ==, 0);

  write_file (files.xml_path, GOOD, limit - strlen (GOOD));
  g_assert_cmpint (find (&files), ==, INIT);
  write_file (files.xml_path, GOOD, limit - strlen (GOOD) + 1);
  g_assert_cmpint (find (&files), ==, 0);
  write_file (files.xml_path, GOOD, 2 * limit);
  g_assert_cmpint (find (&files), ==, 0);
  write_file (files.xml_path, "", 0);
  g_assert_cmpint (find (&files), ==, 0);
  remove_files (&files);
}

/* What is no file is not opened for longer than it takes to see that. */
static void
test_not_regular (void)
{
  Files files = make_files ();
  g_autofree char *elsewhere = g_build_filename (files.dir, "elsewhere", NULL);

  g_assert_cmpint (mkfifo (files.xml_path, 0600), ==, 0);
  g_assert_cmpint (find (&files), ==, 0);
  g_assert_cmpint (g_remove (files.xml_path), ==, 0);

  g_assert_cmpint (g_mkdir (files.xml_path, 0700), ==, 0);
  g_assert_cmpint (find (&files), ==, 0);
  g_assert_cmpint (g_rmdir (files.xml_path), ==, 0);

  write_file (elsewhere, GOOD, 0);
  GFile *link = g_file_new_for_path (files.xml_path);
  g_assert_true (g_file_make_symbolic_link (link, elsewhere, NULL, NULL));
  g_object_unref (link);
  g_assert_cmpint (find (&files), ==, 0);
  remove_files (&files);
}

#define UUID "c7a5fdbd-edaf-9455-926a-d65c16db1809"

typedef struct
{
  const char *text;
  const char *uuid;
  gint init_pid;
} CompleteCase;

static const CompleteCase complete_cases[] = {
  { "<domstatus pid='3735'><init pid='3740'/><domain><uuid>" UUID "</uuid></domain></domstatus>",
    UUID, INIT },
  { "<domstatus pid='3735'><domain><name>a</name><uuid>" UUID "</uuid></domain></domstatus>", UUID,
    0 },
  { "<domstatus pid='3736'><domain><uuid>" UUID "</uuid></domain></domstatus>", NULL, 0 },
  { "<domstatus pid='3735'><uuid>" UUID "</uuid></domstatus>", NULL, 0 },
  { "<domstatus pid='3735'><pool><uuid>" UUID "</uuid></pool></domstatus>", NULL, 0 },
  { "<domstatus pid='3735'><domain><x><uuid>" UUID "</uuid></x></domain></domstatus>", NULL, 0 },
  { "<domstatus pid='3735'><domain><uuid>" UUID "0</uuid></domain></domstatus>", NULL, 0 },
  { "<domstatus pid='3735'><domain><uuid>x</uuid></domain></domstatus>", NULL, 0 },
  { "<domstatus pid='3735'><domain><uuid/></domain></domstatus>", NULL, 0 },
};

/* What is known already stays. */
static void
test_complete (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (complete_cases); i++)
    {
      const CompleteCase *test = &complete_cases[i];
      LxcmonModel model = { .controller_pid = CONTROLLER }, other = { .init_pid = 1 };
      Files files = make_files ();

      g_assert_true (g_file_set_contents (files.xml_path, test->text, -1, NULL));
      _lxcmon_status_xml_complete (files.socket_path, &model);
      g_autofree char *uuid = _lxcmon_model_dup_uuid (&model);
      g_assert_cmpstr (uuid, ==, test->uuid);
      g_assert_cmpint (model.init_pid, ==, test->init_pid);
      model.init_pid = 7;
      _lxcmon_status_xml_complete (files.socket_path, &model);
      g_assert_cmpint (model.init_pid, ==, 7);
      _lxcmon_status_xml_complete (files.socket_path, &other);
      g_assert_false (_lxcmon_model_has_uuid (&other));
      remove_files (&files);
    }
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (text_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/status-xml/text/%s", text_cases[i].title);
      glib_test_add_data (path, test_text, &text_cases[i]);
    }
  glib_test_add ("/status-xml/truncated", test_truncated);
  glib_test_add ("/status-xml/nested-deeply", test_nested_deeply);
  glib_test_add ("/status-xml/file", test_file);
  glib_test_add ("/status-xml/not-regular", test_not_regular);
  glib_test_add ("/status-xml/complete", test_complete);
  return g_test_run ();
}
