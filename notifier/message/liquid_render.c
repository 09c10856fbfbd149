/* Walks the tree.  Every node and every list item costs a step, so that no template runs long. */
#include <string.h>

#include "notifier/message/liquid_internal.h"

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_FAILED };

static enum flow render_block(struct render *render, const struct block *block);

/* --- nodes --- */

static bool is_undefined(const struct filtered *filtered, const struct value *value)
{
	return value->kind == VALUE_NIL && filtered->expression->kind == EXPRESSION_PATH;
}

static enum flow render_output(struct render *render, const struct node *node)
{
	struct value value = {.kind = VALUE_NIL};
	if (!render_filtered(render, &node->output, node->offset, &value))
		return FLOW_FAILED;
	if (render->options->strict && is_undefined(&node->output, &value)) {
		const struct step *path = node->output.expression->path;
		render_fail(render, node->offset, "\"%.*s\" has no value here; give it a default",
		    (int)path->name.len, path->name.at ? path->name.at : "");
		return FLOW_FAILED;
	}
	struct str text = value_to_text(&value, render->arena);
	liquid_escape_text(
	    render->out, text, value.safe ? LIQUID_ESCAPE_NONE : render->options->escape);
	return FLOW_ON;
}

static enum flow render_if(struct render *render, const struct node *node)
{
	for (const struct branch *branch = node->branches; branch; branch = branch->next) {
		bool yes = true;
		if (!branch->is_else && !render_condition(render, branch->condition, &yes))
			return FLOW_FAILED;
		if (node->negate_first && branch == node->branches)
			yes = !yes;
		if (yes)
			return render_block(render, &branch->block);
	}
	return FLOW_ON;
}

/* One `when`: its block is rendered once for every value that equals the subject. */
static enum flow render_when(struct render *render, const struct branch *branch,
    const struct value *subject, size_t offset, bool *matched)
{
	for (const struct argument *arg = branch->values; arg; arg = arg->next) {
		struct value value = {.kind = VALUE_NIL};
		if (!render_step(render, offset) ||
		    !render_expression(render, arg->expression, offset, &value))
			return FLOW_FAILED;
		if (!value_equals(subject, &value))
			continue;
		*matched = true;
		enum flow flow = render_block(render, &branch->block);
		if (flow != FLOW_ON)
			return flow;
	}
	return FLOW_ON;
}

static enum flow render_case(struct render *render, const struct node *node)
{
	struct value subject;
	bool matched = false;
	enum flow flow = FLOW_ON;
	if (!render_expression(render, node->subject, node->offset, &subject))
		return FLOW_FAILED;
	for (const struct branch *branch = node->branches; branch && flow == FLOW_ON;
	     branch = branch->next)
		if (!branch->is_else)
			flow = render_when(render, branch, &subject, node->offset, &matched);
		else if (!matched)
			flow = render_block(render, &branch->block);
	return flow;
}

static struct resume *find_resume(struct render *render, const char *name)
{
	struct resume *resume = render->frame->resumes;
	while (resume != NULL && strcmp(resume->name, name) != 0)
		resume = resume->next;
	if (resume == NULL) {
		resume = arena_alloc(render->arena, sizeof *resume);
		*resume = (struct resume){name, 0, render->frame->resumes};
		render->frame->resumes = resume;
	}
	return resume;
}

static bool count_of(struct render *render, const struct expression *expression, size_t offset,
    const char *what, size_t *out)
{
	struct value value = {.kind = VALUE_NIL};
	int64_t number;
	if (expression == NULL)
		return true;
	if (!render_expression(render, expression, offset, &value))
		return false;
	if (value.kind == VALUE_NIL)
		return true;
	if (!value_to_integer(&value, &number))
		return render_fail(render, offset, "%s is not a whole number", what);
	*out = number < 0 ? 0 : (size_t)number;
	return true;
}

