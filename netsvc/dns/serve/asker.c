#include "netsvc/dns/serve/asker.h"

#include "netsvc/dns/serve/tcp.h"

void
asker_send(const struct asker *asker, const guint8 *wire, gsize size)
{
    if (asker->tcp != NULL) {
        tcp_send(asker->tcp, asker->connection, wire, size);
        return;
    }
    struct iovec bytes = {(guint8 *)wire, size};
    const struct msghdr message = {
        .msg_name = (void *)&asker->address,
        .msg_namelen = asker->size,
        .msg_iov = &bytes,
        .msg_iovlen = 1,
        .msg_control = asker->control_size > 0 ? (void *)asker->control : NULL,
        .msg_controllen = asker->control_size,
    };
    /* An answer that the network does not take now is lost as others are; they ask again. */
    ssize_t sent = sendmsg(asker->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent;
}
