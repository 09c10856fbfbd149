#!/bin/sh
# Runs the test programs named as arguments, prints only what failed, and ends with the counts.
passed=0 failed=0 skipped=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for program; do
	if [ -n "${VALGRIND:-}" ]; then
		valgrind -q --error-exitcode=9 --leak-check=full "$program" >"$out" 2>&1
	else
		"$program" >"$out" 2>&1
	fi
	code=$?
	ok=$(grep -c '^\[       OK \]' "$out")
	bad=$(grep -c '^\[  FAILED  \] [a-zA-Z_]*$' "$out")
	skips=$(grep -c '^\[  SKIPPED \] [a-zA-Z_]*$' "$out")
	[ "$code" = 0 ] || [ "$bad" != 0 ] || bad=1
	[ "$code" != 0 ] || bad=0
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skips))
	if [ "$code" != 0 ]; then
		echo "--- $program (exit $code)"
		grep -vE '^\[ RUN|^\[       OK' "$out" | tail -40
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
