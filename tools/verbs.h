/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the command can do. Each verb gets its own name as argv[0].
 */

int watch_main (int argc, char **argv);
int list_main (int argc, char **argv);
int wait_main (int argc, char **argv);
int simulate_main (int argc, char **argv);
int decode_main (int argc, char **argv);
