/* sqlite_memory.c - small pieces of memory for SQLite, for a process that has it to itself.
 *
 * Debian's SQLite is built without its own cache of small pieces (OMIT_LOOKASIDE), and a command
 * asks for some 550 of them: 11 of 100 of its instructions were malloc()'s. These come from
 * blocks, by size, and go back to a list of their size; large ones are malloc()'s. One
 * thread only. */

#include "store_sqlite.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEP = 16,          /* sizes are rounded up to this */
    LARGE = 1024,       /* from here on it is malloc's */
    BLOCK = 128 * 1024, /* small pieces are cut from this */
};

/* Stands before each piece. */
union head {
    int64_t size;     /* of what follows it */
    union head *next; /* in the list of free pieces of its size */
};

static union head *free_pieces[LARGE / STEP + 1];
static char *block;
static size_t left; /* in it */

static union head *cut(size_t size)
{
    if (left < sizeof(union head) + size) {
        block = malloc(BLOCK); /* of the last one the rest, less than a piece, is lost */
        left = block != NULL ? BLOCK : 0;
        if (block == NULL)
            return NULL;
    }
    union head *head = (void *)block;
    block += sizeof *head + size;
    left -= sizeof *head + size;
    return head;
}

/* The pieces lie 8 bytes behind a multiple of 16, as SQLite wants them on multiples of 8. */
static size_t rounded(int size)
{
    return ((size_t)size + sizeof(union head) + STEP - 1) / STEP * STEP - sizeof(union head);
}

static void *small_malloc(int wanted)
{
    size_t size = rounded(wanted);
    union head **list = size < LARGE ? &free_pieces[size / STEP] : NULL, *head;
    if (list == NULL)
        head = malloc(sizeof *head + size);
    else if (*list != NULL) {
        head = *list;
        *list = head->next;
    } else
        head = cut(size);
    if (head == NULL)
        return NULL;
    head->size = (int64_t)size;
    return head + 1;
}

static void small_free(void *piece)
{
    union head *head = (union head *)piece - 1;
    size_t size = (size_t)head->size;
    if (size >= LARGE) {
        free(head);
        return;
    }
    head->next = free_pieces[size / STEP];
    free_pieces[size / STEP] = head;
}

static int small_size(void *piece)
{
    return (int)((union head *)piece - 1)->size;
}

static void *small_realloc(void *piece, int wanted)
{
    if (small_size(piece) >= wanted)
        return piece;
    void *larger = small_malloc(wanted);
    if (larger == NULL)
        return NULL;
    memcpy(larger, piece, (size_t)small_size(piece));
    small_free(piece);
    return larger;
}

static int small_roundup(int size)
{
    return (int)rounded(size);
}

static int small_init(void *data)
{
    (void)data;
    return SQLITE_OK;
}

static void small_shutdown(void *data)
{
    (void)data;
}

const sqlite3_mem_methods sqlite_memory = {
    .xMalloc = small_malloc,
    .xFree = small_free,
    .xRealloc = small_realloc,
    .xSize = small_size,
    .xRoundup = small_roundup,
    .xInit = small_init,
    .xShutdown = small_shutdown,
};
