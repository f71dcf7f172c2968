/*
 * world: a library to preload that gives a program another time and another disk.
 *
 *     WORLD_TIME   seconds since 1970 that the wall clock shows, standing still
 *     WORLD_ROOM   bytes that every file system has free
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    const char *given = getenv("WORLD_TIME");
    if (clock != CLOCK_REALTIME || !given)
        return (int)syscall(SYS_clock_gettime, clock, now);
    *now = (struct timespec){.tv_sec = atol(given)};
    return 0;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec time;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &time);
    *now = (struct timeval){.tv_sec = time.tv_sec, .tv_usec = time.tv_nsec / 1000};
    return 0;
}

int
fstatvfs(int fd, struct statvfs *info)
{
    const char *given = getenv("WORLD_ROOM");
    (void)fd;
    *info = (struct statvfs){.f_bsize = 1, .f_frsize = 1};
    info->f_bavail = info->f_bfree = given ? (fsblkcnt_t)atoll(given) : (fsblkcnt_t)1 << 40;
    return 0;
}

int
fstatvfs64(int fd, struct statvfs64 *info)
{
    const char *given = getenv("WORLD_ROOM");
    (void)fd;
    *info = (struct statvfs64){.f_bsize = 1, .f_frsize = 1};
    info->f_bavail = info->f_bfree = given ? (fsblkcnt64_t)atoll(given) : (fsblkcnt64_t)1 << 40;
    return 0;
}
