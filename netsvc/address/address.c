#include "netsvc/address/address.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "netsvc/address/announce.h"
#include "netsvc/address/hold.h"
#include "netsvc/address/probe.h"
#include "netsvc/address/wire.h"
#include "netsvc/timer.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <time.h>

#define DEAD_MS 5000       /* without address/keep: before the kernel takes the address */
#define RETRY_MS 1000      /* what could not be done is tried again */
#define ADDED_SECONDS 600  /* that people are told of what somebody added */
#define CLAIMED_SECONDS 60 /* that another's claim counts */
#define CLAIM_MS 1000      /* at least, until another one's claim counts: a station may draw MACs */
#define HEARD_AT_ONCE 64   /* frames, before others have their turn */

struct address {
    struct child *child;
    struct hold *hold;
    int wire;
    struct place place; /* where it belongs, as it was last */
    gboolean has_place;
    gboolean began;      /* it was told which role the node has */
    gboolean held, open; /* what is meant; the kernel may need to be told again */
    gint64 kept;         /* boot time, milliseconds: the last address/keep */
    struct probe *probe;
    GArray *probing; /* guint32: tasks that wait for it */
    struct announce *announce;
    char *failure;                /* of the last step; NULL: none */
    gint64 told_lost, told_rules; /* log_is_due */
    struct event *dead, *retry, *forget_added, *forget_claimed, *addresses, *rules, *heard;
    gint64 claimed_at;            /* boot time, milliseconds: since then it is … */
    char claimed[FRAME_MAC_TEXT]; /* … the MAC of who else says that it has the address; "": nobody
                                   */
};

