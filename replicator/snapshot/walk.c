#include "replicator/snapshot/walk.h"

static gboolean
advance_listed(struct walk *walk, GError **error)
{
    return listing_next(walk->listing, &walk->listed, error);
}

static gboolean
advance_held(struct walk *walk, GError **error)
{
    return walk->held_rows == NULL || row_reader_next(walk->held_rows, &walk->held, error);
}

/* Less than 0: only listed; more: only held; 0: both have the id. */
static int
compare_sides(const struct walk *walk)
{
    if (walk->listed.id.data == NULL)
        return 1;
    return walk->held.id.data == NULL ? -1 : row_compare_ids(walk->listed.id, walk->held.id);
}

/* Moves past documents handed out the last time. */
static gboolean
go_on(struct walk *walk, GError **error)
{
    if (!walk->begun) {
        walk->begun = TRUE;
        return advance_listed(walk, error) && advance_held(walk, error);
    }
    if (!walk->give_next)
        return TRUE;
    walk->give_next = FALSE;
    int side = compare_sides(walk);
    return (side > 0 || advance_listed(walk, error)) && (side < 0 || advance_held(walk, error));
}

gboolean
walk_next(struct walk *walk, struct fetch_wanted *wanted, gboolean *end, GError **error)
{
    *end = FALSE;
    if (!go_on(walk, error))
        return FALSE;
    while (walk->listed.id.data != NULL || walk->held.id.data != NULL) {
        int side = compare_sides(walk);
        if (side > 0 && !walk->whole) {
            if (!advance_held(walk, error))
                return FALSE;
        } else if (side == 0 && row_same_leaves(&walk->listed, &walk->held)) {
            if (!advance_listed(walk, error) || !advance_held(walk, error))
                return FALSE;
        } else {
            wanted->listed = side > 0 ? (struct row){walk->held.id, {NULL, 0}} : walk->listed;
            wanted->held = side >= 0 ? walk->held : (struct row){{NULL, 0}, {NULL, 0}};
            walk->give_next = TRUE;
            walk->wanted++;
            return TRUE;
        }
    }
    *end = TRUE;
    return TRUE;
}
