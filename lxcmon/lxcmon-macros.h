/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Macros for the other headers: exported symbols, and declarations for C++.
 */

#if defined(__GNUC__)
#define LXCMON_EXPORT      __attribute__ ((visibility ("default"))) extern
#define LXCMON_WARN_UNUSED __attribute__ ((warn_unused_result))
#else
#define LXCMON_EXPORT extern
#define LXCMON_WARN_UNUSED
#endif

#ifdef __cplusplus
#define LXCMON_BEGIN_DECLS \
  extern "C"               \
  {
#define LXCMON_END_DECLS }
#else
#define LXCMON_BEGIN_DECLS
#define LXCMON_END_DECLS
#endif
