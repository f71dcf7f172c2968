/*
 * sign: DNSSEC for a static zone (RFC 4033 to 4035), made in memory when it is loaded, with ldns.
 *
 *     sign_keys_open   with root's rights, before the sandbox
 *     signer_new → signer_step … → signer_take   from a zone the same one, signed
 *     sign_is_due      looked at every hour: then once more, of the zone that is served
 *
 * The keys stay in the memory of the process that answers names, since it signs again while it
 * runs: who takes over that process can sign for the zone, until the keys are changed. (Whoever
 * does not want that signs elsewhere and transfers the zone to us.) Their files are not readable
 * to that process once it serves.
 *
 * NSEC, not NSEC3: its names are no secret on a LAN, and its answers can be prepared in advance.
 * DNSKEY, NSEC and RRSIG become RRsets as any others (the RRSIGs of a name, whatever they cover,
 * are one RRset); those that the zone had, but for DNSKEYs, make room. Delegations: the DS is
 * signed, NS and glue are not; a child without DS is an insecure delegation, as that of our
 * clients' names is.
 *
 * Time. Signatures are valid from an hour ago, for clients whose clocks are slow; from a day ago
 * where our own clock is not sure; and for 30 days. They are made anew after 10, and when the
 * clock turns out to have been elsewhere, so that a node that was off for a week or was set right
 * never serves signatures that have run out.
 */
#pragma once

#include "netsvc/dns/zone/zone.h"

#define SIGN_BACK 3600              /* seconds before now that signatures are valid from … */
#define SIGN_BACK_UNSURE 86400      /* … if the clock is not sure */
#define SIGN_VALID (30 * 86400)     /* seconds from now that they are valid to */
#define SIGN_AGAIN (10 * 86400)     /* seconds after which they are made anew */
#define SIGN_DNSKEY_TTL 3600        /* seconds */
#define SIGN_KEYS_MAX 16            /* of one zone */
#define SIGN_KEY_FILE_MAX (1 << 16) /* bytes */

struct sign_keys;

/*
 * The keys of the zone in a folder: K{zone}.+{algorithm}+{tag}.private and .key, as ldns-keygen and
 * dnssec-keygen write them. With the SEP flag a key signs the DNSKEYs, without it the rest; where
 * an algorithm has only such or only others, each signs all. With `create` a folder without any
 * gets one of ECDSA P-256 (RFC 6605) that signs all, durably and mode 0600, and so does the folder;
 * `made` (NULL is fine) says whether.
 */
struct sign_keys *sign_keys_open(const char *folder, const struct name *origin, gboolean create,
                                 gboolean *made, GError **error);
void sign_keys_free(struct sign_keys *keys);
AUTO_DEFINE(sign_keys)

/* What the parent zone, or whoever validates, must have: one line each key that signs the DNSKEYs,
 * "site.example. 3600 IN DS 12345 13 2 …"; caller frees. */
char *sign_keys_ds(const struct sign_keys *keys);

/* Seconds since 1970. */
struct sign_period {
    gint64 from, to, made;
};
struct sign_period sign_period_at(gint64 now, gboolean clock_is_sure);

/* Whether signatures of that period are to be made anew. */
gboolean sign_is_due(const struct sign_period *period, gint64 now);

/* A zone being signed. `zone`, which may be signed itself, must not change before signer_take. */
struct signer;

/* `serial`: of the SOA; the zone's own is kept if it is that or comes after (RFC 1982). */
struct signer *signer_new(const struct zone *zone, const struct sign_keys *keys,
                          const struct sign_period *period, guint32 serial);
void signer_free(struct signer *signer);
AUTO_DEFINE(signer)

enum signer_state { SIGNER_MORE, SIGNER_DONE, SIGNER_FAILED };

/* Goes on for about so many signatures, of which a core makes some 10,000 in a second: a large
 * zone is signed between queries. */
enum signer_state signer_step(struct signer *signer, guint signatures, GError **error);

/* After SIGNER_DONE: the zone, finished; the caller's. */
struct zone *signer_take(struct signer *signer);

/* All of it at once. */
struct zone *sign_zone(const struct zone *zone, const struct sign_keys *keys,
                       const struct sign_period *period, guint32 serial, GError **error);
