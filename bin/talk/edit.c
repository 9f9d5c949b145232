/* edit.c - the editor at the bottom of the terminal.
 *
 * libedit turns keys into a line: it knows the keys of terminals and the user's own (editrc(5)),
 * the history and the search in it. It does not draw the line. Its output goes to /dev/null, and
 * screen_line() shows what the line has become each time before the program sleeps. So messages
 * can come in above it, and characters that combine are where they belong, which libedit 3.1 gets
 * wrong (refresh.c lets each take the cell of the next). */

#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "commands.h"
#include "common/cli.h"
#include "editor.h"

enum { HISTORY = 1000, INPUT_SIZE = 4096, INTERRUPT = 3 };

#define PASTE_ON "\033[?2004h" /* the terminal marks what is pasted */
#define PASTE_OFF "\033[?2004l"

struct editor {
    struct talk *talk;
    EditLine *el;
    HistoryW *history;
    FILE *nowhere;
    struct termios usual;   /* of the terminal */
    char input[INPUT_SIZE]; /* what was typed and libedit has not taken yet */
    size_t begin, size;
    bool end;
    bool hinted;
};

static struct editor *running; /* while the terminal is not as it was */

static struct editor *editor_of(EditLine *el)
{
    void *data = NULL;
    el_wget(el, EL_CLIENTDATA, &data);
    return data;
}

/* --- the terminal ---------------------------------------------------------- */

static void begin_editing(struct editor *e)
{
    running = e;
    el_wset(e->el, EL_PREP_TERM, 1);
    screen_command(&e->talk->screen, PASTE_ON);
}

/* Give the terminal back as it was, whatever happened. */
static void restore(void)
{
    if (running == NULL)
        return;
    struct termios usual = running->usual;
    running = NULL;
    (void)!write(STDOUT_FILENO, PASTE_OFF, sizeof PASTE_OFF - 1);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &usual);
}

static void end_editing(struct editor *e)
{
    screen_leave_line(&e->talk->screen);
    screen_flush(&e->talk->screen);
    el_wset(e->el, EL_PREP_TERM, 0);
    restore();
}

static void resize(struct editor *e)
{
    screen_measure(&e->talk->screen);
    el_resize(e->el);
}

/* Stop, with those that work with this process if it was a key that asked for it, and go on. */
static void suspend(struct editor *e, bool key)
{
    end_editing(e);
    talk_suspend(key);
    begin_editing(e);
    resize(e);
}

/* Something has stopped and continued this process: a shell has had the terminal. */
static void resume(struct editor *e)
{
    e->talk->screen.line.shown = false;
    el_wset(e->el, EL_PREP_TERM, 0);
    begin_editing(e);
    resize(e);
}

/* --- what is typed --------------------------------------------------------- */

/* Take the next character of what was typed; bytes that are none are dropped. */
static bool take(struct editor *e, wchar_t *c)
{
    while (e->begin < e->size) {
        uint32_t code_point;
        size_t left = e->size - e->begin;
        const unsigned char *bytes = (const unsigned char *)e->input + e->begin;
        size_t length = chat_utf8(bytes, left, &code_point);
        size_t whole = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : bytes[0] >= 0xc0 ? 2 : 1;
        if (length == 0 && left < whole)
            return false; /* its end is to come */
        e->begin += length > 0 ? length : 1;
        *c = (wchar_t)code_point;
        if (length > 0 && code_point != 0)
            return true;
    }
    return false;
}

static void fill(struct editor *e)
{
    memmove(e->input, e->input + e->begin, e->size - e->begin);
    e->size -= e->begin;
    e->begin = 0;
    ssize_t n = read(STDIN_FILENO, e->input + e->size, sizeof e->input - e->size);
    if (n > 0)
        e->size += (size_t)n;
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        e->end = true;
}

static void show_line(struct editor *e)
{
    const LineInfoW *line = el_wline(e->el);
    screen_line(&e->talk->screen, line->buffer, (size_t)(line->lastchar - line->buffer),
                (size_t)(line->cursor - line->buffer));
    screen_flush(&e->talk->screen);
}

/* Do what signals have asked for. Returns whether that is a key. */
static bool heed_signals(struct editor *e, wchar_t *c)
{
    if (talk_suspended) {
        talk_suspended = 0;
        suspend(e, false);
    }
    if (talk_continued) {
        talk_continued = 0;
        resume(e);
    }
    if (talk_resized) {
        talk_resized = 0;
        resize(e);
    }
    if (!talk_interrupted)
        return false;
    talk_interrupted = 0;
    *c = INTERRUPT;
    return true;
}

