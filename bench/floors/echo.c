/* The limit of an echo: one recv, one send, and nothing in between.
 *
 * It knows no frames. What a client sends masked comes back masked, so it is the same bytes but for
 * the four of the key: the generator (load --raw) expects just that. What a peer does not take is
 * kept, and nothing more is read until it is gone, as any server must. */
#include "floor.h"

struct connection {
    char open;    /* the head has been answered */
    char *unsent; /* what the last send left over; NULL when nothing */
    size_t start, end;
};

static struct connection connections[MAX_FDS];
static char buffer[BUFFER];

static void end(int fd) {
    free(connections[fd].unsent);
    memset(&connections[fd], 0, sizeof connections[fd]);
    close(fd);
}

static void readable(int epoll, int fd) {
    struct connection *connection = &connections[fd];
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return end(fd);
    if (!connection->open) {
        connection->open = 1;
        if (!answer(fd, buffer, got)) end(fd);
        return;
    }
    ssize_t sent = send(fd, buffer, got, 0);
    if (sent == got) return;
    if (sent < 0 && errno != EAGAIN) return end(fd);
    if (sent < 0) sent = 0;
    connection->start = 0;
    connection->end = got - sent;
    connection->unsent = malloc(connection->end);
    if (!connection->unsent) die("malloc");
    memcpy(connection->unsent, buffer + sent, connection->end);
    watch(epoll, EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void writable(int epoll, int fd) {
    struct connection *connection = &connections[fd];
    ssize_t sent =
        send(fd, connection->unsent + connection->start, connection->end - connection->start, 0);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return end(fd);
    connection->start += sent;
    if (connection->start < connection->end) return;
    free(connection->unsent);
    connection->unsent = NULL;
    watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN);
}

static void ready(int epoll, int fd) {
    if (connections[fd].unsent)
        writable(epoll, fd);
    else
        readable(epoll, fd);
}

int main(void) { serve(ready); }
