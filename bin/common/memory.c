/* memory.c - ending a program that has run out of memory. */

#include "fail.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *cli_name;

noreturn void cli_no_memory(void)
{
    static const char text[] = ": out of memory\n";
    (void)!write(STDERR_FILENO, cli_name, strlen(cli_name));
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    exit(EXIT_SYSTEM);
}
