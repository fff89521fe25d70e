/*
 * Makes one system call of a process fail, preloaded into it. Counts the calls that open, create, list, read,
 * write, sync, rename, link or remove something below $FAULT_ROOT, or set its times or mode; at number $FAULT_AT
 * (from 1) does $FAULT_KIND:
 *   kill    ends the process with SIGKILL in place of the call
 *   short   a read or write moves half of its bytes; other calls are left alone
 *   full    a write takes half of its bytes, and every later write and every creation fails with ENOSPC
 *   EIO, ENOSPC, EACCES   the call fails so, once
 * With $FAULT_LOG the calls are listed there, one a line. The file $FAULT_STRUCK is created when it is done.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { FILES = 4096 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *root, *kind, *log_path, *struck_path;
static size_t root_length;
static long at, count;
static int is_full;
/* Which descriptors are open below the root. */
static char inside[FILES];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
  root = getenv("FAULT_ROOT");
  kind = getenv("FAULT_KIND");
  log_path = getenv("FAULT_LOG");
  struck_path = getenv("FAULT_STRUCK");
  const char *number = getenv("FAULT_AT");
  at = number ? atol(number) : 0;
  root_length = root ? strlen(root) : 0;
}

static int is_below(const char *path) {
  return root && path && strncmp(path, root, root_length) == 0;
}

/* Closing is not seen here, since libuv does it by a bare system call: the descriptor may be a pipe's by now. */
static int is_inside(int fd) {
  struct stat file;
  return fd >= 0 && fd < FILES && inside[fd] && fstat(fd, &file) == 0 &&
         (S_ISREG(file.st_mode) || S_ISDIR(file.st_mode));
}

static void note(const char *call, const char *path) {
  if (!log_path) return;
  const int fd = REAL(open)(log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (fd < 0) return;
  char line[512];
  const int length = snprintf(line, sizeof line, "%ld %s %s\n", count, call, path ? path : "");
  if (REAL(write)(fd, line, (size_t)length) < 0) abort();
  close(fd);
}

/* Says that the fault was made, which nothing else may show. */
static void note_struck(void) {
  if (!struck_path) return;
  const int fd = REAL(open)(struck_path, O_WRONLY | O_CREAT, 0644);
  if (fd < 0) abort();
  close(fd);
}

enum { PASS, FAIL, HALF };

/* What becomes of a call that is below the root. Sets errno where it fails. */
static int fate(const char *call, const char *path, int moves_bytes, int takes_space) {
  pthread_mutex_lock(&mutex);
  int result = PASS;
  ++count;
  note(call, path);
  if (is_full && takes_space) {
    errno = ENOSPC;
    result = FAIL;
  } else if (kind && count == at) {
    note_struck();
    if (strcmp(kind, "kill") == 0) kill(getpid(), SIGKILL), pause();
    if (strcmp(kind, "short") == 0 || strcmp(kind, "full") == 0) {
      is_full = strcmp(kind, "full") == 0;
      if (moves_bytes) result = HALF;
    } else {
      errno = strcmp(kind, "EIO") == 0 ? EIO : strcmp(kind, "ENOSPC") == 0 ? ENOSPC : EACCES;
      result = FAIL;
    }
  }
  pthread_mutex_unlock(&mutex);
  return result;
}

static int note_open(int fd, const char *path) {
  if (fd >= 0 && fd < FILES) inside[fd] = (char)is_below(path);
  return fd;
}

#define OPEN(name)                                                                             \
  int name(const char *path, int flags, ...) {                                                 \
    va_list arguments;                                                                         \
    va_start(arguments, flags);                                                                \
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(arguments, mode_t) : 0;       \
    va_end(arguments);                                                                         \
    if (is_below(path) && fate(#name, path, 0, (flags & O_CREAT) != 0) == FAIL) return -1; \
    return note_open(REAL(name)(path, flags, mode), path);                                     \
  }
OPEN(open)
OPEN(open64)

#define MOVE(name, takes_space, ...)                                           \
  if (!is_inside(fd)) return REAL(name)(__VA_ARGS__);                          \
  const int what = fate(#name, 0, 1, takes_space);                             \
  if (what == FAIL) return -1;                                                 \
  if (what == HALF && size > 1) size /= 2;                                     \
  return REAL(name)(__VA_ARGS__)

ssize_t read(int fd, void *data, size_t size) {
  MOVE(read, 0, fd, data, size);
}
ssize_t pread(int fd, void *data, size_t size, off_t offset) {
  MOVE(pread, 0, fd, data, size, offset);
}
ssize_t pread64(int fd, void *data, size_t size, off64_t offset) {
  MOVE(pread64, 0, fd, data, size, offset);
}
ssize_t write(int fd, const void *data, size_t size) {
  MOVE(write, 1, fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  MOVE(pwrite, 1, fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
  MOVE(pwrite64, 1, fd, data, size, offset);
}

#define ON_FILE(name, ...)                                                     \
  if (is_inside(fd) && fate(#name, 0, 0, 0) == FAIL) return -1;                \
  return REAL(name)(__VA_ARGS__)

int fsync(int fd) {
  ON_FILE(fsync, fd);
}
int fdatasync(int fd) {
  ON_FILE(fdatasync, fd);
}
int ftruncate(int fd, off_t size) {
  ON_FILE(ftruncate, fd, size);
}
int ftruncate64(int fd, off64_t size) {
  ON_FILE(ftruncate64, fd, size);
}
int fchmod(int fd, mode_t mode) {
  ON_FILE(fchmod, fd, mode);
}
int futimens(int fd, const struct timespec times[2]) {
  ON_FILE(futimens, fd, times);
}

#define ON_PATH(name, path, takes_space, ...)                                              \
  if (is_below(path) && fate(#name, path, 0, takes_space) == FAIL) return -1;              \
  return REAL(name)(__VA_ARGS__)

int rename(const char *from, const char *to) {
  ON_PATH(rename, to, 0, from, to);
}
int link(const char *from, const char *to) {
  ON_PATH(link, to, 1, from, to);
}
int unlink(const char *path) {
  ON_PATH(unlink, path, 0, path);
}
int rmdir(const char *path) {
  ON_PATH(rmdir, path, 0, path);
}
int mkdir(const char *path, mode_t mode) {
  ON_PATH(mkdir, path, 1, path, mode);
}
int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
  ON_PATH(utimensat, path, 0, folder, path, times, flags);
}
int scandir64(const char *path, struct dirent64 ***names, int (*filter)(const struct dirent64 *),
              int (*compare)(const struct dirent64 **, const struct dirent64 **)) {
  ON_PATH(scandir64, path, 0, path, names, filter, compare);
}
DIR *opendir(const char *path) {
  if (is_below(path) && fate("opendir", path, 0, 0) == FAIL) return 0;
  return REAL(opendir)(path);
}
