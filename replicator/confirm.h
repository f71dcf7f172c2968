/* confirm: a question to the person at the terminal, before what cannot be taken back. */
#pragma once

#include <glib.h>

/* Whether that word was typed. Without a terminal it is refused: `hint` says how to do without. */
gboolean confirm(const char *question, const char *word, const char *hint, GError **error);
