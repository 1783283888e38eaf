/* Faults between a process and its files. Preloaded, this counts the calls by which processes use watched files, and
 * at one of these moments kills, stops or fails them, as a system would. What is linked to the C library is seen:
 * Python, Arrow, FFmpeg; not what is mapped into memory.
 *
 * FAULT_FOLDER  holds `count` (of moments, 8 bytes), `moments` (a line each), `head` (a process id), `at` (who it was)
 * FAULT_PATHS   parts of paths, divided by colons: files with any of them in their name are watched
 * FAULT_WHO     whose calls count: job, worker (a child of a job) or head (the process that the user started)
 * FAULT_OPS     which calls count: o(pen to read) r(ead) c(reate) w(rite) s(ync) n (rename)
 * FAULT_AT      the number of the moment; 0 only counts
 * FAULT_ACT     kill-job, kill-head, kill-both, stop, starve, or the number of an error that the call fails with
 * FAULT_GROUP   the control group that a starving process goes into
 * FAULT_STICKS  1: what failed once fails from then on, in all processes
 * FAULT_CLOCK   seconds by which the clock is wrong, in every process
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS 65536
#define REAL(type, name, ...)                                                                                          \
    static type (*real)(__VA_ARGS__);                                                                                  \
    if (!real)                                                                                                         \
        real = dlsym(RTLD_NEXT, #name)

static char is_watched[DESCRIPTORS];
static volatile long *count;
static int moments = -1;
static pid_t began_as;
static char program[8192];

static const char *told(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value ? value : otherwise;
}

static int real_open(const char *path, int flags, mode_t mode) {
    REAL(int, open, const char *, int, ...);
    return real(path, flags | O_CLOEXEC, mode);
}

static ssize_t real_read(int file, void *buffer, size_t length) {
    REAL(ssize_t, read, int, void *, size_t);
    return real(file, buffer, length);
}

static ssize_t real_write(int file, const void *buffer, size_t length) {
    REAL(ssize_t, write, int, const void *, size_t);
    return real(file, buffer, length);
}

static int open_told(const char *name, int flags) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", told("FAULT_FOLDER", ""), name);
    return real_open(path, flags, 0666);
}

__attribute__((constructor)) static void begin(void) {
    began_as = getpid();
    if (!getenv("FAULT_FOLDER"))
        return;
    int self = real_open("/proc/self/cmdline", O_RDONLY, 0);
    ssize_t length = real_read(self, program, sizeof program - 1);
    close(self);
    for (ssize_t i = 0; i < length; i++)
        program[i] = program[i] ? program[i] : ' ';
    int file = open_told("count", O_RDWR);
    void *shared = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    count = shared == MAP_FAILED ? NULL : shared;
    moments = open_told("moments", O_WRONLY | O_APPEND);
}

static const char *who(void) {
    if (strstr(program, "/.snakemake/scripts/") && strstr(program, "python"))
        return getpid() == began_as ? "job" : "worker";
    return strstr(program, "genreflow run") && getpid() == began_as ? "head" : "";
}

static int is_of_interest(const char *path) {
    char paths[PATH_MAX], *rest = paths, *part;
    snprintf(paths, sizeof paths, "%s", told("FAULT_PATHS", ""));
    while ((part = strsep(&rest, ":")))
        if (*part && strstr(path, part))
            return 1;
    return 0;
}

static void say_who(void) {
    char line[64];
    int file = open_told("at", O_WRONLY | O_CREAT | O_TRUNC);
    int length = snprintf(line, sizeof line, "%d\n", getpid());
    real_write(file, line, length);
    close(file);
}

static void kill_head(void) {
    char line[64] = "";
    int file = open_told("head", O_RDONLY);
    real_read(file, line, sizeof line - 1);
    close(file);
    if (atoi(line) > 1)
        kill(atoi(line), SIGKILL);
}

/* Count a moment; return the error that the call is to fail with, or 0. */
static int meet(char op, const char *what) {
    if (!count || !strchr(told("FAULT_OPS", ""), op) || !strstr(told("FAULT_WHO", ""), who()) || !*who())
        return 0;
    long at = atol(told("FAULT_AT", "0")), now = __sync_add_and_fetch(count, 1);
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %c %s %s\n", now, op, who(), what);
    real_write(moments, line, length);
    int is_late = now > at && *told("FAULT_STICKS", "0") == '1';
    if (!at || (now != at && !is_late))
        return 0;
    const char *act = told("FAULT_ACT", "");
    if (atoi(act))
        return atoi(act);
    say_who();
    if (!strcmp(act, "stop"))
        raise(SIGSTOP);
    if (!strcmp(act, "starve")) { /* what it takes from now on is counted where there is none to be had */
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/cgroup.procs", told("FAULT_GROUP", ""));
        int procs = real_open(path, O_WRONLY, 0);
        real_write(procs, "0\n", 2);
        close(procs);
    }
    if (!strcmp(act, "kill-head") || !strcmp(act, "kill-both"))
        kill_head();
    if (!strcmp(act, "kill-job") || !strcmp(act, "kill-both"))
        kill(getpid(), SIGKILL);
    return 0;
}

