/* Inside the Liquid engine: values, the syntax tree, and what its files share.
 * Only liquid_*.c include this.
 *
 * The way of a template: liquid_lex cuts the source into chunks and markup into tokens,
 * liquid_parse reads expressions, liquid_blocks and liquid_tags build the tree, liquid_render walks
 * it with liquid_evaluate, liquid_value and liquid_filters.  Tree and source live in the template's
 * arena.
 */
#ifndef MESSAGE_LIQUID_INTERNAL_H
#define MESSAGE_LIQUID_INTERNAL_H
#include "notifier/message/liquid.h"

/* --- values ------------------------------------------------------------------------------- */

enum value_kind {
	VALUE_NIL,
	VALUE_BOOLEAN,
	VALUE_INTEGER,
	VALUE_REAL,
	VALUE_TEXT,
	VALUE_JSON, /* an array or object of the data, borrowed */
	VALUE_LIST, /* made by the template */
	VALUE_RANGE,
	VALUE_EMPTY, /* the word `empty` */
	VALUE_BLANK, /* the word `blank` */
	VALUE_LOOP,  /* `forloop` */
};

struct loop { /* a running {% for %} */
	const struct loop *parent;
	struct str variable;
	const struct value *items;
	size_t index, count;
	const char *name;
};

struct value {
	enum value_kind kind;
	bool safe; /* already fit for the output's escape mode */
	union {
		bool boolean;
		int64_t integer;
		double real;
		struct str text;
		const json_t *json;
		struct {
			struct value *items;
			size_t count;
		} list;
		struct {
			int64_t from, to;
		} range;
		const struct loop *loop;
	};
};

struct value value_text(struct str text);
struct value value_integer(int64_t integer);
struct value value_boolean(bool boolean);
struct value value_of_json(const json_t *json); /* NULL gives nil */
bool value_is_true(const struct value *value);  /* all but nil and false */
bool value_equals(const struct value *a, const struct value *b);
/* <0, 0, >0 in *order; false: the two cannot be ordered. */
bool value_compare(const struct value *a, const struct value *b, int *order);
bool value_contains(const struct value *whole, const struct value *part, struct arena *arena);
bool value_is_blank(const struct value *value, bool whitespace_too);
int64_t value_size(const struct value *value);
/* Numbers and texts that are whole numbers. */
bool value_to_integer(const struct value *value, int64_t *out);
/* Text of any value; borrows from the value where it can, else from the arena. */
struct str value_to_text(const struct value *value, struct arena *arena);
/* One step of a path; nil where there is none. */
struct value value_member(const struct value *value, struct str name, struct arena *arena);
struct value value_index(const struct value *value, const struct value *index, struct arena *arena);
/* The items of an array, an object (pairs), a list or a range; false: a range that is too long. */
bool value_items(
    const struct value *value, struct value **items, size_t *count, struct arena *arena);
/* A copy in the arena; unlike arena_strndup it does not stop at a NUL. */
struct str text_keep(struct arena *arena, struct str text);

/* --- the tree ----------------------------------------------------------------------------- */

struct step { /* of a path: a name, or [an expression] */
	struct str name;
	struct expression *computed;
	struct step *next;
};

struct expression {
	enum { EXPRESSION_LITERAL, EXPRESSION_PATH, EXPRESSION_RANGE } kind;
	struct value literal;
	struct step *path;
	struct expression *from, *to;
};

struct argument {
	struct str keyword; /* len 0: positional */
	struct expression *expression;
	struct argument *next;
};

struct filter_call {
	const struct filter *filter;
	struct argument *arguments;
	size_t offset;
	struct filter_call *next;
};

struct filtered {
	struct expression *expression;
	struct filter_call *filters;
};

enum operator{ OP_TRUE, OP_EQ, OP_NE, OP_LT, OP_GT, OP_LE, OP_GE, OP_CONTAINS };

