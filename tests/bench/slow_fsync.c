/* Preloaded into a server: every fsync and fdatasync takes EGGMONEY_FSYNC_MS milliseconds more, as on
 * the disk of a small NAS. The real call is made, too. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_more(void) {
    const char *text = getenv("EGGMONEY_FSYNC_MS");
    long ms = text ? strtol(text, NULL, 10) : 0;
    struct timespec pause = {ms / 1000, (ms % 1000) * 1000000L};
    if (ms > 0) nanosleep(&pause, NULL);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_more();
    return real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_more();
    return real(fd);
}
