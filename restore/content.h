/*
 * content: checks all that is in a snapshot, and that a chain can be read to its end. For `verify`.
 */
#pragma once

#include "lib/base/progress.h"
#include "lib/crypt/keys.h"
#include "lib/store/store.h"

/* What was found wrong, and the exit code that this means. */
struct verdict {
    int code; /* 0, or the worst of enum fail_code so far: damaged, key, failed, incomplete, in this
                 order */
    GPtrArray *problems; /* texts */
};
void verdict_init(struct verdict *verdict);
void verdict_clear(struct verdict *verdict);
void verdict_add(struct verdict *verdict, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);
int verdict_worse(int a, int b);

/* What a check works with. */
struct content {
    struct store *store;
    const struct keys *keys;
    struct progress *progress;
};

/*
 * Decrypts, decompresses and walks the whole archive: each entry against the manifest (order, name,
 * size, place, SHA-256), each database against its end.json (counts, leaf digest), ids in order,
 * JSON well formed. FALSE with the first thing that is damaged; what the source could not give is
 * added to the verdict as incomplete.
 */
gboolean content_verify(const struct content *content, const struct snapshot *snapshot,
                        struct verdict *verdict, GError **error);

/*
 * Reads the state at a snapshot through its chain: every database to its end, every attachment
 * there. Where the run listed the whole database, its state digest must come out.
 */
gboolean content_verify_state(const struct content *content, struct snapshot *snapshot,
                              struct verdict *verdict, GError **error);