/* Also while the machine sleeps. */
static gint64
now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (gint64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what people are told ---- */

/* Takes the error; NULL: it went well. What failed is tried again. */
static gboolean
note_outcome(struct address *self, GError *error)
{
    g_autofree char *text = NULL;
    if (error != NULL) {
        g_autofree char *message = fail_message(error->message);
        text = fail_line(message, fail_hint(error->message));
        timer_set(self->retry, RETRY_MS);
        g_error_free(error);
    }
    child_alert(self->child, "service address", "%s", text != NULL ? text : "");
    g_free(self->failure);
    self->failure = g_steal_pointer(&text);
    return self->failure == NULL;
}

static char *
trouble_of(const struct address *self)
{
    if (self->failure != NULL)
        return g_strdup(self->failure);
    if (!self->has_place)
        return g_strdup("no interface is there for the service address");
    if (!self->place.link)
        return g_strdup_printf("interface '%s' has no link", self->place.name);
    if (*self->claimed != '\0')
        return g_strdup_printf("%s says that it has the service address", self->claimed);
    return NULL;
}

static gboolean
has_link(const struct address *self)
{
    return self->has_place && self->place.link;
}

static void
tell_link(struct address *self)
{
    g_autofree char *text =
        self->has_place && !self->place.link
            ? g_strdup_printf("interface '%s' has no link, so that clients do not reach this node: "
                              "see that its network cable is in, at both ends",
                              self->place.name)
            : NULL;
    child_alert(self->child, "link", "%s", text != NULL ? text : "");
}

static void
look_for_place(struct address *self)
{
    const struct place before = self->place;
    const gboolean had = self->has_place;
    self->has_place = hold_place(self->hold, &self->place, NULL);
    const gboolean other = self->has_place && (!had || before.index != self->place.index ||
                                               memcmp(before.mac, self->place.mac, 6) != 0);
    const gboolean link = self->has_place && self->place.link && !(had && before.link);
    if (self->has_place && had && before.link && !self->place.link)
        log_warning("interface '%s' has no link any more", self->place.name);
    tell_link(self);
    /* clients may be behind another port of a switch now */
    if (self->open && (other || link))
        announce_begin(self->announce, self->place.mac);
}

/* ---- ARP ---- */

/* FALSE: it has to wait. What cannot be sent at all is lost, as frames are. */
static gboolean
send_frame(void *context, const guint8 *frame, gsize size)
{
    const struct address *self = context;
    return !self->has_place || wire_send(self->wire, &self->place, frame, size) ||
           (errno != EAGAIN && errno != ENOBUFS);
}

static void
want_clients(void *context)
{
    child_ask(((struct address *)context)->child, "dhcp/clients", "", 0, NULL, NULL);
}

static void
forget_claimed(evutil_socket_t fd, short what, void *context)
{
    struct address *self = context;
    (void)fd;
    (void)what;
    *self->claimed = '\0';
    child_alert(self->child, "two have it", "%s", "");
}

/* Who else has it: the other node, when both were parted; or a machine that somebody put there. */
static void
note_claim(struct address *self, const guint8 *mac)
{
    char text[FRAME_MAC_TEXT];
    frame_mac_text(mac, text);
    if (strcmp(text, self->claimed) != 0 && now_ms() - self->claimed_at >= CLAIM_MS) {
        self->claimed_at = now_ms();
        memcpy(self->claimed, text, sizeof text);
        child_alert(self->child, "two have it",
                    "%s says that it has the service address, which this node holds; if that is "
                    "the other node, and they are not paired, run `lifeboat peer pair` on the one "
                    "in use; any other machine must give that address up",
                    text);
    }
    timer_set(self->forget_claimed, CLAIMED_SECONDS * 1000);
}

static void
has_heard(evutil_socket_t fd, short what, void *context)
{
    struct address *self = context;
    struct frame_arp arp;
    (void)what;
    for (guint i = 0; i < HEARD_AT_ONCE && wire_hear(fd, &self->place, &arp); i++) {
        probe_take(self->probe, &arp);
        if (self->held && arp.sender != 0)
            note_claim(self, arp.sender_mac);
    }
}

static void
probe_found(void *context, const guint8 *mac)
{
    struct address *self = context;
    g_autoptr(GString) answer = g_string_new(NULL);
    char text[FRAME_MAC_TEXT];
    json_text_begin_object(answer);
    json_text_member_string(answer, "mac", mac != NULL ? frame_mac_text(mac, text) : NULL);
    json_text_end_object(answer);
    for (guint i = 0; i < self->probing->len; i++)
        child_task_done(self->child, g_array_index(self->probing, guint32, i), TRUE, answer->str,
                        answer->len);
    g_array_set_size(self->probing, 0);
}

/* ---- steps ---- */

static gboolean
fence(struct address *self)
{
    GError *error = NULL;
    self->held = self->open = FALSE;
    evtimer_del(self->dead);
    announce_stop(self->announce);
    forget_claimed(-1, 0, self);
    hold_fence(self->hold, &error);
    return note_outcome(self, error);
}

static void
keep_alive(struct address *self)
{
    self->kept = now_ms();
    timer_set(self->dead, DEAD_MS);
}

static gboolean
take_address(struct address *self)
{
    GError *error = NULL;
    look_for_place(self);
    if (!self->held)
        self->held = hold_take(self->hold, &error);
    if (error != NULL) {
        fence(self);
        note_outcome(self, error);
        evtimer_del(self->retry); /* whoever asked decides */
        return FALSE;
    }
    keep_alive(self);
    return note_outcome(self, NULL);
}

static gboolean
open_address(struct address *self)
{
    GError *error = NULL;
    self->open = hold_open(self->hold, &error);
    if (!note_outcome(self, error))
        return FALSE;
    look_for_place(self);
    log_notice("the service address is here, and open to clients");
    announce_begin(self->announce, self->place.mac);
    return TRUE;
}

static void
keep(struct address *self)
{
    GError *error = NULL;
    if (now_ms() - self->kept >= DEAD_MS) {
        log_error("the service address was not kept for %d s: clients are fenced off",
                  DEAD_MS / 1000);
        fence(self);
        return;
    }
    keep_alive(self);
    hold_keep(self->hold, self->open, &error);
    note_outcome(self, error);
}

/* What is meant, once more. */
static void
mend_rules(struct address *self)
{
    GError *error = NULL;
    hold_mend_rules(self->hold, self->open, &error);
    note_outcome(self, error);
}

static void
mend_address(struct address *self)
{
    GError *error = NULL;
    guint added = 0;
    gboolean lost = FALSE;
    hold_mend_address(self->hold, self->held, &added, &lost, &error);
    if (lost && error == NULL && log_is_due(&self->told_lost))
        log_warning("somebody removed the service address: it was put back");
    if (added > 0) {
        child_alert(self->child, "added",
                    "somebody added the service address to this machine: it was removed, as "
                    "clients would find two; take it out of the network's configuration here");
        timer_set(self->forget_added, ADDED_SECONDS * 1000);
    }
    note_outcome(self, error);
}

/* ---- what happens ---- */

static void
is_dead(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    keep(context); /* which is too late */
}

static void
must_retry(evutil_socket_t fd, short what, void *context)
{
    struct address *self = context;
    (void)fd;
    (void)what;
    if (!self->held) {
        fence(self);
        return;
    }
    mend_rules(self);
    if (self->failure == NULL)
        mend_address(self);
}

static void
forget_added(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    child_alert(((struct address *)context)->child, "added", "%s", "");
}

static void
addresses_changed(evutil_socket_t fd, short what, void *context)
{
    struct address *self = context;
    (void)what;
    if (!hold_hear(self->hold, fd) || !self->began)
        return;
    look_for_place(self);
    mend_address(self);
}

static void
rules_changed(evutil_socket_t fd, short what, void *context)
{
    struct address *self = context;
    (void)what;
    if (!hold_hear(self->hold, fd) || !self->began)
        return;
    if (log_is_due(&self->told_rules))
        log_warning(
            "somebody changed the rules that fence the service address: they are set again");
    mend_rules(self);
}

/* ---- tasks ---- */

static void
answer(const struct address *self, guint32 number, gboolean done)
{
    const char *text = done ? "{}" : self->failure;
    child_task_done(self->child, number, done, text, strlen(text));
}

static void
refuse(const struct address *self, guint32 number, const char *why)
{
    child_task_done(self->child, number, FALSE, why, strlen(why));
}

static void
do_probe(struct address *self, guint32 number)
{
    look_for_place(self);
    if (!self->has_place || !self->place.link) {
        g_autofree char *why = trouble_of(self);
        refuse(self, number, why);
        return;
    }
    g_array_append_val(self->probing, number);
    probe_begin(self->probe, self->place.mac);
}

static void
do_take(struct address *self, guint32 number)
{
    answer(self, number, take_address(self));
}

static void
do_open(struct address *self, guint32 number)
{
    if (!self->held)
        refuse(self, number, "the service address was not taken");
    else
        answer(self, number, self->open || open_address(self));
}

static void
do_keep(struct address *self, guint32 number)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (self->held)
        keep(self);
    json_text_begin_object(text);
    json_text_member_boolean(text, "held", self->held);
    json_text_member_boolean(text, "fenced", !self->open);
    json_text_end_object(text);
    child_task_done(self->child, number, TRUE, text->str, text->len);
}

