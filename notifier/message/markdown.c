#include "notifier/message/markdown.h"

#include <cmark.h>
#include <string.h>

#include "notifier/message/liquid.h" /* liquid_escape_text */

#define STYLE(css) " style=\"" css "\""

/* What HTML a node becomes.  NULL tags are written by a function, or not at all. */
static const struct {
	const char *open, *close;
} tags[] = {
    [CMARK_NODE_BLOCK_QUOTE] = {"<blockquote" STYLE("margin:0 0 16px;padding:0 0 0 12px;"
                                                    "border-left:3px solid #d1d5db") ">\n",
        "</blockquote>\n"},
    [CMARK_NODE_ITEM] = {"<li" STYLE("margin:0 0 8px") ">", "</li>\n"},
    [CMARK_NODE_PARAGRAPH] = {"<p" STYLE("margin:0 0 16px") ">", "</p>\n"},
    [CMARK_NODE_THEMATIC_BREAK] = {"<hr" STYLE("border:0;border-top:1px solid #d1d5db;"
                                               "margin:16px 0") ">\n",
        ""},
    [CMARK_NODE_EMPH] = {"<em>", "</em>"},
    [CMARK_NODE_STRONG] = {"<strong>", "</strong>"},
    [CMARK_NODE_LINEBREAK] = {"<br>\n", ""},
    [CMARK_NODE_SOFTBREAK] = {"\n", ""},
};

bool markdown_link_is_safe(struct str url)
{
	static const char *const schemes[] = {"https://", "http://", "mailto:", "tel:"};
	for (size_t i = 0; i < url.len; i++)
		if ((unsigned char)url.at[i] <= ' ' || url.at[i] == 0x7F)
			return false;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (str_starts(url, schemes[i]) && url.len > strlen(schemes[i]))
			return true;
	return false;
}

static struct str url_of(cmark_node *node)
{
	struct str url = str_of(cmark_node_get_url(node));
	return markdown_link_is_safe(url) ? url : str_make("", 0);
}

/* A list without empty lines between its items has no paragraphs in HTML. */
static bool is_tight(cmark_node *paragraph)
{
	cmark_node *item = cmark_node_parent(paragraph);
	cmark_node *list = item ? cmark_node_parent(item) : NULL;
	return list && cmark_node_get_type(list) == CMARK_NODE_LIST &&
	       cmark_node_get_list_tight(list);
}

/* --- HTML --- */

static void html_literal(struct buf *out, cmark_node *node)
{
	liquid_escape_text(out, str_of(cmark_node_get_literal(node)), LIQUID_ESCAPE_HTML);
}

static void html_link(struct buf *out, cmark_node *node, bool entering)
{
	struct str url = url_of(node);
	if (url.len == 0)
		return;
	if (!entering) {
		buf_add_text(out, "</a>");
		return;
	}
	buf_add_text(out, "<a class=\"lnk\" href=\"");
	liquid_escape_text(out, url, LIQUID_ESCAPE_HTML);
	buf_add_text(out, "\"" STYLE("color:#0b5cad") ">");
}

static void html_image(struct buf *out, cmark_node *node, bool entering)
{
	if (!entering) {
		buf_add_text(out, "\"" STYLE("max-width:100%;border:0") ">");
		return;
	}
	buf_add_text(out, "<img src=\"");
	liquid_escape_text(out, url_of(node), LIQUID_ESCAPE_HTML);
	buf_add_text(out, "\" alt=\""); /* its words follow as text */
}

static void html_list(struct buf *out, cmark_node *node, bool entering)
{
	bool ordered = cmark_node_get_list_type(node) == CMARK_ORDERED_LIST;
	int start = cmark_node_get_list_start(node);
	if (!entering)
		buf_add_text(out, ordered ? "</ol>\n" : "</ul>\n");
	else if (ordered && start != 1)
		buf_printf(out,
		    "<ol start=\"%d\"" STYLE("margin:0 0 16px;padding:0 0 0 24px") ">\n", start);
	else
		buf_printf(out, "<%s" STYLE("margin:0 0 16px;padding:0 0 0 24px") ">\n",
		    ordered ? "ol" : "ul");
}

static void html_heading(struct buf *out, cmark_node *node, bool entering)
{
	/* the layout's h1 is the subject */
	int level = cmark_node_get_heading_level(node) < 2 ? 2 : cmark_node_get_heading_level(node);
	if (entering)
		buf_printf(out,
		    "<h%d class=\"txt\"" STYLE(
		        "margin:0 0 12px;font-size:18px;line-height:1.3") ">",
		    level);
	else
		buf_printf(out, "</h%d>\n", level);
}

