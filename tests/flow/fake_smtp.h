/* The mail server behind io/smtp.h: it keeps what it accepts, and fails as the test says. */
#ifndef TESTS_FAKE_SMTP_H
#define TESTS_FAKE_SMTP_H
#include "notifier/io/smtp.h"

struct mailed { /* one handing over, accepted or not */
	char *to, *subject, *message_id;
	int64_t at_ms;         /* wall, when it began */
	enum err_kind outcome; /* NONE: accepted; AMBIGUOUS: accepted, and we do not know it */
	bool is_over;
};

void fake_smtp_reset(void);
/* The next `times` mails (0: all from now on) end so, after delay_ms.  A kind of ERR_NONE
 * accepts.  Later calls go first. */
void fake_smtp_says(unsigned times, enum err_kind outcome, int64_t delay_ms);
size_t fake_smtp_count(void); /* handings over, whatever came of them */
const struct mailed *fake_smtp_mail(size_t index);
size_t fake_smtp_accepted(void); /* outcome NONE and over */
/* The most often that one Message-ID was accepted or may have been. */
size_t fake_smtp_most_copies(void);
#endif
