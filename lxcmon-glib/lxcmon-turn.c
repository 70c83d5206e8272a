/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns how turns nest, and who is held in one. Refuses to know what is told (lxcmon-client-events.c).
 */

#include "lxcmon-client-private.h"

/*< private >
 * _lxcmon_turn_begin:
 * @innermost: where the turns of a context begin
 *
 * Makes a turn inside those that there are.
 */
void
_lxcmon_turn_begin (LxcmonTurn *self, LxcmonTurn **innermost)
{
  *self = (LxcmonTurn){ .outer = *innermost };
  *innermost = self;
}

/*< private >
 * _lxcmon_turn_end:
 *
 * Ends the innermost turn, and lets go who was told last. That may run code of the app's.
 */
void
_lxcmon_turn_end (LxcmonTurn *self, LxcmonTurn **innermost)
{
  *innermost = self->outer;
  if (self->held != NULL)
    _lxcmon_client_let_go (self->held);
}

/*< private >
 * _lxcmon_turn_change:
 * @client: who is told of something now
 *
 * Returns: (transfer full) (nullable): who was told before, to be let go: that may run code of the app's
 */
LxcmonClient *
_lxcmon_turn_change (LxcmonTurn *self, LxcmonClient *client)
{
  LxcmonClient *before = self->held;

  *self = (LxcmonTurn){ .outer = self->outer, .held = _lxcmon_client_hold (client) };
  return before;
}
