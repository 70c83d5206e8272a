/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lives-check.c: whether all lives were reported as they were; see lives.h. */

#include "lives.h"

#include <string.h>

typedef struct
{
  guint n_ends[N_VIEWS][LXCMON_END_DESTROYED + 1];
  guint n_inits;
  guint n_listed;
  guint n_unseen;
  guint n_read_as_shutdown; /* libvirtd says so of a life that ran while it was restarted */
  guint n_only_virsh;
  guint n_restarted;
  guint n_not_restarted[N_VIEWS];
} Figures;

static LxcmonEnd
get_end_of_deed (Deed deed)
{
  switch (deed)
    {
    case DEED_SHUTDOWN:
    case DEED_EXIT:
      return LXCMON_END_SHUTDOWN;
    case DEED_REBOOT:
      return LXCMON_END_REBOOT;
    case DEED_KILL:
      return LXCMON_END_LOST;
    case DEED_DESTROY:
      return LXCMON_END_DESTROYED;
    case DEED_NONE:
    default:
      return LXCMON_END_NONE;
    }
}

/* A libvirtd that was started after a container reports each end of it as a shutdown that it has not seen to be
 * another. */
static gboolean
is_read_as_shutdown (const Life *life)
{
  return (life->deed == DEED_KILL || life->deed == DEED_DESTROY) && life->end == LXCMON_END_SHUTDOWN
         && life->source == LXCMON_SOURCE_LIBVIRT && life->n_changes > 0;
}

static gboolean
is_right_end (const Life *life)
{
  gboolean is_right = life->end == get_end_of_deed (life->deed) || is_read_as_shutdown (life);

  if (life->is_unnoticed)
    return life->end == LXCMON_END_DESTROYED || life->end == LXCMON_END_UNKNOWN;
  switch (life->view)
    {
    case VIEW_LIBVIRT:
      return is_right && life->source == LXCMON_SOURCE_LIBVIRT
             && life->was_restarted == (life->deed == DEED_REBOOT);
    case VIEW_DIRECT:
      return is_right && life->source == LXCMON_SOURCE_DIRECT && !life->was_restarted;
    case VIEW_NOBODY:
      return life->end == LXCMON_END_UNKNOWN && !life->was_restarted;
    case VIEW_CHANGE:
      return is_right || life->end == LXCMON_END_UNKNOWN;
    case N_VIEWS:
    default:
      g_assert_not_reached ();
    }
}

/* What virsh has seen for certain is what the host has reported, unless that has not seen it. */
static gboolean
agrees_with_witness (const Life *life)
{
  const char *word = life->end == LXCMON_END_SHUTDOWN    ? "exit shutdown"
                     : life->end == LXCMON_END_REBOOT    ? "exit reboot"
                     : life->end == LXCMON_END_LOST      ? "closed lost"
                     : life->end == LXCMON_END_DESTROYED ? "closed destroyed"
                                                         : NULL;

  return life->witnessed == NULL || word == NULL || strcmp (word, life->witnessed) == 0;
}

static void
check_life (Lives *self, const Life *life, Figures *figures)
{
  if (!life->is_known)
    lives_fail_life (self, life, "invented");
  if (life_is_unseen (life))
    {
      figures->n_unseen++;
      return;
    }
  if (life->row == NULL || !life->is_closed)
    lives_fail_life (self, life, "missing");
  if (!is_right_end (life) || !agrees_with_witness (life))
    lives_fail_life (self, life, "wrong");
  figures->n_ends[life->view][life->end]++;
  if (life->n_inits > 0)
    figures->n_inits++;
  else
    figures->n_listed++;
  if (is_read_as_shutdown (life))
    figures->n_read_as_shutdown++;
  if (life->witnessed != NULL && life->end == LXCMON_END_UNKNOWN)
    figures->n_only_virsh++;
  if (life->deed == DEED_REBOOT && life->was_restarted)
    figures->n_restarted++;
  else if (life->deed == DEED_REBOOT)
    figures->n_not_restarted[life->view]++;
}

void
lives_check (Lives *self)
{
  static const char *const views[] = { "libvirtd could see", "the host itself could see",
                                       "nobody could see", "somebody could perhaps see" };
  Figures figures = { 0 };

  for (guint i = 0; i < lives_count (self); i++)
    check_life (self, lives_get (self, i), &figures);
  g_test_message (
      "%u lives: %u began with init, %u were in the list already, %u could be seen by nobody",
      lives_count (self), figures.n_inits, figures.n_listed, figures.n_unseen);
  for (guint i = 0; i < N_VIEWS; i++)
    {
      const guint *n = figures.n_ends[i];
      g_test_message ("ends that %s: %u shutdown, %u reboot, %u lost, %u destroyed, %u unknown",
                      views[i], n[LXCMON_END_SHUTDOWN], n[LXCMON_END_REBOOT], n[LXCMON_END_LOST],
                      n[LXCMON_END_DESTROYED], n[LXCMON_END_UNKNOWN]);
    }
  g_test_message (
      "%u that were killed or destroyed were shut down according to libvirtd, which had been "
      "restarted; %u ends were seen by virsh alone",
      figures.n_read_as_shutdown, figures.n_only_virsh);
  g_test_message (
      "reboots: %u were restarted by libvirtd; not restarted: %u while the host was attached, %u "
      "while nobody was, %u while libvirtd ended or started",
      figures.n_restarted, figures.n_not_restarted[VIEW_DIRECT],
      figures.n_not_restarted[VIEW_NOBODY], figures.n_not_restarted[VIEW_CHANGE]);
}
