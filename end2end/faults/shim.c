// Stands between a program and its files, by LD_PRELOAD: calls on files of one folder fail when the control file says so. Also shifts the clock.
//   FAULTS_FOLDER   only files in here are touched
//   FAULTS_CONTROL  eight-byte numbers in the order of `struct control`, changed by the driver while the program runs
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
  long error;    // which one, 0 for none
  long kinds;    // of which calls, as below
  long skip;     // calls of these kinds that still go well
  long count;    // calls that then fail
  long failures; // calls that have failed
  long shift;    // seconds by which the clock is wrong
};

enum { WRITE = 1, SYNC = 2, OPEN = 4, DATABASE_ONLY = 8 };

// What an open file is.
enum { FOREIGN, OURS, DATABASE };

#define FILES 65536

static struct control *control;
static const char *folder;
static char what[FILES];

#define REAL(name, ...) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))(__VA_ARGS__)
#define NOW(field) __atomic_load_n(&control->field, __ATOMIC_SEQ_CST)
#define ADD(field, n) __atomic_fetch_add(&control->field, n, __ATOMIC_SEQ_CST)

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULTS_CONTROL");
  folder = getenv("FAULTS_FOLDER");
  if (!path || !folder) return;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  if (fd < 0) abort();
  void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) abort();
  syscall(SYS_close, fd);
  control = mapped;
}

static int is_due(long kind, int file) {
  if (!control || file == FOREIGN) return 0;
  long kinds = NOW(kinds);
  if (!NOW(error) || !(kinds & kind) || ((kinds & DATABASE_ONLY) && file != DATABASE)) return 0;
  if (ADD(skip, -1) > 0 || ADD(count, -1) <= 0) return 0;
  ADD(failures, 1);
  errno = (int)NOW(error);
  return 1;
}

static int fails(long kind, int fd) { return fd >= 0 && fd < FILES && is_due(kind, what[fd]); }

static int kind_of(const char *path) {
  char whole[PATH_MAX * 2], here[PATH_MAX];
  // PostgreSQL speaks of its files from its own folder.
  if (folder && path[0] != '/' && getcwd(here, sizeof here)) {
    snprintf(whole, sizeof whole, "%s/%s", here, path);
    path = whole;
  }
  if (!folder || strncmp(path, folder, strlen(folder)) != 0) return FOREIGN;
  size_t length = strlen(path);
  return length > 3 && strcmp(path + length - 3, ".db") == 0 ? DATABASE : OURS;
}

static int may_not_open(const char *path, int flags) {
  int would_write = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
  // A full disk still opens what is there.
  if (!control || (NOW(error) != EROFS && !(flags & O_CREAT && access(path, F_OK) != 0))) return 0;
  return would_write && is_due(OPEN, kind_of(path));
}

static int opened(int fd, const char *path) {
  if (fd >= 0 && fd < FILES) what[fd] = (char)kind_of(path);
  return fd;
}

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *path, int flags, ...) { MODE(flags) return may_not_open(path, flags) ? -1 : opened(REAL(open, path, flags, mode), path); }
int open64(const char *path, int flags, ...) { MODE(flags) return may_not_open(path, flags) ? -1 : opened(REAL(open64, path, flags, mode), path); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return may_not_open(path, flags) ? -1 : opened(REAL(openat, at, path, flags, mode), path); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return may_not_open(path, flags) ? -1 : opened(REAL(openat64, at, path, flags, mode), path); }

int close(int fd) {
  if (fd >= 0 && fd < FILES) what[fd] = FOREIGN;
  return REAL(close, fd);
}

// A write that fails has written half, as one does that reaches the end of the disk.
ssize_t write(int fd, const void *bytes, size_t length) {
  if (!fails(WRITE, fd)) return REAL(write, fd, bytes, length);
  int error = errno;
  if (error != EROFS) REAL(write, fd, bytes, length / 2);
  errno = error;
  return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
  if (!fails(WRITE, fd)) return REAL(pwrite64, fd, bytes, length, at);
  int error = errno;
  if (error != EROFS) REAL(pwrite64, fd, bytes, length / 2, at);
  errno = error;
  return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return fails(WRITE, fd) ? -1 : REAL(writev, fd, parts, count); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return fails(WRITE, fd) ? -1 : REAL(pwritev, fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return fails(WRITE, fd) ? -1 : REAL(pwritev64, fd, parts, count, at); }
int ftruncate(int fd, off_t length) { return fails(WRITE, fd) ? -1 : REAL(ftruncate, fd, length); }
int ftruncate64(int fd, off64_t length) { return fails(WRITE, fd) ? -1 : REAL(ftruncate64, fd, length); }
int fallocate(int fd, int mode, off_t at, off_t length) { return fails(WRITE, fd) ? -1 : REAL(fallocate, fd, mode, at, length); }
int posix_fallocate(int fd, off_t at, off_t length) { return fails(WRITE, fd) ? errno : REAL(posix_fallocate, fd, at, length); }
int fsync(int fd) { return fails(SYNC, fd) ? -1 : REAL(fsync, fd); }
int fdatasync(int fd) { return fails(SYNC, fd) ? -1 : REAL(fdatasync, fd); }

int clock_gettime(clockid_t clock, struct timespec *now) {
  int done = (int)syscall(SYS_clock_gettime, clock, now);
  if (done == 0 && control && clock == CLOCK_REALTIME) now->tv_sec += NOW(shift);
  return done;
}
