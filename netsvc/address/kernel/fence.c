#include "netsvc/address/kernel/fence.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stddef.h>
#include <string.h>

#define SET "open"
#define SET_ID 1
#define SET_ADDRESS 7 /* nft's number of the type, so that it shows it */
#define PRIORITY (-350)

/* ---- messages ---- */

static struct nlmsghdr *
add(struct netlink *filter, struct netlink_request *request, guint type, guint flags)
{
    struct nlmsghdr *message = netlink_add(filter, request, NFNL_SUBSYS_NFTABLES << 8 | type, flags,
                                           sizeof(struct nfgenmsg));
    struct nfgenmsg *head = mnl_nlmsg_get_payload(message);
    head->nfgen_family = NFPROTO_IPV4;
    head->version = NFNETLINK_V0;
    return message;
}

/* All between the two happens at once, or not at all. */
static void
add_limit(struct netlink *filter, struct netlink_request *request, guint type)
{
    if (type == NFNL_MSG_BATCH_END)
        netlink_want_answer(request); /* it has none itself, before Linux 6.10 */
    struct nlmsghdr *message = netlink_add(filter, request, type, 0, sizeof(struct nfgenmsg));
    struct nfgenmsg *head = mnl_nlmsg_get_payload(message);
    head->nfgen_family = AF_UNSPEC;
    head->version = NFNETLINK_V0;
    head->res_id = htons(NFNL_SUBSYS_NFTABLES);
}

static void
add_table(struct netlink *filter, struct netlink_request *request, guint type)
{
    struct nftnl_table *table = nftnl_table_alloc();
    nftnl_table_set_str(table, NFTNL_TABLE_NAME, FENCE_TABLE);
    nftnl_table_nlmsg_build_payload(
        add(filter, request, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0), table);
    nftnl_table_free(table);
}

static struct nftnl_set *
make_set(void)
{
    struct nftnl_set *set = nftnl_set_alloc();
    nftnl_set_set_str(set, NFTNL_SET_TABLE, FENCE_TABLE);
    nftnl_set_set_str(set, NFTNL_SET_NAME, SET);
    nftnl_set_set_u32(set, NFTNL_SET_ID, SET_ID);
    return set;
}

static void
add_set(struct netlink *filter, struct netlink_request *request)
{
    struct nftnl_set *set = make_set();
    nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_IPV4);
    nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_TIMEOUT);
    nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, SET_ADDRESS);
    nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, sizeof(guint32));
    nftnl_set_nlmsg_build_payload(add(filter, request, NFT_MSG_NEWSET, NLM_F_CREATE), set);
    nftnl_set_free(set);
}

/* The address in the set: NFT_MSG_NEWSETELEM, or DEL…. */
static void
add_element(struct netlink *filter, struct netlink_request *request, guint type, guint32 address)
{
    const guint32 key = htonl(address);
    struct nftnl_set *set = make_set();
    struct nftnl_set_elem *element = nftnl_set_elem_alloc();
    nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, &key, sizeof key);
    if (type == NFT_MSG_NEWSETELEM)
        nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT, FENCE_SECONDS * 1000);
    nftnl_set_elem_add(set, element);
    nftnl_set_elems_nlmsg_build_payload(
        add(filter, request, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0), set);
    nftnl_set_free(set); /* and the element */
}

static void
add_chain(struct netlink *filter, struct netlink_request *request, const char *name, guint hook)
{
    struct nftnl_chain *chain = nftnl_chain_alloc();
    nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, FENCE_TABLE);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, "filter");
    nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, hook);
    nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, PRIORITY);
    nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
    nftnl_chain_nlmsg_build_payload(add(filter, request, NFT_MSG_NEWCHAIN, NLM_F_CREATE), chain);
    nftnl_chain_free(chain);
}

/* ---- what a rule is made of ---- */

static struct nftnl_expr *
expression(struct nftnl_rule *rule, const char *name)
{
    struct nftnl_expr *made = nftnl_expr_alloc(name);
    g_assert(made != NULL);
    nftnl_rule_add_expr(rule, made);
    return made;
}

