/*
 * Loaded before the C library into a process of the chaos run, it makes the disk full, lets fsync fail
 * and sets the clock of the day, as the file says that SPIDER_FAULTS names: three 64-bit numbers, of
 * which the first is added to the clock in nanoseconds, and the others are 0 unless fsync is to fail and
 * the disk is full. Only regular files are touched, and never standard output and error.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t none[3];
static volatile int64_t *faults = none;

#define REAL(name) \
  static __typeof__(&name) real; \
  if (real == 0) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void map_faults(void) {
  const char *path = getenv("SPIDER_FAULTS");
  int fd = path == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void *mapped = mmap(0, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped != MAP_FAILED) faults = mapped;
  close(fd);
}

static int is_file(int fd) {
  struct stat status;
  return fd > 2 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

#define FAIL_IF(flag, code) \
  if (faults[flag] != 0 && is_file(fd)) { \
    errno = code; \
    return -1; \
  }

int fsync(int fd) {
  REAL(fsync);
  FAIL_IF(1, EIO)
  return real(fd);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  FAIL_IF(1, EIO)
  return real(fd);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  REAL(write);
  FAIL_IF(2, ENOSPC)
  return real(fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  FAIL_IF(2, ENOSPC)
  return real(fd, parts, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  REAL(pwrite64);
  FAIL_IF(2, ENOSPC)
  return real(fd, bytes, count, offset);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  REAL(fallocate64);
  FAIL_IF(2, ENOSPC)
  return real(fd, mode, offset, length);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  REAL(clock_gettime);
  int result = real(clock, now);
  if (result != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
  int64_t ns = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + faults[0];
  now->tv_sec = ns / INT64_C(1000000000);
  now->tv_nsec = ns % INT64_C(1000000000);
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  REAL(gettimeofday);
  int result = real(now, zone);
  if (result != 0) return result;
  int64_t us = now->tv_sec * INT64_C(1000000) + now->tv_usec + faults[0] / 1000;
  now->tv_sec = us / INT64_C(1000000);
  now->tv_usec = us % INT64_C(1000000);
  return 0;
}

time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != 0) *result = now.tv_sec;
  return now.tv_sec;
}
