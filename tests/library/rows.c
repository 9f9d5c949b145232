/* rows: read rows in pages that are put together here, at the limits of the format and beyond.
 * Prints the rows that pages_each_record() finds in each. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/sqlite/pages.h"

enum { TABLE = 0x0d, INDEX = 0x0a, LOCAL = PAGE - 35, FREE = 2, USED = 5 };

static unsigned char *image;
static size_t page_count;

static unsigned char *page(size_t number)
{
    return image + (number - 1) * PAGE;
}

static size_t varint(unsigned char *to, uint64_t value)
{
    unsigned char bytes[9];
    size_t n = 0;
    if (value >> 56 != 0) {
        to[8] = (unsigned char)value;
        for (int i = 7; i >= 0; i--)
            to[i] = (unsigned char)(0x80 | (value >> (8 + 7 * (7 - i)) & 0x7f));
        return 9;
    }
    do
        bytes[n++] = (unsigned char)(value & 0x7f);
    while ((value >>= 7) != 0);
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)(bytes[n - 1 - i] | (i + 1 < n ? 0x80 : 0));
    return n;
}

/* Begin an image whose pages are all in use, with an empty leaf of KIND on page 3. */
static void begin(size_t count, unsigned char kind)
{
    free(image);
    image = calloc(count, PAGE);
    page_count = count;
    for (size_t map = 2; map <= count; map += PAGE / 5 + 1)
        for (size_t i = 0; i < PAGE / 5; i++)
            page(map)[5 * i] = USED;
    page(3)[0] = kind;
}

/* Add to the leaf NUMBER a pointer to the offset AT. */
static void point(size_t number, size_t at)
{
    unsigned char *leaf = page(number);
    size_t cells = (size_t)leaf[3] << 8 | leaf[4];
    leaf[8 + 2 * cells] = (unsigned char)(at >> 8);
    leaf[9 + 2 * cells] = (unsigned char)at;
    cells++;
    leaf[3] = (unsigned char)(cells >> 8);
    leaf[4] = (unsigned char)cells;
}

/* Write at the offset AT of the leaf NUMBER a cell whose payload claims to have SIZE bytes, and
 * begins with the COUNT bytes at PAYLOAD. Returns the offset behind it. */
static size_t cell(size_t number, size_t at, uint64_t size, uint64_t id, const void *payload,
                   size_t count)
{
    unsigned char *leaf = page(number);
    at += varint(leaf + at, size);
    if (leaf[0] == TABLE)
        at += varint(leaf + at, id);
    memcpy(leaf + at, payload, count);
    return at + count;
}

static size_t add(uint64_t id, const void *payload, size_t size)
{
    static size_t at;
    if (page(3)[4] == 0 && page(3)[3] == 0)
        at = 1000;
    point(3, at);
    return at = cell(3, at, size, id, payload, size);
}

static size_t how_many(const struct column *column, unsigned char byte)
{
    size_t n = 0;
    for (size_t i = 0; i < column->size; i++)
        n += column->bytes[i] == byte;
    return n;
}

static bool show(void *context, const struct record *record)
{
    int *most = context;
    char name[CHAT_NAME_MAX + 1];
    printf(" %lld(", (long long)record->id);
    for (size_t i = 0; i < record->count; i++) {
        const struct column *c = &record->column[i];
        printf("%s%lld", i > 0 ? " " : "", (long long)pages_number(c));
        memset(name, '#', sizeof name);
        if (pages_name(c, name))
            printf("'%.5s'%zu", name, strlen(name));
        if (c->size > CHAT_NAME_MAX)
            printf(" of %zu bytes, %zu y, %zu z", c->size, how_many(c, 'y'), how_many(c, 'z'));
    }
    printf(")");
    return --*most != 0;
}

static bool count(void *context, const struct record *record)
{
    (void)record;
    ++*(int *)context;
    return true;
}

static void visit(bool (*visitor)(void *context, const struct record *record), int *context)
{
    sqlite3 *db;
    unsigned char *copy = sqlite3_malloc64(page_count * PAGE);
    memcpy(copy, image, page_count * PAGE);
    sqlite3_open(":memory:", &db);
    sqlite3_deserialize(db, "main", copy, (sqlite3_int64)(page_count * PAGE),
                        (sqlite3_int64)(page_count * PAGE), SQLITE_DESERIALIZE_FREEONCLOSE);
    if (!pages_each_record(db, visitor, context))
        printf(" stopped");
    sqlite3_close(db);
}

/* Print WHAT and the rows of the image: at most MOST of them, or all for 0. */
static void rows(const char *what, int most)
{
    printf("%s:", what);
    visit(show, &most);
    putchar('\n');
}

