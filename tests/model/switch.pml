/*
 * switch: the rules of the failover switch (netsvc/failover/protocol/protocol.h) as a model that
 * Spin searches through: two nodes, a phone, operators, and a network that loses what it likes.
 * tests/model/check runs it, with all rules, and without each of them.
 *
 * The rules that can be left out, with -DNO_…:
 *     NO_PARITY       a new term has its holder's parity: two nodes never choose the same one
 *     NO_LOST         whoever is told that it held a term of which it knows nothing waits for people
 *     NO_ATTEMPT      only a promise for this very attempt is taken
 *     NO_RECORD       the record is the grant, in whatever message it comes
 *     NO_FRESH        who takes over by force draws a uuid never used before
 *     NO_UNMERGED     who takes over by force, or leaves a term ungranted, owes a merge
 *
 * How much can happen, with -D: CRASHES, CUTS, FORCED, PLANNED, DOCUMENTS, IMAGES (disks set back).
 * SAME_UUID: both CouchDBs were made from one template, as CHT's; then no switch can be planned.
 *
 * What is one step here is one in the program, too: it keeps its record before it says so, and a
 * power cut in between is a crash before the step, or a message that is lost. Documents are bits; a
 * phone has all of its own, and for each uuid a checkpoint of what it has pushed.
 */
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef CUTS
#define CUTS 1
#endif
#ifndef FORCED
#define FORCED 1
#endif
#ifndef PLANNED
#define PLANNED 1
#endif
#ifndef DOCUMENTS
#define DOCUMENTS 2
#endif
#ifndef IMAGES
#define IMAGES 0
#endif

mtype = { STATE, CATCH_UP, PROMISE, GRANT };
mtype = { WAIT, FOLLOW, HOLD };
mtype = { NOTHING, FRESH, ADOPT };

typedef record {          /* what survives */
    byte term;
    bit holder;           /* of that term: its parity; kept apart so that that rule can be left out */
    bit taken, granted, unmerged;
    byte attempt;         /* of the grant */
    byte promised;        /* attempt */
    byte promised_uuid;
    mtype owes;           /* to CouchDB, before it is served */
    byte uuid, documents; /* CouchDB's own */
};

record disk[2], image[2];
bit has_image[2];

bit up[2], open[2], hands_over[2], lost[2];
mtype stand[2];
byte attempt[2];          /* that hands_over is about */

bit linked = 1, over;
bit unseen;               /* a disk was set back, but not behind what the other node was told: only
                             the replicator can see that, by its sequences */
byte known, acknowledged; /* documents: what the phone has; what it was told is written */
byte checkpoint[9];       /* by uuid */
byte uuids = 2, attempts, crashes, cuts, forced, planned, documents, images;

/* kind, term, holder, taken, granted, attempt of the grant, attempt that the kind is about */
chan to[2] = [2] of { mtype, byte, bit, bit, bit, byte, byte };

#define reach (linked && up[0] && up[1])
#define serves(n) (up[n] && open[n])
#define holds(n) (disk[n].holder == n && disk[n].taken)

mtype kind;
byte t, a, about;
bit h, taken, granted;
byte x, y, p, q, rounds, i, missing;

/* ---- steps ---- */

inline say(n, what, which) {
    if
    :: linked && up[1 - n] && nfull(to[1 - n]) ->
        to[1 - n] ! what, disk[n].term, disk[n].holder, disk[n].taken, disk[n].granted,
            (disk[n].granted -> disk[n].attempt : 0), which
    :: !linked || !up[1 - n] || full(to[1 - n]) -> skip
    fi
}

inline forget_messages(n) {
    do
    :: nempty(to[n]) -> to[n] ? _, _, _, _, _, _, _
    :: empty(to[n]) -> break
    od
}

inline next_term(n, holder_is, seen) {
    disk[n].term = seen + 1;
#ifndef NO_PARITY
    if
    :: disk[n].term % 2 != holder_is -> disk[n].term++
    :: disk[n].term % 2 == holder_is -> skip
    fi;
#endif
    disk[n].holder = holder_is
}

