#include "netsvc/dhcp/lease/knowledge.h"

#define TERM_MAX 0x7ffffffeu /* SQLite's integers have a sign */

guint64
knowledge_writer(guint64 term)
{
    return MIN(term, TERM_MAX) << 32 | g_random_int() | 1;
}

static struct version *
find(const struct knowledge *knowledge, guint64 writer)
{
    for (guint i = 0; i < knowledge->n; i++)
        if (knowledge->of[i].writer == writer)
            return (struct version *)&knowledge->of[i];
    return NULL;
}

gboolean
knowledge_has(const struct knowledge *knowledge, struct version version)
{
    const struct version *seen = find(knowledge, version.writer);
    return seen != NULL && version.writer != 0 && seen->counter >= version.counter;
}

/* NULL: all that are there are larger. */
static struct version *
place_for(struct knowledge *knowledge, guint64 writer)
{
    if (knowledge->n < KNOWLEDGE_MAX)
        return &knowledge->of[knowledge->n++];
    struct version *least = &knowledge->of[0];
    for (guint i = 1; i < knowledge->n; i++)
        if (knowledge->of[i].writer < least->writer)
            least = &knowledge->of[i];
    return least->writer < writer ? least : NULL;
}

gboolean
knowledge_raise(struct knowledge *knowledge, guint64 writer, guint64 counter)
{
    struct version *seen = find(knowledge, writer);
    if (writer == 0 || counter == 0 || (seen != NULL && seen->counter >= counter))
        return FALSE;
    if (seen == NULL)
        seen = place_for(knowledge, writer);
    if (seen != NULL)
        *seen = (struct version){writer, counter};
    return seen != NULL;
}

gboolean
knowledge_join(struct knowledge *knowledge, const struct knowledge *other)
{
    gboolean more = FALSE;
    for (guint i = 0; i < other->n; i++)
        more |= knowledge_raise(knowledge, other->of[i].writer, other->of[i].counter);
    return more;
}

int
version_compare(struct version a, struct version b)
{
    if (a.writer != b.writer)
        return a.writer < b.writer ? -1 : 1;
    return (a.counter > b.counter) - (a.counter < b.counter);
}