struct condition { /* a comparison, joined to the rest: right-associative, as Liquid has it */
	enum operator op;
	struct expression *left, *right;
	enum { JOIN_END, JOIN_AND, JOIN_OR } join;
	struct condition *next;
	size_t offset;
};

struct block {
	struct node *first, *last;
	bool is_blank; /* only white space and tags that print nothing */
};

struct branch {                      /* of if, unless, case */
	struct condition *condition; /* if: NULL = else */
	struct argument *values;     /* case: the values of `when` */
	bool is_else;
	struct block block;
	struct branch *next;
};

enum node_kind {
	NODE_TEXT,
	NODE_OUTPUT,
	NODE_IF,
	NODE_CASE,
	NODE_FOR,
	NODE_ASSIGN,
	NODE_RENDER,
	NODE_BREAK,
	NODE_CONTINUE,
};

struct node_for {
	struct str variable;
	const char *name; /* "item-collection": forloop.name, and what offset: continue resumes */
	struct expression *collection, *limit, *offset;
	bool offset_continues, reversed;
	struct block body, otherwise;
};

struct node_render {
	struct part *part;
	enum { BIND_NONE, BIND_WITH, BIND_FOR } bind;
	struct expression *bound;
	struct str bound_name;
	struct argument *arguments;
};

struct node {
	enum node_kind kind;
	size_t offset; /* into the source */
	struct node *next;
	union {
		struct str text;
		struct filtered output;
		struct { /* if, unless, case */
			struct branch *branches;
			struct expression *subject;
			bool negate_first;
		};
		struct {
			struct str name;
			struct filtered value;
		} assign;
		struct node_for *loop;
		struct node_render *render;
	};
};

struct part {             /* the template itself or a snippet */
	const char *name; /* NULL: the template itself */
	struct str source;
	struct block body;
	struct part *next;
};

struct liquid {
	struct arena *arena;
	struct part *parts; /* the template itself first */
	struct liquid_use *uses;
	size_t uses_count, uses_capacity;
	uint64_t filters_used; /* bit = index in the filter table */
};

/* --- from source to tree ------------------------------------------------------------------ */

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_INTEGER, TOKEN_REAL, TOKEN_STRING, TOKEN_SYMBOL };

struct token {
	enum token_kind kind;
	struct str text; /* of a string: without its quotes */
	size_t offset;
};

#define PARSER_GUARDS 64
struct parser {
	struct liquid *liquid;
	const struct liquid_source *input;
	struct part *part;
	size_t at;      /* in part->source: next chunk */
	bool trim_next; /* the last chunk ended in -}} or -%} */
	int depth, expression_depth, snippet_depth;
	struct str locals[PARSER_GUARDS]; /* names made by the template itself, in scope */
	size_t locals_count;
	size_t guards[PARSER_GUARDS][2]; /* ranges of uses that enclosing conditions test */
	size_t guards_count;
	bool in_output;
	const struct part *place_part; /* where the place of the last use was */
	size_t place_offset;
	struct liquid_place place;
	struct err *err;
	struct part *error_part; /* of the first error */
	size_t error_offset;
	bool failed;
};

enum chunk_kind { CHUNK_END, CHUNK_TEXT, CHUNK_OUTPUT, CHUNK_TAG };

struct chunk {
	enum chunk_kind kind;
	struct str text; /* of a tag or output: what stands inside, trimmed */
	size_t offset;
};

struct markup { /* a cursor over the tokens of one tag or output */
	struct parser *parser;
	const char *at, *end;
	struct token token; /* the next one, not yet taken */
};