static void
load_address(struct nftnl_rule *rule, gsize at)
{
    struct nftnl_expr *load = expression(rule, "payload");
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_OFFSET, (guint32)at);
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_LEN, sizeof(guint32));
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
}

static void
compare(struct nftnl_rule *rule, guint how, const void *value, guint32 size)
{
    struct nftnl_expr *compared = expression(rule, "cmp");
    nftnl_expr_set_u32(compared, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(compared, NFTNL_EXPR_CMP_OP, how);
    nftnl_expr_set(compared, NFTNL_EXPR_CMP_DATA, value, size);
}

static void
look_up(struct nftnl_rule *rule)
{
    struct nftnl_expr *lookup = expression(rule, "lookup");
    nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, SET);
    nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SET_ID, SET_ID);
}

static void
decide(struct nftnl_rule *rule, guint32 verdict)
{
    struct nftnl_expr *decided = expression(rule, "immediate");
    nftnl_expr_set_u32(decided, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(decided, NFTNL_EXPR_IMM_VERDICT, verdict);
}

static struct nftnl_rule *
begin_rule(const char *chain)
{
    struct nftnl_rule *rule = nftnl_rule_alloc();
    nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, NFPROTO_IPV4);
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, FENCE_TABLE);
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
    return rule;
}

static void
end_rule(struct netlink *filter, struct netlink_request *request, struct nftnl_rule *rule)
{
    nftnl_rule_nlmsg_build_payload(
        add(filter, request, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND), rule);
    nftnl_rule_free(rule);
}

/* ---- the rules ---- */

/* What is not about the service address, or while it is open, is let pass; `at`: where the packet
 * has that address. */
static void
add_passes(struct netlink *filter, struct netlink_request *request, const char *chain, gsize at,
           guint32 address)
{
    const guint32 service = htonl(address);
    struct nftnl_rule *other = begin_rule(chain);
    load_address(other, at);
    compare(other, NFT_CMP_NEQ, &service, sizeof service);
    decide(other, NF_ACCEPT);
    end_rule(filter, request, other);
    struct nftnl_rule *open = begin_rule(chain);
    load_address(open, at);
    look_up(open);
    decide(open, NF_ACCEPT);
    end_rule(filter, request, open);
}

static void
add_fence(struct netlink *filter, struct netlink_request *request, guint32 address)
{
    const guint8 tcp = IPPROTO_TCP;
    add_chain(filter, request, "fence", NF_INET_PRE_ROUTING);
    add_passes(filter, request, "fence", offsetof(struct iphdr, daddr), address);
    struct nftnl_rule *reset = begin_rule("fence");
    struct nftnl_expr *load = expression(reset, "meta");
    nftnl_expr_set_u32(load, NFTNL_EXPR_META_KEY, NFT_META_L4PROTO);
    nftnl_expr_set_u32(load, NFTNL_EXPR_META_DREG, NFT_REG_1);
    compare(reset, NFT_CMP_EQ, &tcp, sizeof tcp);
    nftnl_expr_set_u32(expression(reset, "reject"), NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_TCP_RST);
    end_rule(filter, request, reset);
    struct nftnl_rule *rest = begin_rule("fence");
    decide(rest, NF_DROP);
    end_rule(filter, request, rest);
}

static void
add_unfollowed(struct netlink *filter, struct netlink_request *request, guint32 address)
{
    add_chain(filter, request, "unfollowed", NF_INET_LOCAL_OUT);
    add_passes(filter, request, "unfollowed", offsetof(struct iphdr, saddr), address);
    struct nftnl_rule *rule = begin_rule("unfollowed");
    expression(rule, "notrack");
    end_rule(filter, request, rule);
}

static void
add_all(struct netlink *filter, struct netlink_request *request, guint32 address, gboolean open)
{
    netlink_begin(filter, request);
    add_limit(filter, request, NFNL_MSG_BATCH_BEGIN);
    add_table(filter, request, NFT_MSG_NEWTABLE); /* so that there is one to delete */
    add_table(filter, request, NFT_MSG_DELTABLE);
    add_table(filter, request, NFT_MSG_NEWTABLE);
    add_set(filter, request);
    if (open)
        add_element(filter, request, NFT_MSG_NEWSETELEM, address);
    add_fence(filter, request, address);
    add_unfollowed(filter, request, address);
}

