#!/bin/sh
# Banned functions and budgets of size.  A breach with a reason carries the word "lint:" and the
# reason in a comment on its line (functions) or in the file's first lines (length).
bad=0
say() { echo "$1"; bad=1; }
ban() { # regex, where, except, why
	out=$(grep -rnE "(^|[^_a-zA-Z.>])($1)\(" $2 --include='*.[ch]' | grep -vE "$3|lint:") && say "banned ($4):
$out"
}
ban 'strcpy|strcat|sprintf|vsprintf|strtok|atoi|sscanf|localtime|gmtime|rand|alloca|system|popen|gets' \
    'notifier carriers' '^$' 'unsafe or not reentrant'
ban 'malloc|calloc|realloc|free|strdup' 'notifier carriers' \
    'notifier/base/mem\.c|embedded_redis\.c|^notifier/(io|app)/client' 'memory comes from base/mem'
ban 'clock_gettime|gettimeofday|time' 'notifier carriers' 'notifier/io/loop\.c' 'the clock is io/loop.c'
ban 'printf|puts|putchar' 'notifier/core notifier/message carriers notifier/io' '^$' 'printing belongs to log and subcommands'
for file in $(find notifier carriers -name '*.[ch]'); do
	lines=$(wc -l <"$file")
	[ "$lines" -le 500 ] || head -20 "$file" | grep -q 'lint:' || say "$file: $lines lines (500 at most)"
done
[ $bad = 0 ] && echo "style: ok"
exit $bad
