#include "replicator/confirm.h"

#include "lib/base/fail.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

gboolean
confirm(const char *question, const char *word, const char *hint, GError **error)
{
    char answer[64] = "";
    if (!isatty(STDIN_FILENO)) {
        fail_set(error, FAIL_USAGE, "there is no terminal to ask at");
        fail_add_hint(error, hint);
        return FALSE;
    }
    printf("%s\nType \"%s\" to go on: ", question, word);
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) != NULL && strcmp(g_strstrip(answer), word) == 0)
        return TRUE;
    return fail_set(error, FAIL_FAILED, "nothing was changed");
}
