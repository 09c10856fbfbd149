#!/bin/sh
# Builds every fuzz target with libFuzzer, ASan and UBSan, runs each for FUZZ_SECONDS on what it
# found before and on seeds from our fixtures and templates, and ends with the counts.
# What crashed stays in build/fuzz/crashes; repeat it with build/fuzz/fuzz_X FILE.
cd "$(dirname "$0")/../.." || exit 1
out=build/fuzz
seconds=${FUZZ_SECONDS:-10}
packages='libuv libcurl hiredis jansson libmicrohttpd libcares icu-i18n icu-uc libcmark yaml-0.1 libcrypto libssl zlib'
make -s BUILD=$out CC=clang SANITIZE=fuzzer-no-link,address,undefined -j"$(nproc)" $out/libnotifier.a || exit 1

seed() { # target, files…: each a seed
	name=$1
	shift
	mkdir -p $out/corpus/"$name"
	for file; do cp "$file" $out/corpus/"$name"/"$(echo "$file" | tr / _)"; done
}
say() { # target, text: a seed of its own
	mkdir -p $out/corpus/"$1"
	printf "$2" >$out/corpus/"$1"/"$(printf '%s' "$2" | cksum | cut -d' ' -f1)"
}
fixtures=tests/fixtures/carriers
seed liquid templates/en/*.md templates/gu/*.md
seed markdown templates/en/*.md templates/ka/delayed.md
seed sms templates/en/out_for_delivery.md templates/hi/delivered.md templates/ka/delayed.md
seed config notifier.yaml.example
seed dhl $fixtures/dhl/* $fixtures/login.html
seed fedex $fixtures/fedex/* $fixtures/login.html
seed generic $fixtures/generic/*
say when 2026-03-06T14:05:00.123+05:30
say when 2026-03-06
say when 14d
say smtp_reply '250-sink\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 1000\r\n'
say smtp_reply '550 5.1.1 <a@b.test>: no such user\r\n'
say intake '{"tracking_number":"A1","carrier":"dhl","promised":{"from":"2026-03-05","to":"2026-03-06"},"destination":{"country":"DE"},"zone":"Europe/Berlin","recipients":[{"name":"Asha","email":"a@b.test","phone":"+919812345621","language":"gu","channels":["email","sms"]}],"metadata":{"a":1}}'
say history '1cmwrcy0js\taca\ttosdij\tZ\t\tAR\tArrived in Leipzig\tLeipzig, DE\n+\t3gaj\t\t\t\t;Berlin\n'
say history '1emwrcy0js\tbcaa\t1\t2sqlw0\n1dmwrcy0jy\tb\t1\tabb\tr\tmsg_2bxhp7ibqjswksg4\t65w\n1rmwrd5zo1\tmsg_2bxhp7ibqjswksg4\tsent\t1\t250 ok\n1nmwrd5zo1\tpoll\tquota\twait\n'
say shipment_json '3 {"v":1,"id":"shp_00abcdefghijklmn","a":"default","n":"A1","c":"dhl","r":[{"i":"r","e":"a@b.test"}]}'

passed=0 failed=0
mkdir -p $out/crashes
for source in tests/fuzz/fuzz_*.c; do
	target=$(basename "$source" .c)
	# shellcheck disable=SC2046
	if clang -std=c11 -D_GNU_SOURCE -g -O1 -I. $(pkg-config --cflags $packages) \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $out/"$target" "$source" \
		$out/libnotifier.a $(pkg-config --libs $packages) -lm &&
		$out/"$target" -max_total_time="$seconds" -max_len=16384 -timeout=5 -rss_limit_mb=1024 \
			-verbosity=0 -print_final_stats=1 -artifact_prefix=$out/crashes/"$target"- \
			$out/corpus/"${target#fuzz_}" >$out/"$target".log 2>&1; then
		passed=$((passed + 1))
		echo "$target: ok, $(sed -n 's/^stat::number_of_executed_units: *//p' $out/"$target".log) runs"
	else
		failed=$((failed + 1))
		echo "$target: FAILED"
		tail -40 $out/"$target".log
	fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
