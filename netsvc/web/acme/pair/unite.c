#include "netsvc/web/acme/pair/unite.h"

#include "netsvc/web/acme/rules/quotas.h"

#include <string.h>

static char *
replace_text(char **place, const char *text)
{
    g_free(*place);
    return *place = g_strdup(text);
}

/* ---- accounts ---- */

static gboolean
is_later(guint32 theirs, const char *their_text, guint32 own, const char *own_text)
{
    return theirs != own ? theirs > own : strcmp(their_text, own_text) < 0;
}

/* FALSE: it is what it was. */
static gboolean
unite_accounts(struct ledger_account *own, const struct ledger_account *theirs)
{
    gboolean changed = FALSE;
    if (is_later(theirs->key_version, theirs->key, own->key_version, own->key)) {
        replace_text(&own->key, theirs->key);
        replace_text(&own->thumbprint, theirs->thumbprint);
        own->key_version = theirs->key_version;
        changed = TRUE;
    }
    if (is_later(theirs->contacts_version, theirs->contacts, own->contacts_version,
                 own->contacts)) {
        replace_text(&own->contacts, theirs->contacts);
        own->contacts_version = theirs->contacts_version;
        changed = TRUE;
    }
    if (own->status == LEDGER_VALID && theirs->status != LEDGER_VALID) {
        own->status = theirs->status;
        changed = TRUE;
    }
    changed |= theirs->created < own->created || theirs->used > own->used;
    own->created = MIN(own->created, theirs->created);
    own->used = MAX(own->used, theirs->used);
    return changed;
}

static gboolean
take_account(struct ledger *ledger, const struct ledger_account *theirs, GError **error)
{
    g_autoptr(GError) failure = NULL;
    gboolean admitted;
    AUTO(ledger_account) *own = ledger_account(ledger, theirs->id, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (own != NULL)
        return !unite_accounts(own, theirs) || ledger_put_account(ledger, own, error);
    return ledger_admits(ledger, LEDGER_ACCOUNTS, QUOTA_ACCOUNTS, theirs->used, &admitted, error) &&
           (!admitted || ledger_put_account(ledger, theirs, error));
}

/* ---- certificates ---- */

static gboolean
unite_certificates(struct ledger_certificate *own, const struct ledger_certificate *theirs)
{
    const gboolean revoked =
        theirs->revoked != 0 && (own->revoked == 0 || theirs->revoked < own->revoked);
    const gboolean replaced = theirs->replaced && !own->replaced;
    if (revoked)
        own->revoked = theirs->revoked;
    own->replaced |= theirs->replaced;
    return revoked || replaced;
}

static gboolean
take_certificate(struct ledger *ledger, const struct ledger_certificate *theirs, GError **error)
{
    g_autoptr(GError) failure = NULL;
    gboolean admitted;
    AUTO(ledger_certificate) *own = ledger_certificate_of_serial(ledger, theirs->serial, &failure);
    AUTO(ledger_certificate) *same_id =
        own == NULL && failure == NULL ? ledger_certificate(ledger, theirs->id, &failure) : NULL;
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (own != NULL)
        return strcmp(own->id, theirs->id) != 0 || strcmp(own->key, theirs->key) != 0 ||
               !unite_certificates(own, theirs) || ledger_put_certificate(ledger, own, error);
    if (same_id != NULL)
        return TRUE;
    return ledger_admits(ledger, LEDGER_CERTIFICATES, QUOTA_CERTIFICATES, theirs->not_before,
                         &admitted, error) &&
           (!admitted || ledger_put_certificate(ledger, theirs, error));
}

/* ---- orders ---- */

static gboolean
take_order(struct ledger *ledger, const struct ledger_order *theirs, GError **error)
{
    g_autoptr(GError) failure = NULL;
    gboolean admitted;
    AUTO(ledger_order) *own = ledger_order(ledger, theirs->id, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (own != NULL)
        return TRUE;
    return ledger_admits(ledger, LEDGER_ORDERS, QUOTA_ORDERS, theirs->created, &admitted, error) &&
           (!admitted || ledger_put_order(ledger, theirs, error));
}

gboolean
unite_row(struct ledger *ledger, const struct row *theirs, GError **error)
{
    switch (theirs->kind) {
    case LEDGER_ACCOUNT:
        return take_account(ledger, theirs->account, error);
    case LEDGER_CERTIFICATE:
        return take_certificate(ledger, theirs->certificate, error);
    case LEDGER_ORDER:
        return take_order(ledger, theirs->order, error);
    default:
        g_assert_not_reached();
    }
}
