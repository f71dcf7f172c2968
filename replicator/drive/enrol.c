#include "replicator/drive/enrol.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/lock.h"
#include "lib/base/progress.h"
#include "lib/base/rfc3339.h"
#include "lib/store/store.h"

#include <fcntl.h>

static void
tell(const struct store *store, gboolean fresh)
{
    AUTO(progress) *progress = progress_new(TRUE, FALSE);
    GString *event = progress_event_begin(progress, "summary");
    json_text_member_string(event, "store", store->id);
    json_text_member_string(event, "site", store->site);
    json_text_member_boolean(event, "fresh", fresh);
    json_text_member_unsigned(event, "snapshots", store->snapshots->len);
    progress_event_end(progress);
}

int
enrol_command(const struct command_line *line, GError **error)
{
    const char *to = options_string(line, "to");
    AUTO(keys) *keys = keys_open(options_string(line, "keys"), error);
    if (keys == NULL)
        return FAIL_KEY;
    AUTO_FD int above = file_open_folder(AT_FDCWD, to, FALSE, error);
    AUTO_FD int folder = above >= 0 ? file_open_folder(above, "lifeboat", TRUE, error) : -1;
    AUTO(lock) *lock = folder >= 0 ? lock_take(folder, "lock", "lifeboat drive add", error) : NULL;
    if (lock == NULL)
        return fail_exit_code(*error);
    gboolean fresh = file_is_unwritten(folder, "store.json");
    g_autofree char *created = rfc3339_now();
    AUTO(store) *store = store_open_for_writing(to, keys, created, error);
    if (store == NULL)
        return fail_exit_code(*error);
    tell(store, fresh);
    return 0;
}
