#include "notifier/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 4096
#define ALIGNMENT   16

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(ALIGNMENT) char data[];
};

struct arena {
	struct block *head; /* the block we serve from; the first one is the last in the list */
	size_t total_bytes;
};

static void *must_have(void *memory, size_t bytes)
{
	if (memory == NULL) {
		fprintf(stderr, "notifier: out of memory (%zu bytes wanted)\n", bytes);
		abort();
	}
	return memory;
}

static size_t product(size_t count, size_t bytes)
{
	size_t total;
	if (__builtin_mul_overflow(count, bytes, &total))
		must_have(NULL, SIZE_MAX);
	return total;
}

void *xmalloc(size_t bytes)
{
	return must_have(malloc(bytes ? bytes : 1), bytes);
}

void *xcalloc(size_t count, size_t bytes)
{
	return must_have(calloc(count ? count : 1, bytes ? bytes : 1), bytes);
}

void *xrealloc(void *old, size_t bytes)
{
	return must_have(realloc(old, bytes ? bytes : 1), bytes);
}

void *xrealloc_array(void *old, size_t count, size_t bytes)
{
	return xrealloc(old, product(count, bytes));
}

char *xstrdup(const char *text)
{
	return must_have(strdup(text), strlen(text));
}

char *xstrndup(const char *text, size_t bytes)
{
	return must_have(strndup(text, bytes), bytes);
}

char *xasprintf(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = NULL;
	int length = vasprintf(&text, format, args);
	va_end(args);
	return must_have(length < 0 ? NULL : text, 0);
}

void xfree(void *memory)
{
	free(memory);
}

static struct block *block_new(struct arena *arena, size_t payload)
{
	struct block *block = xmalloc(sizeof *block + payload);
	block->next = NULL;
	block->used = 0;
	block->size = payload;
	arena->total_bytes += sizeof *block + payload;
	return block;
}

struct arena *arena_new(void)
{
	struct arena *arena = xcalloc(1, sizeof *arena);
	arena->head = block_new(arena, BLOCK_BYTES - sizeof(struct block));
	return arena;
}

void arena_reset(struct arena *arena)
{
	while (arena->head->next != NULL) {
		struct block *gone = arena->head;
		arena->head = gone->next;
		arena->total_bytes -= sizeof *gone + gone->size;
		free(gone);
	}
	arena->head->used = 0;
}

void arena_free(struct arena **arena)
{
	if (*arena == NULL)
		return;
	arena_reset(*arena);
	free((*arena)->head);
	free(*arena);
	*arena = NULL;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	size_t wanted = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	must_have(wanted < bytes ? NULL : arena, bytes);
	if (arena->head->size - arena->head->used < wanted) {
		size_t grown = arena->head->size * 2;
		struct block *block = block_new(arena, wanted > grown ? wanted : grown);
		block->next = arena->head;
		arena->head = block;
	}
	void *memory = arena->head->data + arena->head->used;
	arena->head->used += wanted;
	return memset(memory, 0, wanted);
}

void *arena_array(struct arena *arena, size_t count, size_t bytes)
{
	return arena_alloc(arena, product(count, bytes));
}

char *arena_strndup(struct arena *arena, const char *text, size_t bytes)
{
	if (text == NULL)
		return NULL;
	size_t length = strnlen(text, bytes);
	char *copy = arena_alloc(arena, length + 1);
	memcpy(copy, text, length);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	char room[512]; /* of nearly all: they are formatted once, not measured first */
	va_list again;
	va_copy(again, args);
	int length = vsnprintf(room, sizeof room, format, args);
	size_t size = length < 0 ? 0 : (size_t)length;
	char *text = arena_alloc(arena, size + 1);
	if (size < sizeof room)
		memcpy(text, room, size);
	else
		vsnprintf(text, size + 1, format, again);
	va_end(again);
	return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}

size_t arena_bytes(const struct arena *arena)
{
	return arena->total_bytes;
}
