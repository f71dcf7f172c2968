#include "netsvc/failover/history.h"

#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/json/json.h"

#include <string.h>

struct step {
    guint number;
    char *name, *text;
    enum protocol_progress progress;
    gint64 at;      /* wall clock, seconds */
    gint64 began;   /* monotonic, microseconds */
    double seconds; /* that it took; 0 while it goes on */
};

struct told {
    enum protocol_progress progress;
    char *text;
    gint64 at; /* monotonic, microseconds */
};

struct waiting {
    guint32 task;
    guint after;
};

struct history {
    struct child *child;
    GQueue steps;    /* struct step */
    GArray *waiting; /* struct waiting */
    guint last;
    gboolean goes_on;
    char *order, *failed;
    gint64 ended;     /* wall clock, seconds */
    GHashTable *told; /* name → struct told: how it ended when that was logged last */
};

static void
step_free(gpointer data)
{
    struct step *step = data;
    g_free(step->name);
    g_free(step->text);
    g_free(step);
}

static void
told_free(gpointer data)
{
    struct told *told = data;
    g_free(told->text);
    g_free(told);
}

struct history *
history_new(struct child *child)
{
    struct history *history = g_new0(struct history, 1);
    history->child = child;
    g_queue_init(&history->steps);
    history->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, told_free);
    history->waiting = g_array_new(FALSE, FALSE, sizeof(struct waiting));
    return history;
}

/* ---- telling ---- */

static void
append_step(const struct step *step, GString *out)
{
    static const char *const states[] = {"begun", "done", "failed"};
    json_text_begin_object(out);
    json_text_member_integer(out, "number", step->number);
    json_text_member_string(out, "name", step->name);
    json_text_member_string(out, "state", states[step->progress]);
    json_text_member_string(out, "text", step->text);
    json_text_member_time(out, "at", step->at);
    json_text_member_decimal(out, "seconds", step->seconds);
    json_text_end_object(out);
}

static void
append_outcome(const struct history *history, GString *out)
{
    json_text_member_string(out, "order", history->order);
    json_text_member_boolean(out, "goes_on", history->goes_on);
    json_text_member_string(out, "failed", history->failed);
    json_text_member_time(out, "ended", history->ended);
}

static void
answer(struct history *history, const struct waiting *waiting)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_array(out, "steps");
    for (const GList *each = history->steps.head; each != NULL; each = each->next)
        if (((const struct step *)each->data)->number > waiting->after)
            append_step(each->data, out);
    json_text_end_array(out);
    json_text_member_integer(out, "last", history->last);
    append_outcome(history, out);
    json_text_end_object(out);
    child_task_done(history->child, waiting->task, TRUE, out->str, out->len);
}

static void
answer_all(struct history *history)
{
    for (guint i = 0; i < history->waiting->len; i++)
        answer(history, &g_array_index(history->waiting, struct waiting, i));
    g_array_set_size(history->waiting, 0);
}

void
history_ask(struct history *history, const struct child_task *task)
{
    guint64 after = 0;
    struct slice request = {task->body, task->size};
    if (json_check(request, NULL))
        json_member_unsigned(request, "after", &after);
    const struct waiting waiting = {task->number, (guint)MIN(after, G_MAXUINT)};
    if (history->last > waiting.after || !history->goes_on ||
        history->waiting->len >= HISTORY_WAITING)
        answer(history, &waiting);
    else
        g_array_append_val(history->waiting, waiting);
}

void
history_append(const struct history *history, GString *out)
{
    const struct step *step = history->steps.tail != NULL ? history->steps.tail->data : NULL;
    append_outcome(history, out);
    json_text_name(out, "step");
    if (step != NULL)
        append_step(step, out);
    else
        json_text_null(out);
}

guint
history_last(const struct history *history)
{
    return history->last;
}

/* ---- what happens ---- */

static const struct step *
begun(const struct history *history, const char *name)
{
    for (const GList *each = history->steps.tail; each != NULL; each = each->prev) {
        const struct step *step = each->data;
        if (strcmp(step->name, name) == 0)
            return step->progress == PROTOCOL_BEGUN ? step : NULL;
    }
    return NULL;
}

/* What is tried again and again, with the same end, is told once a minute: also where it is several
 * steps, of which some go well. */
static gboolean
is_told(struct history *history, const struct step *step)
{
    const struct told *before = g_hash_table_lookup(history->told, step->name);
    const gboolean lately =
        before != NULL && step->began - before->at < LOG_QUIET_SECONDS * G_USEC_PER_SEC;
    if (step->progress == PROTOCOL_BEGUN)
        return lately;
    if (lately && before->progress == step->progress && strcmp(before->text, step->text) == 0)
        return TRUE;
    struct told *told = g_new0(struct told, 1);
    *told = (struct told){step->progress, g_strdup(step->text), step->began};
    g_hash_table_replace(history->told, g_strdup(step->name), told);
    return FALSE;
}

void
history_turn(struct history *history)
{
    g_hash_table_remove_all(history->told);
}

static void
tell(const struct step *step)
{
    const char *colon = *step->text != '\0' ? ": " : "";
    if (step->progress == PROTOCOL_BEGUN)
        log_info("failover: %s%s%s …", step->name, colon, step->text);
    else if (step->progress == PROTOCOL_WELL)
        log_notice("failover: %s done%s%s (%.2f s)", step->name, colon, step->text, step->seconds);
    else
        log_warning("failover: %s failed%s%s (%.2f s)", step->name, colon, step->text,
                    step->seconds);
}

void
history_step(struct history *history, const char *name, enum protocol_progress progress,
             const char *text)
{
    const struct step *before = begun(history, name);
    struct step *step = g_new0(struct step, 1);
    step->number = ++history->last;
    step->name = g_strdup(name);
    step->text = g_strdup(text != NULL ? text : "");
    step->progress = progress;
    step->at = g_get_real_time() / G_USEC_PER_SEC;
    step->began = g_get_monotonic_time();
    if (progress != PROTOCOL_BEGUN && before != NULL)
        step->seconds = (double)(step->began - before->began) / G_USEC_PER_SEC;
    if (!is_told(history, step))
        tell(step);
    g_queue_push_tail(&history->steps, step);
    if (history->steps.length > HISTORY_KEPT)
        step_free(g_queue_pop_head(&history->steps));
    answer_all(history);
}

void
history_begin(struct history *history, const char *order)
{
    g_free(history->order);
    history->order = g_strdup(order);
    g_clear_pointer(&history->failed, g_free);
    history->goes_on = TRUE;
    history->ended = 0;
    history_turn(history);
}

void
history_end(struct history *history, const char *order, const char *why)
{
    g_free(history->order);
    history->order = g_strdup(order);
    g_free(history->failed);
    history->failed = g_strdup(why);
    history->goes_on = FALSE;
    history->ended = g_get_real_time() / G_USEC_PER_SEC;
    answer_all(history);
}