/* liquid_lex.c.  All return false after parser_fail. */
bool parser_fail(struct parser *parser, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool chunk_next(struct parser *parser, struct chunk *chunk);
/* Passes what stands before {% end_tag %}; text gets it, if not NULL.  nested: the tag may stand
 * in itself (comment does). */
bool chunk_skip_to(
    struct parser *parser, const char *tag, const char *end_tag, bool nested, struct str *text);
bool markup_open(struct markup *markup, struct parser *parser, struct str text);
bool markup_take(struct markup *markup); /* moves to the next token */
bool markup_is(const struct markup *markup, const char *symbol_or_name);
bool markup_accept(struct markup *markup, const char *symbol_or_name); /* took it? */
bool markup_expect_end(struct markup *markup, const char *after);
struct liquid_place place_of(struct str source, size_t offset);

/* liquid_parse.c */
bool parse_expression(struct markup *markup, struct expression **out);
bool parse_filtered(struct markup *markup, struct filtered *out);
bool parse_condition(struct markup *markup, struct condition **out);
bool parse_argument(struct markup *markup, struct argument ***tail);
bool local_is_known(const struct parser *parser, struct str name); /* made by the template */

struct tag {
	struct str name;
	struct str rest; /* what follows the name */
	size_t offset;
};

/* liquid_blocks.c */
bool parse_part(struct parser *parser, struct part *part);
/* Reads up to one of the tags in `ends` (NULL: the end of the source), which comes back. */
bool parse_block(
    struct parser *parser, struct block *block, const char *const *ends, struct tag *end);
struct node *block_add(
    struct parser *parser, struct block *block, enum node_kind kind, size_t offset);
/* Liquid prints nothing for a block that holds only white space and silent tags. */
void block_drop_text(struct block *block);
bool tag_ends(struct parser *parser, const struct tag *tag); /* strict: nothing behind its name */
bool local_push(struct parser *parser, struct str name, size_t offset);

/* liquid_tags.c, liquid_snippet.c: one per tag */
typedef bool parse_tag_function(struct parser *parser, struct block *block, const struct tag *tag);
parse_tag_function parse_if, parse_case, parse_for, parse_assign, parse_jump, parse_render;

/* --- rendering ---------------------------------------------------------------------------- */

struct variable {
	struct str name;
	struct value value;
	struct variable *next;
};

struct resume { /* where offset: continue goes on */
	const char *name;
	size_t index;
	struct resume *next;
};

struct frame { /* the variables of the template itself or of one snippet */
	struct variable *variables;
	const struct loop *loop;
	struct resume *resumes;
	const json_t *data;
	bool sees_bindings;
};

struct render {
	const struct liquid_options *options;
	struct frame *frame;
	const struct part *part;
	struct buf *out;
	struct arena *arena;
	int steps, depth;
	size_t arena_start; /* bytes it had before */
	struct err *err;
	struct liquid_place *place;
};

/* liquid_evaluate.c */
bool render_fail(struct render *render, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool render_step(struct render *render, size_t offset); /* false: one too many */
/* Work on a long text is more than one step: charges for it (the next step refuses). */
void render_charge(struct render *render, const struct value *value);
void render_set(struct render *render, struct str name, struct value value);
bool render_condition(struct render *render, const struct condition *condition, bool *out);
bool render_expression(
    struct render *render, const struct expression *expression, size_t offset, struct value *out);
bool render_filtered(
    struct render *render, const struct filtered *filtered, size_t offset, struct value *out);

#define FILTER_ARGUMENTS 8
struct filter_frame { /* one call of a filter */
	struct render *render;
	struct value input;
	struct value arguments[FILTER_ARGUMENTS];
	int count;
	struct {
		struct str name;
		struct value value;
	} keywords[FILTER_ARGUMENTS];
	int keyword_count;
	struct value *out;
	size_t offset;
};

struct filter {
	const char *name;
	int least, most;             /* positional arguments */
	const char *const *keywords; /* ends with NULL; NULL: none */
	bool (*apply)(struct filter_frame *frame);
};

/* liquid_filters.c; the index is the bit in liquid.filters_used. */
const struct filter *filter_find(struct str name, unsigned *index);
const char *filter_nearest(struct str name);
struct str filter_text(struct filter_frame *frame);                     /* the input as text */
struct str filter_argument_text(struct filter_frame *frame, int index); /* absent: "" */

/* liquid_filters_own.c: filters that know parcels, languages and channels */
extern const struct filter filters_own[];
extern const size_t filters_own_count;
#endif