static void html_node(struct buf *out, cmark_node *node, bool entering, bool in_image)
{
	cmark_node_type type = cmark_node_get_type(node);
	if (type == CMARK_NODE_IMAGE) {
		html_image(out, node, entering);
	} else if (type == CMARK_NODE_TEXT || (in_image && type == CMARK_NODE_CODE)) {
		html_literal(out, node);
	} else if (in_image) {
		return; /* an attribute holds no markup */
	} else if (type == CMARK_NODE_LINK) {
		html_link(out, node, entering);
	} else if (type == CMARK_NODE_LIST) {
		html_list(out, node, entering);
	} else if (type == CMARK_NODE_HEADING) {
		html_heading(out, node, entering);
	} else if (type == CMARK_NODE_CODE || type == CMARK_NODE_CODE_BLOCK) {
		bool block = type == CMARK_NODE_CODE_BLOCK;
		buf_add_text(out, block ? "<pre" STYLE("margin:0 0 16px") "><code>" : "<code>");
		html_literal(out, node);
		buf_add_text(out, block ? "</code></pre>\n" : "</code>");
	} else if (type == CMARK_NODE_PARAGRAPH && is_tight(node)) {
		return;
	} else if ((size_t)type < sizeof tags / sizeof *tags && tags[type].open != NULL) {
		buf_add_text(out, entering ? tags[type].open : tags[type].close);
	}
}

/* --- text --- */

/* One empty line before a block, none at the start. */
static void text_block(struct buf *out, size_t start, bool close_by)
{
	while (out->size > start && out->data[out->size - 1] == '\n')
		out->data[--out->size] = '\0';
	if (out->size > start)
		buf_add_text(out, close_by ? "\n" : "\n\n");
}

static void text_item(struct buf *out, cmark_node *node, size_t start)
{
	cmark_node *list = cmark_node_parent(node);
	int number = cmark_node_get_list_start(list);
	for (cmark_node *before = cmark_node_previous(node); before;
	     before = cmark_node_previous(before))
		number++;
	bool first = cmark_node_previous(node) == NULL;
	text_block(out, start, !first && cmark_node_get_list_tight(list));
	if (cmark_node_get_list_type(list) == CMARK_ORDERED_LIST)
		buf_printf(out, "%d. ", number);
	else
		buf_add_text(out, "- ");
}

/* "words (url)", or only the url where the words say no more. */
static void text_link_end(struct buf *out, cmark_node *node)
{
	struct str url = url_of(node);
	cmark_node *child = cmark_node_first_child(node);
	bool same = child && cmark_node_next(child) == NULL &&
	            cmark_node_get_type(child) == CMARK_NODE_TEXT &&
	            str_eq(url, cmark_node_get_literal(child));
	if (url.len == 0 || same)
		return;
	buf_add_text(out, child ? " (" : "");
	buf_add_str(out, url);
	buf_add_text(out, child ? ")" : "");
}

static void text_enter(struct buf *out, cmark_node *node, size_t start)
{
	switch ((int)cmark_node_get_type(node)) {
	case CMARK_NODE_PARAGRAPH:
		/* the first one of an item stands behind its mark */
		if (cmark_node_get_type(cmark_node_parent(node)) != CMARK_NODE_ITEM ||
		    cmark_node_previous(node) != NULL)
			text_block(out, start, false);
		break;
	case CMARK_NODE_HEADING: text_block(out, start, false); break;
	case CMARK_NODE_ITEM: text_item(out, node, start); break;
	case CMARK_NODE_THEMATIC_BREAK:
		text_block(out, start, false);
		buf_add_text(out, "---");
		break;
	case CMARK_NODE_CODE_BLOCK:
		text_block(out, start, false);
		buf_add_text(out, cmark_node_get_literal(node));
		break;
	case CMARK_NODE_TEXT:
	case CMARK_NODE_CODE: buf_add_text(out, cmark_node_get_literal(node)); break;
	case CMARK_NODE_SOFTBREAK: buf_add_char(out, ' '); break;
	case CMARK_NODE_LINEBREAK: buf_add_char(out, '\n'); break;
	default: break;
	}
}

void markdown_render(struct str source, struct buf *html, struct buf *text)
{
	cmark_node *document =
	    cmark_parse_document(source.at ? source.at : "", source.len, CMARK_OPT_DEFAULT);
	cmark_iter *iter = cmark_iter_new(document);
	size_t start = text ? text->size : 0;
	int images = 0;
	for (cmark_event_type event = cmark_iter_next(iter); event != CMARK_EVENT_DONE;
	     event = cmark_iter_next(iter)) {
		cmark_node *node = cmark_iter_get_node(iter);
		bool entering = event == CMARK_EVENT_ENTER;
		bool is_image = cmark_node_get_type(node) == CMARK_NODE_IMAGE;
		images -= is_image && !entering;
		if (html != NULL && !(is_image && images > 0))
			html_node(html, node, entering, images > 0);
		images += is_image && entering;
		if (text != NULL && entering)
			text_enter(text, node, start);
		else if (text != NULL && cmark_node_get_type(node) == CMARK_NODE_LINK)
			text_link_end(text, node);
	}
	cmark_iter_free(iter);
	cmark_node_free(document);
	if (text == NULL)
		return;
	while (text->size > start && text->data[text->size - 1] == '\n')
		text->data[--text->size] = '\0';
	buf_add_text(text, text->size > start ? "\n" : "");
}
