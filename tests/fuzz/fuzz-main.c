/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Runs a libFuzzer target as an ordinary test, with any compiler: over each file of the folders given,
 * and over many changed copies of each. The seed is GLib's, so that --seed repeats a run.
 *
 *   fuzz-… --tap FOLDER...
 */

#include <glib.h>

#include <string.h>

#define N_MUTANTS 2000

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static GBytes *
load (const char *path)
{
  char *bytes;
  gsize size;
  GError *error = NULL;

  g_file_get_contents (path, &bytes, &size, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (bytes, size);
}

static void
test_file (gconstpointer path)
{
  g_autoptr (GBytes) bytes = load (path);
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  g_assert_cmpint (LLVMFuzzerTestOneInput (data, size), ==, 0);
}

/* Changes some bytes, or takes some out, or doubles some. */
static void
mutate (GByteArray *bytes)
{
  for (int n = g_test_rand_int_range (1, 5); n > 0 && bytes->len > 4; n--)
    {
      guint at = (guint) g_test_rand_int_range (0, (gint32) bytes->len);
      guint size = (guint) g_test_rand_int_range (1, 40);
      guint last = MIN (at | 3u, bytes->len - 1);

      size = MIN (size, bytes->len - at);
      switch (g_test_rand_int_range (0, 6))
        {
        case 0:
          bytes->data[at] ^= (guint8) (1u << g_test_rand_int_range (0, 8));
          break;
        case 1:
          bytes->data[at] = (guint8) g_test_rand_int_range (0, 256);
          break;
        case 2: /* the low byte of a word, small: lengths, procedures, types */
          bytes->data[last] = (guint8) g_test_rand_int_range (0, 48);
          break;
        case 3:
          g_byte_array_remove_range (bytes, at, size);
          break;
        case 4:
          g_byte_array_set_size (bytes, MAX (at, 1));
          break;
        default:
          {
            g_autofree guint8 *copy = g_memdup2 (bytes->data + at, size);

            g_byte_array_append (bytes, copy, size);
            break;
          }
        }
    }
}

static void
test_mutants (gconstpointer path)
{
  g_autoptr (GBytes) bytes = load (path);

  for (int i = 0; i < N_MUTANTS; i++)
    {
      g_autoptr (GByteArray) copy = g_byte_array_new ();

      g_byte_array_append (copy, g_bytes_get_data (bytes, NULL), (guint) g_bytes_get_size (bytes));
      mutate (copy);
      g_assert_cmpint (LLVMFuzzerTestOneInput (copy->data, copy->len), ==, 0);
    }
}

static void
add_folder (const char *folder)
{
  GError *error = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &error);
  const char *name;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      char *path = g_build_filename (folder, name, NULL);
      g_autofree char *as_is = g_strdup_printf ("/fuzz/%s/as-is", name);
      g_autofree char *mutants = g_strdup_printf ("/fuzz/%s/mutants", name);

      g_test_add_data_func (as_is, path, test_file);
      g_test_add_data_func_full (mutants, path, test_mutants, g_free);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (int i = 1; i < argc; i++)
    add_folder (argv[i]);

  return g_test_run ();
}
