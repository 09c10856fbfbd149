/* Configuration: one YAML file, every option a row of config.def.
 *
 * An immutable snapshot with a reference count: flows keep the one they began with while SIGHUP
 * brings a new one.  All memory belongs to the snapshot.  Unknown keys, wrong types and unset
 * environment variables are errors with file, line, path of the option, and the nearest known
 * name; all errors are collected before the file is refused.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "carriers/carrier.h"
#include "notifier/core/deadline.h"
#include "notifier/core/policy.h"
#include "notifier/io/smtp.h"

struct account_config {
	const char *name; /* "default" */
	bool is_test;     /* mode: test — everything goes to the local mailbox */
	const char *store_name;
	struct { /* Liquid templates; NULL: not set (track falls back to the carrier's page) */
		const char *track, *help, *address, *feedback, *preferences;
	} links;
	const char *language; /* default "en" */
	const char *zone;     /* default "UTC": for recipients of whom nothing better is known */
	struct {
		const char *from; /* as written: "Blue Shop <news@shop.example>"; NULL: no e-mail */
		const char *reply_to;
		struct smtp_options smtp; /* host NULL: none */
		unsigned concurrency;     /* mails under way at once; default 16 */
	} email;
	struct {
		const char *provider; /* "twilio", …; NULL: no SMS */
		const char *base_url, *sender, *account_sid, *token;
	} sms;
	struct policy policy;
	struct deadline_rules deadlines;
	const char *delay_rule; /* "two-zone", "budget=0.05" or "off"; checked */
};

struct carrier_config {
	const struct carrier *carrier;
	struct carrier_settings settings;
	const char *zone;     /* of its times without offset; NULL: the destination's */
	double per_second;    /* 0: no limit */
	int per_day;          /* 0: no limit; counts per UTC day */
	unsigned concurrency; /* calls under way at once; default 4 */
};

struct holidays_config {
	const char *country; /* ISO 3166-1 alpha-2, upper case */
	const int32_t *days; /* since 1970, ascending */
	size_t count;
};

struct config {
	const char *path; /* NULL: built-in (demo, tests) */
	const char *listen;
	const char *data_dir;
	const char *redis_url;     /* NULL: embedded */
	bool redis_allow_lossy;    /* start although the settings can lose data */
	const char *templates_dir; /* NULL: the built-in templates */
	const char *log_level;
	const char *sandbox_listen; /* NULL: no sandbox courier */
	double sandbox_scale;       /* how much faster its scripts and our wall clock run; 1 */
	size_t max_body_bytes;
	unsigned max_connections, max_per_address;
	bool allow_public_page; /* the console without a key: demo on loopback only */
	struct account_config *accounts;
	size_t account_count;
	struct carrier_config *carriers; /* those configured, generic, sandbox if it listens */
	size_t carrier_count;
	struct holidays_config *holidays;
	size_t holidays_count;
	struct arena *arena;
	unsigned references;
};

/* Problems found while loading; printed as "notifier.yaml:14: carriers.dhl.api_key: …". */
struct config_problem {
	int line; /* 0: about the file as a whole */
	const char *path, *text;
	bool is_warning;
};
struct config_problems {
	struct arena *arena; /* given by the caller */
	struct config_problem *items;
	size_t count, capacity;
	size_t errors;
};

/* Reads the file; NULL when there is an error among the problems.  The caller owns one reference.
 */
struct config *config_load(const char *path, struct config_problems *problems);
/* The same from text that is in memory (demo, tests); name stands for the path in messages. */
struct config *config_parse(const char *name, const char *yaml, struct config_problems *problems);
struct config *config_ref(struct config *config);
void config_unref(struct config **config); /* NULL inside is fine; leaves NULL */

/* What only other layers can judge; set once at start.  NULL: not checked.  The template check
 * fills err with what is wrong ("line 1: unknown filter …"). */
extern bool (*config_zone_is_known)(const char *zone);
extern bool (*config_template_check)(const char *source, struct err *err);

const struct account_config *config_account(const struct config *config, const char *name);
const struct carrier_config *config_carrier(const struct config *config, const char *name);
/* Every option with its type, default and help, for --help, the example file and the test that
 * keeps notifier.yaml.example complete.  Calls visit once per row: "carriers.*.quota.per_day". */
void config_each_option(void (*visit)(const char *path, const char *type, const char *default_value,
                            const char *help, void *context),
    void *context);
/* Options that differ and take effect only at the next start: a reload names them in the log. */
void config_each_frozen_change(const struct config *before, const struct config *after,
    void (*visit)(const char *path, void *context), void *context);
void config_print_problems(const char *file, const struct config_problems *problems); /* stderr */
#endif