/* For libedit: the next character, 0 at the end. Messages come in meanwhile. */
static int next(EditLine *el, wchar_t *c)
{
    struct editor *e = editor_of(el);
    for (;;) {
        if (take(e, c))
            return 1;
        if (e->end || output_stop)
            return 0;
        show_line(e);
        talk_step(e->talk);
        if (heed_signals(e, c))
            return 1;
        if (e->talk->fds[0].revents != 0)
            fill(e);
    }
}

/* --- the keys that are ours ------------------------------------------------ */

/* Make the line empty, and let the history begin with the newest again. el_reset() would also give
 * the terminal its usual modes for a moment, but not where nothing is edited. */
static void clear(EditLine *el)
{
    el_wset(el, EL_EDITMODE, 0);
    el_reset(el);
    el_wset(el, EL_EDITMODE, 1);
}

static void add_to_history(struct editor *e, const wchar_t *line)
{
    HistEventW event;
    if (line[0] != L'\0')
        history_w(e->history, &event, H_ENTER, line);
}

static void add_character(struct text *text, wchar_t c)
{
    mbstate_t state = { 0 };
    char bytes[MB_LEN_MAX];
    size_t size = wcrtomb(bytes, c, &state);
    if (size != (size_t)-1)
        text_add(text, bytes, size);
}

static unsigned char send_line(EditLine *el, wint_t key)
{
    struct editor *e = editor_of(el);
    const LineInfoW *line = el_wline(el);
    size_t size = (size_t)(line->lastchar - line->buffer);
    struct text text = { .bytes = NULL };
    (void)key;
    for (size_t i = 0; i < size; i++)
        add_character(&text, line->buffer[i]);
    text_add(&text, "", 1);
    wchar_t *copy = calloc(size + 1, sizeof *copy);
    if (copy == NULL)
        cli_no_memory();
    memcpy(copy, line->buffer, size * sizeof *copy);
    enum answer answer = commands_typed(e->talk, text.bytes, text.size - 1);
    if (answer != ANSWER_KEEP) {
        add_to_history(e, copy);
        clear(el);
    }
    free(copy);
    text_free(&text);
    return answer == ANSWER_LEAVE ? CC_EOF : CC_REFRESH;
}

static unsigned char drop_line(EditLine *el, wint_t key)
{
    struct editor *e = editor_of(el);
    const LineInfoW *line = el_wline(el);
    (void)key;
    if (line->lastchar == line->buffer && !e->hinted) {
        screen_note(&e->talk->screen, "Ctrl-D or /quit leaves");
        e->hinted = true;
    }
    clear(el);
    return CC_REFRESH;
}

static unsigned char stop_here(EditLine *el, wint_t key)
{
    (void)key;
    suspend(editor_of(el), true);
    return CC_REFRESH;
}

static unsigned char clear_screen(EditLine *el, wint_t key)
{
    (void)key;
    screen_clear(&editor_of(el)->talk->screen);
    return CC_REFRESH;
}

/* Read what is pasted up to the mark of its end. */
static wchar_t *read_paste(EditLine *el, size_t *size)
{
    static const wchar_t mark[] = L"\033[201~";
    enum { MARK = sizeof mark / sizeof mark[0] - 1 };
    wchar_t *text = NULL, c;
    size_t capacity = 0;
    *size = 0;
    while (el_wgetc(el, &c) == 1) {
        if (*size + 2 > capacity) {
            capacity = capacity * 2 + 1024;
            wchar_t *larger = realloc(text, capacity * sizeof *text);
            if (larger == NULL)
                cli_no_memory();
            text = larger;
        }
        text[(*size)++] = c;
        if (*size >= MARK && wmemcmp(text + *size - MARK, mark, MARK) == 0) {
            *size -= MARK;
            break;
        }
    }
    return text;
}

/* Put what is pasted into the line. Terminals paste a newline as the key Enter; one at the end is
 * left out. */
static unsigned char paste(EditLine *el, wint_t key)
{
    size_t size, kept = 0;
    wchar_t *text = read_paste(el, &size);
    (void)key;
    if (text == NULL)
        return CC_REFRESH;
    for (size_t i = 0; i < size; i++)
        if (text[i] != L'\n' || i == 0 || text[i - 1] != L'\r')
            text[kept++] = text[i];
    for (size_t i = 0; i < kept; i++)
        if (text[i] == L'\r')
            text[i] = L'\n';
    if (kept > 0 && text[kept - 1] == L'\n')
        kept--;
    text[kept] = L'\0';
    el_winsertstr(el, text);
    free(text);
    return CC_REFRESH;
}

