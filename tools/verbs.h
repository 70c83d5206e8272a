/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The verbs of the command. Each one gets its own name as argv[0].
 */

int watch_main (int argc, char **argv);
int list_main (int argc, char **argv);
int wait_main (int argc, char **argv);
int simulate_main (int argc, char **argv);
int decode_main (int argc, char **argv);
