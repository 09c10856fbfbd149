#!/bin/sh
# Dependencies point one way: app → io → base, app → carriers → core → base, app → message → core.
bad=0
check() { # layer, what it may not include
	out=$(grep -REn "^[[:space:]]*#[[:space:]]*include[[:space:]]+[\"<]($2)" "$1" --include='*.[ch]') &&
		{ echo "$1 may not include:"; echo "$out"; bad=1; }
}
io='uv\.h|curl/|hiredis/|microhttpd|ares\.h|sys/socket|netinet|arpa/'
check notifier/base    "notifier/(core|message|io|app)/|carriers/|jansson|unicode/|cmark|yaml|openssl/|$io"
check notifier/core    "notifier/(message|io|app)/|notifier/base/log|carriers/|jansson|unicode/|cmark|yaml|openssl/|unistd|time\.h|$io"
check notifier/message "notifier/(io|app)/|notifier/base/log|carriers/|unistd|time\.h|$io"
check carriers         "notifier/(io|app|message)/|notifier/base/log|unistd|time\.h|$io"
check notifier/io      'notifier/(core|message|app)/|carriers/|jansson'
check notifier/app     'curl/multi|microhttpd|ares\.h|hiredis/async'
[ $bad = 0 ] && echo "layers: ok"
exit $bad
