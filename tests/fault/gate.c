/* gate.c - a COMMAND for chat-recv that obeys a test: gate SOCKET NAME
 *
 * Connects to the socket, writes a line with NAME and the fields of its message, separated by
 * tabs, and the body, and reads a line: "exit N" or "die". If the socket is closed instead,
 * exits with 0. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BODY_MOST = 1 << 20 };

static const char *field(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

int main(int count, char **words)
{
    static char body[BODY_MOST], line[64];
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (count != 3 || fd < 0)
        return 90;
    snprintf(to.sun_path, sizeof to.sun_path, "%s", words[1]);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        return 91;
    size_t length = fread(body, 1, sizeof body, stdin);
    FILE *test = fdopen(fd, "r+");
    fprintf(test, "%s\t%s\t%s\t%s\t%s\t%s\t%zu\n", words[2], field("CHAT_ID"),
            field("CHAT_MESSAGE_ROOM"), field("CHAT_USER"), field("CHAT_ATTEMPT"),
            field("CHAT_TIME"), length);
    fwrite(body, 1, length, test);
    fflush(test);
    if (fgets(line, sizeof line, test) == NULL)
        return 0;
    if (strncmp(line, "die", 3) == 0)
        raise(SIGKILL);
    return strncmp(line, "exit ", 5) == 0 ? atoi(line + 5) : 92;
}