static void count_rows(const char *what)
{
    int n = 0;
    visit(count, &n);
    printf("%s: %d\n", what, n);
}

static void columns(void)
{
    unsigned char many[64] = { 18 }, text[512] = { 4, 0x84, 0x0b, 0 };
    begin(3, TABLE);
    add(1,
        "\13\0\1\2\3\4\5\6\7\10\11"
        "\200"
        "\200\1"
        "\177\377\376"
        "\200\0\0\0"
        "\0\1\2\3\4\5"
        "\377\377\377\377\377\377\377\376"
        "12345678",
        11 + 1 + 2 + 3 + 4 + 6 + 8 + 8);
    add(2, "\7\12\13\14\15\16\17abc", 10);       /* reserved types, empty and short ones */
    add(3, "\5\21\21\21\27a\0b\0cde\0fghi", 17); /* texts with and without NUL */
    rows("kinds", 0);
    begin(3, TABLE);
    memset(text + 3, 'x', 300);
    text[0] = 3; /* 3 bytes of header: a text with 255 bytes, and then with 256 */
    text[1] = 0x84;
    text[2] = 0x0b;
    add(1, text, 3 + 255);
    text[2] = 0x0d;
    add(2, text, 3 + 256);
    rows("255 and 256 bytes", 0);
    begin(3, TABLE);
    add(1, many, 18);
    many[0] = 17;
    add(2, many, 17);
    add(3, "\1", 1);
    add(4, "\2", 1); /* the header is longer than the payload */
    add(5, "\2\1", 2);
    add(6, "\2\1\5", 3); /* the data is as long as it has to be, or one byte shorter */
    add(7, "\3\1\17\5", 4);
    add(8, "\3\1\17\5x", 5);
    add(9, "\2\200\1\1", 4); /* the type is longer than the header */
    add(10, "\200\1", 2);    /* a header with a length of two bytes */
    add(11, "\200\3\1\7", 4);
    rows("headers", 0);
}

static void cells(void)
{
    static const char payload[] = "\2\1\7";
    begin(3, TABLE);
    cell(3, PAGE - 5, 3, 1, payload, 3); /* ends with the page */
    point(3, PAGE - 5);
    point(3, PAGE);
    point(3, PAGE + 1);
    point(3, 0xffff);
    point(3, 2000);
    cell(3, 2000, 3, 2, payload, 3);
    rows("the last bytes", 0);
    begin(3, TABLE);
    cell(3, PAGE - 4, 3, 1, payload, 2); /* one byte too long */
    point(3, PAGE - 4);
    rows("behind the page", 0);
    begin(3, TABLE);
    page(3)[PAGE - 1] = 0x80; /* a size without an end */
    page(3)[PAGE - 2] = 1;
    point(3, PAGE - 1);
    point(3, PAGE - 2); /* a size, and an id without an end */
    page(3)[500] = 0;   /* no payload at all */
    point(3, 500);
    rows("no end", 0);
    begin(3, TABLE);
    point(3, 2000);
    cell(3, 2000, UINT64_MAX, 2, payload, 3);
    point(3, 2100);
    cell(3, 2100, 3, UINT64_MAX, payload, 3);
    point(3, 2200);
    cell(3, 2200, 3, UINT64_C(1) << 55, payload, 3);
    point(3, 2300);
    cell(3, 2300, 3, (UINT64_C(1) << 56) + 129, payload, 3);
    rows("long numbers", 0);
    begin(3, INDEX);
    point(3, 2000);
    cell(3, 2000, 3, 0, payload, 3);
    point(3, 2100);
    cell(3, 2100, 4, 0, "\3\1\1\5", 4);
    point(3, 2200);
    cell(3, 2200, 5, 0, "\3\1\1\5\6", 5);
    rows("an index", 0);
    rows("the first of them", 1);
    page(3)[0] = 5; /* an inner page */
    rows("an inner page", 0);
    /* Pointers to the end of the page, and more of them are claimed. */
    /* 2044 pointers reach the end of the page, and more of them are claimed. */
    begin(3, TABLE);
    for (size_t i = 0; i < 2044; i++)
        point(3, 5);
    page(3)[3] = page(3)[4] = 0xff;
    cell(3, 5, 1, 7, "\1", 1);
    count_rows("all pointers");
}

/* Write a cell whose payload has SIZE bytes with one text, the beginning of it here and the rest
 * from page NEXT on. */