static int fails(char op, const char *what) {
    int kept = errno, error = meet(op, what);
    errno = error ? error : kept;
    return error;
}

static int opened(int file, const char *path) {
    if (file >= 0 && file < DESCRIPTORS)
        is_watched[file] = is_of_interest(path);
    return file;
}

static int open_fails(const char *path, int flags) {
    return is_of_interest(path) && !(flags & O_DIRECTORY) && fails((flags & O_ACCMODE) == O_RDONLY ? 'o' : 'c', path);
}

static int call_fails(char op, int file) {
    return file >= 0 && file < DESCRIPTORS && is_watched[file] && fails(op, "");
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        REAL(int, name, const char *, int, ...);                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = va_arg(rest, mode_t);                                                                            \
        va_end(rest);                                                                                                  \
        return open_fails(path, flags) ? -1 : opened(real(path, flags, mode), path);                                   \
    }
#define OPEN_AT(name)                                                                                                  \
    int name(int folder, const char *path, int flags, ...) {                                                           \
        REAL(int, name, int, const char *, int, ...);                                                                  \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = va_arg(rest, mode_t);                                                                            \
        va_end(rest);                                                                                                  \
        return open_fails(path, flags) ? -1 : opened(real(folder, path, flags, mode), path);                           \
    }
#define TRANSFER(name, op, parameters, arguments)                                                                      \
    ssize_t name parameters {                                                                                          \
        static ssize_t(*real) parameters;                                                                              \
        if (!real)                                                                                                     \
            real = dlsym(RTLD_NEXT, #name);                                                                            \
        return call_fails(op, file) ? -1 : real arguments;                                                             \
    }

OPEN(open)
OPEN(open64)
OPEN_AT(openat)
OPEN_AT(openat64)
TRANSFER(read, 'r', (int file, void *buffer, size_t length), (file, buffer, length))
TRANSFER(pread, 'r', (int file, void *buffer, size_t length, off_t at), (file, buffer, length, at))
TRANSFER(pread64, 'r', (int file, void *buffer, size_t length, off_t at), (file, buffer, length, at))
TRANSFER(write, 'w', (int file, const void *buffer, size_t length), (file, buffer, length))
TRANSFER(pwrite, 'w', (int file, const void *buffer, size_t length, off_t at), (file, buffer, length, at))
TRANSFER(pwrite64, 'w', (int file, const void *buffer, size_t length, off_t at), (file, buffer, length, at))

int fsync(int file) {
    REAL(int, fsync, int);
    return call_fails('s', file) ? -1 : real(file);
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    return is_of_interest(to) && fails('n', to) ? -1 : real(from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    REAL(int, renameat, int, const char *, int, const char *);
    return is_of_interest(to) && fails('n', to) ? -1 : real(from_folder, from, to_folder, to);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(int, clock_gettime, clockid_t, struct timespec *);
    int code = real(clock, now);
    if (!code && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += atol(told("FAULT_CLOCK", "0"));
    return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    REAL(int, gettimeofday, struct timeval *, void *);
    int code = real(now, zone);
    now->tv_sec += atol(told("FAULT_CLOCK", "0"));
    return code;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now)
        *now = exact.tv_sec;
    return exact.tv_sec;
}