static void reverse(struct render *render, struct loop *loop)
{
	struct value *items = arena_array(render->arena, loop->count + 1, sizeof *items);
	for (size_t i = 0; i < loop->count; i++)
		items[i] = loop->items[loop->count - 1 - i];
	loop->items = items;
}

/* The items that this run of the loop visits. */
static bool loop_items(struct render *render, const struct node *node, struct loop *loop)
{
	const struct node_for *tag = node->loop;
	struct value collection, *items;
	size_t count, offset = 0, limit = SIZE_MAX;
	struct resume *resume = find_resume(render, tag->name);
	if (!render_expression(render, tag->collection, node->offset, &collection) ||
	    !count_of(render, tag->limit, node->offset, "limit", &limit) ||
	    !count_of(render, tag->offset, node->offset, "offset", &offset))
		return false;
	if (collection.kind == VALUE_TEXT && collection.text.len > 0) {
		struct value *copy = arena_alloc(render->arena, sizeof *copy);
		*copy = collection; /* a text is a list of itself */
		items = copy;
		count = 1;
	} else if (!value_items(&collection, &items, &count, render->arena)) {
		return render_fail(
		    render, node->offset, "a range has at most %d items", LIQUID_RANGE_ITEMS);
	}
	if (tag->offset_continues)
		offset = resume->index;
	offset = offset < count ? offset : count;
	loop->count = limit < count - offset ? limit : count - offset;
	loop->items = loop->count > 0 ? items + offset : NULL;
	resume->index = offset + loop->count;
	if (tag->reversed)
		reverse(render, loop);
	return true;
}

static enum flow render_for(struct render *render, const struct node *node)
{
	const struct node_for *tag = node->loop;
	struct loop loop = {
	    .parent = render->frame->loop, .variable = tag->variable, .name = tag->name};
	if (!loop_items(render, node, &loop))
		return FLOW_FAILED;
	if (loop.count == 0)
		return render_block(render, &tag->otherwise);
	enum flow flow = FLOW_ON;
	render->frame->loop = &loop;
	for (; loop.index < loop.count && flow != FLOW_BREAK && flow != FLOW_FAILED; loop.index++)
		flow = render_step(render, node->offset) ? render_block(render, &tag->body)
		                                         : FLOW_FAILED;
	render->frame->loop = loop.parent;
	return flow == FLOW_FAILED ? FLOW_FAILED : FLOW_ON;
}

static enum flow render_assign(struct render *render, const struct node *node)
{
	struct value value = {.kind = VALUE_NIL};
	if (!render_filtered(render, &node->assign.value, node->offset, &value))
		return FLOW_FAILED;
	/* forloop is gone when its loop ends, a variable may outlive it */
	if (value.kind == VALUE_LOOP)
		value = (struct value){.kind = VALUE_NIL};
	render_set(render, node->assign.name, value);
	return FLOW_ON;
}

/* --- snippets --- */

static enum flow render_snippet_once(
    struct render *render, const struct node *node, struct frame *frame)
{
	struct frame *outer = render->frame;
	const struct part *part = render->part;
	render->frame = frame;
	render->part = node->render->part;
	render->depth++;
	enum flow flow = render_block(render, &node->render->part->body);
	render->depth--;
	render->frame = outer;
	render->part = part;
	return flow == FLOW_FAILED ? FLOW_FAILED : FLOW_ON;
}

static struct variable *snippet_arguments(struct render *render, const struct node *node, bool *ok)
{
	struct variable *variables = NULL;
	for (const struct argument *arg = node->render->arguments; arg && *ok; arg = arg->next) {
		struct variable *variable = arena_alloc(render->arena, sizeof *variable);
		*ok = render_expression(render, arg->expression, node->offset, &variable->value);
		variable->name = arg->keyword;
		variable->next = variables;
		variables = variable;
	}
	return variables;
}

