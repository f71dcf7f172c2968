/*
 * sandbox: what a child can no longer do. Each try is made by a process of its own, which ends with
 * the errno that it got; 0: it was let.
 */
#include "netsvc/child/sandbox.h"

#include "scratch.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NOBODY 65534

static int netlink; /* opened before the sandbox */
static const int network_admin[] = {CAP_NET_ADMIN, -1};

static int
result(long value)
{
    return value >= 0 ? 0 : errno;
}

static int
run_program(void)
{
    char *const nothing[] = {NULL};
    return result(execve("/bin/true", nothing, nothing));
}

static int
start_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return result(pid);
}

static int
open_netlink(void)
{
    return result(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
open_packet(void)
{
    return result(socket(AF_PACKET, SOCK_RAW, 0));
}

static int
open_local(void)
{
    return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
open_udp(void)
{
    return result(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int
open_raw(void)
{
    return result(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int
look_into(void)
{
    return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int
read_other(void)
{
    return result(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

static int
signal_other(void)
{
    return result(kill(getppid(), 0));
}

/* None has that number: who may try is told so. */
static int
signal_threads_of_another(void)
{
    return result(syscall(SYS_tgkill, G_MAXINT, G_MAXINT, 0));
}

static int
signal_itself(void)
{
    return result(syscall(SYS_tgkill, getpid(), getpid(), 0));
}

static int
have_another_signalled(void)
{
    int fd = open("/dev/null", O_RDONLY);
    return result(fcntl(fd >= 0 ? fd : 0, F_SETOWN, getpid()));
}

static int
type_into_terminal(void)
{
    return result(ioctl(STDERR_FILENO, TIOCSTI, "x"));
}

static int
mount_something(void)
{
    return result(mount("none", ".", "tmpfs", 0, NULL));
}

static int
leave_namespace(void)
{
    return result(unshare(CLONE_NEWUSER));
}

static int
change_root(void)
{
    return result(chroot("/"));
}

static int
become_root(void)
{
    return result(setuid(0));
}

static int
open_outside(void)
{
    return result(open("/etc/passwd", O_RDONLY));
}

static int
open_above(void)
{
    return result(open("../../../../../../etc/passwd", O_RDONLY));
}

static int
write_inside(void)
{
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    return fd < 0 ? errno : result(fsync(fd)) != 0 ? errno : result(unlink("file"));
}

static int
load_module(void)
{
    return result(syscall(SYS_init_module, NULL, 0, ""));
}

static int
use_bpf(void)
{
    return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int
use_keys(void)
{
    return result(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int
use_ring(void)
{
    return result(syscall(SYS_io_uring_setup, 1, NULL));
}

/* There is none of that number: who may try is told so. */
static int
change_interface(void)
{
    static const struct {
        struct nlmsghdr head;
        struct ifinfomsg interface;
    } request = {
        .head = {.nlmsg_len = sizeof request,
                 .nlmsg_type = RTM_DELLINK,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
        .interface = {.ifi_index = G_MAXINT},
    };
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char more[256];
    } answer;
    if (send(netlink, &request, sizeof request, 0) < 0 ||
        recv(netlink, &answer, sizeof answer, 0) < 0)
        return errno;
    return -answer.error.error;
}

static int
keep_for_programs(void)
{
    return result(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0));
}

static int
set_clock(void)
{
    const struct timespec time = {0};
    return result(clock_settime(CLOCK_REALTIME, &time));
}

static int
dump_core(void)
{
    struct rlimit limit;
    return syscall(SYS_getrusage, 0, NULL) < 0 && getrlimit(RLIMIT_CORE, &limit) == 0 &&
                   limit.rlim_cur != 0
               ? EPERM
               : 0;
}

/* What fits no filter is EPERM. */
static const struct {
    const char *name;
    int (*act)(void);
    int wanted;       /* errno */
    gboolean sockets; /* it is one that makes sockets */
    gboolean root;    /* it is so only for who was root */
    const int *rights;
} tries[] = {
    {"run a program", run_program, EPERM},
    {"start a process", start_process, EPERM},
    {"open a netlink socket", open_netlink, EPERM},
    {"open a packet socket", open_packet, EPERM},
    {"open a packet socket where it makes sockets", open_packet, EPERM, TRUE},
    {"open a raw socket where it makes sockets", open_raw, EPERM, TRUE},
    {"open a local socket where it makes sockets", open_local, EPERM, TRUE},
    {"open a UDP socket", open_udp, EPERM},
    {"open a UDP socket where it makes sockets", open_udp, 0, TRUE},
    {"look into another process", look_into, EPERM},
    {"read another process", read_other, EPERM},
    {"signal another process", signal_other, EPERM},
    {"signal a thread of another process", signal_threads_of_another, EPERM},
    {"signal itself", signal_itself, 0},
    {"have the kernel signal another process", have_another_signalled, EPERM},
    {"type into the terminal", type_into_terminal, EPERM},
    {"mount something", mount_something, EPERM},
    {"make a namespace", leave_namespace, EPERM},
    {"change the root", change_root, EPERM},
    {"become root", become_root, EPERM},
    {"open a file outside", open_outside, ENOENT, FALSE, TRUE},
    {"open a file above", open_above, ENOENT, FALSE, TRUE},
    {"write a file inside", write_inside, 0},
    {"load a module", load_module, EPERM},
    {"use bpf", use_bpf, EPERM},
    {"use the kernel's keys", use_keys, EPERM},
    {"use io_uring", use_ring, EPERM},
    {"set the clock", set_clock, EPERM},
    {"change an interface", change_interface, EPERM},
    {"change an interface with that right", change_interface, ENODEV, FALSE, TRUE, network_admin},
    {"open a packet socket with another right", open_packet, EPERM, FALSE, TRUE, network_admin},
    {"become root with another right", become_root, EPERM, FALSE, TRUE, network_admin},
    {"open a file above with another right", open_above, ENOENT, FALSE, TRUE, network_admin},
    {"hand a right on to programs", keep_for_programs, EPERM, FALSE, TRUE, network_admin},
    {"leave a core", dump_core, 0},
};

static int
outcome_of(const struct scratch *scratch, gsize i)
{
    const struct account nobody = {NOBODY, NOBODY};
    const struct sandbox sandbox = {
        .account = geteuid() == 0 ? &nobody : NULL,
        .folder = scratch->path,
        .rights = tries[i].rights,
        .makes_sockets = tries[i].sockets,
    };
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        g_autoptr(GError) error = NULL;
        if (!sandbox_enter(&sandbox, &error))
            _exit(255);
        _exit(tries[i].act());
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
test_tries(void)
{
    AUTO(scratch) *scratch = scratch_new();
    if (geteuid() == 0)
        g_assert_cmpint(chown(scratch->path, NOBODY, NOBODY), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(tries); i++) {
        if (tries[i].root && geteuid() != 0)
            continue;
        g_test_message("%s", tries[i].name);
        g_assert_cmpint(outcome_of(scratch, i), ==, tries[i].wanted);
    }
}

/* So that what is refused above is refused by the sandbox. */
static void
test_before(void)
{
    if (geteuid() == 0)
        g_assert_cmpint(change_interface(), ==, ENODEV);
    g_assert_cmpint(open_udp(), ==, 0);
    g_assert_cmpint(start_process(), ==, 0);
    g_assert_cmpint(open_outside(), ==, 0);
    g_assert_cmpint(signal_other(), ==, 0);
    g_assert_cmpint(signal_threads_of_another(), ==, ESRCH);
    g_assert_cmpint(have_another_signalled(), ==, 0);
    g_assert_cmpint(open_local(), ==, 0);
}

static void
test_folder(void)
{
    const struct sandbox sandbox = {.folder = "/does/not/exist"};
    g_autoptr(GError) error = NULL;
    g_assert_false(sandbox_enter(&sandbox, &error));
    g_assert_nonnull(strstr(error->message, "/does/not/exist"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    g_test_add_func("/sandbox/without one all of it can be done", test_before);
    g_test_add_func("/sandbox/only what serving needs can be done", test_tries);
    g_test_add_func("/sandbox/a folder that is not there is told", test_folder);
    return g_test_run();
}
