/* Loaded before osmo-msc and osmo-stp (LD_PRELOAD), because the kernel may lack SCTP: their SCTP
 * sockets become TCP ones, options of SCTP are taken and forgotten. What the SGs interface needs of
 * SCTP is one stream of whole messages: here each has its length in front, 4 octets, big-endian.
 * SS7 is not used. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SCTP 132

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

int socket(int domain, int type, int protocol) {
  int (*real)(int, int, int) = next("socket");
  if (protocol != SCTP) return real(domain, type, protocol);
  return real(domain, (type & ~0xF) | SOCK_STREAM, IPPROTO_TCP);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t size) {
  int (*real)(int, int, int, const void *, socklen_t) = next("setsockopt");
  return level == SCTP ? 0 : real(fd, level, option, value, size);
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *size) {
  int (*real)(int, int, int, void *, socklen_t *) = next("getsockopt");
  if (level != SCTP) return real(fd, level, option, value, size);
  memset(value, 0, *size);
  return 0;
}

int sctp_bindx(int fd, struct sockaddr *addresses, int count, int flags) {
  (void)flags;
  if (count < 1) return 0;
  return bind(fd, addresses,
              addresses->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                              : sizeof(struct sockaddr_in6));
}

struct sctp_sndrcvinfo;
#define SNDRCVINFO_SIZE 32

int sctp_send(int fd, const void *message, size_t size, const struct sctp_sndrcvinfo *info,
              int flags) {
  uint32_t length = htonl((uint32_t)size);
  struct iovec parts[2] = {{&length, sizeof length}, {(void *)message, size}};
  struct msghdr whole = {.msg_iov = parts, .msg_iovlen = 2};
  (void)info;
  const ssize_t sent = sendmsg(fd, &whole, flags | MSG_NOSIGNAL);
  return sent < (ssize_t)sizeof length ? -1 : (int)(sent - (ssize_t)sizeof length);
}

/* A message that is not whole yet is none. */
int sctp_recvmsg(int fd, void *message, size_t room, struct sockaddr *from, socklen_t *from_size,
                 struct sctp_sndrcvinfo *info, int *flags) {
  uint32_t length = 0;
  int waiting = 0;
  (void)from;
  (void)from_size;
  if (info != NULL) memset(info, 0, SNDRCVINFO_SIZE);
  if (flags != NULL) *flags = MSG_EOR;
  const ssize_t head = recv(fd, &length, sizeof length, MSG_PEEK);
  if (head <= 0) return (int)head;
  length = ntohl(length);
  if (length > room) {
    errno = EMSGSIZE;
    return -1;
  }
  if (ioctl(fd, FIONREAD, &waiting) != 0 || waiting < (int)(sizeof length + length)) {
    errno = EAGAIN;
    return -1;
  }
  recv(fd, &waiting, sizeof waiting, 0);
  return (int)recv(fd, message, length, 0);
}