static enum flow render_snippet_for(struct render *render, const struct node *node,
    struct variable *arguments, const struct value *bound)
{
	const struct node_render *tag = node->render;
	struct loop loop = {.variable = tag->bound_name, .name = tag->part->name};
	struct value *items;
	if (!value_items(bound, &items, &loop.count, render->arena))
		return FLOW_FAILED;
	loop.items = items;
	for (; loop.index < loop.count; loop.index++) {
		struct frame frame = {.variables = arguments, .loop = &loop};
		if (!render_step(render, node->offset) ||
		    render_snippet_once(render, node, &frame) == FLOW_FAILED)
			return FLOW_FAILED;
	}
	return FLOW_ON;
}

static enum flow render_snippet(struct render *render, const struct node *node)
{
	const struct node_render *tag = node->render;
	struct value bound = {.kind = VALUE_NIL};
	bool ok = true;
	if (render->depth >= LIQUID_RENDER_DEPTH) {
		render_fail(render, node->offset, "snippets are nested deeper than %d",
		    LIQUID_RENDER_DEPTH);
		return FLOW_FAILED;
	}
	struct variable *arguments = snippet_arguments(render, node, &ok);
	if (!ok || (tag->bind != BIND_NONE &&
	               !render_expression(render, tag->bound, node->offset, &bound)))
		return FLOW_FAILED;
	bool is_list = bound.kind == VALUE_LIST || bound.kind == VALUE_RANGE ||
	               (bound.kind == VALUE_JSON && json_is_array(bound.json));
	if (tag->bind == BIND_FOR && is_list)
		return render_snippet_for(render, node, arguments, &bound);
	if (tag->bind != BIND_NONE) {
		struct variable *variable = arena_alloc(render->arena, sizeof *variable);
		*variable = (struct variable){tag->bound_name, bound, arguments};
		arguments = variable;
	}
	struct frame frame = {.variables = arguments};
	return render_snippet_once(render, node, &frame);
}

static enum flow render_node(struct render *render, const struct node *node)
{
	switch (node->kind) {
	case NODE_TEXT: buf_add_str(render->out, node->text); return FLOW_ON;
	case NODE_OUTPUT: return render_output(render, node);
	case NODE_IF: return render_if(render, node);
	case NODE_CASE: return render_case(render, node);
	case NODE_FOR: return render_for(render, node);
	case NODE_ASSIGN: return render_assign(render, node);
	case NODE_RENDER: return render_snippet(render, node);
	case NODE_BREAK: return FLOW_BREAK;
	case NODE_CONTINUE: return FLOW_CONTINUE;
	}
	return FLOW_FAILED;
}

static enum flow render_block(struct render *render, const struct block *block)
{
	for (const struct node *node = block->first; node; node = node->next) {
		if (!render_step(render, node->offset))
			return FLOW_FAILED;
		enum flow flow = render_node(render, node);
		if (flow == FLOW_FAILED)
			return flow;
		if (render->out->overflowed) {
			render_fail(render, node->offset, "the output is larger than %d KiB",
			    LIQUID_OUTPUT_BYTES / 1024);
			return FLOW_FAILED;
		}
		if (flow != FLOW_ON)
			return flow;
	}
	return FLOW_ON;
}

bool liquid_render(const struct liquid *template, const json_t *data,
    const struct liquid_options *options, struct buf *out, struct err *err,
    struct liquid_place *place)
{
	struct arena *own = options->arena ? NULL : arena_new();
	struct frame frame = {.data = data, .sees_bindings = true};
	struct render render = {
	    .options = options,
	    .frame = &frame,
	    .part = template->parts,
	    .out = out,
	    .arena = own ? own : options->arena,
	    .err = err,
	    .place = place,
	};
	render.arena_start = arena_bytes(render.arena);
	size_t bound = out->max, ours = out->size + LIQUID_OUTPUT_BYTES;
	if (bound == 0 || bound > ours)
		out->max = ours;
	bool ok = render_block(&render, &template->parts->body) != FLOW_FAILED;
	out->max = bound;
	if (own != NULL)
		arena_free(&own);
	return ok;
}