/* Nobody is served any more, and the term is another's. */
inline leave(n) {
#ifndef NO_UNMERGED
    disk[n].unmerged = disk[n].unmerged || disk[n].taken;
#endif
    disk[n].taken = 0; disk[n].granted = 0; disk[n].attempt = 0; disk[n].promised = 0;
    disk[n].owes = NOTHING;
    open[n] = 0; hands_over[n] = 0; attempt[n] = 0
}

inline learn_higher(n) {
    if
    :: h != n -> leave(n); stand[n] = FOLLOW; lost[n] = 0;
        disk[n].term = t; disk[n].holder = h
    :: h == n && granted && a != 0 && a == disk[n].promised ->
#ifdef NO_RECORD
        if
        :: kind == GRANT ->
#endif
        disk[n].term = t; disk[n].holder = h; disk[n].taken = 1; disk[n].promised = 0;
        disk[n].owes = ADOPT; stand[n] = HOLD; lost[n] = 0
#ifdef NO_RECORD
        :: kind != GRANT -> skip
        fi
#endif
    :: h == n && !(granted && a != 0 && a == disk[n].promised) ->
        leave(n); disk[n].term = t; disk[n].holder = h;
#ifdef NO_LOST
        disk[n].taken = 1; stand[n] = HOLD
#else
        disk[n].unmerged = 1; stand[n] = WAIT; lost[n] = 1
#endif
    fi
}

inline learn(n) {
    if
    :: t > disk[n].term -> learn_higher(n)
    :: t <= disk[n].term ->
        if
        :: stand[n] == WAIT && holds(n) -> stand[n] = HOLD
        :: stand[n] == WAIT && disk[n].holder != n -> stand[n] = FOLLOW
        :: stand[n] == WAIT && disk[n].holder == n && !disk[n].taken -> lost[n] = 1
        :: stand[n] != WAIT -> skip
        fi;
        if
        :: t == disk[n].term && disk[n].granted && taken -> disk[n].granted = 0; disk[n].attempt = 0
        :: t != disk[n].term || !disk[n].granted || !taken -> skip
        fi;
        if
        :: t < disk[n].term -> say(n, STATE, 0)
        :: t >= disk[n].term -> skip
        fi
    fi
}

/* From here on this node never resumes by itself; and clients find its uuid at the other one. */
inline grant(n) {
    disk[n].attempt = about; disk[n].granted = 1; disk[n].taken = 0;
    disk[n].uuid = uuids; uuids++;
    next_term(n, 1 - n, disk[n].term);
    stand[n] = FOLLOW; hands_over[n] = 0; attempt[n] = 0;
    say(n, GRANT, 0)
}

inline take_message(n) {
    to[n] ? kind, t, h, taken, granted, a, about;
    printf("%c hears %e, term %d, and knows %d\n", 97 + n, kind, t, disk[n].term);
    learn(n);
    if
    :: kind == CATCH_UP && t == disk[n].term && stand[n] == FOLLOW && reach ->
        disk[n].documents = disk[n].documents | disk[1 - n].documents;
        disk[n].promised = about; disk[n].promised_uuid = disk[1 - n].uuid;
        say(n, PROMISE, about)
#ifdef NO_ATTEMPT
    :: kind == PROMISE && t == disk[n].term && hands_over[n] ->
#else
    :: kind == PROMISE && t == disk[n].term && hands_over[n] && about == attempt[n] ->
#endif
        grant(n)
    :: kind == CATCH_UP && !(t == disk[n].term && stand[n] == FOLLOW && reach) -> skip
#ifdef NO_ATTEMPT
    :: kind == PROMISE && !(t == disk[n].term && hands_over[n]) -> skip
#else
    :: kind == PROMISE && !(t == disk[n].term && hands_over[n] && about == attempt[n]) -> skip
#endif
    :: kind == STATE || kind == GRANT -> skip
    fi
}

inline come_up(n) {
    if
    :: disk[n].owes == FRESH -> disk[n].uuid = uuids; uuids++
    :: disk[n].owes == ADOPT -> disk[n].uuid = disk[n].promised_uuid
    :: disk[n].owes == NOTHING -> skip
    fi;
    disk[n].owes = NOTHING; open[n] = 1
}

