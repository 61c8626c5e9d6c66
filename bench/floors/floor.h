/* What both floors share: an epoll server on a port the system chooses, and the least handshake that
 * the load generator takes for one.
 *
 * The generator always sends the key of RFC 6455 §1.3, so the answer is a constant: no floor pays for
 * SHA-1. A head must come in one read, as it does on loopback. */
#ifndef FLOOR_H
#define FLOOR_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FDS = 1 << 17, EVENTS = 1024, BUFFER = 512 << 10 };

static const char SWITCHING[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                "Upgrade: websocket\r\n"
                                "Connection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* Listens, and says where on the first line. */
static int listen_and_say(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, len) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&at, &len))
        die("listen");
    printf("listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return listener;
}

static void watch(int epoll, int op, int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, op, fd, &event)) die("epoll_ctl");
}

/* Takes one connection; -1 when none waits. */
static int take(int epoll, int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return -1;
    if (fd >= MAX_FDS) die("too many connections");
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN);
    return fd;
}

/* Answers a head; 0 if it is no whole one. */
static int answer(int fd, const char *bytes, ssize_t len) {
    if (len < 4 || memcmp(bytes + len - 4, "\r\n\r\n", 4) != 0) return 0;
    return send(fd, SWITCHING, sizeof SWITCHING - 1, 0) == sizeof SWITCHING - 1;
}

/* Serves for ever: `ready` is told of each connection on which something can be done. */
static inline void serve(void (*ready)(int epoll, int fd)) {
    static struct epoll_event events[EVENTS];
    int listener = listen_and_say();
    int epoll = epoll_create1(0);
    if (epoll < 0) die("epoll_create1");
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                while (take(epoll, listener) >= 0) {}
            else
                ready(epoll, fd);
        }
    }
}

#endif
