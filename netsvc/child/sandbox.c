#include "netsvc/child/sandbox.h"

#include "lib/base/fail.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the loop, memory, the clock, files that are open, and SQLite in its folder need. All else is
 * refused with EPERM: a library that tries in vain goes another way, a thief does not get far. */
static const int everybody[] = {
    /* the loop */
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_create1), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(pipe2), SCMP_SYS(eventfd2),
    /* memory, threads of libraries, the end */
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    SCMP_SYS(mprotect), SCMP_SYS(futex), SCMP_SYS(exit), SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
    SCMP_SYS(restart_syscall), SCMP_SYS(sigaltstack), SCMP_SYS(gettid), SCMP_SYS(getpid),
    SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(sched_yield),
    SCMP_SYS(membarrier), SCMP_SYS(rseq), SCMP_SYS(getrusage),
    /* time and chance */
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(nanosleep), SCMP_SYS(getrandom),
    SCMP_SYS(uname), SCMP_SYS(sysinfo),
    /* sockets that were handed over */
    SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg), SCMP_SYS(accept4), SCMP_SYS(shutdown), SCMP_SYS(getsockname),
    SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    /* files below the root folder that is ours */
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pread64),
    SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(preadv), SCMP_SYS(lseek), SCMP_SYS(openat),
    SCMP_SYS(open), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
    SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(fstatfs), SCMP_SYS(statfs),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(flock), SCMP_SYS(fsync),
    SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fadvise64),
    SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
    SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir),
    SCMP_SYS(getdents64), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(fchmod),
    SCMP_SYS(fchown), SCMP_SYS(utimensat), SCMP_SYS(getcwd), SCMP_SYS(umask), SCMP_SYS(dup)};

/* Of these calls only what is said in their second argument. Others would have the kernel signal
 * whom one likes (F_SETOWN, SIOCSPGRP), or type into the terminal (TIOCSTI). */
static const struct {
    int call;
    unsigned int what;
} commands[] = {
    {SCMP_SYS(fcntl), F_DUPFD},  {SCMP_SYS(fcntl), F_DUPFD_CLOEXEC}, {SCMP_SYS(fcntl), F_GETFD},
    {SCMP_SYS(fcntl), F_SETFD},  {SCMP_SYS(fcntl), F_GETFL},         {SCMP_SYS(fcntl), F_SETFL},
    {SCMP_SYS(fcntl), F_GETLK},  {SCMP_SYS(fcntl), F_SETLK},         {SCMP_SYS(fcntl), F_SETLKW},
    {SCMP_SYS(ioctl), FIONREAD}, {SCMP_SYS(ioctl), FIONBIO},         {SCMP_SYS(ioctl), TCGETS},
};

/* ---- system calls ---- */

static gboolean
allow(scmp_filter_ctx filter, const int *calls, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
        if (result != 0 && result != -EEXIST && result != -EDOM)
            return FALSE;
    }
    return TRUE;
}

static gboolean
allow_commands(scmp_filter_ctx filter)
{
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, commands[i].call, 1,
                             SCMP_A1(SCMP_CMP_EQ, commands[i].what)) != 0)
            return FALSE;
    return TRUE;
}

/* As abort does; the other children are of the same user. */
static gboolean
allow_signals_to_itself(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) == 0;
}

static gboolean
allow_sockets(scmp_filter_ctx filter)
{
    static const int families[] = {AF_INET, AF_INET6};
    static const int more[] = {SCMP_SYS(connect), SCMP_SYS(bind)};
    for (gsize i = 0; i < G_N_ELEMENTS(families); i++)
        for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++)
            if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                 SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]),
                                 SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, (scmp_datum_t)type)) != 0)
                return FALSE;
    return allow(filter, more, G_N_ELEMENTS(more));
}

static gboolean
limit_calls(const struct sandbox *sandbox, GError **error)
{
    gsize n_more = 0;
    while (sandbox->calls != NULL && sandbox->calls[n_more] >= 0)
        n_more++;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    gboolean done = filter != NULL && allow(filter, everybody, G_N_ELEMENTS(everybody)) &&
                    allow_commands(filter) && allow_signals_to_itself(filter) &&
                    allow(filter, sandbox->calls, n_more) &&
                    (!sandbox->makes_sockets || allow_sockets(filter)) && seccomp_load(filter) == 0;
    if (filter != NULL)
        seccomp_release(filter);
    return done || fail_set(error, FAIL_FAILED, "the kernel takes no filter of system calls");
}

/* ---- rights ---- */

static gboolean
become_other(const struct sandbox *sandbox, GError **error)
{
    if (sandbox->account == NULL)
        return TRUE;
    if (chroot(".") != 0)
        return fail_errno(error, errno, "cannot make '%s' the root folder", sandbox->folder);
    return account_become_with(sandbox->account, sandbox->rights, error);
}

gboolean
sandbox_enter(const struct sandbox *sandbox, GError **error)
{
    const struct rlimit none = {0, 0};
    if (chdir(sandbox->folder) != 0)
        return fail_errno(error, errno, "cannot go to '%s'", sandbox->folder);
    if (!become_other(sandbox, error))
        return FALSE;
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail_errno(error, errno, "cannot give up rights");
    return limit_calls(sandbox, error);
}
