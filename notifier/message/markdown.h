/* Bodies of messages: CommonMark 0.30 (libcmark) to the HTML and to the plain text of one mail, so
 * that the two parts can never drift apart.
 *
 * Invariant: raw HTML in the source is dropped and links go to http, https, mailto or tel only;
 * what comes out is safe to stand in the layout as it is.
 */
#ifndef MESSAGE_MARKDOWN_H
#define MESSAGE_MARKDOWN_H
#include "notifier/base/str.h"

/* Appends to html (inline styles: mail clients drop style sheets) and to text (links as
 * "words (url)", blocks apart by an empty line, no line breaking); either may be NULL. */
void markdown_render(struct str source, struct buf *html, struct buf *text);
/* May a link in a message go there?  http, https, mailto, tel, without white space. */
bool markdown_link_is_safe(struct str url);
#endif
