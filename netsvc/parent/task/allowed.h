/*
 * allowed: who may ask for which task (task.h). A child that serves strangers may have been taken
 * over by one of them, and a name may have come from anywhere: only whole names that stand here are
 * handed on, so that nothing else gets into what is made of them.
 */
#pragma once

#include <glib.h>

/* `body`: of failover/send, in which a child may name itself alone. */
gboolean allowed_ask(const char *who, const char *name, const char *body, gsize size);

/* At the control socket. */
gboolean allowed_operator(const char *name);