/* The other one, if it can be talked to, yields first. */
inline force(n) {
    i = disk[n].term;
    if
    :: reach ->
        if
        :: disk[1 - n].term > i -> i = disk[1 - n].term
        :: disk[1 - n].term <= i -> skip
        fi;
        if
        :: disk[1 - n].holder == 1 - n -> leave(1 - n); stand[1 - n] = WAIT
        :: disk[1 - n].holder != 1 - n -> skip
        fi
    :: !reach -> skip
    fi;
    next_term(n, n, i);
    disk[n].taken = 1; disk[n].granted = 0; disk[n].attempt = 0; disk[n].promised = 0;
    disk[n].owes = NOTHING;
#ifndef NO_FRESH
    disk[n].owes = FRESH;
#endif
#ifndef NO_UNMERGED
    disk[n].unmerged = 1;
#endif
    stand[n] = HOLD; open[n] = 0; lost[n] = 0
}

inline crash(n) {
    up[n] = 0; open[n] = 0; hands_over[n] = 0; attempt[n] = 0; lost[n] = 0; stand[n] = WAIT;
    forget_messages(n)
}

/* Who granted follows once it has heard that the other one took it, and not before: else what it
 * has of the other one would be lost when that one is set back to its promise, and takes again. */
#define follows(n) (reach && open[1 - n] && stand[n] == FOLLOW && !disk[n].granted && \
                    disk[n].term == disk[1 - n].term)
#define owed (disk[0].unmerged || disk[1].unmerged)

/* n follows: what only it has goes to the other one first, where that is owed. */
inline exchange(n) {
    if
    :: owed -> disk[1 - n].documents = disk[0].documents | disk[1].documents;
        disk[0].unmerged = 0; disk[1].unmerged = 0
    :: !owed -> skip
    fi;
    disk[n].documents = disk[n].documents | disk[1 - n].documents
}

inline push(n) {
    missing = known & ~checkpoint[disk[n].uuid];
    disk[n].documents = disk[n].documents | missing;
    acknowledged = acknowledged | missing;
    checkpoint[disk[n].uuid] = known
}

inline copy(target, source) {
    target.term = source.term; target.holder = source.holder; target.taken = source.taken;
    target.granted = source.granted; target.unmerged = source.unmerged;
    target.attempt = source.attempt; target.promised = source.promised;
    target.promised_uuid = source.promised_uuid; target.owes = source.owes;
    target.uuid = source.uuid; target.documents = source.documents
}

/* ---- what must be so ---- */

inline check() {
    assert(!(serves(0) && serves(1) && disk[0].term == disk[1].term));
    assert(!(serves(0) && serves(1) && forced == 0 && images == 0))
}

inline check_met() {
    assert(!(serves(0) && serves(1)));
    assert(serves(0) || serves(1) || lost[0] || lost[1])
}

/* What is nowhere any more was on a disk that was set back. */
inline check_documents(n) {
    assert(unseen || (acknowledged & (disk[0].documents | disk[1].documents) & ~disk[n].documents) == 0);
    assert(images > 0 || (acknowledged & ~disk[n].documents) == 0)
}

/* ---- the end: both are there, and talk ---- */

inline start(n) {
    if
    :: !up[n] -> up[n] = 1
    :: up[n] -> skip
    fi;
    if
    :: hands_over[n] -> hands_over[n] = 0; attempt[n] = 0; open[n] = 1
    :: !hands_over[n] -> skip
    fi
}

/* Each says how it stands and hears the other one, four times. */
inline talk() {
    rounds = 0;
    do
    :: rounds < 8 -> p = rounds % 2; q = 1 - p; rounds++;
        say(p, STATE, 0);
        do
        :: nempty(to[q]) -> take_message(q)
        :: empty(to[q]) -> break
        od;
        if
        :: stand[q] == HOLD && !open[q] && !open[p] -> come_up(q)
        :: !(stand[q] == HOLD && !open[q] && !open[p]) -> skip
        fi
    :: rounds >= 8 -> break
    od
}

/* Somebody reads that a node has lost what it knew, and does as it says: force, on the other. */
inline meet() {
    linked = 1; start(0); start(1);
    do
    :: 1 ->
        talk();
        check(); check_met();
        if
        :: serves(0) || serves(1) -> break
        :: !serves(0) && !serves(1) -> y = (lost[0] -> 1 : 0); force(y)
        fi
    od;
    x = (serves(0) -> 0 : 1); y = 1 - x;
    assert(stand[y] == FOLLOW && disk[0].term == disk[1].term);
    exchange(y);
    check_documents(x)
}

