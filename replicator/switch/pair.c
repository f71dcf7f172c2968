#include "replicator/switch/pair.h"

#include "lib/base/fail.h"

#include <string.h>

void
pair_clear(struct pair *pair)
{
    g_free(pair->own);
    g_free(pair->other);
    g_free(pair->url);
    *pair = (struct pair){0};
}

/* USER:PASSWORD@ of a URL, with its '@'; "" where it has none. */
static char *
login_of(const char *url)
{
    const char *begin = strstr(url, "://");
    if (begin == NULL)
        return g_strdup("");
    begin += strlen("://");
    gsize size = strcspn(begin, "/?#");
    const char *at = memrchr(begin, '@', size);
    return at != NULL ? g_strndup(begin, (gsize)(at - begin) + 1) : g_strdup("");
}

/* The login of `like`, where the URL has none. */
static char *
with_login(const char *url, const char *like)
{
    g_autofree char *own = login_of(url), *other = login_of(like);
    const char *host = strstr(url, "://");
    if (*own != '\0' || *other == '\0' || host == NULL)
        return g_strdup(url);
    host += strlen("://");
    return g_strdup_printf("%.*s%s%s", (int)(host - url), url, other, host);
}

static gboolean
find_names(const struct command_line *line, GPtrArray *views, struct pair *pair,
           const char **couchdb, GError **error)
{
    const char *node = options_string(line, "node");
    if (views->len != 2)
        return fail_set(error, FAIL_USAGE,
                        "there %s %u [peer] section%s, where a pair has two\nhint: one for each "
                        "node, the same on both: [peer a] and [peer b]",
                        views->len == 1 ? "is" : "are", views->len, views->len == 1 ? "" : "s");
    for (guint i = 0; i < 2; i++) {
        const struct command_line *own = views->pdata[i], *other = views->pdata[1 - i];
        if (!g_str_equal(options_instance_name(own), node))
            continue;
        pair->own = g_strdup(node);
        pair->other = g_strdup(options_instance_name(other));
        *couchdb = options_string(other, "peer-couchdb");
        return TRUE;
    }
    fail_set(error, FAIL_USAGE, "this node is '%s', and there is no [peer %s]", node, node);
    options_blame(line, "node", error);
    return FALSE;
}

static gboolean
read_peers(const struct command_line *line, GPtrArray *views, struct pair *pair, GError **error)
{
    const char *couchdb = NULL, *source = options_string(line, "source");
    if (!find_names(line, views, pair, &couchdb, error))
        return FALSE;
    if (options_string(line, "from") != NULL) {
        fail_set(error, FAIL_USAGE,
                 "there are [peer] sections as well, and with them the other node is known\n"
                 "hint: take `follow` out; where it is not reached by the nodes' own link, its URL "
                 "is `couchdb` under [peer %s]",
                 pair->other);
        options_blame(line, "from", error);
        return FALSE;
    }
    g_autofree char *tunnel =
        g_strdup_printf("http://127.0.0.1:%" G_GINT64_FORMAT, options_integer(line, "tunnel"));
    if (pair->credentials == NULL)
        pair->credentials = options_string(line, "credentials");
    pair->url = pair->credentials != NULL || source == NULL
                    ? g_strdup(couchdb != NULL ? couchdb : tunnel)
                    : with_login(couchdb != NULL ? couchdb : tunnel, source);
    return TRUE;
}

gboolean
pair_read(const struct command_line *line, struct pair *pair, GError **error)
{
    g_autoptr(GPtrArray) views = options_instances(line, "peer");
    *pair = (struct pair){.credentials = options_string(line, "from-credentials")};
    gboolean done = TRUE;
    if (views->len == 0 || options_typed(line, "from"))
        pair->url = g_strdup(options_string(line, "from"));
    else
        done = read_peers(line, views, pair, error);
    if (!done)
        pair_clear(pair);
    return done;
}

gboolean
pair_require(const struct command_line *line, struct pair *pair, GError **error)
{
    if (!pair_read(line, pair, error))
        return FALSE;
    if (pair->url != NULL)
        return TRUE;
    pair_clear(pair);
    return fail_set(error, FAIL_USAGE,
                    "the other node is not known here: there are no [peer] sections, nor is there "
                    "`follow` under [standby]\nhint: write them into the configuration; where "
                    "they are in it, `lifeboat reload`");
}
