/*
 * A command of the host that returns at once: passes arguments, folder and standard input to the server in
 * instant.py, over the socket named `socket` beside this program, and says what that answers.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void fail(const char *what) {
    fprintf(stderr, "instant: %s: %s\n", what, strerror(errno));
    exit(125);
}

static void put(int to, const void *data, size_t size) {
    const char *at = data;
    while (size > 0) {
        ssize_t done = write(to, at, size);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) fail("write");
        at += done;
        size -= (size_t)done;
    }
}

static void take(int from, void *data, size_t size) {
    char *at = data;
    while (size > 0) {
        ssize_t done = read(from, at, size);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) fail("read");
        at += done;
        size -= (size_t)done;
    }
}

struct text { char *data; size_t size, room; };

static void add(struct text *to, const void *data, size_t size) {
    while (to->size + size > to->room) {
        to->room = to->room ? 2 * to->room : 65536;
        to->data = realloc(to->data, to->room);
        if (to->data == NULL) fail("realloc");
    }
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

static void add_part(struct text *to, const void *data, size_t size) {
    uint32_t length = (uint32_t)size;
    add(to, &length, sizeof length);
    add(to, data, size);
}

int main(int argc, char **argv) {
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    const char *name = strrchr(argv[0], '/');
    if (name == NULL) { errno = EINVAL; fail(argv[0]); }
    int folder = (int)(name - argv[0]);
    snprintf(place.sun_path, sizeof place.sun_path, "%.*s/socket", folder, argv[0]);

    struct text said = {0}, heard = {0};
    char cwd[4096], chunk[65536];
    ssize_t got;
    if (getcwd(cwd, sizeof cwd) == NULL) fail("getcwd");
    while ((got = read(0, chunk, sizeof chunk)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        add(&heard, chunk, (size_t)got);
    }
    uint32_t parts = (uint32_t)argc + 2;
    add(&said, &parts, sizeof parts);
    add_part(&said, cwd, strlen(cwd));
    add_part(&said, heard.data, heard.size);
    add_part(&said, name + 1, strlen(name + 1));
    for (int at = 1; at < argc; at++) add_part(&said, argv[at], strlen(argv[at]));

    int line = socket(AF_UNIX, SOCK_STREAM, 0);
    if (line < 0 || connect(line, (struct sockaddr *)&place, sizeof place) < 0) fail(place.sun_path);
    put(line, said.data, said.size);

    uint32_t answer[3];
    take(line, answer, sizeof answer);
    for (int stream = 1; stream <= 2; stream++) {
        uint32_t left = answer[stream];
        while (left > 0) {
            size_t now = left < sizeof chunk ? left : sizeof chunk;
            take(line, chunk, now);
            put(stream, chunk, now);
            left -= (uint32_t)now;
        }
    }
    return (int)answer[0];
}
