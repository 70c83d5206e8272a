/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The containers of this host in a GTK 4 list, directly or through libvirtd. The LxcmonHost is the model of the list
 * view, and each cell follows a property of its monitor. A container that has ended is shown for some seconds, with
 * how it ended. If the list cannot be kept up to date, the reason is shown below it.
 *
 *   containers [RUNTIME-DIR]
 */

#include <gtk/gtk.h>
#include <lxcmon-glib/lxcmon-glib.h>

#define LINGER_MS 3000

static char *
format_state (gpointer cell, LxcmonState state)
{
  g_autoptr (GEnumClass) states = g_type_class_ref (LXCMON_TYPE_STATE);

  return g_strdup (g_enum_get_value (states, state)->value_nick);
}

static char *
format_pid (gpointer cell, gint pid)
{
  return pid > 0 ? g_strdup_printf ("%d", pid) : g_strdup ("–");
}

static char *
format_end (GtkListItem *cell, LxcmonEnd end)
{
  if (end == LXCMON_END_NONE)
    return g_strdup ("");
  return lxcmon_monitor_describe_end (gtk_list_item_get_item (cell));
}

/* What a column shows: a property of the monitor, and the function that makes a text of it. */
typedef struct
{
  const char *title;
  const char *property;
  GCallback format; /* NULL if the property is a text */
} Column;

static const Column columns[] = {
  { "Container", "name", NULL },
  { "State", "state", G_CALLBACK (format_state) },
  { "Init", "init-pid", G_CALLBACK (format_pid) },
  { "Controller", "controller-pid", G_CALLBACK (format_pid) },
  { "End", "end", G_CALLBACK (format_end) },
};

static void
on_setup (GtkSignalListItemFactory *factory, GtkListItem *cell, const Column *column)
{
  GtkWidget *label = gtk_label_new (NULL);
  GtkExpression *monitor = gtk_property_expression_new (GTK_TYPE_LIST_ITEM, NULL, "item");
  GtkExpression *value
      = gtk_property_expression_new (LXCMON_TYPE_MONITOR, monitor, column->property);

  if (column->format != NULL)
    value
        = gtk_cclosure_expression_new (G_TYPE_STRING, NULL, 1, &value, column->format, NULL, NULL);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_expression_bind (value, label, "label", cell);
  gtk_list_item_set_child (cell, label);
}

static void
add_column (GtkColumnView *view, const Column *column)
{
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();

  g_signal_connect (factory, "setup", G_CALLBACK (on_setup), (gpointer) column);
  GtkColumnViewColumn *added = gtk_column_view_column_new (column->title, factory);
  gtk_column_view_column_set_expand (added, TRUE);
  gtk_column_view_append_column (view, added);
  g_object_unref (added);
}

/* Shows a text while there is an error, and hides the label otherwise. */
static gboolean
format_error (GBinding *binding, const GValue *from, GValue *to, gpointer user_data)
{
  const GError *error = g_value_get_boxed (from);
  GObject *label = g_binding_dup_target (binding);

  gtk_widget_set_visible (GTK_WIDGET (label), error != NULL);
  g_value_take_string (to, error != NULL ? g_strdup_printf ("Not up to date: %s", error->message)
                                         : g_strdup (""));
  g_object_unref (label);
  return TRUE;
}

static GtkWidget *
make_error_label (LxcmonHost *host)
{
  GtkWidget *label = gtk_label_new (NULL);

  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  g_object_bind_property_full (host, "error", label, "label", G_BINDING_SYNC_CREATE, format_error,
                               NULL, NULL, NULL);
  return label;
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  if (lxcmon_host_start_finish (LXCMON_HOST (object), result, &error))
    return;
  g_printerr ("containers: %s\n", error->message);
  g_application_quit (user_data);
}

static void
on_activate (GtkApplication *app, gpointer user_data)
{
  LxcmonHost *host = user_data;
  GtkWidget *window = gtk_application_window_new (app);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *scrolled = gtk_scrolled_window_new ();
  GtkSelectionModel *model
      = GTK_SELECTION_MODEL (gtk_no_selection_new (G_LIST_MODEL (g_object_ref (host))));
  GtkWidget *view = gtk_column_view_new (model);

  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    add_column (GTK_COLUMN_VIEW (view), &columns[i]);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), view);
  gtk_widget_set_vexpand (scrolled, TRUE);
  gtk_box_append (GTK_BOX (box), scrolled);
  gtk_box_append (GTK_BOX (box), make_error_label (host));
  gtk_window_set_child (GTK_WINDOW (window), box);
  gtk_window_set_title (GTK_WINDOW (window), "Containers");
  gtk_window_set_default_size (GTK_WINDOW (window), 480, 320);
  gtk_window_present (GTK_WINDOW (window));
  lxcmon_host_start_async (host, NULL, on_started, app);
}

int
main (int argc, char **argv)
{
  g_autoptr (GtkApplication) app = gtk_application_new (NULL, G_APPLICATION_NON_UNIQUE);
  /* It is kept until the program ends: if the last reference is dropped, the host stops, and its list is empty. */
  g_autoptr (LxcmonHost) host = lxcmon_host_new (argc > 1 ? argv[1] : NULL);

  lxcmon_host_set_linger_timeout (host, LINGER_MS);
  g_signal_connect (app, "activate", G_CALLBACK (on_activate), host);
  return g_application_run (G_APPLICATION (app), 1, argv);
}
