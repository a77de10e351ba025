/* What the real server's SQLite has and the stock one lacks: the collation "icu_root" and the full-text
 * tokenizer "collating", both from ICU, as a loadable extension.
 *
 * Measured on a database of 1.32.8: its index is in the root locale's order with numbers compared as numbers,
 * and the terms of its full-text tables are the sort keys of the words, in the locale that the table names.
 * A word that a hyphen joins to others is followed by one more term: the compound up to there.
 */
#include <sqlite3ext.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/ucol.h>
#include <unicode/uiter.h>
#include <unicode/utf.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

SQLITE_EXTENSION_INIT1

static const char index_locale[] = "root@colNumeric=yes";
static const char default_locale[] = "root";

/* The interface of full-text tokenizers: SQLite's fts3_tokenizer.h, which no package installs. */
typedef struct sqlite3_tokenizer_module sqlite3_tokenizer_module;
typedef struct {
    const sqlite3_tokenizer_module *module;
} sqlite3_tokenizer;
typedef struct {
    sqlite3_tokenizer *tokenizer;
} sqlite3_tokenizer_cursor;
struct sqlite3_tokenizer_module {
    int version;
    int (*create)(int count, const char *const *arguments, sqlite3_tokenizer **made);
    int (*destroy)(sqlite3_tokenizer *);
    int (*open)(sqlite3_tokenizer *, const char *text, int bytes, sqlite3_tokenizer_cursor **opened);
    int (*close)(sqlite3_tokenizer_cursor *);
    int (*next)(sqlite3_tokenizer_cursor *, const char **term, int *bytes, int *start, int *end, int *position);
};

typedef struct {
    sqlite3_tokenizer base;
    UCollator *collator;
} Tokenizer;

typedef struct {
    sqlite3_tokenizer_cursor base;
    UBreakIterator *words;
    UChar *text;
    int *byte_of; /* where each unit of the text began in the UTF-8 that was given, and the end */
    int length;
    int word_end;       /* of the last word */
    int compound_start; /* of the words that hyphens join, up to the last one */
    bool compound_due;  /* it is a term of its own, and the next to be given */
    uint8_t *key;
    int room;
    int position;
} Cursor;

static int tokenizer_create(int count, const char *const *arguments, sqlite3_tokenizer **made)
{
    UErrorCode status = U_ZERO_ERROR;
    Tokenizer *tokenizer = sqlite3_malloc(sizeof *tokenizer);
    if (tokenizer == NULL)
        return SQLITE_NOMEM;
    memset(tokenizer, 0, sizeof *tokenizer);
    tokenizer->collator = ucol_open(count > 0 ? arguments[0] : default_locale, &status);
    if (U_FAILURE(status)) {
        sqlite3_free(tokenizer);
        return SQLITE_ERROR;
    }
    *made = &tokenizer->base;
    return SQLITE_OK;
}

static int tokenizer_destroy(sqlite3_tokenizer *base)
{
    ucol_close(((Tokenizer *)base)->collator);
    sqlite3_free(base);
    return SQLITE_OK;
}

