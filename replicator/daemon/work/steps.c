#include "replicator/daemon/work/steps.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "replicator/daemon/work/job.h"

#define LOOK "check"

/* A job, and who waits for it. */
struct step {
    struct steps *steps;
    char *name, *value; /* name NULL: none goes on */
    struct job *job;
    GPtrArray *questions; /* struct control_question */
    GString *answer;      /* that it told; empty: none */
    char *error;          /* that it told, or NULL */
};

struct steps {
    struct event_base *events;
    const char *const *command;
    void (*changed)(void *context);
    void *context;
    struct step look, act;
    gboolean holding;
};

static void
step_init(struct step *step, struct steps *steps)
{
    step->steps = steps;
    step->questions = g_ptr_array_new();
    step->answer = g_string_new(NULL);
}

/* All who wait get the answer, or why there is none. */
static void
answer_all(struct step *step, const char *why_not)
{
    for (guint i = 0; i < step->questions->len; i++)
        if (why_not != NULL)
            control_refuse(step->questions->pdata[i], why_not);
        else
            control_answer(step->questions->pdata[i], step->answer);
    g_ptr_array_set_size(step->questions, 0);
}

static void
step_end(struct step *step, const char *why_not)
{
    g_clear_pointer(&step->job, job_free);
    answer_all(step, why_not);
    g_clear_pointer(&step->name, g_free);
    g_clear_pointer(&step->value, g_free);
    g_clear_pointer(&step->error, g_free);
    g_string_truncate(step->answer, 0);
}

static void
step_clear(struct step *step)
{
    step_end(step, "lifeboat-replicator was ended");
    g_ptr_array_unref(step->questions);
    g_string_free(step->answer, TRUE);
}

/* ---- what it tells ---- */

static void
take_summary(struct step *step, struct slice line)
{
    g_autofree char *error = NULL, *hint = NULL;
    if (!json_member_text(line, "error", &error))
        return;
    json_member_text(line, "hint", &hint);
    g_free(step->error);
    step->error =
        hint != NULL ? g_strdup_printf("%s\nhint: %s", error, hint) : g_steal_pointer(&error);
}

static void
take_line(void *context, struct slice line)
{
    struct step *step = context;
    struct slice answer;
    g_autofree char *event = NULL;
    if (!json_check(line, NULL) || !json_member_text(line, "event", &event))
        return;
    if (g_str_equal(event, "summary"))
        take_summary(step, line);
    else if (g_str_equal(event, "answer") && json_member(line, "answer", &answer)) {
        g_string_truncate(step->answer, 0);
        g_string_append_len(step->answer, answer.data, (gssize)answer.size);
    }
}

static void
has_ended(void *context, int exit_code)
{
    struct step *step = context;
    struct steps *steps = step->steps;
    gboolean done = exit_code == 0 && step->answer->len > 0;
    g_autofree char *why = done                  ? NULL
                           : step->error != NULL ? g_strdup(step->error)
                                                 : g_strdup_printf("it ended with %d", exit_code);
    g_autofree char *message = why != NULL ? fail_message(why) : NULL;
    if (!done)
        log_warning("switch: %s failed: %s", step->name, message);
    else if (step == &steps->act)
        log_info("switch: %s is done", step->name);
    step_end(step, why);
    if (step == &steps->look)
        return;
    steps->holding = done;
    steps->changed(steps->context);
}

/* ---- from outside ---- */

static void
start(struct step *step, const char *name, const char *value)
{
    struct steps *steps = step->steps;
    const struct job_handler handler = {take_line, has_ended, step};
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    for (gsize i = 0; steps->command[i] != NULL; i++)
        g_ptr_array_add(arguments, (gpointer)steps->command[i]);
    g_ptr_array_add(arguments, (gpointer)name);
    if (value != NULL)
        g_ptr_array_add(arguments, (gpointer)value);
    g_ptr_array_add(arguments, NULL);
    step->name = g_strdup(name);
    step->value = g_strdup(value);
    if (step == &steps->act) {
        log_info("switch: %s", name);
        steps->changed(steps->context); /* who has the lock ends first */
    }
    step->job = job_start(steps->events, (const char *const *)arguments->pdata, &handler, &failure);
    if (step->job != NULL)
        return;
    step_end(step, failure->message);
    if (step == &steps->act)
        steps->changed(steps->context);
}

void
steps_ask(struct steps *steps, const char *name, const char *value,
          struct control_question *question)
{
    struct step *step = g_str_equal(name, LOOK) ? &steps->look : &steps->act;
    gboolean same =
        step->name != NULL && g_str_equal(step->name, name) && g_strcmp0(step->value, value) == 0;
    if (!same && step->name != NULL) {
        g_autofree char *why = g_strdup_printf("'%s' took the place of '%s'", name, step->name);
        log_notice("switch: %s", why);
        step_end(step, why);
    }
    g_ptr_array_add(step->questions, question);
    if (!same)
        start(step, name, value);
}

const char *
steps_under_way(const struct steps *steps)
{
    return steps->act.name;
}

gboolean
steps_is_holding(const struct steps *steps)
{
    return steps->holding;
}

void
steps_release(struct steps *steps)
{
    steps->holding = FALSE;
}

struct steps *
steps_new(struct event_base *events, const char *const *command, void (*changed)(void *context),
          void *context)
{
    struct steps *steps = g_new0(struct steps, 1);
    steps->events = events;
    steps->command = command;
    steps->changed = changed;
    steps->context = context;
    step_init(&steps->look, steps);
    step_init(&steps->act, steps);
    return steps;
}

void
steps_free(struct steps *steps)
{
    if (steps == NULL)
        return;
    step_clear(&steps->look);
    step_clear(&steps->act);
    g_free(steps);
}