static void long_cell(size_t at, uint64_t size, size_t local, unsigned next)
{
    unsigned char payload[PAGE];
    memset(payload, 'x', sizeof payload);
    payload[0] = 5; /* a header with one type of four bytes */
    uint64_t type = (size - 5) * 2 + 13;
    for (int i = 0; i < 4; i++)
        payload[1 + i] = (unsigned char)((type >> (7 * (3 - i)) & 0x7f) | (i < 3 ? 0x80 : 0));
    size_t end = cell(3, at, size, size, payload, local);
    if (local < size) {
        page(3)[end] = (unsigned char)(next >> 24);
        page(3)[end + 1] = (unsigned char)(next >> 16);
        page(3)[end + 2] = (unsigned char)(next >> 8);
        page(3)[end + 3] = (unsigned char)next;
    }
}

/* Print whether a payload of SIZE bytes is found if LOCAL bytes of it are in the leaf. */
static void split(unsigned char kind, uint64_t size, size_t local)
{
    char what[64];
    begin(6, kind);
    long_cell(20, size, local, 4);
    point(3, 20);
    page(4)[3] = 5;
    page(5)[3] = 6;
    memset(page(4) + 4, 'y', PAGE - 4);
    memset(page(5) + 4, 'z', PAGE - 4);
    snprintf(what, sizeof what, "%llu bytes, %zu here", (unsigned long long)size, local);
    rows(what, 0);
}

static void rest(void)
{
    split(TABLE, LOCAL, LOCAL);
    split(TABLE, LOCAL + 1, LOCAL);
    split(TABLE, LOCAL + 1, 489);
    split(TABLE, 489 + PAGE - 4 - 1, 489);
    split(TABLE, 489 + PAGE - 4, 489);
    split(TABLE, 489 + PAGE - 4 + 1, 490);
    split(TABLE, LOCAL + PAGE - 4, LOCAL);
    split(TABLE, LOCAL + PAGE - 4 + 1, 489);
    split(TABLE, 489 + 2 * (PAGE - 4), 489);
    split(INDEX, 1002, 1002);
    split(INDEX, 1003, 1002);
    split(INDEX, 1003, 489);
    split(INDEX, 489 + PAGE - 4 + 512, 489 + 512);
    split(INDEX, 489 + PAGE - 4 + 513, 1002);
    split(INDEX, 489 + PAGE - 4 + 514, 489);
    /* The page ends with the pointer to the rest, or before it. */
    begin(4, TABLE);
    point(3, PAGE - 489 - 4 - 4);
    long_cell(PAGE - 489 - 4 - 4, LOCAL + 1, 489, 4);
    rows("a pointer at the end", 0);
    begin(4, TABLE);
    point(3, PAGE - 489 - 4 - 3);
    long_cell(PAGE - 489 - 4 - 3, LOCAL + 1, 489, 4);
    rows("a pointer behind the end", 0);
    begin(4, TABLE);
    point(3, 20);
    long_cell(20, LOCAL + 1, 489, 1);
    rows("the first page", 0);
    /* A chain ends early, behind the file, and in itself. */
    begin(4, TABLE);
    point(3, 20);
    long_cell(20, LOCAL + 1, 489, 0);
    rows("no chain", 0);
    begin(4, TABLE);
    point(3, 20);
    long_cell(20, LOCAL + 1, 489, 5);
    rows("behind the file", 0);
    begin(4, TABLE);
    point(3, 20);
    long_cell(20, LOCAL + 1, 489, 4);
    rows("the last page", 0);
    begin(8, TABLE);
    page(4)[3] = 4;
    point(3, 20);
    long_cell(20, 8 * PAGE, 489, 4);
    rows("as long as the file", 0);
    long_cell(20, 8 * PAGE + 1, 489, 4);
    rows("longer than the file", 0);
    begin(4, TABLE);
    long_cell(200, LOCAL + 1, 489, 4);
    for (int i = 0; i < 33; i++)
        point(3, 200);
    count_rows("33 times the same page of 4");
}

static void free_pages(void)
{
    static const char payload[] = "\2\1\7";
    begin(830, TABLE);
    for (size_t number = 4; number <= 830; number++)
        if (number < 6 || number > 818) {
            page(number)[0] = TABLE;
            point(number, 2000);
            cell(number, 2000, 3, number, payload, 3);
        }
    for (size_t i = 0; i < PAGE / 5; i++) /* a map is not a leaf, whatever it says */
        page(822)[5 * i] = USED;
    rows("all", 0);
    page(2)[5 * (4 - 3)] = FREE;
    page(2)[5 * (821 - 3)] = FREE;
    page(822)[5 * (823 - 823)] = FREE;
    page(822)[5 * (826 - 823)] = FREE;
    rows("some free", 0);
}

int main(void)
{
    columns();
    cells();
    rest();
    free_pages();
    free(image);
    return 0;
}