/* --- setting up ------------------------------------------------------------ */

static void bind(EditLine *el, const wchar_t *key, const wchar_t *function)
{
    el_wset(el, EL_BIND, key, function, NULL);
}

/* Those that people know from other programs, and libedit does not bind by itself. */
static void bind_usual(EditLine *el)
{
    el_wset(el, EL_EDITOR, L"emacs");
    bind(el, L"^R", L"em-inc-search-prev");
    bind(el, L"^W", L"ed-delete-prev-word");
    bind(el, L"\\e[3~", L"ed-delete-next-char");
    bind(el, L"\\e[H", L"ed-move-to-beg");
    bind(el, L"\\e[1~", L"ed-move-to-beg");
    bind(el, L"\\e[F", L"ed-move-to-end");
    bind(el, L"\\e[4~", L"ed-move-to-end");
    bind(el, L"\\e[1;5C", L"em-next-word");
    bind(el, L"\\e[1;5D", L"ed-prev-word");
}

/* Without these a line could not be sent, whatever the user's file says. In the mode of vi they
 * are for both of its states. */
static void bind_own(EditLine *el)
{
    static const struct {
        const wchar_t *name, *key;
        unsigned char (*function)(EditLine *el, wint_t key);
    } own[] = { { L"chat-send", L"^M", send_line },     { L"chat-send", L"^J", send_line },
                { L"chat-drop", L"^C", drop_line },     { L"chat-stop", L"^Z", stop_here },
                { L"chat-clear", L"^L", clear_screen }, { L"chat-paste", L"\\e[200~", paste } };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (i == 0 || own[i].function != own[i - 1].function)
            el_wset(el, EL_ADDFN, own[i].name, L"chat-talk", own[i].function);
        bind(el, own[i].key, own[i].name);
        el_wset(el, EL_BIND, L"-a", own[i].key, own[i].name, NULL);
    }
}

/* Whether the terminal takes the few sequences that we send: those of ECMA-48. */
static bool is_capable(EditLine *el)
{
    char *clear_below = NULL;
    return el_get(el, EL_GETTC, "cd", &clear_below) == 0 && clear_below != NULL &&
           strncmp(clear_below, "\033[J", 3) == 0;
}

static bool set_up(struct editor *e, struct talk *t)
{
    HistEventW event;
    e->talk = t;
    if (tcgetattr(STDIN_FILENO, &e->usual) < 0)
        return false;
    e->nowhere = fopen("/dev/null", "we");
    if (e->nowhere == NULL)
        return false;
    e->el = el_init_fd("chat-talk", stdin, e->nowhere, e->nowhere, STDIN_FILENO, STDOUT_FILENO,
                       STDERR_FILENO);
    if (e->el == NULL || !is_capable(e->el))
        return false;
    e->history = history_winit();
    if (e->history == NULL)
        cli_no_memory();
    history_w(e->history, &event, H_SETSIZE, HISTORY);
    history_w(e->history, &event, H_SETUNIQUE, 1);
    el_wset(e->el, EL_CLIENTDATA, e);
    el_wset(e->el, EL_HIST, history_w, e->history);
    bind_usual(e->el);
    el_source(e->el, NULL);
    bind_own(e->el);
    el_wset(e->el, EL_SETTY, L"-d", L"-isig", NULL); /* Ctrl-C and Ctrl-Z are keys */
    el_wset(e->el, EL_GETCFN, next);
    return true;
}

static void tear_down(struct editor *e)
{
    if (e->el != NULL)
        el_end(e->el);
    if (e->history != NULL)
        history_wend(e->history);
    if (e->nowhere != NULL)
        fclose(e->nowhere);
}

bool editor_run(struct talk *t)
{
    static struct editor editor;
    int count;
    if (!set_up(&editor, t)) {
        tear_down(&editor);
        return false;
    }
    atexit(restore);
    screen_failed = restore;
    begin_editing(&editor);
    while (!editor.end && !output_stop && el_wgets(editor.el, &count) != NULL && count > 0)
        clear(editor.el); /* no key of ours ends a line */
    room_save(&t->room);  /* the terminal may be gone, and end_editing() not return */
    end_editing(&editor);
    tear_down(&editor);
    return true;
}
