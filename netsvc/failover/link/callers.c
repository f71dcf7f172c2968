#include "netsvc/failover/link/callers.h"

#include "lib/base/account.h"
#include "lib/base/log.h"
#include "netsvc/netlink.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALL_STATES (~(guint32)0)

struct callers {
    struct netlink *sockets;
    uid_t users[3];
    gsize n_users;
    gint64 told; /* log_is_due */
};

struct callers *
callers_new(const char *user, GError **error)
{
    struct account account;
    struct netlink *sockets = netlink_open(NETLINK_SOCK_DIAG, error);
    if (sockets == NULL)
        return NULL;
    struct callers *callers = g_new0(struct callers, 1);
    callers->sockets = sockets;
    callers->users[callers->n_users++] = 0;
    callers->users[callers->n_users++] = geteuid();
    if (account_find(user, &account))
        callers->users[callers->n_users++] = account.uid;
    return callers;
}

void
callers_free(struct callers *callers)
{
    if (callers == NULL)
        return;
    netlink_free(callers->sockets);
    g_free(callers);
}

/* ---- whose it is ---- */

struct owner {
    gboolean known;
    uid_t user;
};

/* What nobody has open any more has no inode, and may say that it is root's. */
static void
note_owner(const struct nlmsghdr *message, void *context)
{
    struct owner *owner = context;
    const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        mnl_nlmsg_get_payload_len(message) < sizeof *socket || socket->idiag_inode == 0)
        return;
    *owner = (struct owner){TRUE, socket->idiag_uid};
}

/* The ends of the connection as whoever calls has them: ours is where it goes to. */
static gboolean
find_ends(int fd, struct inet_diag_sockid *id)
{
    struct sockaddr_in here, there;
    socklen_t here_size = sizeof here, there_size = sizeof there;
    if (getsockname(fd, (struct sockaddr *)&here, &here_size) != 0 ||
        getpeername(fd, (struct sockaddr *)&there, &there_size) != 0 ||
        here.sin_family != AF_INET || there.sin_family != AF_INET)
        return FALSE;
    id->idiag_src[0] = there.sin_addr.s_addr;
    id->idiag_sport = there.sin_port;
    id->idiag_dst[0] = here.sin_addr.s_addr;
    id->idiag_dport = here.sin_port;
    id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return TRUE;
}

static struct owner
find_owner(struct callers *callers, int fd)
{
    struct netlink_request request;
    struct owner owner = {0};
    netlink_begin(callers->sockets, &request);
    struct inet_diag_req_v2 *body = mnl_nlmsg_get_payload(
        netlink_add(callers->sockets, &request, SOCK_DIAG_BY_FAMILY, NLM_F_ACK, sizeof *body));
    body->sdiag_family = AF_INET;
    body->sdiag_protocol = IPPROTO_TCP;
    body->idiag_states = ALL_STATES;
    if (!find_ends(fd, &body->id) ||
        netlink_send(callers->sockets, &request, note_owner, &owner) != 0)
        owner.known = FALSE;
    return owner;
}

/* ---- who may ---- */

static void
tell_refused(struct callers *callers, const struct owner *owner)
{
    if (!log_is_due(&callers->told))
        return;
    if (owner->known)
        log_warning("failover: the user with number %u tried to reach the other node's CouchDB, "
                    "and was refused: only root and the replicator's user may",
                    owner->user);
    else
        log_warning("failover: a connection to the other node's CouchDB was refused: whose it is "
                    "cannot be told");
}

gboolean
callers_admit(struct callers *callers, int fd)
{
    const struct owner owner = find_owner(callers, fd);
    for (gsize i = 0; owner.known && i < callers->n_users; i++)
        if (callers->users[i] == owner.user)
            return TRUE;
    tell_refused(callers, &owner);
    return FALSE;
}
