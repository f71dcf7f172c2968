/* scratch: see the header. */
#include "lib/couch/scratch.h"

#include "lib/base/hash.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEX 8          /* digits of a hash in a name */
#define START_FIELD 20 /* of /proc/PID/stat, counted behind the name of the program */

static const char *const kinds[] = {"lifeboat-" SCRATCH_TRIAL "-", "lifeboat-" SCRATCH_DRILL "-"};

/* ---- who ---- */

static char *
digits_of(const char *text)
{
    guint8 sha256[HASH_SHA256_SIZE];
    hash_sha256(text, strlen(text), sha256);
    return hash_hex(sha256, HEX / 2);
}

static char *
contents(const char *path)
{
    char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

/* Machines that were cloned have one id: their names tell them apart. */
static char *
machine(void)
{
    char name_space[64] = "";
    g_autofree char *id = contents("/etc/machine-id");
    if (readlink("/proc/self/ns/pid", name_space, sizeof name_space - 1) < 0)
        *name_space = '\0';
    g_autofree char *text = g_strdup_printf("%s %s %s", id, g_get_host_name(), name_space);
    return digits_of(text);
}

static char *
boot(void)
{
    g_autofree char *id = contents("/proc/sys/kernel/random/boot_id");
    return digits_of(id);
}

/* When a process was started, or 0 when that cannot be known. */
static guint64
start_of(guint64 pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%" G_GUINT64_FORMAT "/stat", pid);
    g_autofree char *text = contents(path);
    const char *behind = strrchr(text, ')');
    if (behind == NULL)
        return 0;
    g_auto(GStrv) fields = g_strsplit(behind, " ", START_FIELD + 2);
    return g_strv_length(fields) > START_FIELD ? g_ascii_strtoull(fields[START_FIELD], NULL, 10)
                                               : 0;
}

/* A process-id is given away again: then the start is another. */
static gboolean
has_ended(guint64 pid, guint64 start)
{
    if (pid == 0 || pid > G_MAXINT)
        return FALSE;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return TRUE;
    guint64 now = start_of(pid);
    return now != 0 && start != 0 && now != start;
}

/* ---- names ---- */

char *
scratch_prefix(const char *kind)
{
    g_autofree char *where = machine();
    g_autofree char *since = boot();
    guint64 pid = (guint64)getpid();
    return g_strdup_printf("lifeboat-%s-%s-%s-%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "-", kind,
                           where, since, pid, start_of(pid));
}

/* What comes behind "lifeboat-KIND-", or NULL. */
static const char *
behind_kind(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_str_has_prefix(name, kinds[i]))
            return name + strlen(kinds[i]);
    return NULL;
}

gboolean
scratch_is(const char *name)
{
    return behind_kind(name) != NULL;
}

gboolean
scratch_is_left(const char *name)
{
    const char *rest = behind_kind(name);
    g_auto(GStrv) parts = g_strsplit(rest != NULL ? rest : "", "-", 5);
    g_autofree char *where = machine();
    g_autofree char *since = boot();
    guint64 pid, start;
    if (g_strv_length(parts) < 5 || !g_str_equal(parts[0], where) || strlen(parts[1]) != HEX ||
        !g_ascii_string_to_unsigned(parts[2], 10, 0, G_MAXUINT64, &pid, NULL) ||
        !g_ascii_string_to_unsigned(parts[3], 10, 0, G_MAXUINT64, &start, NULL))
        return FALSE;
    return !g_str_equal(parts[1], since) || has_ended(pid, start);
}