/* ---- the end: one is dead for good, and the phone has what only it had ---- */

inline survive(n) {
    up[1 - n] = 0; open[1 - n] = 0; start(n);
    if
    :: stand[n] == WAIT && holds(n) -> stand[n] = HOLD
    :: stand[n] == HOLD -> skip
    :: stand[n] != HOLD && !(stand[n] == WAIT && holds(n)) -> force(n)
    fi;
    if
    :: !open[n] -> come_up(n)
    :: open[n] -> skip
    fi;
    push(n);
    assert(images > 0 || (acknowledged & ~disk[n].documents) == 0)
}

/* ---- what can happen ---- */

init {
    d_step {
        disk[0].term = 2; disk[1].term = 2; disk[0].taken = 1;
#ifndef SAME_UUID
        disk[1].uuid = 1;
#endif
        disk[0].owes = NOTHING; disk[1].owes = NOTHING;
        image[0].owes = NOTHING; image[1].owes = NOTHING;
        up[0] = 1; up[1] = 1; open[0] = 1; stand[0] = HOLD; stand[1] = FOLLOW
    }
    do
    :: !over ->
        if
        :: x = 0
        :: x = 1
        fi;
        y = 1 - x;
        atomic {
            if
            /* the network */
            :: linked && cuts < CUTS -> linked = 0; cuts++; printf("the link is cut\n")
            :: !linked -> linked = 1; printf("the link is back\n")
            :: nempty(to[x]) -> to[x] ? _, _, _, _, _, _, _
            /* machines */
            :: up[x] && crashes < CRASHES -> crashes++; crash(x); printf("%c crashes\n", 97 + x)
            :: !up[x] -> up[x] = 1; printf("%c starts\n", 97 + x)
            :: up[x] && stand[x] == WAIT && !reach && holds(x) -> stand[x] = HOLD
            :: IMAGES > 0 && up[x] && !has_image[x] -> has_image[x] = 1; copy(image[x], disk[x]);
                printf("an image of %c is made\n", 97 + x)
            :: images < IMAGES && has_image[x] && !up[x] ->
                images++; unseen = unseen || image[x].term >= disk[y].term;
                copy(disk[x], image[x]); printf("%c is set back\n", 97 + x)
            /* the nodes */
            :: reach && empty(to[y]) -> say(x, STATE, 0)
            :: up[x] && nempty(to[x]) -> take_message(x)
            :: up[x] && stand[x] == HOLD && !open[x] && !hands_over[x] && !(linked && serves(y)) ->
                come_up(x)
            :: follows(x) -> exchange(x)
            /* orders */
            :: planned < PLANNED && reach && open[x] && stand[y] == FOLLOW && !owed &&
               disk[0].term == disk[1].term && disk[0].uuid != disk[1].uuid && nfull(to[y]) ->
                planned++; attempts++; attempt[x] = attempts; hands_over[x] = 1; open[x] = 0;
                say(x, CATCH_UP, attempt[x]); printf("%c begins attempt %d\n", 97 + x, attempt[x])
            :: up[x] && hands_over[x] -> hands_over[x] = 0; attempt[x] = 0; open[x] = 1;
                printf("%c rolls back\n", 97 + x)
            :: forced < FORCED && up[x] && stand[x] != HOLD -> forced++; force(x); printf("%c is forced, term %d\n", 97 + x, disk[x].term)
            /* the phone */
            :: documents < DOCUMENTS && serves(x) ->
                known = known | (1 << documents); documents++; push(x);
                printf("a document at %c\n", 97 + x)
            /* the end */
            :: over = 1; printf("in the end they meet\n"); meet()
            :: over = 1; printf("in the end there is only %c\n", 97 + x); survive(x)
            fi;
            i = 0; p = 0; q = 0; rounds = 0; missing = 0; kind = 0; t = 0; a = 0; about = 0; h = 0; taken = 0; granted = 0;
            check()
        }
    :: over -> break
    od
}
