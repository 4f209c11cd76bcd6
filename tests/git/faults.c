/*
 * git/faults.c: a TCP server that behaves badly, on a port that the system chooses.
 *
 *     git_faults PORTFILE stall                        takes connections and says nothing
 *     git_faults PORTFILE redirect URL                 answers every request with 301 to URL
 *     git_faults PORTFILE page                         answers every request with a web page
 *     git_faults PORTFILE status CODE                  answers every request with that status
 *     git_faults PORTFILE refs MIB                     an endless list of refs (until MIB were
 * sent) git_faults PORTFILE cut N TIMES TARGET           a proxy to 127.0.0.1:TARGET; the first
 * TIMES connections are reset when N bytes came back from there git_faults PORTFILE hold N TIMES
 * TARGET          the same, but they stay open and silent git_faults PORTFILE port only finds a
 * free port
 *
 * Writes the port into PORTFILE when it listens, and a line on standard output for every connection
 * and for every fault.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(const char *what) {
    puts(what);
    fflush(stdout);
}

static int send_all(int fd, const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t put = send(fd, bytes, n, MSG_NOSIGNAL);
        if (put <= 0) {
            return -1;
        }
        bytes += put;
        n -= (size_t)put;
    }
    return 0;
}

/* Reads up to the end of a request's head. */
static void read_request(int fd) {
    char buffer[8192];
    size_t n = 0;
    ssize_t got;
    while (n < sizeof buffer - 1 && (got = recv(fd, buffer + n, sizeof buffer - 1 - n, 0)) > 0) {
        n += (size_t)got;
        buffer[n] = '\0';
        if (strstr(buffer, "\r\n\r\n") != NULL) {
            return;
        }
    }
}

static void answer(int fd, const char *head, const char *body) {
    char text[2000];
    read_request(fd);
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", head,
                     strlen(body), body);
    (void)send_all(fd, text, (size_t)n);
}

static void endless_refs(int fd, long mib) {
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n"
        "Connection: close\r\n\r\n001e# service=git-upload-pack\n0000";
    static char block[1 << 20];
    size_t used = 0;
    read_request(fd);
    (void)send_all(fd, head, sizeof head - 1);
    for (long i = 0; used + 80 < sizeof block; i++) {
        used += (size_t)snprintf(block + used, sizeof block - used, "0041%040x refs/heads/%08ld\n",
                                 0xabc, i);
    }
    for (long i = 0; i < mib && send_all(fd, block, used) == 0; i++) {
    }
    say("refs sent");
}

static void reset(int fd) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

/* Passes bytes both ways; after `limit` bytes from the server (0: never) does the fault. */
static void proxy(int client, int port, long limit, int hold) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    long passed = 0;
    if (connect(server, (struct sockaddr *)&to, sizeof to) != 0) {
        reset(client);
        return;
    }
    for (;;) {
        char buffer[4096];
        struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0) {
            return;
        }
        for (int i = 0; i < 2; i++) {
            if (fds[i].revents == 0) {
                continue;
            }
            ssize_t n = recv(fds[i].fd, buffer, sizeof buffer, 0);
            if (n <= 0 || send_all(fds[1 - i].fd, buffer, (size_t)n) != 0) {
                close(client);
                close(server);
                return;
            }
            passed += i == 1 ? n : 0;
        }
        if (limit > 0 && passed >= limit) {
            say(hold ? "held" : "cut");
            close(server);
            while (hold) {
                pause();
            }
            reset(client);
            return;
        }
    }
}

static int listen_somewhere(const char *port_file) {
    struct sockaddr_in any = {.sin_family = AF_INET};
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&any, &length) != 0) {
        return -1;
    }
    char name[4096];
    (void)snprintf(name, sizeof name, "%s.new", port_file);
    FILE *f = fopen(name, "w");
    if (f == NULL || fprintf(f, "%d\n", ntohs(any.sin_port)) < 0 || fclose(f) != 0 ||
        rename(name, port_file) != 0) {
        return -1;
    }
    return fd;
}

int main(int argc, char **argv) {
    int fd = argc < 3 ? -1 : listen_somewhere(argv[1]);
    if (fd < 0) {
        fputs("git_faults: can't listen\n", stderr);
        return 2;
    }
    const char *mode = argv[2];
    long number = argc > 3 ? strtol(argv[3], NULL, 10) : 0,
         times = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
    signal(SIGCHLD, SIG_IGN);
    if (strcmp(mode, "port") == 0) {
        return 0;
    }
    for (long i = 0;; i++) {
        int client = accept(fd, NULL, NULL);
        if (client < 0) {
            continue;
        }
        say("connection");
        if (fork() != 0) {
            close(client);
            continue;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a connection that is held ends with the server */
        close(fd);
        char head[1000];
        if (strcmp(mode, "redirect") == 0) {
            (void)snprintf(head, sizeof head, "301 Moved\r\nLocation: %s", argv[3]);
            answer(client, head, "");
        } else if (strcmp(mode, "page") == 0) {
            answer(client, "200 OK\r\nContent-Type: text/html", "<html>please log in</html>");
        } else if (strcmp(mode, "status") == 0) {
            (void)snprintf(head, sizeof head, "%ld Status\r\nRetry-After: 7", number);
            answer(client, head, "");
        } else if (strcmp(mode, "refs") == 0) {
            endless_refs(client, number);
        } else if (strcmp(mode, "stall") == 0) {
            for (;;) {
                pause();
            }
        } else {
            proxy(client, argc > 5 ? (int)strtol(argv[5], NULL, 10) : 0, i < times ? number : 0,
                  strcmp(mode, "hold") == 0);
        }
        _exit(0);
    }
}
