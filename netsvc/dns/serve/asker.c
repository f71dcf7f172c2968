#include "netsvc/dns/serve/asker.h"

#include "netsvc/dns/serve/tcp.h"

void
asker_send(const struct asker *asker, const guint8 *wire, gsize size)
{
    if (asker->tcp != NULL) {
        tcp_send(asker->tcp, asker->connection, wire, size);
        return;
    }
    /* An answer that the network does not take now is lost as others are; they ask again. */
    ssize_t sent = sendto(asker->fd, wire, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                          (const struct sockaddr *)&asker->address, asker->size);
    (void)sent;
}