static void
do_announce(struct address *self, guint32 number)
{
    if (self->open)
        announce_begin(self->announce, self->place.mac);
    child_task_done(self->child, number, TRUE, "{}", 2);
}

static void
do_fence(struct address *self, guint32 number)
{
    if (self->held)
        log_notice("the service address is given up, and clients fenced off");
    answer(self, number, fence(self));
}

static void
do_look(struct address *self, guint32 number)
{
    g_autoptr(GString) text = g_string_new(NULL);
    look_for_place(self);
    g_autofree char *trouble = trouble_of(self);
    json_text_begin_object(text);
    json_text_member_boolean(text, "held", self->held);
    json_text_member_boolean(text, "fenced", !self->open);
    json_text_member_string(text, "interface", self->has_place ? self->place.name : NULL);
    json_text_member_string(text, "trouble", trouble);
    json_text_end_object(text);
    child_task_done(self->child, number, TRUE, text->str, text->len);
}

/* Whether clients would reach the address here. */
static void
do_check(struct address *self, guint32 number)
{
    g_autoptr(GString) text = g_string_new(NULL);
    look_for_place(self);
    json_text_begin_object(text);
    json_text_member_array(text, "problems");
    if (!has_link(self)) {
        g_autofree char *trouble = trouble_of(self);
        g_autofree char *problem =
            g_strdup_printf("clients would not reach this node: %s; see that its network cable is "
                            "in, at both ends",
                            trouble);
        json_text_string(text, problem);
    }
    json_text_end_array(text);
    json_text_end_object(text);
    child_task_done(self->child, number, TRUE, text->str, text->len);
}

/* Of an address of IPv6 nothing is known here: it counts as one that has a link. */
static gboolean
has_path(struct address *self)
{
    const struct config_node *own = child_config(self->child)->own;
    for (guint i = 0; own != NULL && i < own->addresses->len; i++) {
        const struct sockaddr_storage *address =
            &g_array_index(own->addresses, struct config_peer, i).address;
        const struct sockaddr_in *ip = (const struct sockaddr_in *)(gconstpointer)address;
        if (address->ss_family != AF_INET || hold_has_link(self->hold, ntohl(ip->sin_addr.s_addr)))
            return TRUE;
    }
    return FALSE;
}

static void
do_cable(struct address *self, guint32 number)
{
    look_for_place(self);
    const char *text = has_link(self) || has_path(self) ? "{\"in\": true}" : "{\"in\": false}";
    child_task_done(self->child, number, TRUE, text, strlen(text));
}