static int cursor_close(sqlite3_tokenizer_cursor *base)
{
    Cursor *cursor = (Cursor *)base;
    if (cursor->words != NULL)
        ubrk_close(cursor->words);
    sqlite3_free(cursor->text);
    sqlite3_free(cursor->byte_of);
    sqlite3_free(cursor->key);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int cursor_open(sqlite3_tokenizer *base, const char *text, int bytes, sqlite3_tokenizer_cursor **opened)
{
    UErrorCode status = U_ZERO_ERROR;
    Cursor *cursor = sqlite3_malloc(sizeof *cursor);
    (void)base; /* the caller links it to the cursor */
    if (cursor == NULL)
        return SQLITE_NOMEM;
    memset(cursor, 0, sizeof *cursor);
    if (text == NULL)
        bytes = 0;
    else if (bytes < 0)
        bytes = (int)strlen(text);
    cursor->text = sqlite3_malloc64(sizeof(UChar) * ((sqlite3_uint64)bytes + 1));
    cursor->byte_of = sqlite3_malloc64(sizeof(int) * ((sqlite3_uint64)bytes + 1));
    if (cursor->text == NULL || cursor->byte_of == NULL) {
        cursor_close(&cursor->base);
        return SQLITE_NOMEM;
    }
    for (int read = 0; read < bytes;) {
        int began = read;
        UChar32 character;
        U8_NEXT_OR_FFFD((const uint8_t *)text, read, bytes, character);
        int units = U16_LENGTH(character);
        for (int unit = 0; unit < units; unit++)
            cursor->byte_of[cursor->length + unit] = began;
        U16_APPEND_UNSAFE(cursor->text, cursor->length, character);
    }
    cursor->byte_of[cursor->length] = bytes;
    cursor->words = ubrk_open(UBRK_WORD, default_locale, cursor->text, cursor->length, &status);
    if (U_FAILURE(status)) {
        cursor_close(&cursor->base);
        return SQLITE_ERROR;
    }
    ubrk_first(cursor->words);
    *opened = &cursor->base;
    return SQLITE_OK;
}

/* Give the sort key of a stretch of the text as a term; false in *found when it has none. */
static int give(Cursor *cursor, int from, int to, bool *found, const char **term, int *bytes, int *start, int *end,
                int *position)
{
    const UCollator *collator = ((Tokenizer *)cursor->base.tokenizer)->collator;
    int needed = ucol_getSortKey(collator, cursor->text + from, to - from, cursor->key, cursor->room);
    if (needed > cursor->room) {
        uint8_t *larger = sqlite3_realloc(cursor->key, needed);
        if (larger == NULL)
            return SQLITE_NOMEM;
        cursor->key = larger;
        cursor->room = needed;
        needed = ucol_getSortKey(collator, cursor->text + from, to - from, cursor->key, cursor->room);
    }
    *found = needed > 1; /* the key ends with a zero byte that is no part of the term */
    if (*found) {
        *term = (const char *)cursor->key;
        *bytes = needed - 1;
        *start = cursor->byte_of[from];
        *end = cursor->byte_of[to];
        *position = cursor->position++;
    }
    return SQLITE_OK;
}

static bool is_hyphen(UChar unit)
{
    return unit == '-' || unit == 0x2010;
}

static int cursor_next(sqlite3_tokenizer_cursor *base, const char **term, int *bytes, int *start, int *end,
                       int *position)
{
    Cursor *cursor = (Cursor *)base;
    bool found = false;
    for (;;) {
        int from = ubrk_current(cursor->words);
        if (cursor->compound_due) {
            cursor->compound_due = false;
            int code = give(cursor, cursor->compound_start, from, &found, term, bytes, start, end, position);
            if (code != SQLITE_OK || found)
                return code;
        }
        int to = ubrk_next(cursor->words);
        if (to == UBRK_DONE)
            return SQLITE_DONE;
        if (ubrk_getRuleStatus(cursor->words) < UBRK_WORD_NONE_LIMIT)
            continue;
        if (from > 1 && from - 1 == cursor->word_end && is_hyphen(cursor->text[from - 1]))
            cursor->compound_due = true;
        else
            cursor->compound_start = from;
        cursor->word_end = to;
        int code = give(cursor, from, to, &found, term, bytes, start, end, position);
        if (code != SQLITE_OK || found)
            return code;
    }
}

static const sqlite3_tokenizer_module collating = {
    .version = 0,
    .create = tokenizer_create,
    .destroy = tokenizer_destroy,
    .open = cursor_open,
    .close = cursor_close,
    .next = cursor_next,
};

static int compare(void *collator, int left_bytes, const void *left, int right_bytes, const void *right)
{
    UErrorCode status = U_ZERO_ERROR;
    UCharIterator first, second;
    uiter_setUTF8(&first, left, left_bytes);
    uiter_setUTF8(&second, right, right_bytes);
    return ucol_strcollIter(collator, &first, &second, &status);
}

static void close_collator(void *collator)
{
    ucol_close(collator);
}

static int register_tokenizer(sqlite3 *database)
{
    const sqlite3_tokenizer_module *module = &collating;
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(database, "SELECT fts3_tokenizer('collating', ?)", -1, &statement, NULL);
    if (code != SQLITE_OK)
        return code;
    /* SQLite takes the address of a module as a blob, through a bound parameter only. */
    sqlite3_bind_blob(statement, 1, &module, sizeof module, SQLITE_STATIC);
    sqlite3_step(statement);
    return sqlite3_finalize(statement);
}

/* A connection that was opened after the first one knows everything already; SQLite calls that an error. */
static bool is_taught(sqlite3 *database)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database, "SELECT fts3_tokenizer('collating')", -1, &statement, NULL) != SQLITE_OK)
        return false;
    bool known = sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    return known;
}

static int register_all(sqlite3 *database, char **message, const sqlite3_api_routines *api)
{
    UErrorCode status = U_ZERO_ERROR;
    (void)message;
    (void)api;
    if (is_taught(database))
        return SQLITE_OK;
    UCollator *collator = ucol_open(index_locale, &status);
    if (U_FAILURE(status))
        return SQLITE_ERROR;
    int code = sqlite3_create_collation_v2(database, "icu_root", SQLITE_UTF8, collator, compare, close_collator);
    if (code != SQLITE_OK) {
        ucol_close(collator);
        return code;
    }
    return register_tokenizer(database);
}

/* Entry point: this connection, and all that the process opens later (.open, .recover). */
int sqlite3_icu_init(sqlite3 *database, char **message, const sqlite3_api_routines *api)
{
    SQLITE_EXTENSION_INIT2(api);
    int code = register_all(database, message, api);
    if (code == SQLITE_OK)
        code = sqlite3_auto_extension((void (*)(void))register_all);
    return code == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : code;
}
