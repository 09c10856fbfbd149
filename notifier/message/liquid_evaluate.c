/* What expressions, filters and conditions come to, in the frame that is being rendered. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "notifier/message/liquid_internal.h"

bool render_fail(struct render *render, size_t offset, const char *format, ...)
{
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (render->place != NULL)
		*render->place = place_of(render->part->source, offset);
	if (render->part->name != NULL)
		return err_set(
		    render->err, ERR_INPUT, "snippet \"%s\": %s", render->part->name, text);
	return err_set(render->err, ERR_INPUT, "%s", text);
}

bool render_step(struct render *render, size_t offset)
{
	if (++render->steps > LIQUID_STEPS)
		return render_fail(render, offset, "more than %d steps", LIQUID_STEPS);
	if (arena_bytes(render->arena) - render->arena_start > LIQUID_SCRATCH_BYTES)
		return render_fail(render, offset, "more than %d MiB of memory",
		    LIQUID_SCRATCH_BYTES / (1024 * 1024));
	return true;
}

void render_charge(struct render *render, const struct value *value)
{
	if (value->kind == VALUE_TEXT)
		render->steps += (int)(value->text.len / LIQUID_STEP_BYTES);
}

/* --- variables and expressions --- */

static bool same(struct str a, struct str b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static bool find_local(const struct frame *frame, struct str name, struct value *out)
{
	if (frame->loop != NULL && str_eq(name, "forloop")) {
		*out = (struct value){.kind = VALUE_LOOP, .loop = frame->loop};
		return true;
	}
	for (const struct loop *loop = frame->loop; loop; loop = loop->parent)
		if (same(loop->variable, name)) {
			*out = loop->items[loop->index];
			return true;
		}
	for (const struct variable *variable = frame->variables; variable;
	     variable = variable->next)
		if (same(variable->name, name)) {
			*out = variable->value;
			return true;
		}
	return false;
}

static struct value find_variable(struct render *render, struct str name)
{
	const struct frame *frame = render->frame;
	const struct liquid_options *options = render->options;
	struct value value = {.kind = VALUE_NIL};
	if (name.len == 0)
		return (struct value){.kind = VALUE_NIL};
	if (find_local(frame, name, &value))
		return value;
	for (size_t i = 0; frame->sees_bindings && i < options->bindings_count; i++)
		if (str_eq(name, options->bindings[i].name))
			return value_text(options->bindings[i].text);
	return value_of_json(frame->data ? json_object_getn(frame->data, name.at, name.len) : NULL);
}

void render_set(struct render *render, struct str name, struct value value)
{
	struct frame *frame = render->frame;
	for (struct variable *variable = frame->variables; variable; variable = variable->next)
		if (same(variable->name, name)) {
			variable->value = value;
			return;
		}
	struct variable *variable = arena_alloc(render->arena, sizeof *variable);
	*variable = (struct variable){name, value, frame->variables};
	frame->variables = variable;
}

static bool render_path(
    struct render *render, const struct step *path, size_t offset, struct value *out)
{
	bool is_root = true;
	for (const struct step *at = path; at; at = at->next, is_root = false) {
		struct value index = value_text(at->name);
		if (!render_step(render, offset))
			return false;
		if (at->computed && !render_expression(render, at->computed, offset, &index))
			return false;
		if (is_root)
			*out = find_variable(render, value_to_text(&index, render->arena));
		else
			*out = value_index(out, &index, render->arena);
	}
	return true;
}

static bool render_range(
    struct render *render, const struct expression *expression, size_t offset, struct value *out)
{
	struct value from, to;
	if (!render_expression(render, expression->from, offset, &from) ||
	    !render_expression(render, expression->to, offset, &to))
		return false;
	*out = (struct value){.kind = VALUE_RANGE};
	if (!value_to_integer(&from, &out->range.from))
		out->range.from = 0;
	if (!value_to_integer(&to, &out->range.to))
		out->range.to = 0;
	if (value_size(out) < 0 || value_size(out) > LIQUID_RANGE_ITEMS)
		return render_fail(
		    render, offset, "a range has at most %d items", LIQUID_RANGE_ITEMS);
	return true;
}

bool render_expression(
    struct render *render, const struct expression *expression, size_t offset, struct value *out)
{
	switch (expression->kind) {
	case EXPRESSION_LITERAL: *out = expression->literal; return true;
	case EXPRESSION_PATH: return render_path(render, expression->path, offset, out);
	case EXPRESSION_RANGE: return render_range(render, expression, offset, out);
	}
	return false;
}

static bool apply_filter(struct render *render, const struct filter_call *call, struct value *value)
{
	struct filter_frame frame = {
	    .render = render, .input = *value, .out = value, .offset = call->offset};
	for (const struct argument *arg = call->arguments; arg; arg = arg->next) {
		struct value *slot = arg->keyword.len ? &frame.keywords[frame.keyword_count].value
		                                      : &frame.arguments[frame.count];
		if (!render_expression(render, arg->expression, call->offset, slot))
			return false;
		if (arg->keyword.len)
			frame.keywords[frame.keyword_count++].name = arg->keyword;
		else
			frame.count++;
	}
	render_charge(render, value);
	return render_step(render, call->offset) && call->filter->apply(&frame);
}

bool render_filtered(
    struct render *render, const struct filtered *filtered, size_t offset, struct value *out)
{
	if (!render_expression(render, filtered->expression, offset, out))
		return false;
	for (const struct filter_call *call = filtered->filters; call; call = call->next)
		if (!apply_filter(render, call, out))
			return false;
	return true;
}

/* --- conditions --- */

static bool compare(
    struct render *render, const struct condition *condition, struct value *sides, bool *out)
{
	int order = 0;
	*out = false;
	for (int i = 0; i < 2; i++)
		if (sides[i].kind == VALUE_NIL || sides[i].kind == VALUE_EMPTY ||
		    sides[i].kind == VALUE_BLANK)
			return true;
	if (!value_compare(&sides[0], &sides[1], &order))
		return render_fail(render, condition->offset,
		    "these two cannot be compared by size: a number and a text");
	switch (condition->op) {
	case OP_LT: *out = order < 0; break;
	case OP_GT: *out = order > 0; break;
	case OP_LE: *out = order <= 0; break;
	case OP_GE: *out = order >= 0; break;
	case OP_TRUE:
	case OP_EQ:
	case OP_NE:
	case OP_CONTAINS: break;
	}
	return true;
}

static bool test_one(struct render *render, const struct condition *condition, bool *out)
{
	struct value sides[2] = {{.kind = VALUE_NIL}, {.kind = VALUE_NIL}};
	if (!render_step(render, condition->offset) ||
	    !render_expression(render, condition->left, condition->offset, &sides[0]))
		return false;
	if (condition->op == OP_TRUE) {
		*out = value_is_true(&sides[0]);
		return true;
	}
	if (!render_expression(render, condition->right, condition->offset, &sides[1]))
		return false;
	render_charge(render, &sides[0]);
	render_charge(render, &sides[1]);
	switch (condition->op) {
	case OP_EQ: *out = value_equals(&sides[0], &sides[1]); return true;
	case OP_NE: *out = !value_equals(&sides[0], &sides[1]); return true;
	case OP_CONTAINS: *out = value_contains(&sides[0], &sides[1], render->arena); return true;
	case OP_TRUE:
	case OP_LT:
	case OP_GT:
	case OP_LE:
	case OP_GE: break;
	}
	return compare(render, condition, sides, out);
}

/* a and b or c is a and (b or c): Liquid reads from the right. */
bool render_condition(struct render *render, const struct condition *condition, bool *out)
{
	if (!test_one(render, condition, out))
		return false;
	if (condition->join == JOIN_AND && *out)
		return render_condition(render, condition->next, out);
	if (condition->join == JOIN_OR && !*out)
		return render_condition(render, condition->next, out);
	return true;
}
