/*
 * tsig: requests and answers signed with a secret that both sides have (RFC 8945).
 *
 *     server   tsig_check the request → tsig_sign every answer to it
 *     client   tsig_begin → tsig_sign the request → tsig_check_answer each message → tsig_is_done
 *
 * One `struct tsig` goes with one exchange, since each MAC covers the one before. As server we
 * sign every message of a stream; as client we take streams in which up to 99 have none between.
 *
 * Time. A signature holds for 300 s around its time, by the wall clock, and a clinic's clock may
 * be wrong by years. Of two nodes with wrong clocks the client gives way: a server that finds our
 * time wrong says so in an answer that is signed and tells its own time (BADTIME), so its word can
 * be trusted; tsig_check_answer gives it as `skew`, the client signs once more with the server's
 * time, and keeps the skew for that server. The system's clock is not touched. As server we do
 * not give way: who can set our time could replay.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "netsvc/dns/wire/query.h"

#include <openssl/types.h>

#define TSIG_FUDGE 300       /* seconds: RFC 8945, 10 */
#define TSIG_MAC_MAX 64      /* bytes: SHA-512 */
#define TSIG_UNSIGNED_MAX 99 /* messages in a row without one: RFC 8945, 5.3.1 */

/* Its extended errors, which stand in the TSIG record; the message says NOTAUTH. */
enum tsig_error {
    TSIG_BADSIG = 16,
    TSIG_BADKEY = 17,
    TSIG_BADTIME = 18,
    TSIG_BADTRUNC = 22,
};

struct tsig_key;
struct tsig_keys;

/* Of `[tsig …]`, an array of struct config_tsig. hmac-sha256, -sha384, -sha512; -sha1 for old
 * servers. An unknown algorithm, a name that is none, an empty secret or the same name twice are
 * errors. */
struct tsig_keys *tsig_keys_new(const GPtrArray *config, GError **error);
void tsig_keys_free(struct tsig_keys *keys);
AUTO_DEFINE(tsig_keys)

/* NULL: there is none of that name. Valid as long as the keys. */
const struct tsig_key *tsig_keys_find(const struct tsig_keys *keys, const char *name);

/* One exchange. Zeroed, it is one without a signature, to which tsig_sign adds nothing. */
struct tsig {
    const struct tsig_key *key;  /* NULL: not signed, or with a key that we do not know */
    struct name name, algorithm; /* as they stood in the request */
    enum tsig_error error;       /* 0: the signature is good */
    guint64 time;                /* that the request was signed at */
    gint64 skew;                 /* client: seconds that the server's clock is before ours */
    guint16 id;                  /* of the request */
    gboolean present;            /* there was one, or there is to be one */
    gboolean later;              /* a signed message of this answer went before */
    gsize mac_size;              /* of the last MAC; 0: none */
    guint8 mac[TSIG_MAC_MAX];
    guint gap;           /* client: messages since the last signed one … */
    EVP_MAC_CTX *digest; /* … and what covers them */
};

/* Frees what it holds and zeroes it. */
void tsig_clear(struct tsig *tsig);

/* ---- server ---- */

/*
 * Of a request whose TSIG record begins at `offset` (query.tsig); 0: it has none, which is
 * NOERROR with `present` FALSE. NOTAUTH: `error` says why, and the answer is to be that rcode
 * with nothing in it, through tsig_sign. FORMERR: an answer is not signed. `now`: seconds since
 * 1970.
 */
enum rcode tsig_check(struct tsig *tsig, const struct tsig_keys *keys, const guint8 *wire,
                      gsize size, gsize offset, guint64 now);

/* ---- client ---- */

/* `key` NULL: nothing will be signed nor checked. */
void tsig_begin(struct tsig *tsig, const struct tsig_key *key, gint64 skew);

enum tsig_verdict {
    TSIG_GOOD,  /* goes on; of an unsigned message within a stream it is not known before the next
                   signed one: nothing may be believed before tsig_is_done */
    TSIG_WRONG, /* `error` says what */
    TSIG_CLOCK, /* the server's clock differs: `skew` is now what to begin anew with */
};
enum tsig_verdict tsig_check_answer(struct tsig *tsig, const guint8 *wire, gsize size, gsize offset,
                                    guint64 now, GError **error);

/* Whether the last message was signed: one may end here. */
gboolean tsig_is_done(const struct tsig *tsig);

/* ---- both ---- */

/* Bytes that must be left free for it; 0: it adds nothing. */
gsize tsig_size(const struct tsig *tsig);

/* Adds the record to a whole message, for which `room` bytes are there in all, and counts it in
 * its header. Gives the new size; 0: no room. */
gsize tsig_sign(struct tsig *tsig, guint8 *wire, gsize size, gsize room, guint64 now);
