/* The limit of a broadcast: every connection is in the one room, and what comes from one of them goes
 * to all of them, framed once, with one send each.
 *
 * It knows the one frame that the generator sends: 100 bytes of binary, masked, in one piece. A
 * subscriber that does not take 102 bytes is dropped: here all do. */
#include "floor.h"

enum { HEADER = 2, KEY = 4, PAYLOAD = 100 };

static char open_[MAX_FDS];
static int members[MAX_FDS];
static int count;
static char buffer[BUFFER];

static void end(int fd) {
    for (int i = 0; open_[fd] && i < count; i++)
        if (members[i] == fd) {
            members[i] = members[--count];
            break;
        }
    open_[fd] = 0;
    close(fd);
}

static void publish(const char *masked) {
    char frame[HEADER + PAYLOAD] = {(char)0x82, PAYLOAD};
    for (int i = 0; i < PAYLOAD; i++)
        frame[HEADER + i] = masked[HEADER + KEY + i] ^ masked[HEADER + i % KEY];
    for (int i = count; i-- > 0;)
        if (send(members[i], frame, sizeof frame, 0) != sizeof frame) end(members[i]);
}

static void readable(int epoll, int fd) {
    (void)epoll;
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return end(fd);
    if (open_[fd]) {
        if (got != HEADER + KEY + PAYLOAD) return end(fd);
        return publish(buffer);
    }
    if (!answer(fd, buffer, got)) return end(fd);
    open_[fd] = 1;
    members[count++] = fd;
}

int main(void) { serve(readable); }