int
fence_set(struct netlink *filter, guint32 address, gboolean open)
{
    struct netlink_request request;
    add_all(filter, &request, address, open);
    add_limit(filter, &request, NFNL_MSG_BATCH_END);
    return netlink_send(filter, &request, NULL, NULL);
}

/* Without an end it is checked, and taken back. */
int
fence_try(struct netlink *filter, guint32 address)
{
    struct netlink_request request;
    add_all(filter, &request, address, FALSE);
    netlink_want_answer(&request);
    return netlink_send(filter, &request, NULL, NULL);
}

int
fence_renew(struct netlink *filter, guint32 address)
{
    struct netlink_request request;
    netlink_begin(filter, &request);
    add_limit(filter, &request, NFNL_MSG_BATCH_BEGIN);
    add_element(filter, &request, NFT_MSG_DELSETELEM, address);
    add_element(filter, &request, NFT_MSG_NEWSETELEM, address);
    add_limit(filter, &request, NFNL_MSG_BATCH_END);
    return netlink_send(filter, &request, NULL, NULL);
}

int
fence_forget(struct netlink *filter)
{
    struct netlink_request request;
    netlink_begin(filter, &request);
    add_limit(filter, &request, NFNL_MSG_BATCH_BEGIN);
    add_table(filter, &request, NFT_MSG_DELTABLE);
    add_limit(filter, &request, NFNL_MSG_BATCH_END);
    int cause = netlink_send(filter, &request, NULL, NULL);
    return cause == ENOENT ? 0 : cause;
}

/* ---- looking ---- */

struct search {
    guint32 address;
    gboolean found;
};

static void
note_elements(const struct nlmsghdr *message, void *context)
{
    struct search *search = context;
    struct nftnl_set *set = nftnl_set_alloc();
    struct nftnl_set_elems_iter *at = NULL;
    if (message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM) &&
        nftnl_set_elems_nlmsg_parse(message, set) == 0)
        at = nftnl_set_elems_iter_create(set);
    for (struct nftnl_set_elem *each;
         at != NULL && (each = nftnl_set_elems_iter_next(at)) != NULL;) {
        guint32 size = 0;
        const void *key = nftnl_set_elem_get(each, NFTNL_SET_ELEM_KEY, &size);
        if (key != NULL && size == sizeof search->address &&
            memcmp(key, &search->address, size) == 0)
            search->found = TRUE;
    }
    if (at != NULL)
        nftnl_set_elems_iter_destroy(at);
    nftnl_set_free(set);
}

gboolean
fence_is_open(struct netlink *filter, guint32 address)
{
    struct search search = {.address = htonl(address)};
    struct netlink_request request;
    struct nftnl_set *set = make_set();
    netlink_begin(filter, &request);
    nftnl_set_elems_nlmsg_build_payload(add(filter, &request, NFT_MSG_GETSETELEM, NLM_F_DUMP), set);
    nftnl_set_free(set);
    return netlink_send(filter, &request, note_elements, &search) == 0 && search.found;
}

gboolean
fence_was_touched(const struct netlink *filter, const struct nlmsghdr *message)
{
    if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || !netlink_is_foreign(filter, message) ||
        mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg) ||
        (message->nlmsg_type & 0xff) == NFT_MSG_NEWGEN)
        return FALSE;
    /* every kind of message has the table's name as its first attribute */
    G_STATIC_ASSERT((int)NFTA_TABLE_NAME == (int)NFTA_RULE_TABLE &&
                    (int)NFTA_TABLE_NAME == (int)NFTA_CHAIN_TABLE &&
                    (int)NFTA_TABLE_NAME == (int)NFTA_SET_TABLE &&
                    (int)NFTA_TABLE_NAME == (int)NFTA_SET_ELEM_LIST_TABLE);
    NETLINK_EACH(each, message, sizeof(struct nfgenmsg))
    {
        if (mnl_attr_get_type(each) == NFTA_TABLE_NAME)
            return mnl_attr_validate(each, MNL_TYPE_NUL_STRING) == 0 &&
                   strcmp(mnl_attr_get_str(each), FENCE_TABLE) == 0;
    }
    return FALSE;
}
