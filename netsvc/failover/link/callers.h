/*
 * callers: which users of this machine may use the tunnel. Its port is open to all of them, and a
 * local socket with permissions would not do: it cannot be reset, which tells an answer that was
 * cut off from a whole one. So the kernel is asked whose the other end is (inet_diag).
 */
#pragma once

#include "lib/base/cleanup.h"

struct callers;

/* Root, who runs this, and the replicator's `user`, where there is one. With root's rights, or
 * before such calls are refused; NULL: the kernel does not say whose a connection is. */
struct callers *callers_new(const char *user, GError **error);
void callers_free(struct callers *callers);
AUTO_DEFINE(callers)

/* Whether the other end of that connection, over IPv4 and within this machine, is held by one of
 * them. One that has been closed already is nobody's. Who is refused is logged, once a minute. */
gboolean callers_admit(struct callers *callers, int fd);
