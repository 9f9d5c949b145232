/* beanstalk.c - a minimal client of beanstalkd: `beanstalk PORT put TEXT` returns when the job is
 * stored, `beanstalk PORT take` prints the next job and deletes it. */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static FILE *in, *out; /* both are the server */

static int connect_to(const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons((uint16_t)atoi(port)) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return 0;
    in = fdopen(fd, "r");
    out = fdopen(fd, "w");
    return in != NULL && out != NULL;
}

/* Send the command, and return whether the answer begins with EXPECTED. */
static int answers(const char *expected, char line[static 64])
{
    return fflush(out) == 0 && fgets(line, 64, in) != NULL &&
           strncmp(line, expected, strlen(expected)) == 0;
}

static int put(const char *text)
{
    char line[64];
    fprintf(out, "put 0 0 60 %zu\r\n%s\r\n", strlen(text), text);
    return answers("INSERTED ", line);
}

static int take(void)
{
    char line[64], body[65536 + 2];
    unsigned long id;
    size_t length;
    fputs("reserve-with-timeout 0\r\n", out);
    if (!answers("RESERVED ", line) || sscanf(line, "RESERVED %lu %zu", &id, &length) != 2 ||
        length + 2 > sizeof body || fread(body, 1, length + 2, in) != length + 2)
        return 0;
    fwrite(body, 1, length, stdout);
    putchar('\n');
    if (fflush(stdout) != 0)
        return 0;
    fprintf(out, "delete %lu\r\n", id);
    return answers("DELETED", line);
}

int main(int argc, char *argv[])
{
    if (argc < 3 || !connect_to(argv[1]))
        return 1;
    return argc > 3 ? !put(argv[3]) : !take();
}