static void
take_clients(struct address *self, const struct child_task *task)
{
    struct task_client clients[64];
    for (gsize at = 0; at + sizeof clients[0] <= task->size; at += sizeof clients) {
        const gsize n = MIN(G_N_ELEMENTS(clients), (task->size - at) / sizeof clients[0]);
        memcpy(clients, task->body + at, n * sizeof clients[0]);
        announce_clients(self->announce, clients, n);
    }
}

static const struct {
    const char *what;
    void (*act)(struct address *self, guint32 number);
} steps[] = {
    {"probe", do_probe}, {"take", do_take},         {"open", do_open},
    {"keep", do_keep},   {"announce", do_announce}, {"fence", do_fence},
    {"look", do_look},   {"check", do_check},       {"cable", do_cable},
};

static void
address_task(gpointer context, const struct child_task *task)
{
    struct address *self = context;
    if (strcmp(task->what, "clients") == 0) {
        take_clients(self, task);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++)
        if (strcmp(steps[i].what, task->what) == 0) {
            steps[i].act(self, task->number);
            return;
        }
    refuse(self, task->number, "that is not known here");
}

/* ---- the whole ---- */

/* At first: with a node that is active only this process is new. */
static void
address_role_is(gpointer context, const struct task_state *state)
{
    struct address *self = context;
    if (self->began)
        return;
    self->began = TRUE;
    look_for_place(self);
    if (state->role == TASK_ACTIVE || state->role == TASK_ALONE)
        hold_look(self->hold, &self->held, &self->open);
    if (!self->held) {
        fence(self);
        return;
    }
    log_info("the service address is held on");
    keep_alive(self);
    mend_address(self);
    if (self->open)
        announce_begin(self->announce, self->place.mac);
}

static gpointer
address_open(struct child *child, GError **error)
{
    const struct config *config = child_config(child);
    struct address *self = g_new0(struct address, 1);
    self->child = child;
    self->wire = -1;
    if (geteuid() != 0)
        return self; /* as far as the configuration goes, it could be served */
    self->hold = hold_new(config->service_address, config->failover.interface, error);
    if (self->hold != NULL)
        self->wire = wire_open(config->service_address, error);
    if (self->wire >= 0)
        return self;
    hold_free(self->hold);
    g_free(self);
    return NULL;
}

static struct event *
listen_to(struct address *self, int fd, event_callback_fn act)
{
    struct event *event = event_new(child_events(self->child), fd, EV_READ | EV_PERSIST, act, self);
    event_add(event, NULL);
    return event;
}

static gboolean
address_begin(gpointer context, GError **error)
{
    struct address *self = context;
    struct event_base *events = child_events(self->child);
    const guint32 address = child_config(self->child)->service_address;
    const struct probe_ears probe_ears = {send_frame, probe_found, self};
    const struct announce_ears announce_ears = {send_frame, want_clients, self};
    if (self->hold == NULL)
        return fail_set(error, FAIL_FAILED,
                        "the service address needs root's rights\nhint: start it as root; it gives "
                        "them up but for one");
    self->probing = g_array_new(FALSE, FALSE, sizeof(guint32));
    self->probe = probe_new(events, address, &probe_ears);
    self->announce = announce_new(events, address, &announce_ears);
    self->dead = evtimer_new(events, is_dead, self);
    self->retry = evtimer_new(events, must_retry, self);
    self->forget_added = evtimer_new(events, forget_added, self);
    self->forget_claimed = evtimer_new(events, forget_claimed, self);
    self->addresses = listen_to(self, hold_addresses_fd(self->hold), addresses_changed);
    self->rules = listen_to(self, hold_rules_fd(self->hold), rules_changed);
    self->heard = listen_to(self, self->wire, has_heard);
    return TRUE;
}

static void
address_take(gpointer self, enum message_kind kind, const void *data, gsize size)
{
    (void)self;
    (void)kind;
    (void)data;
    (void)size;
}

/* All stays as it is, for the process that follows; where none does, the parent fences, and within
 * 6 s the kernel. */
static void
address_end(gpointer self)
{
    (void)self;
}

static gboolean
address_wanted(const struct config *config)
{
    return config->nodes->len > 0 && config->service_address != 0;
}

/* Its sockets were opened before. */
static const int rights[] = {CAP_NET_ADMIN, -1};

const struct child_role address_role = {
    .name = "address",
    .wanted = address_wanted,
    .rights = rights,
    .open = address_open,
    .begin = address_begin,
    .take = address_take,
    .task = address_task,
    .role = address_role_is,
    .end = address_end,
    .alone = TRUE,
};
