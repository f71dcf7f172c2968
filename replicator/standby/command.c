#include "replicator/standby/command.h"

#include "lib/base/fail.h"
#include "lib/base/stop.h"
#include "replicator/standby/open.h"

#include <stdio.h>

static gboolean
run(const struct standby_options *options, gboolean *incomplete, GError **error)
{
    struct standby standby;
    standby_init(&standby, options);
    gboolean done = standby_open(&standby, error) && follow(&standby, incomplete, error);
    if (done && options->json)
        report_tell(&standby, TRUE);
    else if (done && options->once)
        printf("%s: %u databases, %" G_GUINT64_FORMAT " revisions copied\n",
               *incomplete ? "INCOMPLETE" : "equal", standby.databases->len, standby.documents);
    standby_clear(&standby);
    return done;
}

int
follow_command(const struct command_line *line, GError **error)
{
    struct standby_options options;
    struct pair pair;
    gboolean incomplete = FALSE;
    if (!standby_options_read(line, &pair, &options, error))
        return fail_exit_code(*error);
    options.once = options_flag(line, "once");
    options.keep_all = options_flag(line, "keep-all");
    options.json = options_flag(line, "json");
    stop_watch();
    gboolean done = run(&options, &incomplete, error);
    pair_clear(&pair);
    return !done ? fail_exit_code(*error) : incomplete ? FAIL_INCOMPLETE : 0;
}
